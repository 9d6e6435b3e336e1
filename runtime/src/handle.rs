//! A way into a runtime, from anywhere.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use crate::blocking;
use crate::context::{self, EnterGuard};
use crate::core_handle::CoreHandle;
use crate::dump::{Dump, TaskDump};
use crate::metrics::Metrics;
use crate::scheduler::shared::{Home, Shared};
use crate::task::JoinHandle;

/// A handle to a runtime: cheap to clone, usable from any thread. It does not keep the runtime going.
#[derive(Clone)]
pub struct Handle {
    home: Arc<Home>,
}

impl Handle {
    pub(crate) fn new(home: Home) -> Self {
        Self {
            home: Arc::new(home),
        }
    }

    /// The runtime this thread is in: that of the worker, of `block_on`, or of [`enter`](Self::enter).
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[track_caller]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// As [`current`](Self::current), for code that also runs outside.
    ///
    /// # Errors
    ///
    /// [`NoRuntime`] outside a runtime.
    pub fn try_current() -> Result<Self, NoRuntime> {
        context::with_handle(|handle| handle.cloned()).ok_or(NoRuntime(()))
    }

    /// Spawns a task. It begins soon, whether or not the handle is awaited; dropping the handle
    /// detaches it. After the runtime has been shut down the task is cancelled at once.
    ///
    /// From a task, the new one runs next on the same core unless another core takes it first.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.home.spawn(future, None, Location::caller())
    }

    /// Spawns a task that begins on core `core`. An idle core may still steal it from there.
    ///
    /// # Panics
    ///
    /// If the runtime has no such core.
    #[track_caller]
    pub fn spawn_on<F>(&self, core: usize, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared().remote(core);
        self.home.spawn(future, Some(core), Location::caller())
    }

    /// Runs `f` on a thread where it may block: file operations, name lookups, long computations. A task
    /// that did so itself would hold up its core.
    ///
    /// The threads are apart from the workers: started when needed, at most
    /// [`Builder::blocking_threads`](crate::Builder::blocking_threads), each ending after
    /// [`Builder::blocking_keep_alive`](crate::Builder::blocking_keep_alive) without work. More jobs than
    /// that wait, and begin about in the order they came. `f` may use the runtime: spawn, and
    /// [`block_on`](Self::block_on).
    ///
    /// The handle is that of a task. Dropping it detaches the job. `abort` stops a job that has not begun:
    /// it never runs, and its handle says "cancelled" when a thread would have begun it; one that runs
    /// cannot be stopped. A panic of `f` comes out of the handle.
    ///
    /// The end of the runtime cancels jobs that have not begun, and waits for those that run. It waits for
    /// ever for one that itself waits for what never comes, such as a socket of this runtime.
    ///
    /// # Errors
    ///
    /// The handle gives a [`JoinError`](crate::task::JoinError)
    /// - that [is a panic](crate::task::JoinError::is_panic) if `f` panicked. Also if the system refuses to
    ///   start a thread while the pool has none: `f` is dropped then, and the message says why. While the
    ///   pool has any thread, the job waits for that.
    /// - that [is cancelled](crate::task::JoinError::is_cancelled) if the job was aborted, or the runtime
    ///   shut down, before it began.
    ///
    /// # Cancel safety
    ///
    /// Awaiting `&mut handle` may be cancelled and repeated. Dropping the handle leaves the job going.
    ///
    /// ```
    /// # let runtime = ringspun_runtime::Builder::new().cores(1).build().unwrap();
    /// let sum = runtime.handle().spawn_blocking(|| (1..=1_000_000_u64).sum::<u64>());
    /// assert_eq!(runtime.block_on(sum).unwrap(), 500_000_500_000);
    /// ```
    #[track_caller]
    pub fn spawn_blocking<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        blocking::spawn(&self.home, f, Location::caller())
    }

    /// Core `core`, to send closures and tasks to.
    ///
    /// ```
    /// # let runtime = ringspun_runtime::Builder::new().cores(2).build().unwrap();
    /// let call = runtime.handle().core(1).call(|| std::thread::current().name().map(str::to_owned));
    /// assert_eq!(runtime.block_on(call).unwrap().as_deref(), Some("ringspun-1"));
    /// ```
    ///
    /// # Panics
    ///
    /// If the runtime has no such core.
    #[track_caller]
    pub fn core(&self, core: usize) -> CoreHandle {
        self.shared().remote(core);
        CoreHandle::new(self.clone(), core)
    }

    /// How many cores the runtime has.
    pub fn cores(&self) -> usize {
        self.shared().remotes.len()
    }

    /// A list of all tasks, and of the jobs of [`spawn_blocking`](Self::spawn_blocking): where each was
    /// spawned and what it does now.
    ///
    /// It waits for no task, also not for one that is stuck; the tasks go on meanwhile. The registry is
    /// read shard by shard (about one for each core) under its lock, so spawns and ends of tasks on that
    /// core wait for the reading of it.
    ///
    /// ```
    /// # use ringspun_runtime::{Builder, TaskState, spawn};
    /// # let runtime = Builder::new().cores(1).build().unwrap();
    /// let dump = runtime.block_on(async {
    ///     spawn(async { ringspun_runtime::Handle::current().dump() }).await.unwrap()
    /// });
    /// assert_eq!(dump.count(TaskState::Running), 1);
    /// println!("{dump}");
    /// ```
    pub fn dump(&self) -> Dump {
        Dump::take(self.shared())
    }

    /// The tasks that can never run again: they wait, and no waker of theirs is left.
    ///
    /// No task that something may still wake is among them. Some that nothing wakes are missing: those
    /// with an [`AbortHandle`](crate::task::AbortHandle), and those whose waker lies in memory that was
    /// forgotten or that the task itself owns. A task that is [aborted](JoinHandle::abort) is no leak.
    ///
    /// It goes through all tasks, as [`dump`](Self::dump) does.
    pub fn leaks(&self) -> Vec<TaskDump> {
        Dump::leaks(self.shared()).into_tasks()
    }

    /// For the end of a test: no task is [leaked](Self::leaks).
    ///
    /// # Panics
    ///
    /// If there are leaks, with their list.
    #[track_caller]
    pub fn assert_no_leaks(&self) {
        let leaks = Dump::leaks(self.shared());
        assert!(
            leaks.tasks().is_empty(),
            "tasks that can never run again: {leaks}"
        );
    }

    /// A reading of the runtime's counters. What it costs grows with the number of cores, not of tasks: it
    /// can be polled.
    pub fn metrics(&self) -> Metrics {
        self.shared().metrics()
    }

    /// Puts this thread inside the runtime until the guard is dropped, so that sockets, timers and
    /// [`spawn`](crate::spawn) work there. Drop guards in the reverse order of their making.
    pub fn enter(&self) -> EnterGuard<'_> {
        context::enter(self)
    }

    /// Whether this thread is in the runtime that the handle leads to: what belongs to a runtime, such as
    /// a socket in its reactors, is of use there only. Costs no more than two comparisons on a worker.
    ///
    /// ```
    /// # use ringspun_runtime::{Builder, Handle};
    /// let (one, two) = (Builder::new().build().unwrap(), Builder::new().build().unwrap());
    /// let handle = one.handle().clone();
    /// assert!(!handle.is_current());
    /// one.block_on(async { assert!(handle.is_current()) });
    /// two.block_on(async { assert!(!handle.is_current()) });
    /// ```
    pub fn is_current(&self) -> bool {
        context::with_handle(|current| {
            current.is_some_and(|current| Arc::ptr_eq(&current.home.shared, &self.home.shared))
        })
    }

    /// Runs a future on this thread, which is not a worker, until it is done. See
    /// [`Runtime::block_on`](crate::Runtime::block_on).
    ///
    /// # Panics
    ///
    /// On a worker's thread: a task that needs another one awaits it.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        crate::block_on::block_on(self, future)
    }

    pub(crate) fn home(&self) -> &Arc<Home> {
        &self.home
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.home.shared
    }

    pub(crate) fn shared_arc(&self) -> Arc<Shared> {
        self.home.shared.clone()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("cores", &self.cores())
            .finish_non_exhaustive()
    }
}

/// Spawns a task in the current runtime. See [`Handle::spawn`].
///
/// ```
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let task = ringspun_runtime::spawn(async { 1 + 1 });
/// assert_eq!(task.await.unwrap(), 2);
/// # });
/// ```
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let location = Location::caller();
    context::with_handle(|handle| match handle {
        Some(handle) => handle.home.spawn(future, None, location),
        None => panic!("{}", NoRuntime(())),
    })
}

/// There is no runtime on this thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRuntime(pub(crate) ());

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no ringspun runtime on this thread: call this inside #[ringspun::main], \
             Runtime::block_on or a spawned task, or use a Handle",
        )
    }
}

impl std::error::Error for NoRuntime {}
