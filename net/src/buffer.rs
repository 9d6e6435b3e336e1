//! Buffers for reading, pooled per thread.
//!
//! **An idle connection holds no buffer.** A connection waits with
//! [`Stream::poll_readable`](crate::Stream::poll_readable), takes a [`Buffer`] when there is
//! something to read and lets it go when what was read has been dealt with. So as many buffers
//! are alive as requests are being read, not as connections are open.
//!
//! The pool belongs to the thread: a `Vec` in a thread-local, no lock, no atomic. A buffer that
//! travels with its task is returned to the pool of the thread that drops it. Each pool keeps at
//! most [`KEEP`] buffers and frees the rest, so a burst does not stay for ever.
//!
//! A buffer is zeroed once, when it is made, and reused without clearing: that needs no unsafe
//! code for reading into it and no `memset` per read. The price is a rule: *bytes past what was
//! read are old bytes, maybe of another connection; never send them.*

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};

/// A block of [`Buffer::SIZE`] bytes from the pool of this thread, returned on drop.
///
/// Its content is unspecified: zeros or what an earlier user left.
///
/// # Examples
/// ```
/// use ringspun_net::Buffer;
///
/// let mut buffer = Buffer::take();
/// buffer[..5].copy_from_slice(b"hello");
/// assert_eq!(buffer.len(), Buffer::SIZE);
/// ```
pub struct Buffer {
    /// [`Buffer::SIZE`] bytes; empty only within the drop.
    bytes: Block,
}

impl Buffer {
    /// Length of every buffer: 16 KiB, the largest TLS record and more than nearly all heads.
    pub const SIZE: usize = 16 * 1024;

    /// Takes a buffer from the pool of this thread, or makes one if the pool is empty.
    #[must_use]
    pub fn take() -> Self {
        // The pool is gone while the thread's locals are being dropped; then one is made.
        let pooled = POOL.try_with(|pool| pool.borrow_mut().pop()).ok().flatten();
        Self {
            bytes: pooled.unwrap_or_else(fresh),
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let block = mem::take(&mut self.bytes);
        // An error means that this thread ends: the block is freed with the closure.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEEP {
                pool.push(block);
            }
        });
    }
}

impl fmt::Debug for Buffer {
    /// The length only: the content may be somebody's secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.len()).finish()
    }
}

type Block = Box<[u8]>;

/// Buffers that one thread keeps: 1 MiB. A core reads one connection at a time, so more than a
/// few are alive only while heads or bodies arrive in pieces.
const KEEP: usize = 64;

thread_local! {
    /// The pool of this thread. Never borrowed while foreign code runs.
    static POOL: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

#[cold]
fn fresh() -> Block {
    vec![0; Buffer::SIZE].into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pooled() -> usize {
        POOL.with(|pool| pool.borrow().len())
    }

    #[test]
    fn a_dropped_buffer_is_the_next_one_taken() {
        let mut first = Buffer::take();
        first[0] = 7;
        let address = first.as_ptr();
        drop(first);
        let second = Buffer::take();
        assert_eq!(second.as_ptr(), address);
        assert_eq!(second[0], 7, "not cleared again");
    }

    #[test]
    fn a_new_buffer_is_zeroed() {
        assert_eq!(pooled(), 0);
        let buffer = Buffer::take();
        assert_eq!(buffer.len(), Buffer::SIZE);
        assert!(buffer.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn the_pool_is_bounded() {
        let many: Vec<Buffer> = (0..3 * KEEP).map(|_| Buffer::take()).collect();
        assert_eq!(pooled(), 0);
        drop(many);
        assert_eq!(pooled(), KEEP);
    }

    #[test]
    fn a_buffer_goes_to_the_pool_of_the_thread_that_drops_it() {
        let buffer = Buffer::take();
        let theirs = std::thread::spawn(move || {
            drop(buffer);
            pooled()
        });
        assert_eq!(theirs.join().expect("no panic"), 1);
        assert_eq!(pooled(), 0);
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Buffer::take()), "Buffer { len: 16384 }");
    }
}
