//! A child that waits for room.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::TaskGroup;
use crate::budget;

pin_project! {
    /// The future of [`TaskGroup::spawn`].
    #[must_use = "the child is not spawned unless this is awaited"]
    pub struct Spawn<'a, T, F> {
        group: &'a mut TaskGroup<T>,
        // Not pinned yet: it moves into the task.
        future: Option<F>,
        core: Option<usize>,
        location: &'static Location<'static>,
    }
}

impl<'a, T, F> Spawn<'a, T, F> {
    pub(super) fn new(
        group: &'a mut TaskGroup<T>,
        future: F,
        core: Option<usize>,
        location: &'static Location<'static>,
    ) -> Self {
        Self {
            group,
            future: Some(future),
            core,
            location,
        }
    }
}

impl<T, F> Future for Spawn<'_, T, F>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let proceed = ready!(budget::poll_proceed_quick(cx));
        ready!(this.group.members.poll_room(this.group.limit, cx));
        proceed.made_progress();
        let future = this.future.take().expect("not polled after it was ready");
        this.group.start(future, *this.core, this.location);
        Poll::Ready(())
    }
}

impl<T, F> fmt::Debug for Spawn<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawn")
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}
