//! Code that blocks its thread: file operations, name lookups, long computations.
//!
//! ```text
//!   spawn_blocking ---> job (a task cell) ---> one of the pool's queues ---> a thread of the pool
//!        |                                             wakes the one           runs the closure,
//!        v                                             that slept last,        looks for the next job,
//!   JoinHandle <----------- output, panic -----------  or starts one           sleeps, ends
//! ```
//!
//! - `pool.rs`: the queues, the threads, the shutdown.
//! - `sleepers.rs`: who sleeps and whom to wake; the proof that no job is forgotten.
//! - `slot.rs`: one thread's sleep.
//!
//! A job is a task whose future runs the closure in its first poll. So the join handle, abort, panics and
//! detaching are those of tasks. It has a registry of its own, because the thread that shuts the runtime
//! down cancels what has not begun at once, whatever the workers are doing.

pub(crate) mod pool;
mod sleepers;
mod slot;

#[cfg(all(test, loom))]
mod loom_blocking;

use std::cell::Cell;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::block_on::{hold_clock, release_clock};
use crate::contain::contain;
use crate::context;
use crate::handle::NoRuntime;
use crate::scheduler::shared::Home;
use crate::task::{Header, JoinHandle, Notified, Schedule, new_task};

pub use self::pool::BlockingMetrics;

/// Runs `f` on a thread where it may block, and returns a handle to its result. See
/// [`Handle::spawn_blocking`](crate::Handle::spawn_blocking).
///
/// ```
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let text = ringspun_runtime::spawn_blocking(|| std::fs::read_to_string("/proc/self/stat"));
/// assert!(text.await.unwrap().is_ok());
/// # });
/// ```
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub fn spawn_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let location = Location::caller();
    context::with_handle(|handle| match handle {
        Some(handle) => spawn(handle.home(), f, location),
        None => panic!("{}", NoRuntime(())),
    })
}

/// Makes a job of `f` and queues it.
pub(crate) fn spawn<F, T>(
    home: &Arc<Home>,
    f: F,
    location: &'static Location<'static>,
) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let pool = &home.shared.blocking;
    let shard = pool.next_shard();
    // Given back by `release`, which every job comes to.
    hold_clock(&home.shared);
    let scheduler = Submit(home.clone());
    let (task, entry, handle) = new_task(Job(Some(f)), scheduler, shard as u32, location);
    pool.jobs
        .admit(task, entry, |entry| pool.submit(&home.shared, shard, entry));
    handle
}

/// The future of a job: its first poll is the whole work.
struct Job<F>(Option<F>);

/// The closure is moved out before it runs; nothing is pinned.
impl<F> Unpin for Job<F> {}

impl<F: FnOnce() -> T, T> Future for Job<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let f = self.0.take().expect("a job is polled once");
        if let Some(reason) = REFUSAL.take() {
            // Before the unwinding: its destructor may panic too.
            drop(f);
            // No panic hook: nothing is wrong with the closure.
            resume_unwind(Box::new(reason));
        }
        Poll::Ready(f())
    }
}

thread_local! {
    /// Why the next job polled on this thread is not run.
    static REFUSAL: Cell<Option<String>> = const { Cell::new(None) };
}

/// Ends a job without running it; its handle gets `reason` as the payload of a panic.
fn refuse(job: Notified, reason: String) {
    REFUSAL.set(Some(reason));
    contain(|| drop(job.run()));
    // Still there if the job had been aborted.
    REFUSAL.set(None);
}

/// A job's scheduler.
struct Submit(Arc<Home>);

impl Schedule for Submit {
    fn schedule(&self, job: Notified) {
        let pool = &self.0.shared.blocking;
        pool.submit(&self.0.shared, pool.next_shard(), job);
    }

    fn release(&self, job: &Header) -> bool {
        let released = self.0.shared.blocking.jobs.remove(job);
        // The waiting task has been woken before: the clock sees it.
        release_clock(&self.0.shared);
        released
    }
}
