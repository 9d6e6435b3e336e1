//! What the current thread is: a worker on its core, a thread inside a runtime, or neither.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use crate::contain::wake;
use crate::handle::Handle;
use crate::scheduler::core::Core;
use crate::scheduler::park::Unparker;
use crate::scheduler::shared::Shared;
use crate::scheduler::worker::Worker;
use crate::task::{JoinHandle, Notified};
use crate::time::timers::Timers;

thread_local! {
    /// The runtime this thread is in; workers included.
    static HANDLE: RefCell<Option<Handle>> = const { RefCell::new(None) };
    // What follows has no destructor, so that a look costs one instruction, and can be looked at while the
    // thread ends.
    /// The worker that this thread is. Null elsewhere. Valid while set: `enter_worker` borrows it.
    static WORKER: Cell<*const Worker> = const { Cell::new(ptr::null()) };
    /// When the core of this worker last looked at the clock.
    static TICK: Cell<Option<Instant>> = const { Cell::new(None) };
    /// How many guards of [`Handle::enter`] a worker's thread holds: 0 means that `HANDLE` is the worker's
    /// own, and need not be looked at.
    static ENTERED: Cell<u32> = const { Cell::new(0) };
    /// What this thread wakes is in no hurry; see [`wake_behind`].
    static BEHIND: Cell<bool> = const { Cell::new(false) };
}

/// The thread is inside a runtime while this lives. Made by [`Handle::enter`].
#[derive(Debug)]
#[must_use = "dropping the guard leaves the runtime again"]
pub struct EnterGuard<'a> {
    previous: Option<Handle>,
    _handle: PhantomData<&'a Handle>,
    /// It belongs to the thread.
    _not_send: PhantomData<*mut ()>,
}

impl Drop for EnterGuard<'_> {
    fn drop(&mut self) {
        let previous = self.previous.take();
        ENTERED.set(ENTERED.get() - 1);
        // Gone at the end of the thread.
        let left = HANDLE.try_with(|handle| handle.replace(previous));
        drop(left);
    }
}

pub(crate) fn enter(handle: &Handle) -> EnterGuard<'_> {
    ENTERED.set(ENTERED.get() + 1);
    let previous = HANDLE.replace(Some(handle.clone()));
    EnterGuard {
        previous,
        _handle: PhantomData,
        _not_send: PhantomData,
    }
}

/// Runs `f` on this thread as the worker `worker`.
pub(crate) fn enter_worker<R>(worker: &Worker, f: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            WORKER.set(ptr::null());
            ENTERED.set(1);
        }
    }
    let _entered = enter(&worker.handle);
    WORKER.set(worker);
    ENTERED.set(0);
    let _leave = Leave;
    f()
}

/// The worker that this thread is.
#[inline]
fn with_worker<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
    let worker = WORKER.get();
    // SAFETY: `enter_worker` sets the pointer from a borrow that outlives the time it is set, on this
    // very thread, and nobody has the worker mutably.
    f(unsafe { worker.as_ref() })
}

/// The worker that this thread is, if it is one of `shared`, of which only the address counts.
#[inline]
fn with_worker_of<R>(shared: *const Shared, f: impl FnOnce(Option<&Worker>) -> R) -> R {
    with_worker(|worker| f(worker.filter(|worker| ptr::eq(Arc::as_ptr(&worker.shared), shared))))
}

/// The only door to the current core: runs `f` on it if this thread is a worker of `shared` that holds
/// its lease. Everything a task does to its core comes through here.
#[inline]
pub(crate) fn with_core<R>(shared: &Shared, f: impl FnOnce(&mut Core) -> R) -> Option<R> {
    with_worker_of(shared, |worker| worker?.with_core(f))
}

/// Puts a task into a queue of this core, if this thread is a worker of `shared` that holds one; gives it
/// back if not. Only the address of `shared` counts: a worker has its own reference.
#[inline]
pub(crate) fn schedule_here(shared: *const Shared, task: Notified) -> Result<(), Notified> {
    with_worker_of(shared, |worker| match worker {
        Some(worker) => worker.schedule(task),
        None => Err(task),
    })
}

/// Wakes, if there is somebody to wake, a task that should run behind those that can run already, not next: the
/// one that wakes it goes on, and has no need of what it does.
pub(crate) fn wake_behind(waker: Option<Waker>) {
    if waker.is_some() {
        let before = BEHIND.replace(true);
        // It does not panic.
        wake(waker);
        BEHIND.set(before);
    }
}

/// Whether tasks are being woken by [`wake_behind`].
#[inline]
pub(crate) fn wakes_behind() -> bool {
    BEHIND.get()
}

/// The core of the worker that runs this task; `None` on threads that are not workers, and on one whose
/// core was handed to another thread because it is stuck or in
/// [`block_in_place`](crate::block_in_place).
///
/// A task may go on on another core after an await point.
pub fn current_core() -> Option<usize> {
    with_worker(|worker| worker?.core())
}

