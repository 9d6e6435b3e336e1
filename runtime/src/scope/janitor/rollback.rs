//! The guard that holds cleanups while the work goes on.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use super::Shared;
use super::cleanup::{Cleanup, CleanupError, Name};
use crate::scope::CancelToken;

/// Cleanups that run, the last one first, unless the work says [`commit`](Self::commit). Made by
/// [`Janitor::rollback`](super::Janitor::rollback).
///
/// # Dropping
///
/// Without `commit` it starts the cleanups on a task of the janitor's, and does not wait for them: so they
/// run also if the task that held it was cancelled, panicked or is gone.
#[must_use = "dropping it runs the cleanups: it has to live as long as the work"]
pub struct Rollback {
    janitor: Arc<Shared>,
    cleanups: Vec<Cleanup>,
}

impl Rollback {
    pub(super) fn new(janitor: Arc<Shared>) -> Self {
        janitor.arm();
        Self {
            janitor,
            cleanups: Vec::new(),
        }
    }

    /// Registers a cleanup. It is called for each attempt.
    #[track_caller]
    pub fn add<F, C, E>(&mut self, cleanup: F)
    where
        F: FnMut() -> C + Send + 'static,
        C: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let name = Name::At(Location::caller());
        self.cleanups.push(Cleanup::new(name, cleanup));
    }

    /// Registers a cleanup of the thing that `key` names. While one of that key is under way, in this or any
    /// other rollback of the janitor, no other is begun: this one joins it, and ends as it does.
    pub fn add_keyed<F, C, E>(&mut self, key: impl Into<Arc<str>>, cleanup: F)
    where
        F: FnMut() -> C + Send + 'static,
        C: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let name = Name::Key(key.into());
        self.cleanups.push(Cleanup::new(name, cleanup));
    }

    /// The work is done: the cleanups are dropped, undone.
    pub fn commit(mut self) {
        self.cleanups.clear();
    }

    /// Runs the cleanups now. The handle waits for their end; they go on without it.
    pub fn start(mut self) -> RollbackHandle {
        let ending = Arc::new(Ending::default());
        let handle = RollbackHandle {
            ending: ending.clone(),
        };
        let cleanups = mem::take(&mut self.cleanups);
        self.janitor.start(cleanups, ending);
        handle
    }
}

impl Drop for Rollback {
    fn drop(&mut self) {
        let cleanups = mem::take(&mut self.cleanups);
        if !cleanups.is_empty() {
            self.janitor.start(cleanups, Arc::default());
        }
        // After that: in between the janitor is not idle.
        self.janitor.disarm();
    }
}

impl fmt::Debug for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rollback")
            .field("cleanups", &self.cleanups)
            .finish_non_exhaustive()
    }
}

/// Waits for cleanups. Made by [`Rollback::start`]. Dropping it leaves them going.
#[derive(Debug, Clone)]
pub struct RollbackHandle {
    ending: Arc<Ending>,
}

impl RollbackHandle {
    /// Waits until the cleanups are done, or given up.
    ///
    /// # Errors
    ///
    /// [`RollbackError`] if some were given up, or the runtime ended before they were done.
    ///
    /// # Cancel safety
    ///
    /// Call it again.
    pub async fn join(&self) -> Result<(), RollbackError> {
        let result = self.ending.wait().await;
        result.map_err(|failures| RollbackError { failures })
    }
}

/// How cleanups ended; shared by those who wait for that.
#[derive(Debug, Default)]
pub(super) struct Ending {
    failures: OnceLock<Vec<CleanupError>>,
    /// Cancelled at the end.
    ended: CancelToken,
}

impl Ending {
    pub(super) async fn wait(&self) -> Result<(), Vec<CleanupError>> {
        self.ended.cancelled().await;
        match self.failures.get().expect("set before") {
            failures if failures.is_empty() => Ok(()),
            failures => Err(failures.clone()),
        }
    }

    pub(super) fn set(&self, failures: Vec<CleanupError>) {
        self.failures.set(failures).expect("cleanups end once");
        self.ended.cancel();
    }
}

/// Cleanups that were not done.
#[derive(Debug, Clone)]
pub struct RollbackError {
    failures: Vec<CleanupError>,
}

impl RollbackError {
    /// Those that were not done, in the order in which they were tried.
    pub fn failures(&self) -> &[CleanupError] {
        &self.failures
    }
}

impl fmt::Display for RollbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cleanups were not done", self.failures.len())?;
        self.failures
            .iter()
            .try_for_each(|failure| write!(f, "; {failure}"))
    }
}

impl Error for RollbackError {}
