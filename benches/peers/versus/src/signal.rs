//! A wake-up that belongs to no runtime, so that all are measured with the same one.

use std::future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Set by one, awaited by another, again and again.
#[derive(Debug, Default)]
pub(crate) struct Signal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    set: bool,
    waiting: Option<Waker>,
}

impl Signal {
    pub(crate) fn set(&self) {
        let waiting = {
            let mut state = self.lock();
            state.set = true;
            state.waiting.take()
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Waits until it is set, and unsets it.
    pub(crate) async fn wait(&self) {
        future::poll_fn(|cx| {
            let mut state = self.lock();
            if std::mem::take(&mut state.set) {
                return Poll::Ready(());
            }
            state.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
