//! `Ready`: what is known of a descriptor, as a small set of flags.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of readiness flags.
///
/// Readiness is a hint that an attempt is worth while, never a promise: the attempt may still find
/// nothing to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ready(u8);

impl Ready {
    /// No flag.
    pub const EMPTY: Self = Self(0);
    /// A read or an accept is worth an attempt.
    pub const READABLE: Self = Self(1);
    /// A write is worth an attempt.
    pub const WRITABLE: Self = Self(1 << 1);
    /// The peer has closed its writing half, or both halves are closed: after the bytes that are
    /// still there comes the end of the stream.
    pub const READ_CLOSED: Self = Self(1 << 2);
    /// Both halves are closed: nothing can be written any more.
    pub const WRITE_CLOSED: Self = Self(1 << 3);
    /// The descriptor has an error to report.
    pub const ERROR: Self = Self(1 << 4);

    /// Whether a read or an accept is worth an attempt.
    pub const fn is_readable(self) -> bool {
        self.intersects(Self::READABLE)
    }

    /// Whether a write is worth an attempt.
    pub const fn is_writable(self) -> bool {
        self.intersects(Self::WRITABLE)
    }

    /// Whether the end of the stream was announced. Bytes may still be there before it, so a short
    /// read no longer means that the descriptor is drained.
    pub const fn is_read_closed(self) -> bool {
        self.intersects(Self::READ_CLOSED)
    }

    /// Whether nothing can be written any more.
    pub const fn is_write_closed(self) -> bool {
        self.intersects(Self::WRITE_CLOSED)
    }

    /// Whether the descriptor has reported an error since it was registered.
    pub const fn is_error(self) -> bool {
        self.intersects(Self::ERROR)
    }

    /// Whether no flag is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether at least one flag is in both sets.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets together, usable in constants.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the flags of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// `self` if `on`, else the empty set.
    pub(crate) const fn only_if(self, on: bool) -> Self {
        Self(self.0 * on as u8)
    }
}

impl BitOr for Ready {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (self.is_readable(), "READABLE"),
            (self.is_writable(), "WRITABLE"),
            (self.is_read_closed(), "READ_CLOSED"),
            (self.is_write_closed(), "WRITE_CLOSED"),
            (self.is_error(), "ERROR"),
        ];
        f.write_str("Ready(")?;
        let set = names.iter().filter(|(on, _)| *on);
        for (i, (_, name)) in set.enumerate() {
            f.write_str(if i == 0 { "" } else { " | " })?;
            f.write_str(name)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_independent() {
        let all = [
            Ready::READABLE,
            Ready::WRITABLE,
            Ready::READ_CLOSED,
            Ready::WRITE_CLOSED,
            Ready::ERROR,
        ];
        for (i, a) in all.iter().enumerate() {
            for (j, b) in all.iter().enumerate() {
                assert_eq!(a.intersects(*b), i == j);
            }
        }
        assert!(Ready::EMPTY.is_empty());
    }

    #[test]
    fn debug_names_every_flag() {
        let ready = Ready::READABLE | Ready::READ_CLOSED;
        assert_eq!(format!("{ready:?}"), "Ready(READABLE | READ_CLOSED)");
        assert_eq!(format!("{:?}", Ready::EMPTY), "Ready()");
        assert_eq!(ready.without(Ready::READABLE), Ready::READ_CLOSED);
    }
}
