//! Blocking inside a task, announced.

use crate::context;

/// Runs `f`, which may block, on this thread, and lets another thread have this thread's core at once:
/// the other tasks of the core go on meanwhile.
///
/// For short or rare blocking work inside a task that cannot be moved to another thread. The task itself
/// goes on here when `f` is done, and its thread joins the spares at the task's next await. A blocking call
/// that nobody announces is found out after about a millisecond; this saves the millisecond.
///
/// Outside a task, where no spare thread is left, and under a test clock it runs `f` and does nothing else.
///
/// ```
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let task = ringspun_runtime::spawn(async {
///     ringspun_runtime::block_in_place(|| {
///         std::thread::sleep(std::time::Duration::from_millis(1));
///         42
///     })
/// });
/// assert_eq!(task.await.unwrap(), 42);
/// # });
/// ```
///
/// # Panics
///
/// With `f`.
pub fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    context::hand_off();
    f()
}
