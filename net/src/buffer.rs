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
use std::thread::LocalKey;

/// A block of [`Buffer::SIZE`] or [`Buffer::LARGE`] bytes from the pool of this thread, returned on
/// drop.
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
    /// Of one of the two sizes; empty only within the drop.
    bytes: Block,
}

impl Buffer {
    /// Length of a buffer: 16 KiB, the largest TLS record and more than nearly all heads.
    pub const SIZE: usize = 16 * 1024;

    /// Length of a large buffer, for whom the other has turned out to be too small.
    pub const LARGE: usize = 64 * 1024;

    /// Takes a buffer of [`Buffer::SIZE`] bytes from the pool of this thread, or makes one if the
    /// pool is empty.
    #[must_use]
    pub fn take() -> Self {
        Self::of(Self::SIZE)
    }

    /// As [`Buffer::take`], of [`Buffer::LARGE`] bytes.
    #[must_use]
    pub fn take_large() -> Self {
        Self::of(Self::LARGE)
    }

    fn of(size: usize) -> Self {
        // The pool is gone while the thread's locals are being dropped; then one is made.
        let pooled = pool_of(size).0.try_with(|pool| pool.borrow_mut().pop());
        Self {
            bytes: pooled.ok().flatten().unwrap_or_else(|| fresh(size)),
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
        let (pool, keep) = pool_of(block.len());
        // An error means that this thread ends: the block is freed with the closure.
        let _ = pool.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < keep {
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

/// Large ones: half a mebibyte.
const KEEP_LARGE: usize = 8;

type Pool = LocalKey<RefCell<Vec<Block>>>;

thread_local! {
    /// The pools of this thread. Never borrowed while foreign code runs.
    static POOL: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
    static LARGE: RefCell<Vec<Block>> = const { RefCell::new(Vec::new()) };
}

/// The pool of a size, and how many it keeps.
fn pool_of(size: usize) -> (&'static Pool, usize) {
    if size == Buffer::SIZE {
        (&POOL, KEEP)
    } else {
        (&LARGE, KEEP_LARGE)
    }
}

#[cold]
fn fresh(size: usize) -> Block {
    vec![0; size].into_boxed_slice()
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
    fn large_ones_have_a_pool_of_their_own() {
        let (small, large) = (Buffer::take(), Buffer::take_large());
        assert_eq!((small.len(), large.len()), (Buffer::SIZE, Buffer::LARGE));
        let address = large.as_ptr();
        drop((small, large));
        assert_eq!(Buffer::take_large().as_ptr(), address);
        assert_eq!(Buffer::take().len(), Buffer::SIZE);
        let many: Vec<Buffer> = (0..3 * KEEP_LARGE).map(|_| Buffer::take_large()).collect();
        drop(many);
        assert_eq!(LARGE.with(|pool| pool.borrow().len()), KEEP_LARGE);
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
