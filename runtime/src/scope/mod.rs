//! How work ends together: cancellation, deadlines, groups of tasks, cleanups.
//!
//! ```text
//!   CancelToken --- child --- child with a deadline      who is to stop, and why
//!        |                         |
//!        | run                     | scope::timeout        what stops: the future is dropped
//!        v                         v
//!   TaskGroup: tasks below one token, joined before it ends
//!        |
//!        v  dropped without `commit`
//!   Janitor: cleanups that run though nobody waits for them
//! ```
//!
//! - [`CancelToken`] is the tree. Cancelling is cooperative: it ends what [runs](CancelToken::run) under the
//!   token at its next await point, wakes who [waits](CancelToken::cancelled) for it, and calls
//!   [functions](CancelToken::on_cancel).
//! - [`timeout`] and [`deadline`] give a future a time, and all that it awaits inherits it: the current
//!   token is a value of the task.
//! - [`TaskGroup`] is structured concurrency: tasks that do not outlive the group.
//! - [`Janitor`] is the home of asynchronous destructors.
//!
//! Nothing here borrows from the parent: a task may outlive any borrow, since a future can be leaked
//! instead of dropped, so a borrowing async scope is unsound.

mod cancel;
mod cancelled;
mod cause;
mod current;
mod drop_guard;
mod group;
mod janitor;
mod lazy;
mod listener;
mod listeners;
#[cfg(all(test, loom))]
mod loom_cancel;
mod on_cancel;
mod run;
mod tree;

pub use self::cancel::CancelToken;
pub use self::cancelled::Cancelled;
pub use self::cause::Cause;
pub use self::current::InScope;
pub use self::drop_guard::DropGuard;
pub use self::group::{GroupError, Spawn, TaskGroup};
pub use self::janitor::{
    CleanupError, Janitor, Retry, Rollback, RollbackError, RollbackHandle, Undone,
};
pub use self::lazy::LazyScope;
pub use self::on_cancel::OnCancel;
pub use self::run::{Run, deadline, timeout};
