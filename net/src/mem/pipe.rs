//! One direction of an in-memory stream: a bounded queue of bytes with an end.
//!
//! Invariants, under the lock:
//! - `bytes.len() <= capacity`.
//! - A reader waits only while `bytes` is empty and the end is [`End::Open`]; a writer only while
//!   the queue is full, the end is open and the reader is there. Whoever changes one of these
//!   takes the waker in the same critical section, so no wake-up is lost.
//! - Wakers are woken, and dropped, after the lock is released.

use std::collections::VecDeque;
use std::io;
use std::io::Read as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How a direction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More may be written.
    Open,
    /// Nothing more is written; after `bytes` reads return 0.
    Finished,
    /// The writer has gone with unread bytes of ours: after `bytes` one read fails with
    /// `ConnectionReset`, then the end.
    Reset,
}

#[derive(Debug)]
struct State {
    bytes: VecDeque<u8>,
    end: End,
    /// Whether anybody can still read.
    has_reader: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Pipe {
    capacity: usize,
    state: Mutex<State>,
}

impl Pipe {
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            // Grows on the first write: an idle stream holds no buffer.
            bytes: VecDeque::new(),
            end: End::Open,
            has_reader: true,
            reader: None,
            writer: None,
        };
        Self {
            capacity: capacity.max(1),
            state: Mutex::new(state),
        }
    }

    /// Moves bytes to `fill`, which says how many it took.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        fill: impl FnOnce(&mut VecDeque<u8>) -> usize,
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        if state.bytes.is_empty() {
            return match state.end {
                End::Open => wait(state, cx, |state| &mut state.reader),
                End::Finished => Poll::Ready(Ok(0)),
                End::Reset => {
                    state.end = End::Finished;
                    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
                }
            };
        }
        let n = fill(&mut state.bytes);
        // Like TCP, let the writer in when there is room for a good piece, not for each byte.
        let room = self.capacity - state.bytes.len();
        let writer = if room * 2 >= self.capacity {
            state.writer.take()
        } else {
            None
        };
        drop(state);
        wake(writer);
        Poll::Ready(Ok(n))
    }

    /// Ready when a read would not wait.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let state = self.lock();
        if state.bytes.is_empty() && state.end == End::Open {
            return wait(state, cx, |state| &mut state.reader);
        }
        Poll::Ready(())
    }

    /// Appends from `bufs` what there is room for.
    pub(super) fn poll_write<'b>(
        &self,
        cx: &mut Context<'_>,
        bufs: impl Iterator<Item = &'b [u8]>,
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        if state.end != End::Open || !state.has_reader {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = self.capacity - state.bytes.len();
        if room == 0 {
            return wait(state, cx, |state| &mut state.writer);
        }
        let mut left = room;
        for buf in bufs {
            let n = buf.len().min(left);
            state.bytes.extend(&buf[..n]);
            left -= n;
            if left == 0 {
                break;
            }
        }
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Poll::Ready(Ok(room - left))
    }

    /// The writer ends the direction. Only the first end counts.
    pub(super) fn finish(&self) {
        self.end(End::Finished);
    }

    /// The writer is gone without having read what was sent to it.
    pub(super) fn reset(&self) {
        self.end(End::Reset);
    }

    /// The reader is gone. Says whether bytes were left unread.
    pub(super) fn abandon(&self) -> bool {
        let mut state = self.lock();
        state.has_reader = false;
        // Freed outside the lock, like the wakers.
        let unread = std::mem::take(&mut state.bytes);
        let wakers = (state.reader.take(), state.writer.take());
        drop(state);
        wake(wakers.1);
        !unread.is_empty()
    }

    /// Bytes that were not read yet.
    pub(super) fn len(&self) -> usize {
        self.lock().bytes.len()
    }

    /// Ready when the reader is gone. Waits in the place of the writer.
    pub(super) fn poll_abandoned(&self, cx: &mut Context<'_>) -> Poll<()> {
        let state = self.lock();
        if state.has_reader {
            return wait(state, cx, |state| &mut state.writer);
        }
        Poll::Ready(())
    }

    fn end(&self, end: End) {
        let mut state = self.lock();
        if state.end == End::Open || end == End::Reset {
            state.end = end;
        }
        let wakers = (state.reader.take(), state.writer.take());
        drop(state);
        wake(wakers.0);
        wake(wakers.1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock except an allocation, which leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies from the front of `bytes`, across the seam of the ring.
pub(super) fn take(bytes: &mut VecDeque<u8>, buf: &mut [u8]) -> usize {
    let mut n = 0;
    // Two runs at most. Reading from a `VecDeque` never fails.
    while n < buf.len() && !bytes.is_empty() {
        n += bytes.read(&mut buf[n..]).unwrap_or(0);
    }
    n
}

/// Stores the waker of `cx` in `slot`, unless it is there, and waits.
fn wait<T>(
    mut state: MutexGuard<'_, State>,
    cx: &Context<'_>,
    slot: impl FnOnce(&mut State) -> &mut Option<Waker>,
) -> Poll<T> {
    let slot = slot(&mut state);
    let old = match slot {
        Some(waker) if waker.will_wake(cx.waker()) => None,
        slot => slot.replace(cx.waker().clone()),
    };
    drop(state);
    drop(old);
    Poll::Pending
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
