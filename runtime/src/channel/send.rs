//! Sending as a future: alone, out of a place of the caller's, with a limit.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::chan::Evidence;
use super::error::{SendError, SendTimeoutError};
use super::offer::Offer;
use super::ring::Push;
use super::sender::Sender;
use super::waiter::{Wait, Waiter};
use crate::budget;
use crate::time::Sleep;
use crate::wait_list::Node;

pin_project! {
    /// The future of [`Sender::send`].
    #[must_use = "a future does nothing unless awaited"]
    pub struct Send<'a, T> {
        sender: &'a Sender<T>,
        // Unless the node has it, or it was sent.
        value: Option<T>,
        // While it waits, and until the outcome is looked at. Made only then: most sends need not wait.
        #[pin]
        node: Option<Node<Waiter<T>>>,
    }

    impl<T> PinnedDrop for Send<'_, T> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            if this.waits() {
                this.unlink();
            }
        }
    }
}

impl<'a, T> Send<'a, T> {
    #[inline]
    pub(super) fn new(sender: &'a Sender<T>, value: Option<T>) -> Self {
        Self {
            sender,
            value,
            node: None,
        }
    }

    /// Stops sending. `Some` is the value, which was not sent; `None` says that it was sent.
    pub fn cancel(mut self: Pin<&mut Self>) -> Option<T> {
        self.as_mut().unlink();
        self.project().value.take()
    }

    /// As an arm of a select: what says that it is not ready.
    pub(super) fn not_ready(&self) -> Option<Evidence> {
        self.sender.chan.full_since()
    }

    /// Sends if that need not wait; as an arm of a select, or alone.
    #[inline]
    pub(super) fn try_now(
        mut self: Pin<&mut Self>,
        offer: Option<&Offer>,
    ) -> Poll<Result<(), SendError<T>>> {
        if self.waits() {
            // Linked before, and marked now, or alone. Under the lock nobody else has it in hand.
            self.as_mut().unlink();
            if self.value.is_none() {
                return Poll::Ready(Ok(()));
            }
        }
        let this = self.project();
        match this.sender.chan.try_send(this.value, offer) {
            Push::Done => Poll::Ready(Ok(())),
            Push::Closed => Poll::Ready(refused(this.value)),
            Push::Full | Push::Waiters => Poll::Pending,
        }
    }

    /// Begins to wait, alone or as an arm of a select, unless the value can go at once.
    #[cold]
    pub(super) fn link(self: Pin<&mut Self>, wait: Wait<'_>) -> Poll<Result<(), SendError<T>>> {
        let mut this = self.project();
        this.node.set(Some(Waiter::node(this.value.take())));
        let node = this.node.as_ref().as_pin_ref().expect("set just now");
        // SAFETY: not linked before; `unlink` unlinks it.
        match unsafe { this.sender.chan.send_or_link(node, wait) } {
            Push::Full | Push::Waiters => Poll::Pending,
            Push::Done | Push::Closed => Poll::Ready(take_out(this.node)),
        }
    }

    /// The wait is over: whoever ended it took the value, or the channel is closed.
    pub(super) fn outcome(self: Pin<&mut Self>) -> Result<(), SendError<T>> {
        take_out(self.project().node)
    }

    /// As an arm of a select that something else has won, and at the end: the value is in its place again.
    #[cold]
    pub(super) fn unlink(self: Pin<&mut Self>) {
        let mut this = self.project();
        if let Some(node) = this.node.as_ref().as_pin_ref() {
            // SAFETY: this owner's node, linked into this channel.
            unsafe { this.sender.chan.unlink_sender(node) };
            *this.value = take_out(this.node.as_mut())
                .err()
                .map(|SendError(value)| value);
        }
    }

    /// Whether it is linked, or was, and the outcome has not been looked at.
    #[inline]
    pub(super) fn waits(&self) -> bool {
        self.node.is_some()
    }

    #[cold]
    fn poll_waiting(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), SendError<T>>> {
        let this = self.as_mut().project();
        let Some(node) = this.node.as_ref().as_pin_ref() else {
            return Poll::Pending;
        };
        // SAFETY: linked alone, by this owner, into this channel.
        let still = !node.data.is_done()
            && unsafe { this.sender.chan.renew_waker(node, cx.waker().clone()) };
        if still {
            return Poll::Pending;
        }
        Poll::Ready(self.outcome())
    }
}

