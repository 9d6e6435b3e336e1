//! What can be an arm: a send, a receive, or any future.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::channel::chan::Evidence;
use crate::channel::error::SendError;
use crate::channel::offer::Offer;
use crate::channel::waiter::Wait;
use crate::channel::{Recv, Send, SendFrom};

/// One arm. All calls come from the select's task while nobody can win its offer.
pub trait Arm {
    /// What the arm gives when it commits.
    type Output;

    /// Whether it must be polled at every wake-up, because nothing marks it.
    const POLLED: bool;

    /// Commits if that need not wait.
    fn try_now(self: Pin<&mut Self>, cx: &mut Context<'_>, offer: &Offer) -> Poll<Self::Output>;

    /// What says that it is not ready now, if that is plain to see.
    fn not_ready(&self) -> Option<Evidence>;

    /// Begins to wait as arm `arm` of `offer`, or commits if it can meanwhile.
    fn link(self: Pin<&mut Self>, offer: &Offer, arm: usize) -> Poll<Self::Output>;

    /// The offer was won for this arm: what came of it.
    fn outcome(self: Pin<&mut Self>) -> Self::Output;

    /// Stops waiting.
    fn cancel(self: Pin<&mut Self>);
}

impl<T> Arm for Recv<'_, T> {
    type Output = Option<T>;
    const POLLED: bool = false;

    fn try_now(self: Pin<&mut Self>, _: &mut Context<'_>, offer: &Offer) -> Poll<Option<T>> {
        self.try_now(offer)
    }

    fn not_ready(&self) -> Option<Evidence> {
        self.not_ready()
    }

    fn link(self: Pin<&mut Self>, offer: &Offer, arm: usize) -> Poll<Option<T>> {
        self.link(offer, arm)
    }

    fn outcome(self: Pin<&mut Self>) -> Option<T> {
        self.outcome()
    }

    fn cancel(self: Pin<&mut Self>) {
        self.cancel();
    }
}

impl<T> Arm for Send<'_, T> {
    type Output = Result<(), SendError<T>>;
    const POLLED: bool = false;

    fn try_now(self: Pin<&mut Self>, _: &mut Context<'_>, offer: &Offer) -> Poll<Self::Output> {
        self.try_now(Some(offer))
    }

    fn not_ready(&self) -> Option<Evidence> {
        self.not_ready()
    }

    fn link(self: Pin<&mut Self>, offer: &Offer, arm: usize) -> Poll<Self::Output> {
        self.link(Wait::Arm(offer, arm))
    }

    fn outcome(self: Pin<&mut Self>) -> Self::Output {
        self.outcome()
    }

    fn cancel(self: Pin<&mut Self>) {
        self.unlink();
    }
}

impl<T> Arm for SendFrom<'_, T> {
    type Output = Result<(), SendError<()>>;
    const POLLED: bool = false;

    fn try_now(mut self: Pin<&mut Self>, _: &mut Context<'_>, offer: &Offer) -> Poll<Self::Output> {
        let send = self.as_mut().send();
        let tried = send.map_or(Poll::Pending, |send| send.try_now(Some(offer)));
        tried.map(|result| self.end(result))
    }

    fn not_ready(&self) -> Option<Evidence> {
        self.not_ready()
    }

    fn link(mut self: Pin<&mut Self>, offer: &Offer, arm: usize) -> Poll<Self::Output> {
        let send = self.as_mut().send();
        let tried = send.map_or(Poll::Pending, |send| send.link(Wait::Arm(offer, arm)));
        tried.map(|result| self.end(result))
    }

    fn outcome(mut self: Pin<&mut Self>) -> Self::Output {
        let send = self
            .as_mut()
            .send()
            .expect("a place that is empty never waits");
        let result = send.outcome();
        self.end(result)
    }

    fn cancel(self: Pin<&mut Self>) {
        self.bring_back();
    }
}

/// An operation that the caller pinned and keeps: it can be an arm again and again.
impl<A: Arm> Arm for Pin<&mut A> {
    type Output = A::Output;
    const POLLED: bool = A::POLLED;

    fn try_now(self: Pin<&mut Self>, cx: &mut Context<'_>, offer: &Offer) -> Poll<A::Output> {
        self.as_deref_mut().try_now(cx, offer)
    }

    fn not_ready(&self) -> Option<Evidence> {
        (**self).not_ready()
    }

    fn link(self: Pin<&mut Self>, offer: &Offer, arm: usize) -> Poll<A::Output> {
        self.as_deref_mut().link(offer, arm)
    }

    fn outcome(self: Pin<&mut Self>) -> A::Output {
        self.as_deref_mut().outcome()
    }

    fn cancel(self: Pin<&mut Self>) {
        self.as_deref_mut().cancel();
    }
}

pin_project! {
    /// Any other future: it is polled whenever the select is.
    #[derive(Debug)]
    pub struct Polled<F> {
        #[pin]
        future: F,
    }
}

impl<F> Polled<F> {
    pub(super) fn new(future: F) -> Self {
        Self { future }
    }
}

impl<F: Future> Arm for Polled<F> {
    type Output = F::Output;
    const POLLED: bool = true;

    fn try_now(self: Pin<&mut Self>, cx: &mut Context<'_>, _: &Offer) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }

    fn not_ready(&self) -> Option<Evidence> {
        None
    }

    fn link(self: Pin<&mut Self>, _: &Offer, _: usize) -> Poll<F::Output> {
        Poll::Pending
    }

    fn outcome(self: Pin<&mut Self>) -> F::Output {
        unreachable!("nobody can win the offer for a future")
    }

    fn cancel(self: Pin<&mut Self>) {}
}

/// Says of an expression, by the method that its type finds first, what kind of arm it becomes: the macro
/// has no types to ask (David Tolnay's autoref specialisation).
pub trait OperationKind {
    /// Operations of this crate.
    fn arm_kind(&self) -> Operation {
        Operation
    }
}

/// See [`OperationKind`]; found one reference later.
pub trait FutureKind {
    /// Any future.
    fn arm_kind(&self) -> AnyFuture {
        AnyFuture
    }
}

impl<A: Arm> OperationKind for A {}
impl<F: IntoFuture> FutureKind for &F {}

/// The kind of arms that are one by themselves.
#[derive(Debug)]
pub struct Operation;

/// The kind of arms that are polled.
#[derive(Debug)]
pub struct AnyFuture;

impl Operation {
    /// The arm.
    pub fn arm<A: Arm>(self, operation: A) -> A {
        operation
    }
}

impl AnyFuture {
    /// The arm.
    pub fn arm<F: IntoFuture>(self, future: F) -> Polled<F::IntoFuture> {
        Polled::new(future.into_future())
    }
}
