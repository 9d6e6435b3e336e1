//! The pipe from a connection to the reader of a request's body: one chunk at a time.
//!
//! The connection fills the slot and does not read on from its socket until the slot is empty
//! again: that is the back-pressure, all the way to the client. The reader usually lives in the
//! handler, which the connection itself polls; but a handler may give the body to another task.
//!
//! Invariants:
//! - Wakers are called with the lock released.
//! - The connection registers its waker only when it goes to sleep, and takes it back first thing
//!   when it runs. So a handler that reads while its own connection polls it wakes nobody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;

use super::body_error::BodyError;

/// A pipe for a body of this length, if it is known.
pub(crate) fn pipe(length: Option<u64>) -> (Feeder, Reader) {
    let state = State {
        left: length,
        ..State::default()
    };
    let shared = Arc::new(Mutex::new(state));
    (Feeder(Arc::clone(&shared)), Reader(shared))
}

/// The connection's end.
#[derive(Debug)]
pub(crate) struct Feeder(Arc<Mutex<State>>);

/// The body's end.
#[derive(Debug)]
pub(crate) struct Reader(Arc<Mutex<State>>);

#[derive(Default, Debug)]
struct State {
    /// The slot.
    chunk: Option<Bytes>,
    /// Bytes that the reader has not had yet, if the head has told.
    left: Option<u64>,
    /// Why nothing more follows behind the slot.
    end: Option<Result<(), BodyError>>,
    /// What stood behind the body.
    trailers: Option<Box<HeaderMap>>,
    /// The reader has asked at least once.
    is_wanted: bool,
    /// The reader was dropped.
    is_abandoned: bool,
    /// The reader waits for a chunk.
    reader: Option<Waker>,
    /// The connection waits for the reader.
    feeder: Option<Waker>,
}

/// What the connection has to know about the reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Fed {
    /// The slot is empty: read on.
    pub(crate) has_room: bool,
    /// The reader has asked for content: give the permission to send it.
    pub(crate) is_wanted: bool,
    /// Nobody will read: drop the content.
    pub(crate) is_abandoned: bool,
}

impl Fed {
    /// Whether content can be taken, be it to drop it.
    pub(crate) fn can_take(self) -> bool {
        self.has_room || self.is_abandoned
    }
}

impl Feeder {
    /// How the reader stands.
    pub(crate) fn look(&self) -> Fed {
        lock(&self.0).fed()
    }

    /// Takes the connection's waker back: the connection runs.
    pub(crate) fn stop_waiting(&self) {
        let waker = lock(&self.0).feeder.take();
        drop(waker);
    }

    /// Has the connection woken when the reader takes the chunk, asks for the first time, or is
    /// dropped. Gives how the reader stands once the waker is there.
    pub(crate) fn wait(&self, cx: &Context<'_>) -> Fed {
        let mut state = lock(&self.0);
        let old = state.feeder.replace(cx.waker().clone());
        let fed = state.fed();
        drop(state);
        drop(old);
        fed
    }

    /// Fills the slot, which must be empty. Gives the waker of the waiting reader.
    #[must_use = "the reader waits"]
    pub(crate) fn push(&self, chunk: Bytes) -> Option<Waker> {
        let mut state = lock(&self.0);
        debug_assert!(state.chunk.is_none(), "one chunk at a time");
        state.chunk = Some(chunk);
        state.reader.take()
    }

    /// Ends the body well, with what stood behind it. Gives the waker of the waiting reader.
    #[must_use = "the reader waits"]
    pub(crate) fn end_with(&self, trailers: Option<Box<HeaderMap>>) -> Option<Waker> {
        lock(&self.0).trailers = trailers;
        self.end(Ok(()))
    }

    /// Ends the body, well or not. Gives the waker of the waiting reader.
    #[must_use = "the reader waits"]
    pub(crate) fn end(&self, end: Result<(), BodyError>) -> Option<Waker> {
        let mut state = lock(&self.0);
        if state.end.is_none() {
            state.end = Some(end);
        }
        state.reader.take()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        // A connection that goes away in the middle of a body must not leave its reader waiting.
        if let Some(waker) = self.end(Err(BodyError::disconnected())) {
            waker.wake();
        }
    }
}