/// The end of a node that is not linked: its value, unless that was taken.
fn take_out<T>(mut node: Pin<&mut Option<Node<Waiter<T>>>>) -> Result<(), SendError<T>> {
    let mut value = node.as_ref().as_pin_ref().and_then(|node| {
        // SAFETY: not linked, and no winner is at work: the value is the owner's.
        unsafe { node.data.with_value(Option::take) }
    });
    node.set(None);
    match value {
        Some(_) => refused(&mut value),
        None => Ok(()),
    }
}

fn refused<T>(value: &mut Option<T>) -> Result<(), SendError<T>> {
    Err(SendError(value.take().expect("what was refused is there")))
}

impl<T> Future for Send<'_, T> {
    type Output = Result<(), SendError<T>>;

    /// # Panics
    ///
    /// After it was ready or cancelled: there is no value left.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waits() {
            return self.poll_waiting(cx);
        }
        assert!(self.value.is_some(), "a send was polled after it had ended");
        let proceed = ready!(budget::poll_proceed_quick(cx));
        let result = match self.as_mut().try_now(None) {
            Poll::Ready(result) => result,
            Poll::Pending => ready!(self.link(Wait::Alone(cx.waker().clone()))),
        };
        proceed.made_progress();
        Poll::Ready(result)
    }
}

impl<T> fmt::Debug for Send<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Sender::send_from`].
    #[must_use = "a future does nothing unless awaited"]
    pub struct SendFrom<'a, T> {
        from: &'a mut Option<T>,
        #[pin]
        send: Send<'a, T>,
    }

    impl<T> PinnedDrop for SendFrom<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            this.bring_back();
        }
    }
}

impl<'a, T> SendFrom<'a, T> {
    pub(super) fn new(sender: &'a Sender<T>, from: &'a mut Option<T>) -> Self {
        Self {
            from,
            send: Send::new(sender, None),
        }
    }

    /// The sending half, with the value in it; `None` if the caller's place is empty.
    pub(super) fn send(self: Pin<&mut Self>) -> Option<Pin<&mut Send<'a, T>>> {
        let mut this = self.project();
        if let Some(value) = this.from.take() {
            *this.send.as_mut().project().value = Some(value);
        }
        (this.send.waits() || this.send.value.is_some()).then_some(this.send)
    }

    /// As an arm of a select: what says that it is not ready.
    pub(super) fn not_ready(&self) -> Option<Evidence> {
        self.send.not_ready()
    }

    /// What was not sent goes back to the caller's place.
    pub(super) fn bring_back(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(value) = this.send.cancel() {
            **this.from = Some(value);
        }
    }

    /// A closed channel gives the value back to the caller's place.
    pub(super) fn end(
        self: Pin<&mut Self>,
        result: Result<(), SendError<T>>,
    ) -> Result<(), SendError<()>> {
        result.map_err(|SendError(value)| {
            **self.project().from = Some(value);
            SendError(())
        })
    }
}

impl<T> Future for SendFrom<'_, T> {
    type Output = Result<(), SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(send) = self.as_mut().send() else {
            return Poll::Pending;
        };
        let result = ready!(send.poll(cx));
        Poll::Ready(self.end(result))
    }
}

impl<T> fmt::Debug for SendFrom<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFrom").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Sender::send_timeout`].
    #[must_use = "a future does nothing unless awaited"]
    pub struct SendTimeout<'a, T> {
        #[pin]
        send: Send<'a, T>,
        sleep: Sleep,
    }
}

impl<'a, T> SendTimeout<'a, T> {
    pub(super) fn new(send: Send<'a, T>, sleep: Sleep) -> Self {
        Self { send, sleep }
    }
}

impl<T> Future for SendTimeout<'_, T> {
    type Output = Result<(), SendTimeoutError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(result) = this.send.as_mut().poll(cx) {
            return Poll::Ready(result.map_err(|SendError(v)| SendTimeoutError::Closed(v)));
        }
        // The task's budget may be spent; the time counts all the same.
        ready!(budget::unlimited(|| Pin::new(this.sleep).poll(cx)));
        // Taken in the last moment: sent.
        let value = this.send.cancel();
        Poll::Ready(value.map_or(Ok(()), |value| Err(SendTimeoutError::Timeout(value))))
    }
}

impl<T> fmt::Debug for SendTimeout<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendTimeout").finish_non_exhaustive()
    }
}
