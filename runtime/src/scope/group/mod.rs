//! Tasks that do not outlive their group.
//!
//! ```text
//!   TaskGroup ---- Members { children: key -> join handle, ended: keys, running, waiter }
//!       |                         ^
//!       | spawn                   | Ended: the last field of a child to be dropped
//!       v                         |
//!   a task { Child { Run<InScope<future>>, Ended } }
//! ```
//!
//! - A child's future runs under the group's token: a cancelled child is one whose future has been dropped
//!   at its await point.
//! - `Ended` is dropped after that future, however it ends: it takes the child off `running`, puts its key
//!   among the ended ones and wakes the parent. Only then, if the child failed, it cancels the token: so the
//!   first to fail comes before those that are cancelled for it.
//! - The parent then waits for the join handle, which has the output. So "joined" means that the future is
//!   gone.
//! - With `discard` a child that did not fail takes its own handle out: nothing is left of it.

mod child;
mod error;
mod members;
mod spawn;

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use self::child::Child;
use self::members::{Member, Members};
use super::{CancelToken, Cause};
use crate::contain::catch;
use crate::handle::NoRuntime;
use crate::task::JoinError;
use crate::{budget, context};

pub use self::error::GroupError;
pub use self::spawn::Spawn;

/// A group of tasks, its *children*, which are joined or cancelled before it ends.
///
/// Each child sees the group's [token](Self::token) as the current one; it is a child of the token that is
/// current where the group is made, so deadlines and cancellation reach the children.
///
/// - [`TaskGroup::new`] is for children that succeed together: the first that returns an error or panics
///   cancels the others.
/// - [`TaskGroup::supervisor`] is for children that do not depend on each other.
/// - [`TaskGroup::run`] is the safest form: it does not return before all children have ended.
///
/// A cancelled child is dropped at the await point where it is. Children are `'static`: they cannot borrow
/// from the parent.
///
/// # Dropping
///
/// Cancels all children. A destructor cannot wait: they end soon after, each at its next await point. To
/// wait for that use [`run`](Self::run) or [`shutdown`](Self::shutdown).
///
/// ```
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// use ringspun_runtime::scope::TaskGroup;
///
/// let mut group = TaskGroup::new().limit(8);
/// for n in 1..=3_u32 {
///     group.spawn(async move { n.checked_mul(n).ok_or("too large") }).await;
/// }
/// assert_eq!(group.try_join_all().await.unwrap(), [1, 4, 9]);
/// # });
/// ```
pub struct TaskGroup<T> {
    token: CancelToken,
    members: Arc<Members<T>>,
    limit: usize,
    /// How many children there have been.
    spawned: u64,
    /// Taken from the ended ones; its output is there at once, or in a moment.
    joining: Option<Member<T>>,
    /// What a call to join all has gathered, in the order of ends: it may be dropped before it is done.
    gathered: VecDeque<(u64, Result<T, JoinError>)>,
}

