//! `CancelToken`, the handle to a token of the tree.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cancelled::Cancelled;
use super::cause::Cause;
use super::current::{self, InScope};
use super::drop_guard::DropGuard;
use super::on_cancel::OnCancel;
use super::run::Run;
use super::tree::Inner;
use crate::context;
use crate::time;

/// A sign that work is no longer wanted: shared by those who may give it and those who heed it.
///
/// Clones are the same token. A [`child`](Self::child) is cancelled with its parent, and may be cancelled
/// alone. Whether it is cancelled is one load; it never goes back.
///
/// A token that many tasks wait for does not slow them down: each core has its own list of those who wait.
/// Until threads meet at it the token has one list: it takes 176 bytes, a child 264.
///
/// ```
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// use ringspun_runtime::{scope::CancelToken, spawn};
///
/// let token = CancelToken::new();
/// let child = token.child();
/// let worker = spawn(async move {
///     child.cancelled().await;
///     child.cause().unwrap().to_string()
/// });
/// token.cancel_with("no longer wanted");
/// assert_eq!(worker.await.unwrap(), "cancelled: no longer wanted");
/// # });
/// ```
#[derive(Clone)]
pub struct CancelToken {
    inner: Arc<Inner>,
}

impl CancelToken {
    /// A token without a parent.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner::new(None)),
        }
    }

    /// The token of the scope that this thread polls: see [`scope`](Self::scope). Outside of any scope a new
    /// token that nobody else has.
    ///
    /// ```
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// # use ringspun_runtime::scope::CancelToken;
    /// let token = CancelToken::new();
    /// let inside = token.scope(async { CancelToken::current() }).await;
    /// token.cancel();
    /// assert!(inside.is_cancelled() && !CancelToken::current().is_cancelled());
    /// # });
    /// ```
    pub fn current() -> Self {
        current::get().unwrap_or_default()
    }

    /// A token that is cancelled when this one is, and can be cancelled alone. A child of a cancelled token
    /// is cancelled.
    ///
    /// It keeps its ancestors in memory. When its last clone is dropped its parent forgets it.
    pub fn child(&self) -> Self {
        self.make_child(self.inner.deadline())
    }

    /// A [`child`](Self::child) that is cancelled at `deadline`, or at that of its parent if this is
    /// earlier. Functions of [`on_cancel`](Self::on_cancel) run on the thread that fires the timer, between
    /// two tasks.
    ///
    /// If the runtime ends before the deadline, the token is cancelled at its end.
    ///
    /// ```
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// # use ringspun_runtime::{time, scope::CancelToken};
    /// # use std::time::Duration;
    /// let token = CancelToken::new().child_with_deadline(time::now() + Duration::from_millis(1));
    /// token.cancelled().await;
    /// assert!(token.cause().unwrap().is_deadline());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn child_with_deadline(&self, deadline: Instant) -> Self {
        let timers = context::timers();
        if self
            .inner
            .deadline()
            .is_some_and(|inherited| inherited <= deadline)
        {
            return self.child();
        }
        let child = self.make_child(Some(deadline));
        child.inner.set_timer(timers, deadline);
        child
    }

    /// As [`child_with_deadline`](Self::child_with_deadline), after `duration`.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn child_with_timeout(&self, duration: Duration) -> Self {
        self.child_with_deadline(time::after(duration))
    }

    fn make_child(&self, deadline: Option<Instant>) -> Self {
        Self {
            inner: self.inner.child(deadline),
        }
    }

    /// Cancels this token and all below it. Nothing happens if that was done before.
    ///
    /// Tasks that wait are woken, and functions of [`on_cancel`](Self::on_cancel) are called, before this
    /// returns.
    pub fn cancel(&self) {
        self.inner.cancel(Cause::unnamed());
    }

    /// As [`cancel`](Self::cancel), and says why. The first cause stays.
    pub fn cancel_with(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        if !self.is_cancelled() {
            self.inner.cancel(Cause::error(cause.into()));
        }
    }

    /// As [`cancel`](Self::cancel), for the reason of another token.
    pub(super) fn cancel_for(&self, cause: Cause) {
        self.inner.cancel(cause);
    }

    /// Whether this token is cancelled: one load.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.inner.listeners.is_closed()
    }

    /// Why this token was cancelled; `None` if it was not.
    pub fn cause(&self) -> Option<Cause> {
        self.is_cancelled().then(|| self.inner.cause())
    }

    /// When this token will be cancelled at the latest: the earliest deadline of its own and its
    /// ancestors'.
    pub fn deadline(&self) -> Option<Instant> {
        self.inner.deadline()
    }

    /// Waits until the token is cancelled. Allocates nothing.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no trace; the token stays cancelled, so nothing is missed.
    pub fn cancelled(&self) -> Cancelled<'_> {
        Cancelled::new(&self.inner)
    }

    /// Calls `f` when the token is cancelled: at once if it is, else on the thread that cancels it, or that
    /// fires the timer of its deadline. Unless the guard is dropped before: then `f` is dropped, uncalled.
    ///
    /// `f` should be short and must not block. A panic in it ends there. The order of functions is not
    /// defined.
    ///
    /// ```
    /// # use ringspun_runtime::scope::CancelToken;
    /// # use std::sync::{Arc, atomic::{AtomicU32, Ordering::SeqCst}};
    /// let token = CancelToken::new();
    /// let calls = Arc::new(AtomicU32::new(0));
    /// let count = |n| { let calls = calls.clone(); move || { calls.fetch_add(n, SeqCst); } };
    /// let guard = token.on_cancel(count(1));
    /// drop(token.on_cancel(count(10)));
    /// token.cancel();
    /// assert_eq!(calls.load(SeqCst), 1);
    /// # drop(guard);
    /// ```
    pub fn on_cancel(&self, f: impl FnOnce() + Send + 'static) -> OnCancel {
        OnCancel::new(self.inner.clone(), Box::new(f))
    }

    /// A guard that cancels the token when it is dropped.
    pub fn drop_guard(self) -> DropGuard {
        DropGuard::new(self)
    }

    /// Runs `future` until the token is cancelled; then the future is dropped.
    ///
    /// If the token is cancelled before, the future is not begun. Later, a future that is ready when it is
    /// polled wins.
    ///
    /// ```
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// # use ringspun_runtime::scope::CancelToken;
    /// let token = CancelToken::new();
    /// assert_eq!(token.run(async { 7 }).await.unwrap(), 7);
    /// token.cancel();
    /// assert!(token.run(async { 7 }).await.is_err());
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// The [`Cause`], if the token is cancelled.
    ///
    /// # Cancel safety
    ///
    /// As safe as `future`.
    pub fn run<F: Future>(&self, future: F) -> Run<F> {
        Run::new(self.inner.clone(), future)
    }

    /// Makes this the [current](Self::current) token while `future` is polled. Tasks that it spawns do not
    /// inherit the token: spawn them into a [`TaskGroup`](super::TaskGroup), or wrap them too.
    ///
    /// It does not end the future: see [`run`](Self::run). What has to go on after the token around is
    /// cancelled belongs into a task of its own.
    ///
    /// # Cancel safety
    ///
    /// As safe as `future`.
    pub fn scope<F: Future>(&self, future: F) -> InScope<F> {
        InScope::new(self.clone(), future)
    }

    /// Whether the listeners have a list for each core.
    #[cfg(all(test, loom))]
    pub(super) fn has_spread(&self) -> bool {
        self.inner.listeners.has_spread()
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl UnwindSafe for CancelToken {}
impl RefUnwindSafe for CancelToken {}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CancelToken");
        debug.field("cancelled", &self.is_cancelled());
        if let Some(cause) = self.cause() {
            debug.field("cause", &cause);
        }
        if let Some(deadline) = self.deadline() {
            debug.field("deadline", &deadline);
        }
        debug.finish_non_exhaustive()
    }
}
