//! Panics that are nobody's affair: of wakers, and of the destructors of what nobody waits for. The
//! panic hook has reported them; the worker goes on.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

/// Runs user code; a panic ends here.
pub(crate) fn contain(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Wakes, if there is somebody to wake. A waker that panics hurts neither the caller nor those it wakes after.
pub(crate) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        contain(|| waker.wake());
    }
}

/// Drops what a panic carried, whose destructor is user code too, and may panic with the next payload.
pub(crate) fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..LONGEST_CHAIN {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    // Leaked: the chain need not have an end.
    std::mem::forget(payload);
}

/// Polls user code; a panic becomes its output. Not to be polled after that.
pub(crate) fn catch<F: Future>(future: F) -> Catch<F> {
    Catch { future }
}

pin_project! {
    /// The future of [`catch`].
    pub(crate) struct Catch<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Catch<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.project().future;
        match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    }
}

/// Payloads whose destructors panic, one after another; more than one is hardly an accident.
const LONGEST_CHAIN: usize = 8;
