//! Waiting for a token.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::listener::Listener;
use super::tree::Inner;
use crate::budget;

pin_project! {
    /// The future of [`CancelToken::cancelled`](super::CancelToken::cancelled).
    ///
    /// # Cancel safety
    ///
    /// Dropping it leaves no trace.
    #[derive(Debug)]
    #[must_use = "a future does nothing unless awaited"]
    pub struct Cancelled<'a> {
        #[pin]
        listener: Listener<&'a Inner>,
    }
}

impl<'a> Cancelled<'a> {
    pub(super) fn new(token: &'a Inner) -> Self {
        Self {
            listener: Listener::new(token),
        }
    }
}

impl Future for Cancelled<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = ready!(budget::poll_proceed_quick(cx));
        ready!(self.project().listener.poll_closed(cx));
        proceed.made_progress();
        Poll::Ready(())
    }
}
