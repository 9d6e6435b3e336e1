//! Bytes that a cancelled call leaves with its stream.
//!
//! `read_exact` that is dropped half-way has taken bytes from the kernel that its caller never
//! gets; `write_all` that is dropped half-way has sent the first part of a message whose rest
//! nobody will send. Both leave what is open in a `Carry` of the stream: the next read starts
//! with it, the next write sends it first.
//!
//! Rejected: progress that is resumed by "the next call of the same kind" goes wrong silently
//! when that call has another buffer; cursors in the caller's hand (`&mut &[u8]`) burden every
//! call for the sake of the rare cancelled one.

use std::fmt;

/// A queue of bytes, nearly always empty: eight bytes in the stream then.
#[derive(Default)]
pub(crate) struct Carry(Option<Box<Kept>>);

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    /// Bytes at the front that are used up. Less than `bytes.len()`.
    used: usize,
}

impl Carry {
    /// Nothing kept.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// The steady state costs this one comparison.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What is kept, oldest first.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |kept| &kept.bytes[kept.used..])
    }

    /// Drops `n` bytes at the front.
    pub(crate) fn advance(&mut self, n: usize) {
        let Some(kept) = &mut self.0 else { return };
        kept.used += n;
        debug_assert!(kept.used <= kept.bytes.len());
        if kept.used >= kept.bytes.len() {
            self.0 = None;
        }
    }

    /// Puts `bytes` before everything kept.
    #[cold]
    pub(crate) fn push_front(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut joined = Vec::with_capacity(bytes.len() + self.bytes().len());
        joined.extend_from_slice(bytes);
        joined.extend_from_slice(self.bytes());
        self.0 = Some(Box::new(Kept {
            bytes: joined,
            used: 0,
        }));
    }

    /// Puts `bytes` behind everything kept.
    #[cold]
    pub(crate) fn push_back(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.0
                .get_or_insert_default()
                .bytes
                .extend_from_slice(bytes);
        }
    }

    /// Moves as much as fits to `buf` and says how much that was.
    #[cold]
    pub(crate) fn take_into(&mut self, buf: &mut [u8]) -> usize {
        let kept = self.bytes();
        let n = kept.len().min(buf.len());
        buf[..n].copy_from_slice(&kept[..n]);
        self.advance(n);
        n
    }
}

impl fmt::Debug for Carry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_at_both_ends() {
        let mut carry = Carry::new();
        assert!(carry.is_empty());
        carry.push_back(b"cd");
        carry.push_back(b"ef");
        carry.push_front(b"ab");
        carry.advance(1);
        carry.push_front(b"xa");
        assert_eq!(carry.bytes(), b"xabcdef");
        let mut buf = [0; 4];
        assert_eq!(carry.take_into(&mut buf), 4);
        assert_eq!(&buf, b"xabc");
        assert_eq!(carry.take_into(&mut buf), 3);
        assert_eq!(&buf[..3], b"def");
        assert!(carry.is_empty(), "the box is freed with its last byte");
    }

    #[test]
    fn empty_pushes_allocate_nothing() {
        let mut carry = Carry::new();
        carry.push_front(b"");
        carry.push_back(b"");
        assert!(carry.is_empty());
        assert_eq!(format!("{carry:?}"), "0 bytes");
    }
}
