//! The current token: a value of the task, held in a cell of the thread while the task is polled.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::cancel::CancelToken;

thread_local! {
    static CURRENT: RefCell<Option<CancelToken>> = const { RefCell::new(None) };
}

/// The token of the scope that is being polled.
pub(super) fn get() -> Option<CancelToken> {
    // At thread exit the cell may be gone: no scope then.
    CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

pin_project! {
    /// The future of [`CancelToken::scope`].
    #[derive(Debug)]
    #[must_use = "a future does nothing unless awaited"]
    pub struct InScope<F> {
        #[pin]
        future: F,
        // While the future is polled: the current token of the scope around.
        token: Option<CancelToken>,
    }
}

impl<F> InScope<F> {
    pub(super) fn new(token: CancelToken, future: F) -> Self {
        Self {
            future,
            token: Some(token),
        }
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _swapped = Swapped::new(this.token);
        this.future.poll(cx)
    }
}

/// The thread's cell and the future's have changed places; until dropped, also by a panic.
struct Swapped<'a>(&'a mut Option<CancelToken>);

impl<'a> Swapped<'a> {
    fn new(token: &'a mut Option<CancelToken>) -> Self {
        swap(token);
        Self(token)
    }
}

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        swap(self.0);
    }
}

fn swap(token: &mut Option<CancelToken>) {
    CURRENT.with(|current| mem::swap(&mut *current.borrow_mut(), token));
}
