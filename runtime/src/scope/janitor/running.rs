//! A rollback that runs: what its task does.

use std::collections::hash_map::Entry;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::cleanup::{Cleanup, CleanupError, Name};
use super::rollback::Ending;
use crate::time;

/// Dropped at the end of the rollback, also when the runtime ends before.
pub(super) struct Running {
    janitor: Arc<Shared>,
    /// Its key in the janitor's list of what is left to do.
    id: usize,
    ending: Arc<Ending>,
    failures: Vec<CleanupError>,
}

impl Running {
    pub(super) fn new(janitor: Arc<Shared>, id: usize, ending: Arc<Ending>) -> Self {
        Self {
            janitor,
            id,
            ending,
            failures: Vec::new(),
        }
    }

    pub(super) async fn run(mut self, mut cleanups: Vec<Cleanup>) {
        while let Some(mut cleanup) = cleanups.pop() {
            if let Err(failures) = self.clean(&mut cleanup).await {
                self.failures.extend(failures);
            }
            self.janitor.state.lock().running[self.id].pop();
        }
    }

    /// Does a cleanup, or waits for the one of the same key.
    async fn clean(&self, cleanup: &mut Cleanup) -> Result<(), Vec<CleanupError>> {
        let Name::Key(key) = cleanup.name.clone() else {
            return self.attempts(cleanup).await;
        };
        match Flight::board(&self.janitor, key) {
            Ok(flight) => {
                let result = self.attempts(cleanup).await;
                flight.land(result.clone());
                result
            }
            Err(under_way) => under_way.wait().await,
        }
    }

    /// Tries until it succeeds or is given up.
    async fn attempts(&self, cleanup: &mut Cleanup) -> Result<(), Vec<CleanupError>> {
        loop {
            let Err(error) = cleanup.attempt().await else {
                return Ok(());
            };
            let (failure, pause) = self.note(error);
            let Some(pause) = pause else {
                tracing::warn!(cleanup = %failure, "a cleanup is given up");
                return Err(vec![failure]);
            };
            time::sleep(pause).await;
        }
    }

    /// An attempt has failed: what is known now, and how long to wait before the next.
    fn note(&self, error: String) -> (CleanupError, Option<Duration>) {
        let state = &mut *self.janitor.state.lock();
        let left = &mut state.running[self.id];
        let cleanup = left.last_mut().expect("the one that is being tried");
        cleanup.attempts += 1;
        cleanup.error = Some(error);
        let pause = self.janitor.retry.pause(cleanup.attempts, &mut state.rng);
        (cleanup.clone(), pause)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let left = self.janitor.change(|state| state.running.remove(self.id));
        let mut failures = mem::take(&mut self.failures);
        // Something is left if the runtime has ended.
        failures.extend(left.into_iter().rev());
        self.ending.set(failures);
    }
}

/// Held by the one that does the cleanup of a key. The flight is over when it is dropped.
struct Flight {
    janitor: Arc<Shared>,
    key: Arc<str>,
    ending: Arc<Ending>,
    result: Result<(), Vec<CleanupError>>,
}

impl Flight {
    /// Begins the flight of a key; or the one under way.
    fn board(janitor: &Arc<Shared>, key: Arc<str>) -> Result<Self, Arc<Ending>> {
        match janitor.state.lock().flights.entry(key.clone()) {
            Entry::Occupied(under_way) => Err(under_way.get().clone()),
            Entry::Vacant(place) => {
                let undone = CleanupError::undone(Name::Key(key.clone()));
                Ok(Self {
                    janitor: janitor.clone(),
                    key,
                    ending: place.insert(Arc::default()).clone(),
                    // Stands if the runtime ends before.
                    result: Err(vec![undone]),
                })
            }
        }
    }

    fn land(mut self, result: Result<(), Vec<CleanupError>>) {
        self.result = result;
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.janitor.state.lock().flights.remove(&self.key);
        let result = mem::replace(&mut self.result, Ok(()));
        self.ending.set(result.err().unwrap_or_default());
    }
}
