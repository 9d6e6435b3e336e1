//! Handles to a spawned task.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::JoinError;
use super::header::{Header, Id};
use super::raw::drop_ref;
use super::state::Wake;
use crate::budget;

/// Owned permission to wait for a task. Dropping it *detaches* the task, which goes on.
///
/// As a future it yields the task's output, or a [`JoinError`] if the task panicked or was cancelled.
///
/// # Cancel safety
///
/// Awaiting `&mut handle` may be cancelled and repeated; the output stays where it is.
///
/// # Panics
///
/// When polled again after it has returned the output.
pub struct JoinHandle<T> {
    task: NonNull<Header>,
    _output: PhantomData<T>,
}

// SAFETY: the handle takes the output by value on its own thread, which `T: Send` allows; the rest is
// atomics.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: `&JoinHandle` gives access to atomics only.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    pub(super) fn new(task: NonNull<Header>) -> Self {
        Self {
            task,
            _output: PhantomData,
        }
    }

    /// Asks the task to stop at its next await point. A task that is already done keeps its output.
    ///
    /// The future is dropped by a worker, soon but not at once; await the handle to know when.
    pub fn abort(&self) {
        abort(self.task);
    }

    /// A handle that can only abort; it does not keep the output.
    pub fn abort_handle(&self) -> AbortHandle {
        self.header().state.ref_inc();
        AbortHandle { task: self.task }
    }

    /// Whether the task is done: awaiting the handle would return at once.
    pub fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.header().id
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle's reference keeps the cell alive.
        unsafe { self.task.as_ref() }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = std::task::ready!(budget::poll_proceed_quick(cx));
        let mut output = Poll::Pending;
        let read = self.header().vtable.read_output;
        // SAFETY: the cell is live, this is its join handle, and `output` has the type of `T`.
        unsafe { read(self.task, (&raw mut output).cast(), cx.waker()) };
        if output.is_ready() {
            proceed.made_progress();
        }
        output
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let drop_join = self.header().vtable.drop_join;
        // SAFETY: the cell is live, and the handle's reference goes to the call.
        unsafe { drop_join(self.task) }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// Permission to abort a task, without its output. Made by [`JoinHandle::abort_handle`].
pub struct AbortHandle {
    task: NonNull<Header>,
}

// SAFETY: only the header's atomics are touched.
unsafe impl Send for AbortHandle {}
// SAFETY: as above.
unsafe impl Sync for AbortHandle {}

impl AbortHandle {
    /// See [`JoinHandle::abort`].
    pub fn abort(&self) {
        abort(self.task);
    }

    /// See [`JoinHandle::is_finished`].
    pub fn is_finished(&self) -> bool {
        self.header().state.load().is_complete()
    }

    /// The task's id.
    pub fn id(&self) -> Id {
        self.header().id
    }

    fn header(&self) -> &Header {
        // SAFETY: the handle's reference keeps the cell alive.
        unsafe { self.task.as_ref() }
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> Self {
        self.header().state.ref_inc();
        Self { task: self.task }
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        drop_ref(self.task);
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .finish()
    }
}

fn abort(task: NonNull<Header>) {
    // SAFETY: the caller's handle keeps the cell alive.
    let header = unsafe { task.as_ref() };
    if header.state.abort() == Wake::Submit {
        // SAFETY: the transition made a reference for the queue entry.
        unsafe { (header.vtable.schedule)(task) }
    }
}