impl<T, E> TaskGroup<Result<T, E>>
where
    T: Send + 'static,
    E: Send + 'static,
{
    /// A group whose first failure, an error or a panic, cancels the other children.
    #[expect(
        clippy::new_without_default,
        reason = "it depends on the current token"
    )]
    pub fn new() -> Self {
        Self::with(Some(Result::is_err))
    }

    /// Joins all children: their values in the order of spawning. On a failure all others are cancelled
    /// (not those of a [supervisor](Self::supervisor)), and joined too.
    ///
    /// # Errors
    ///
    /// The first failure, in time; else that children were cancelled.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: call it again.
    pub async fn try_join_all(&mut self) -> Result<Vec<T>, GroupError<E>> {
        self.gather().await;
        let gathered = mem::take(&mut self.gathered);
        let mut values = Vec::with_capacity(gathered.len());
        let mut failure = None;
        for (number, result) in gathered {
            match self.outcome(result) {
                Ok(value) => values.push((number, value)),
                Err(error) => error.keep_first(&mut failure),
            }
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(in_order(values)),
        }
    }

    /// Runs `body` with a new group, and returns when it and all children have ended.
    ///
    /// A failure of a child cancels the other children and the body; a failure of the body, a panic too,
    /// cancels the children. Values of children that the body has not joined are dropped.
    ///
    /// ```
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// use ringspun_runtime::{scope::{GroupError, TaskGroup}, time};
    /// use std::time::Duration;
    ///
    /// let result = TaskGroup::run(async |group| {
    ///     group.spawn(async { Err::<(), _>("no disk") }).await;
    ///     time::sleep(Duration::MAX).await;
    ///     Ok(())
    /// });
    /// assert!(matches!(result.await, Err(GroupError::Failed("no disk"))));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// The body's error, or the first failure of a child that the body has not joined, or that the group
    /// was cancelled.
    ///
    /// # Panics
    ///
    /// If the body panics, after all children have ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the body and cancels the children, without waiting for them.
    pub async fn run<R, F>(body: F) -> Result<R, GroupError<E>>
    where
        F: AsyncFnOnce(&mut Self) -> Result<R, E>,
    {
        let mut group = Self::new();
        let token = group.token.clone();
        let ended = catch(token.run(token.scope(body(&mut group)))).await;
        if !matches!(ended, Ok(Ok(Ok(_)))) {
            token.cancel_for(Cause::error("the group's body has failed".into()));
        }
        let failure = group.first_failure().await;
        match ended {
            Ok(Ok(Ok(value))) => failure.map_or(Ok(value), Err),
            Ok(Ok(Err(error))) => Err(GroupError::Failed(error)),
            Ok(Err(cause)) => Err(failure.unwrap_or(GroupError::Cancelled(cause))),
            Err(payload) => resume_unwind(payload),
        }
    }

    /// Joins all children; the first that failed.
    async fn first_failure(&mut self) -> Option<GroupError<E>> {
        let mut failure = None;
        while let Some((_, result)) = poll_fn(|cx| self.poll_next(cx)).await {
            match self.outcome(result) {
                Ok(_) | Err(GroupError::Cancelled(_)) => {}
                Err(error) => error.keep_first(&mut failure),
            }
        }
        failure
    }

    fn outcome(&self, result: Result<Result<T, E>, JoinError>) -> Result<T, GroupError<E>> {
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(GroupError::Failed(error)),
            Err(error) if error.is_panic() => Err(GroupError::Panicked(error)),
            // Nobody cancels a child alone: without the token it was the end of the runtime.
            Err(_) => Err(GroupError::Cancelled(
                self.token.cause().unwrap_or_else(Cause::shutdown),
            )),
        }
    }
}

