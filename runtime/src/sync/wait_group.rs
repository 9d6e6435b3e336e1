//! Waits for work to be done: a count and a [`Notify`].

use std::fmt;
use std::sync::Arc;

use super::Notify;
use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed};

/// Go's `sync.WaitGroup`: a count of work that is not done, and a way to wait until it is zero. Clones share
/// the count.
///
/// A [`Worker`] counts one while it lives, so that a task that panics or is aborted is done too; with
/// [`add`](Self::add) and [`done`](Self::done) the caller counts.
///
/// To wait for the results of tasks, or to stop them, use their [`JoinHandle`](crate::JoinHandle)s.
///
/// ```
/// use ringspun_runtime::sync::WaitGroup;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let group = WaitGroup::new();
/// for request in 0..10 {
///     let worker = group.worker();
///     ringspun_runtime::spawn(async move {
///         // ... serve `request` ...
/// #       let _ = request;
///         drop(worker);
///     });
/// }
/// group.wait().await;
/// assert_eq!(group.count(), 0);
/// # });
/// ```
#[derive(Clone, Default)]
pub struct WaitGroup {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    count: AtomicUsize,
    zero: Notify,
}

impl WaitGroup {
    /// One with nothing to wait for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one until the token is dropped.
    pub fn worker(&self) -> Worker {
        self.add(1);
        Worker {
            group: self.clone(),
        }
    }

    /// Counts `n` more.
    ///
    /// As in Go, count before the work begins, not in the task that does it: a [`wait`](Self::wait) that comes
    /// first finds nothing to wait for.
    ///
    /// # Panics
    ///
    /// If the count is more than `isize::MAX` then.
    pub fn add(&self, n: usize) {
        let more = |count: usize| {
            count
                .checked_add(n)
                .filter(|&sum| sum <= isize::MAX as usize)
        };
        // Relaxed: who counts hands the work over by other means.
        let added = self.shared.count.fetch_update(Relaxed, Relaxed, more);
        assert!(added.is_ok(), "too much work in a WaitGroup");
    }

    /// Counts one less. Zero ends all waits.
    ///
    /// # Panics
    ///
    /// If the count is zero already.
    pub fn done(&self) {
        // AcqRel: who finds zero sees what all have done.
        let less = |count: usize| count.checked_sub(1);
        match self.shared.count.fetch_update(AcqRel, Relaxed, less) {
            Ok(1) => self.shared.zero.notify_waiters(),
            Ok(_) => {}
            Err(_) => panic!("WaitGroup::done called more often than its work was added"),
        }
    }

    /// Waits until the count is zero, or has been since it began to wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the wait, nothing else.
    pub async fn wait(&self) {
        let round = self.shared.zero.round();
        let zero = || (self.count() == 0 || self.shared.zero.round() != round).then_some(());
        self.shared.zero.until(zero).await;
    }

    /// Work that is not done.
    pub fn count(&self) -> usize {
        self.shared.count.load(Acquire)
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup")
            .field("count", &self.count())
            .finish()
    }
}

/// One piece of work of a [`WaitGroup`]. Dropping it says that the work is done.
#[derive(Debug)]
#[must_use = "dropping the token says that the work is done"]
pub struct Worker {
    group: WaitGroup,
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.group.done();
    }
}
