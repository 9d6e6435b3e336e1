//! Sending work to a named core.
//!
//! A call is a task whose only poll runs a closure: one allocation from the pool of task memory, and the
//! join handle, abort and panics of tasks. It goes through the inbox of its core, as every task does that
//! is placed there. The core takes the inbox in batches; however many tasks are put there while it
//! sleeps, the first one alone writes its eventfd (`scheduler/park.rs`), and while it is awake none does.
//!
//! **A stuck core.** What lies in the inbox of a core whose thread is stuck in a task is work like any
//! other: an idle worker that adopts the core runs it, or the thread that the core is handed to. With the
//! watchdog off it waits until the task is over.

use std::fmt;
use std::future::Future;
use std::panic::Location;

use crate::handle::Handle;
use crate::task::JoinHandle;

/// One core of a runtime, as a place to send work to. Made by [`Handle::core`]; cheap to clone.
#[derive(Clone)]
pub struct CoreHandle {
    handle: Handle,
    index: usize,
}

impl CoreHandle {
    pub(crate) fn new(handle: Handle, index: usize) -> Self {
        Self { handle, index }
    }

    /// The number of the core.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Runs `f` on this core, between two of its tasks, and gives the result back.
    ///
    /// It begins soon, whether or not the handle is awaited. Calls from one place begin about in the order
    /// in which they were made. `f` should be short, as a poll of a task should: while it runs, the core
    /// does nothing else.
    ///
    /// The core is where `f` is *placed*. Another one may run it instead, as with
    /// [`Handle::spawn_on`](Handle::spawn_on): one that helps because this core has much to run, or because
    /// its thread is stuck in a task. In the latter case the call need not wait for that task: an idle
    /// worker runs it within about the period of [`Builder::watchdog`](crate::Builder::watchdog), or the
    /// core itself on another thread after [`Builder::hand_off_after`](crate::Builder::hand_off_after).
    /// With the watchdog off it waits for the end of that task.
    ///
    /// # Errors
    ///
    /// The handle gives a [`JoinError`](crate::task::JoinError) that
    /// [is a panic](crate::task::JoinError::is_panic) if `f` panicked, or
    /// [is cancelled](crate::task::JoinError::is_cancelled) if the call was aborted, or the runtime shut
    /// down, before it began.
    ///
    /// # Cancel safety
    ///
    /// Dropping the handle leaves the call going: `f` runs, and its result is dropped. To take back a call
    /// that has not begun, [`abort`](JoinHandle::abort) it. Awaiting `&mut handle` may be cancelled and
    /// repeated.
    ///
    /// # Examples
    ///
    /// ```
    /// # let runtime = ringspun_runtime::Builder::new().cores(2).build().unwrap();
    /// let core = runtime.handle().core(1);
    /// let answer = runtime.block_on(core.call(|| 6 * 7));
    /// assert_eq!(answer.unwrap(), 42);
    /// ```
    ///
    /// A task whose future is not `Send`, begun on each core:
    ///
    /// ```
    /// use std::rc::Rc;
    ///
    /// # let runtime = ringspun_runtime::Builder::new().cores(2).build().unwrap();
    /// # let handle = runtime.handle();
    /// let begun = (0..handle.cores()).map(|i| {
    ///     handle.core(i).call(move || {
    ///         ringspun_runtime::spawn_local(async move {
    ///             let mine = Rc::new(i);
    ///             ringspun_runtime::task::yield_now().await;
    ///             *mine
    ///         })
    ///     })
    /// });
    /// let begun: Vec<_> = begun.collect();
    /// runtime.block_on(async {
    ///     for (i, call) in begun.into_iter().enumerate() {
    ///         assert_eq!(call.await.unwrap().await.unwrap(), i);
    ///     }
    /// });
    /// ```
    #[track_caller]
    pub fn call<F, R>(&self, f: F) -> JoinHandle<R>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.place(async move { f() }, Location::caller())
    }

    /// Spawns a task that begins on this core. See [`Handle::spawn_on`](Handle::spawn_on).
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.place(future, Location::caller())
    }

    fn place<F>(&self, future: F, location: &'static Location<'static>) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.home().spawn(future, Some(self.index), location)
    }
}

impl fmt::Debug for CoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreHandle")
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}
