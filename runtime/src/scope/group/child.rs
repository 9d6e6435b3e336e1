//! The task of a child, and how its end is told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::members::Members;
use crate::contain::contain;
use crate::scope::current::InScope;
use crate::scope::run::Run;
use crate::scope::{CancelToken, Cause};

pin_project! {
    /// The task of a child. Its fields are dropped in this order.
    pub(super) struct Child<T, F> {
        #[pin]
        run: Run<InScope<F>>,
        ended: Ended<T>,
    }
}

impl<T, F> Child<T, F> {
    /// The child `key` of the group that `token` is of.
    pub(super) fn new(token: &CancelToken, members: &Arc<Members<T>>, key: usize, future: F) -> Self
    where
        F: Future<Output = T>,
    {
        Self {
            run: token.run(token.scope(future)),
            ended: Ended {
                token: token.clone(),
                members: members.clone(),
                key,
                polled: false,
                failed: false,
            },
        }
    }
}

impl<T, F: Future<Output = T>> Future for Child<T, F> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.project();
        // Stays so if the poll panics.
        this.ended.polled = true;
        let poll = this.run.poll(cx);
        this.ended.polled = false;
        let output = ready!(poll).ok();
        let fails = this.ended.members.fails;
        if let (Some(fails), Some(output)) = (fails, &output) {
            this.ended.failed = fails(output);
        }
        Poll::Ready(output)
    }
}

/// Tells the group that a child has ended, when it is dropped.
struct Ended<T> {
    token: CancelToken,
    members: Arc<Members<T>>,
    key: usize,
    /// The child is in its poll, or panicked there.
    polled: bool,
    failed: bool,
}

impl<T> Drop for Ended<T> {
    fn drop(&mut self) {
        let failed = self.failed || (self.polled && self.members.fails.is_some());
        let parent = self.members.ended(self.key, failed);
        if failed {
            let what = if self.polled { "panicked" } else { "failed" };
            let cause = format!("a task of the group has {what}");
            self.token.cancel_for(Cause::error(cause.into()));
        }
        if let Some(parent) = parent {
            contain(|| parent.wake());
        }
    }
}
