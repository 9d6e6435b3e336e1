//! Receiving as a future: alone, with a limit, as a stream.

use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::chan::{Chan, Evidence};
use super::error::RecvTimeoutError;
use super::offer::Offer;
use super::receiver::Receiver;
use super::ring::Pop;
use super::waiter::{Wait, Waiter};
use crate::budget;
use crate::time::Sleep;
use crate::wait_list::Node;

pin_project! {
    /// One place of a receiver in a channel. Its owner says which channel, always the same, and calls `cancel`
    /// before it drops it.
    struct Place<T> {
        // While it waits, and until the outcome is looked at. Made only then: most receives need not wait.
        #[pin]
        node: Option<Node<Waiter<T>>>,
    }
}

impl<T> Place<T> {
    fn new() -> Self {
        Self { node: None }
    }

    #[inline]
    fn poll(mut self: Pin<&mut Self>, chan: &Chan<T>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        if self.node.is_some() {
            return self.poll_waiting(chan, cx);
        }
        let proceed = ready!(budget::poll_proceed_quick(cx));
        let value = match chan.try_recv(None) {
            Pop::Value(value) => Some(value),
            Pop::Closed => None,
            Pop::Empty | Pop::Waiters => {
                ready!(self.as_mut().link(chan, Wait::Alone(cx.waker().clone())))
            }
        };
        proceed.made_progress();
        Poll::Ready(value)
    }

    #[cold]
    fn poll_waiting(
        mut self: Pin<&mut Self>,
        chan: &Chan<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<T>> {
        let Some(node) = self.as_mut().project().node.as_pin_mut() else {
            return Poll::Pending;
        };
        // SAFETY: linked alone, by this owner, into this channel.
        if !node.data.is_done() && unsafe { chan.renew_waker(node.as_ref(), cx.waker().clone()) } {
            return Poll::Pending;
        }
        Poll::Ready(self.outcome())
    }

    /// Begins to wait, unless a value has come meanwhile.
    #[cold]
    fn link(self: Pin<&mut Self>, chan: &Chan<T>, wait: Wait<'_>) -> Poll<Option<T>> {
        let mut place = self.project().node;
        place.set(Some(Waiter::node(None)));
        let node = place.as_ref().as_pin_ref().expect("set just now");
        // SAFETY: not linked before; `cancel` unlinks it.
        let value = match unsafe { chan.recv_or_link(node, wait) } {
            Pop::Value(value) => Some(value),
            Pop::Closed => None,
            Pop::Empty | Pop::Waiters => return Poll::Pending,
        };
        place.set(None);
        Poll::Ready(value)
    }

    /// The node was won: what the winner left in it. Nothing if the channel is closed.
    fn outcome(self: Pin<&mut Self>) -> Option<T> {
        let mut place = self.project().node;
        let node = place.as_ref().as_pin_ref()?;
        // SAFETY: the winner has settled it: the value is the owner's.
        let value = unsafe { node.data.with_value(Option::take) };
        place.set(None);
        value
    }

    #[inline]
    fn cancel(self: Pin<&mut Self>, chan: &Chan<T>) {
        if self.node.is_some() {
            self.unlink(chan);
        }
    }

    #[cold]
    fn unlink(self: Pin<&mut Self>, chan: &Chan<T>) {
        let mut place = self.project().node;
        if let Some(node) = place.as_ref().as_pin_ref() {
            // SAFETY: this owner's node, linked into this channel.
            unsafe { chan.unlink_receiver(node) };
        }
        place.set(None);
    }
}

pin_project! {
    /// The future of [`Receiver::recv`].
    #[must_use = "a future does nothing unless awaited"]
    pub struct Recv<'a, T> {
        receiver: &'a Receiver<T>,
        #[pin]
        place: Place<T>,
    }

    impl<T> PinnedDrop for Recv<'_, T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.place.cancel(&this.receiver.chan);
        }
    }
}

