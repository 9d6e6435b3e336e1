//! An arm with what came of it, under one type for all.

use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::arm::Arm;
use crate::channel::chan::Evidence;
use crate::channel::offer::Offer;

/// What the select knows of its arms.
pub trait Branch {
    /// Whether it can still commit: not switched off, not over.
    fn is_live(&self) -> bool;

    /// Whether it must be polled at every wake-up.
    fn is_polled(&self) -> bool;

    /// Commits if that need not wait; true if it did.
    fn try_now(self: Pin<&mut Self>, cx: &mut Context<'_>, offer: &Offer) -> bool;

    /// What says that it is not ready now, if that is plain to see.
    fn not_ready(&self) -> Option<Evidence>;

    /// Begins to wait, or commits if it can meanwhile; true if it did.
    fn link(self: Pin<&mut Self>, offer: &Offer, arm: usize) -> bool;

    /// The offer was won for this arm; true unless the user's pattern refuses what came.
    fn settle(self: Pin<&mut Self>) -> bool;

    /// Stops waiting.
    fn cancel(self: Pin<&mut Self>);
}

pin_project! {
    /// An arm of a `select!`.
    #[derive(Debug)]
    pub struct Once<A: Arm, P> {
        // Nothing if the guard says no.
        #[pin]
        arm: Option<A>,
        // Whether the user's pattern takes what came.
        accepts: P,
        output: Option<A::Output>,
        refused: bool,
    }

    impl<A: Arm, P> PinnedDrop for Once<A, P> {
        fn drop(this: Pin<&mut Self>) {
            // An operation that the caller keeps would stay linked.
            if let Some(arm) = this.project().arm.as_pin_mut() {
                arm.cancel();
            }
        }
    }
}

impl<A: Arm, P: Fn(&A::Output) -> bool> Once<A, P> {
    /// An arm; `None` if it is switched off.
    pub fn new(arm: Option<A>, accepts: P) -> Self {
        Self {
            arm,
            accepts,
            output: None,
            refused: false,
        }
    }

    /// What came of it, for the arm that has committed.
    pub fn take(self: Pin<&mut Self>) -> Option<A::Output> {
        self.project().output.take()
    }

    fn accept(self: Pin<&mut Self>, outcome: Poll<A::Output>) -> bool {
        let this = self.project();
        let Poll::Ready(output) = outcome else {
            return false;
        };
        let accepted = (this.accepts)(&output);
        *this.refused = !accepted;
        if accepted {
            *this.output = Some(output);
        }
        accepted
    }
}

impl<A: Arm, P: Fn(&A::Output) -> bool> Branch for Once<A, P> {
    fn is_live(&self) -> bool {
        self.arm.is_some() && !self.refused
    }

    fn is_polled(&self) -> bool {
        A::POLLED
    }

    fn try_now(mut self: Pin<&mut Self>, cx: &mut Context<'_>, offer: &Offer) -> bool {
        let arm = self.as_mut().project().arm.as_pin_mut();
        let outcome = arm.map_or(Poll::Pending, |arm| arm.try_now(cx, offer));
        self.accept(outcome)
    }

    fn not_ready(&self) -> Option<Evidence> {
        self.arm.as_ref()?.not_ready()
    }

    fn link(mut self: Pin<&mut Self>, offer: &Offer, arm: usize) -> bool {
        let this = self.as_mut().project().arm.as_pin_mut();
        let outcome = this.map_or(Poll::Pending, |this| this.link(offer, arm));
        self.accept(outcome)
    }

    fn settle(mut self: Pin<&mut Self>) -> bool {
        let arm = self.as_mut().project().arm.as_pin_mut();
        let outcome = arm
            .expect("an arm that is switched off is never won")
            .outcome();
        self.accept(Poll::Ready(outcome))
    }

    fn cancel(self: Pin<&mut Self>) {
        if let Some(arm) = self.project().arm.as_pin_mut() {
            arm.cancel();
        }
    }
}
