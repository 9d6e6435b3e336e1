//! The current token: a value of the task, held in a cell of the thread while the task is polled.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;

use super::cancel::CancelToken;

thread_local! {
    static CURRENT: RefCell<Current> = const { RefCell::new(Current::None) };
}

/// What the scope that is being polled has for a token.
#[derive(Clone, Default, Debug)]
pub(super) enum Current {
    /// There is no scope, or the scope around has changed places with it.
    #[default]
    None,
    /// One that is made when somebody asks for it, with this deadline.
    Unmade(Option<Instant>),
    Token(CancelToken),
}

/// The token of the scope that is being polled.
pub(super) fn get() -> Option<CancelToken> {
    // At thread exit the cell may be gone: no scope then.
    CURRENT
        .try_with(|current| {
            let deadline = match &*current.borrow() {
                Current::None => return None,
                Current::Token(token) => return Some(token.clone()),
                Current::Unmade(deadline) => *deadline,
            };
            let root = CancelToken::new();
            let token = match deadline {
                Some(deadline) => root.child_with_deadline(deadline),
                None => root,
            };
            *current.borrow_mut() = Current::Token(token.clone());
            Some(token)
        })
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
        token: Current,
    }
}

impl<F> InScope<F> {
    pub(super) fn new(token: CancelToken, future: F) -> Self {
        Self {
            future,
            token: Current::Token(token),
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
pub(super) struct Swapped<'a>(&'a mut Current);

impl<'a> Swapped<'a> {
    pub(super) fn new(token: &'a mut Current) -> Self {
        swap(token);
        Self(token)
    }
}

impl Drop for Swapped<'_> {
    fn drop(&mut self) {
        swap(self.0);
    }
}

fn swap(token: &mut Current) {
    CURRENT.with(|current| mem::swap(&mut *current.borrow_mut(), token));
}