impl<'a, T> Recv<'a, T> {
    pub(super) fn new(receiver: &'a Receiver<T>) -> Self {
        Self {
            receiver,
            place: Place::new(),
        }
    }

    /// As an arm of a select: what says that it is not ready.
    pub(super) fn not_ready(&self) -> Option<Evidence> {
        self.receiver.chan.empty_since()
    }

    /// As an arm of a select: takes a value that is there.
    pub(super) fn try_now(mut self: Pin<&mut Self>, offer: &Offer) -> Poll<Option<T>> {
        // Linked before, and marked now, or alone. Under the lock nobody else has it in hand.
        self.as_mut().cancel();
        match self.receiver.chan.try_recv(Some(offer)) {
            Pop::Value(value) => Poll::Ready(Some(value)),
            Pop::Closed => Poll::Ready(None),
            Pop::Empty | Pop::Waiters => Poll::Pending,
        }
    }

    /// As an arm of a select: begins to wait.
    pub(super) fn link(self: Pin<&mut Self>, offer: &Offer, arm: usize) -> Poll<Option<T>> {
        let this = self.project();
        this.place.link(&this.receiver.chan, Wait::Arm(offer, arm))
    }

    /// As an arm of a select that was won by it.
    pub(super) fn outcome(self: Pin<&mut Self>) -> Option<T> {
        self.project().place.outcome()
    }

    /// As an arm of a select that something else has won.
    pub(super) fn cancel(self: Pin<&mut Self>) {
        let this = self.project();
        this.place.cancel(&this.receiver.chan);
    }
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.project();
        this.place.poll(&this.receiver.chan, cx)
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of [`Receiver::recv_timeout`].
    #[must_use = "a future does nothing unless awaited"]
    pub struct RecvTimeout<'a, T> {
        #[pin]
        recv: Recv<'a, T>,
        sleep: Sleep,
    }
}

impl<'a, T> RecvTimeout<'a, T> {
    pub(super) fn new(recv: Recv<'a, T>, sleep: Sleep) -> Self {
        Self { recv, sleep }
    }
}

impl<T> Future for RecvTimeout<'_, T> {
    type Output = Result<T, RecvTimeoutError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(value) = this.recv.as_mut().poll(cx) {
            return Poll::Ready(value.ok_or(RecvTimeoutError::Closed));
        }
        // The task's budget may be spent; the time counts all the same.
        ready!(budget::unlimited(|| Pin::new(this.sleep).poll(cx)));
        // Whoever keeps this future must not receive with it any more.
        this.recv.cancel();
        Poll::Ready(Err(RecvTimeoutError::Timeout))
    }
}

impl<T> fmt::Debug for RecvTimeout<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvTimeout").finish_non_exhaustive()
    }
}

pin_project! {
    /// The values of a channel as a [`Stream`], by [`Receiver::stream`] and [`Receiver::into_stream`].
    ///
    /// It ends when the channel is closed and drained. Dropping it loses no value.
    #[must_use = "a stream does nothing unless polled"]
    pub struct Values<R, T>
    where
        R: AsRef<Receiver<T>>,
    {
        receiver: R,
        #[pin]
        place: Place<T>,
        #[pin]
        pinned: PhantomPinned,
    }

    impl<R, T> PinnedDrop for Values<R, T>
    where
        R: AsRef<Receiver<T>>,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.place.cancel(&(*this.receiver).as_ref().chan);
        }
    }
}

impl<R: AsRef<Receiver<T>>, T> Values<R, T> {
    pub(super) fn new(receiver: R) -> Self {
        Self {
            receiver,
            place: Place::new(),
            pinned: PhantomPinned,
        }
    }
}

impl<R: AsRef<Receiver<T>>, T> Stream for Values<R, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.project();
        this.place.poll(&(*this.receiver).as_ref().chan, cx)
    }
}

impl<R: AsRef<Receiver<T>>, T> fmt::Debug for Values<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").finish_non_exhaustive()
    }
}