impl<T: Send + 'static> TaskGroup<T> {
    /// A group whose children do not depend on each other: neither an error nor a panic of one touches the
    /// others.
    pub fn supervisor() -> Self {
        Self::with(None)
    }

    fn with(fails: Option<fn(&T) -> bool>) -> Self {
        Self {
            token: CancelToken::current().child(),
            members: Arc::new(Members::new(fails)),
            limit: usize::MAX,
            spawned: 0,
            joining: None,
            gathered: VecDeque::new(),
        }
    }

    /// Lets at most `limit` children run at a time: [`spawn`](Self::spawn) waits for room.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.set_limit(limit);
        self
    }

    /// As [`limit`](Self::limit), also while children run; those that are too many go on.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub fn set_limit(&mut self, limit: usize) {
        assert!(limit > 0, "a group of no children");
        self.limit = limit;
    }

    /// Drops what children return, as they end, so that a group that lives for ever keeps nothing of them.
    /// Failures that cancel the others are kept.
    #[must_use]
    pub fn discard(mut self) -> Self {
        self.set_discard();
        self
    }

    /// As [`discard`](Self::discard), for children that end from now on.
    pub fn set_discard(&mut self) {
        self.members.set_discard();
    }

    /// The children's token.
    pub fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Cancels all children, and those that are spawned from now on.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// How many children run.
    pub fn running(&self) -> usize {
        self.members.running()
    }

    /// How many children run or have ended and were not joined.
    pub fn len(&self) -> usize {
        self.members.len() + usize::from(self.joining.is_some()) + self.gathered.len()
    }

    /// Whether there is no child to be joined.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Spawns a child, when there is room for it: without a [limit](Self::limit) at once.
    ///
    /// A child of a group that is cancelled is not begun.
    ///
    /// # Panics
    ///
    /// When polled outside a runtime.
    ///
    /// # Cancel safety
    ///
    /// If the returned future is dropped before it is ready, so is the child, unbegun.
    #[track_caller]
    pub fn spawn<F>(&mut self, future: F) -> Spawn<'_, T, F>
    where
        F: Future<Output = T> + Send + 'static,
    {
        Spawn::new(self, future, None, Location::caller())
    }

    /// As [`spawn`](Self::spawn), beginning on core `core`. See [`Handle::spawn_on`](crate::Handle::spawn_on).
    ///
    /// # Panics
    ///
    /// When polled outside a runtime, or if it has no such core.
    #[track_caller]
    pub fn spawn_on<F>(&mut self, core: usize, future: F) -> Spawn<'_, T, F>
    where
        F: Future<Output = T> + Send + 'static,
    {
        Spawn::new(self, future, Some(core), Location::caller())
    }

    /// Waits for the next child to end; `None` if there is none.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        let (_, result) = poll_fn(|cx| self.poll_next(cx)).await?;
        Some(result)
    }

    /// Waits for all children: what became of them, in the order of spawning.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost: call it again.
    pub async fn join_all(&mut self) -> Vec<Result<T, JoinError>> {
        self.gather().await;
        in_order(mem::take(&mut self.gathered).into())
    }

    /// Cancels all children and waits until they have ended.
    ///
    /// # Cancel safety
    ///
    /// If dropped, the children are cancelled all the same.
    pub async fn shutdown(&mut self) {
        self.cancel();
        while self.join_next().await.is_some() {}
    }

    /// Moves all results to `gathered`.
    async fn gather(&mut self) {
        while let Some(result) = poll_fn(|cx| self.poll_child(cx)).await {
            self.gathered.push_back(result);
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<(u64, Result<T, JoinError>)>> {
        match self.gathered.pop_front() {
            Some(result) => Poll::Ready(Some(result)),
            None => self.poll_child(cx),
        }
    }

    fn poll_child(&mut self, cx: &mut Context<'_>) -> Poll<Option<(u64, Result<T, JoinError>)>> {
        if self.joining.is_none() {
            let proceed = ready!(budget::poll_proceed_quick(cx));
            self.joining = ready!(self.members.poll_ended(cx));
            proceed.made_progress();
        }
        let Some(Member { number, handle }) = &mut self.joining else {
            return Poll::Ready(None);
        };
        let handle = handle.as_mut().expect("spawned by this group's owner");
        let result = match ready!(Pin::new(&mut *handle).poll(cx)) {
            Ok(Some(output)) => Ok(output),
            Ok(None) => Err(JoinError::cancelled(handle.id())),
            Err(error) => Err(error),
        };
        let number = *number;
        self.joining = None;
        Poll::Ready(Some((number, result)))
    }

    fn start<F>(&mut self, future: F, core: Option<usize>, location: &'static Location<'static>)
    where
        F: Future<Output = T> + Send + 'static,
    {
        context::with_handle(|handle| {
            let Some(handle) = handle else {
                panic!("{}", NoRuntime(()));
            };
            if let Some(core) = core {
                handle.shared().remote(core);
            }
            let key = self.members.admit(self.spawned);
            self.spawned += 1;
            let child = Child::new(&self.token, &self.members, key, future);
            let handle = handle.home().spawn(child, core, location);
            self.members.keep(key, handle);
        });
    }
}

impl<T> Drop for TaskGroup<T> {
    fn drop(&mut self) {
        self.token.cancel();
    }
}

impl<T> fmt::Debug for TaskGroup<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskGroup")
            .field("running", &self.members.running())
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

fn in_order<R>(mut results: Vec<(u64, R)>) -> Vec<R> {
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}
