//! The bytes that a connection has read and not yet used.
//!
//! They live in a buffer of the thread's pool, taken when there is something to read and returned
//! when everything was used. Two cases need more thought: a head larger than a pooled buffer
//! grows into memory of its own, and a few bytes of an incomplete head are moved to a small
//! block while the connection sleeps, so that a client that sends a byte now and then holds a
//! few hundred bytes and not a whole buffer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{io, mem};

use ringspun_net::{Buffer, Stream};

/// See the module's text. The unused bytes are `storage[start..end]`.
#[derive(Default)]
pub(crate) struct Input {
    storage: Storage,
    start: usize,
    end: usize,
}

#[derive(Default)]
enum Storage {
    #[default]
    Nothing,
    Pooled(Buffer),
    Own(Vec<u8>),
}

impl Input {
    /// The unused bytes.
    pub(crate) fn unused(&self) -> &[u8] {
        &self.storage.bytes()[self.start..self.end]
    }

    /// Marks so many bytes as used.
    pub(crate) fn use_up(&mut self, count: usize) {
        self.start += count;
        debug_assert!(self.start <= self.end, "only what is there can be used");
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Reads once, behind what is there. `largest` bounds what may be unused at a time; with
    /// `wants_large` an empty buffer is a large one.
    pub(crate) fn poll_read<S: Stream>(
        &mut self,
        stream: &mut S,
        largest: usize,
        wants_large: bool,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.make_room(largest, wants_large);
        let room = &mut self.storage.bytes_mut()[self.end..];
        debug_assert!(!room.is_empty(), "an empty read would look like the end");
        let count = ready!(Pin::new(stream).poll_read(cx, room))?;
        self.end += count;
        Poll::Ready(Ok(count))
    }

    /// Forgets what is there, and keeps a pooled buffer for the next connection.
    pub(crate) fn clear(&mut self) {
        self.use_up(self.end - self.start);
        if !matches!(self.storage, Storage::Pooled(_)) {
            self.release();
        }
    }

    /// Gives the buffer back if nothing is in it.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }

    /// Moves a small rest out of a pooled buffer, before a wait that may be long; one of any size
    /// if `is_long`.
    pub(crate) fn compact(&mut self, is_long: bool) {
        self.release();
        let is_pooled = matches!(self.storage, Storage::Pooled(_));
        if is_pooled && (is_long || self.unused().len() <= SMALL) {
            let rest = self.unused().to_vec();
            *self = Self {
                start: 0,
                end: rest.len(),
                storage: Storage::Own(rest),
            };
        }
    }

    /// Sees to it that there is room behind the unused bytes.
    fn make_room(&mut self, largest: usize, wants_large: bool) {
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
            let least = if wants_large {
                Buffer::LARGE
            } else {
                Buffer::SIZE
            };
            // Too small, or what `compact` has left.
            if self.storage.bytes().len() < least {
                self.storage = Storage::Nothing;
            }
        }
        let capacity = self.storage.bytes().len();
        if self.end < capacity && !(self.start > 0 && capacity < Buffer::SIZE) {
            return;
        }
        let unused = self.end - self.start;
        let next = match mem::take(&mut self.storage) {
            Storage::Pooled(mut buffer) if self.start > 0 => {
                buffer.copy_within(self.start..self.end, 0);
                Storage::Pooled(buffer)
            }
            storage if unused < Buffer::SIZE => {
                let mut buffer = if wants_large {
                    Buffer::take_large()
                } else {
                    Buffer::take()
                };
                buffer[..unused].copy_from_slice(&storage.bytes()[self.start..self.end]);
                Storage::Pooled(buffer)
            }
            storage => {
                // One byte more than allowed, so that the limit can be seen to be broken.
                let size = (unused * 2).min(largest.max(unused) + 1);
                let mut own = Vec::with_capacity(size);
                own.extend_from_slice(&storage.bytes()[self.start..self.end]);
                own.resize(size, 0);
                Storage::Own(own)
            }
        };
        *self = Self {
            storage: next,
            start: 0,
            end: unused,
        };
    }
}

impl Storage {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Pooled(buffer) => buffer,
            Self::Own(bytes) => bytes,
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Nothing => &mut [],
            Self::Pooled(buffer) => buffer,
            Self::Own(bytes) => bytes,
        }
    }
}

/// A rest up to this size is worth copying to get the buffer back: a fraction of a microsecond
/// for 15 KiB that another connection can use.
const SMALL: usize = 1024;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use ringspun_net::mem;
    use ringspun_runtime::Builder;

    use super::*;

    /// Runs `test` with a way to put bytes into an input.
    fn with_input(test: impl FnOnce(&mut dyn FnMut(&mut Input, &[u8]))) {
        Builder::new().cores(1).build().unwrap().block_on(async {
            let (mut near, mut far) = mem::pair(1 << 20);
            test(&mut |input, bytes| {
                use futures_io::AsyncWrite;
                let mut cx = Context::from_waker(Waker::noop());
                let sent = Pin::new(&mut far).poll_write(&mut cx, bytes);
                assert!(matches!(sent, Poll::Ready(Ok(count)) if count == bytes.len()));
                let mut left = bytes.len();
                while left > 0 {
                    match input.poll_read(&mut near, 64 * 1024, false, &mut cx) {
                        Poll::Ready(Ok(count)) => left -= count,
                        other => panic!("{other:?}"),
                    }
                }
            });
        });
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        with_input(|put| {
            let mut input = Input::default();
            put(&mut input, b"abc");
            input.use_up(1);
            put(&mut input, b"def");
            assert_eq!(input.unused(), b"bcdef");
            input.compact(false);
            assert!(matches!(&input.storage, Storage::Own(own) if own.len() == 5));
            put(&mut input, b"g");
            assert_eq!(input.unused(), b"bcdefg");
            assert!(matches!(input.storage, Storage::Pooled(_)));
            input.use_up(5);
            input.compact(false);
            input.use_up(1);
            put(&mut input, b"hij");
            assert_eq!(input.unused(), b"hij");
            assert!(
                matches!(input.storage, Storage::Pooled(_)),
                "reads are not small for ever"
            );
            input.use_up(3);
            input.release();
            assert!(matches!(input.storage, Storage::Nothing));
        });
    }

    #[test]
    fn a_large_head_grows_beyond_a_buffer_and_not_beyond_the_limit() {
        with_input(|put| {
            let mut input = Input::default();
            let mut expected = Vec::new();
            for round in 0..66_u8 {
                put(&mut input, &[round; 1000]);
                expected.extend_from_slice(&[round; 1000]);
                if round == 9 {
                    input.use_up(500);
                    expected.drain(..500);
                }
                assert_eq!(input.unused(), expected);
                if expected.len() > 64 * 1024 {
                    break;
                }
            }
            let capacity = input.storage.bytes().len();
            assert!(capacity <= 64 * 1024 + 1, "{capacity}");
        });
    }
}
