//! Tasks whose futures stay on their thread.

use std::future::Future;
use std::panic::Location;

use crate::context;
use crate::task::JoinHandle;

/// Spawns a task that stays on this worker thread: its future need not be `Send`.
///
/// It begins soon, is polled and dropped on this thread only, and is never stolen. That has a price: while
/// a task of this thread blocks or computes for long, its local tasks wait, also after the core was handed
/// to another thread, since they do not move with it; how often that happened is in
/// [`Metrics::local_stalls`](crate::Metrics::local_stalls). When the thread is back it gets its core again,
/// unless the other thread has local tasks by then, too; until then it runs its local tasks beside the
/// core's.
///
/// The [`JoinHandle`] can go to other threads if the output can.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// # ringspun_runtime::Builder::new().cores(2).build().unwrap().block_on(async {
/// // From outside, a task that can be sent comes first.
/// let sum = ringspun_runtime::spawn(async {
///     let sum = Rc::new(Cell::new(0));
///     let mine = sum.clone();
///     let adder = ringspun_runtime::spawn_local(async move {
///         ringspun_runtime::task::yield_now().await;
///         mine.set(mine.get() + 1);
///     });
///     drop(adder);
///     sum.get()
/// });
/// assert_eq!(sum.await.unwrap(), 0);
/// # });
/// ```
///
/// The future of [`spawn`](crate::spawn) must be `Send`:
///
/// ```compile_fail,E0277
/// let not_send = std::rc::Rc::new(1);
/// ringspun_runtime::spawn(async move {
///     ringspun_runtime::task::yield_now().await;
///     drop(not_send);
/// });
/// ```
///
/// and so must its output be, as that of [`Handle::spawn_on`](crate::Handle::spawn_on):
///
/// ```compile_fail,E0277
/// ringspun_runtime::spawn(async { std::rc::Rc::new(1) });
/// ```
///
/// ```compile_fail,E0277
/// # fn test(handle: ringspun_runtime::Handle) {
/// let not_send = std::rc::Rc::new(1);
/// handle.spawn_on(0, async move { drop(not_send) });
/// # }
/// ```
///
/// A handle does not carry an output to another thread that cannot go there:
///
/// ```compile_fail,E0277
/// let handle = ringspun_runtime::spawn_local(async { std::rc::Rc::new(1) });
/// std::thread::spawn(move || drop(handle));
/// ```
///
/// # Panics
///
/// Outside a task: on a thread that is no worker, such as the one that calls
/// [`block_on`](crate::Runtime::block_on).
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match context::spawn_local(future, Location::caller()) {
        Ok(handle) => handle,
        Err(_) => panic!(
            "spawn_local outside a task: a local task belongs to a worker's thread, so call it inside \
             one: spawn(async {{ spawn_local(..) }})"
        ),
    }
}