impl Reader {
    /// The next chunk. After an error or the end, the end.
    pub(crate) fn poll_chunk(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        let mut state = lock(&self.0);
        let was_wanted = std::mem::replace(&mut state.is_wanted, true);
        let chunk = state.chunk.take();
        let has_taken = chunk.is_some();
        let result = match (chunk, &mut state.end) {
            (Some(chunk), _) => {
                let taken = chunk.len() as u64;
                state.left = state.left.map(|left| left.saturating_sub(taken));
                Poll::Ready(Some(Ok(chunk)))
            }
            (None, Some(end)) => match std::mem::replace(end, Ok(())) {
                Ok(()) => Poll::Ready(None),
                Err(error) => Poll::Ready(Some(Err(error))),
            },
            (None, None) => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        };
        let feeder = if has_taken || !was_wanted {
            state.feeder.take()
        } else {
            None
        };
        drop(state);
        if let Some(waker) = feeder {
            waker.wake();
        }
        result
    }

    /// What stood behind the body, once the end was given. Given once.
    pub(crate) fn take_trailers(&self) -> Option<Box<HeaderMap>> {
        lock(&self.0).trailers.take()
    }

    /// Whether the reader has had everything, a trailer included.
    #[cfg(feature = "http-body")]
    pub(crate) fn is_at_end(&self) -> bool {
        let state = lock(&self.0);
        let is_ended = state.left == Some(0) || matches!(state.end, Some(Ok(())));
        is_ended && state.chunk.is_none() && state.trailers.is_none()
    }

    /// Bytes that are still to be read, if the head has told.
    pub(crate) fn left(&self) -> Option<u64> {
        lock(&self.0).left
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_abandoned = true;
        let (chunk, own, feeder) = (state.chunk.take(), state.reader.take(), state.feeder.take());
        drop(state);
        drop((chunk, own));
        if let Some(waker) = feeder {
            waker.wake();
        }
    }
}

impl State {
    fn fed(&self) -> Fed {
        Fed {
            has_room: self.chunk.is_none(),
            is_wanted: self.is_wanted,
            is_abandoned: self.is_abandoned,
        }
    }
}

/// No code of users runs under the lock, so a poisoned one is as good as any.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counting() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Waker::from(count))
    }

    #[test]
    fn one_chunk_at_a_time_then_the_end() {
        let (count, waker) = counting();
        let mut cx = Context::from_waker(&waker);
        let (feeder, reader) = pipe(Some(3));
        let fresh = Fed {
            has_room: true,
            is_wanted: false,
            is_abandoned: false,
        };
        assert_eq!(feeder.look(), fresh);
        assert!(reader.poll_chunk(&mut cx).is_pending());
        feeder
            .push(Bytes::from_static(b"abc"))
            .expect("the reader waits")
            .wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        let full = feeder.look();
        assert_eq!(
            full,
            Fed {
                has_room: false,
                is_wanted: true,
                is_abandoned: false
            }
        );
        assert_eq!(feeder.wait(&cx), full);
        assert_eq!(feeder.look(), full, "looking takes nothing back");
        assert_eq!(reader.left(), Some(3));
        assert!(
            matches!(reader.poll_chunk(&mut cx), Poll::Ready(Some(Ok(chunk))) if chunk == "abc")
        );
        assert_eq!(
            count.0.load(Ordering::Relaxed),
            2,
            "the connection may read on"
        );
        assert!(feeder.wait(&cx).can_take());
        feeder.stop_waiting();
        assert!(feeder.end(Ok(())).is_none());
        assert!(matches!(reader.poll_chunk(&mut cx), Poll::Ready(None)));
        assert!(matches!(reader.poll_chunk(&mut cx), Poll::Ready(None)));
        assert_eq!(reader.left(), Some(0));
    }

    #[test]
    fn either_end_learns_that_the_other_has_gone() {
        let (count, waker) = counting();
        let mut cx = Context::from_waker(&waker);
        let (feeder, reader) = pipe(None);
        feeder.wait(&cx);
        drop(reader);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(feeder.look().is_abandoned);

        let (feeder, reader) = pipe(None);
        assert!(reader.poll_chunk(&mut cx).is_pending());
        drop(feeder);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        let Poll::Ready(Some(Err(error))) = reader.poll_chunk(&mut cx) else {
            panic!("a body cut short is an error");
        };
        assert!(error.is_disconnected());
        assert!(matches!(reader.poll_chunk(&mut cx), Poll::Ready(None)));
    }
}
