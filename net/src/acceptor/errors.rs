//! What to do about an error of `accept`.
//!
//! | errno | meaning | class |
//! |---|---|---|
//! | `EINTR` | a signal came | retry |
//! | `ECONNABORTED`, `EPROTO` | the client was gone before the accept | retry |
//! | `ENETDOWN`, `ENETUNREACH`, `EHOSTDOWN`, `EHOSTUNREACH`, `ENONET`, `ENOPROTOOPT` | Linux passes a pending network error of the new connection (accept(2)) | retry |
//! | `EMFILE`, `ENFILE` | no descriptor left, here or in the system | resources |
//! | `ENOBUFS`, `ENOMEM` | no memory for the socket | resources |
//! | anything else: `EPERM`, `EINVAL`, `EBADF`, `EOPNOTSUPP`, `ENOSPC` of epoll ... | a rule of the firewall, a bug, a limit | unknown |
//! | `NotConnected` without an errno | an in-memory listener: nobody can connect any more | end |
//!
//! *Retry* errors have used up their connection: the next attempt meets the next one, so trying
//! at once makes progress. The others would come back at once; they are waited out. No errno
//! ends the loop.

use std::io;
use std::time::Duration;

/// See the table at the head of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Concerned one connection, which is gone.
    Retry,
    /// Something has run out that ending connections give back.
    Resources,
    /// Not known to pass by itself, nor not to.
    Unknown,
    /// The listener says that it will never have another connection.
    End,
}

impl Class {
    pub(super) fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(
                libc::EINTR
                | libc::ECONNABORTED
                | libc::EPROTO
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::ENONET
                | libc::ENOPROTOOPT,
            ) => Self::Retry,
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => Self::Resources,
            Some(_) => Self::Unknown,
            None if error.kind() == io::ErrorKind::NotConnected => Self::End,
            None => Self::Unknown,
        }
    }
}

/// The pause after an error: 5 ms, doubled up to 1 s, from the start again after a success.
#[derive(Debug)]
pub(super) struct BackOff {
    next: Duration,
}

impl BackOff {
    pub(super) const MIN: Duration = Duration::from_millis(5);
    pub(super) const MAX: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        Self { next: Self::MIN }
    }

    /// Whether no pause has been taken since the last success.
    pub(super) fn is_first(&self) -> bool {
        self.next == Self::MIN
    }

    /// How long to wait now.
    pub(super) fn take(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(Self::MAX);
        pause
    }

    pub(super) fn reset(&mut self) {
        self.next = Self::MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_errors() {
        let table = [
            (libc::EINTR, Class::Retry),
            (libc::ECONNABORTED, Class::Retry),
            (libc::EPROTO, Class::Retry),
            (libc::ENETDOWN, Class::Retry),
            (libc::EHOSTUNREACH, Class::Retry),
            (libc::EMFILE, Class::Resources),
            (libc::ENFILE, Class::Resources),
            (libc::ENOBUFS, Class::Resources),
            (libc::ENOMEM, Class::Resources),
            (libc::EPERM, Class::Unknown),
            (libc::EINVAL, Class::Unknown),
            (libc::EBADF, Class::Unknown),
            (libc::EOPNOTSUPP, Class::Unknown),
            (libc::ENOTCONN, Class::Unknown),
        ];
        for (errno, class) in table {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(Class::of(&error), class, "{error}");
        }
        assert_eq!(Class::of(&io::ErrorKind::NotConnected.into()), Class::End);
        assert_eq!(Class::of(&io::Error::other("?")), Class::Unknown);
    }

    #[test]
    fn no_errno_ends_the_loop() {
        for errno in 1..4096 {
            assert_ne!(Class::of(&io::Error::from_raw_os_error(errno)), Class::End);
        }
    }

    #[test]
    fn the_pause_doubles_to_one_second() {
        let mut back_off = BackOff::new();
        let pauses: Vec<u128> = (0..10).map(|_| back_off.take().as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert!(!back_off.is_first());
        back_off.reset();
        assert!(back_off.is_first());
        assert_eq!(back_off.take(), BackOff::MIN);
    }
}