/// The core of `shared` that serves this thread: its own if it is a worker there, else one in turn. A
/// worker may have entered another runtime, which need not have a core of that number.
pub(crate) fn core_of(shared: &Shared) -> usize {
    let own = with_worker_of(shared, |worker| worker?.core());
    own.unwrap_or_else(|| shared.next_core())
}

/// Whether this thread is the worker that `unparker` wakes: it needs no wake-up then.
pub(crate) fn is_current(unparker: &Arc<Unparker>) -> bool {
    with_worker(|worker| {
        worker
            .and_then(|worker| Some(&worker.shared.remotes[worker.core()?].unparker))
            .is_some_and(|own| Arc::ptr_eq(own, unparker) && !own.is_adopted())
    })
}

/// Gives the core of this thread away, if it is a worker in a task: `f` may block then.
pub(crate) fn hand_off() {
    with_worker(|worker| {
        if let Some(worker) = worker {
            worker.hand_off();
        }
    });
}

/// Queues a task of the thread at `desk`, if this is that thread; gives it back if not.
#[inline]
pub(crate) fn push_local(
    shared: *const Shared,
    desk: usize,
    task: Notified,
) -> Result<(), Notified> {
    with_worker_of(shared, |worker| match worker {
        Some(worker) if worker.desk == desk => {
            worker.own.push(task);
            Ok(())
        }
        _ => Err(task),
    })
}

/// Spawns a task of this thread; gives the future back if the thread is not a worker.
pub(crate) fn spawn_local<F>(
    future: F,
    location: &'static Location<'static>,
) -> Result<JoinHandle<F::Output>, F>
where
    F: Future + 'static,
    F::Output: 'static,
{
    with_worker(|worker| match worker {
        Some(worker) => Ok(worker.spawn_local(future, location)),
        None => Err(future),
    })
}

/// Where the task was spawned that this thread runs, if it is a worker of `shared` in a task.
pub(crate) fn current_task(shared: &Shared) -> Option<&'static Location<'static>> {
    with_worker_of(shared, |worker| worker?.desk().task())
}

/// Whether this thread is a worker of `shared`.
pub(crate) fn is_worker_of(shared: &Shared) -> bool {
    with_worker_of(shared, |worker| worker.is_some())
}

/// Whether this thread is a worker, of any runtime.
pub(crate) fn is_worker() -> bool {
    with_worker(|worker| worker.is_some())
}

/// The clock of this core's turn.
pub(crate) fn coarse_now() -> Option<Instant> {
    // A worker whose core was taken away may be in its task for long already: its tick is too old.
    with_worker(|worker| worker?.core().and_then(|_| TICK.get()))
}

/// The core that this thread has in hand has looked at the clock.
pub(crate) fn set_tick(now: Instant) {
    TICK.set(Some(now));
}

/// How long a task that becomes ready on this core now will have to wait, as far as can be told from
/// the length of the core's queue and the mean length of its polls. Zero on threads that are not
/// workers. Costs a few loads and reads no clock.
///
/// For servers that would rather refuse work than be late with all of it.
///
/// ```
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// // Nothing else is to be done here.
/// assert!(ringspun_runtime::backlog().as_secs() < 1);
/// # });
/// ```
pub fn backlog() -> Duration {
    with_worker(|worker| {
        let worker = worker?;
        let ticks = worker.with_core(|core| core.backlog())?;
        Some(Duration::from_nanos(worker.shared.limits.ticks.ns(ticks)))
    })
    .unwrap_or_default()
}

/// The timers for a sleep that is polled here: the current core's, else those of a core in turn.
pub(crate) fn timers() -> Arc<Timers> {
    with_shared(|shared| {
        let Some(shared) = shared else {
            panic!(
                "no ringspun runtime on this thread: poll timers inside #[ringspun::main], \
                 Runtime::block_on or a spawned task"
            );
        };
        shared.remotes[core_of(shared)].timers.clone()
    })
}

/// The runtime this thread is in.
#[inline]
pub(crate) fn with_shared<R>(f: impl FnOnce(Option<&Shared>) -> R) -> R {
    with_handle(|handle| f(handle.map(Handle::shared)))
}

/// As [`with_shared`], with the handle.
#[inline]
pub(crate) fn with_handle<R>(f: impl FnOnce(Option<&Handle>) -> R) -> R {
    with_worker(|worker| match worker {
        Some(worker) if ENTERED.get() == 0 => f(Some(&worker.handle)),
        _ => {
            // Cloned out, not borrowed: `f` may enter another runtime.
            let handle = HANDLE.try_with(|handle| handle.borrow().clone());
            f(handle.ok().flatten().as_ref())
        }
    })
}
