//! Cleanups that run though nobody waits for them.
//!
//! ```text
//!   work --- registers cleanups ---> Rollback --- commit ---> nothing happens
//!                                       | dropped, or start
//!                                       v
//!                      a task of the janitor's: the last cleanup first, one after another
//!                                       | each: attempt, pause, attempt ... done or given up
//!                                       v
//!                               RollbackHandle::join, Janitor::drain
//! ```
//!
//! A rollback that begins gets a task of its own, spawned by the janitor's handle of the runtime: not by the
//! thread where the guard is dropped, which need not be in a runtime, and outside of the scope of the
//! requester, so that neither its deadline nor its cancellation reaches the cleanups.
//!
//! **Single flight.** `flights` has the keys whose cleanup is under way. Whoever finds its key there waits
//! for that flight. Nobody holds a flight while he waits for another, so they cannot block each other.
//!
//! **Idle** is a janitor with no guard armed and no rollback running. A guard that is dropped first counts
//! its rollback, then itself out. Who drains waits for a token that the last one cancels.

mod cleanup;
mod retry;
mod rollback;
mod running;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Instant;

use slab::Slab;

use self::cleanup::Cleanup;
use self::rollback::Ending;
use self::running::Running;
use super::CancelToken;
use crate::handle::Handle;
use crate::loom::Mutex;
use crate::rng::Rng;
use crate::time;

pub use self::cleanup::CleanupError;
pub use self::retry::Retry;
pub use self::rollback::{Rollback, RollbackError, RollbackHandle};

/// Undoes what failed or cancelled work has left behind. Clones are the same janitor.
///
/// Work registers cleanups as it goes; when it is done it commits. If it does not come to that, because it
/// failed, panicked, was cancelled or timed out, the cleanups run in reverse order on tasks of the janitor's,
/// and each is tried again, with a growing pause, until it succeeds or is given up.
///
/// A destructor cannot wait. What has to be ended asynchronously holds a [`guard`](Self::guard): dropped,
/// it leaves the ending to the janitor.
///
/// ```
/// use ringspun_runtime::scope::{Janitor, Rollback};
/// # use std::sync::{Arc, atomic::{AtomicBool, Ordering::SeqCst}};
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
///
/// /// A session that says goodbye, however it ends.
/// struct Session {
///     _goodbye: Rollback,
/// }
///
/// let said = Arc::new(AtomicBool::new(false));
/// let janitor = Janitor::new();
/// let session = Session {
///     _goodbye: janitor.guard({
///         let said = said.clone();
///         move || {
///             let said = said.clone();
///             async move {
///                 // Here it would write to the peer.
///                 said.store(true, SeqCst);
///                 Ok::<_, std::io::Error>(())
///             }
///         }
///     }),
/// };
/// drop(session);
/// let deadline = ringspun_runtime::time::now() + std::time::Duration::from_secs(10);
/// janitor.drain(deadline).await.unwrap();
/// assert!(said.load(SeqCst));
/// # });
/// ```
#[derive(Clone)]
pub struct Janitor {
    shared: Arc<Shared>,
}

struct Shared {
    handle: Handle,
    retry: Retry,
    state: Mutex<State>,
}

struct State {
    /// Guards that hold cleanups, or may.
    armed: usize,
    /// What each rollback that runs has still to do, in the order of registration.
    running: Slab<Vec<CleanupError>>,
    /// Keys whose cleanup is under way.
    flights: HashMap<Arc<str>, Arc<Ending>>,
    /// Cancelled when the janitor becomes idle, if anybody waits for that.
    idle: Option<CancelToken>,
    rng: Rng,
}

impl Janitor {
    /// A janitor of the current runtime with the default [`Retry`].
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[expect(
        clippy::new_without_default,
        reason = "it depends on the current runtime"
    )]
    pub fn new() -> Self {
        Self::with_retry(Retry::new())
    }

    /// A janitor of the current runtime.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    pub fn with_retry(retry: Retry) -> Self {
        let state = State {
            armed: 0,
            running: Slab::new(),
            flights: HashMap::new(),
            idle: None,
            rng: Rng::new(RandomState::new().hash_one(0)),
        };
        Self {
            shared: Arc::new(Shared {
                handle: Handle::current(),
                retry,
                state: Mutex::new(state),
            }),
        }
    }

    /// A guard without cleanups: [`add`](Rollback::add) them as the work goes on.
    ///
    /// ```
    /// # use ringspun_runtime::scope::Janitor;
    /// # use std::convert::Infallible;
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// let janitor = Janitor::new();
    /// let mut rollback = janitor.rollback();
    /// // ... reserve a seat
    /// rollback.add_keyed("seat 17", || async { Ok::<_, Infallible>(()) });
    /// // ... take the money; this one would be undone first
    /// rollback.add_keyed("payment 4711", || async { Ok::<_, Infallible>(()) });
    /// // ... both done
    /// rollback.commit();
    /// # });
    /// ```
    pub fn rollback(&self) -> Rollback {
        Rollback::new(self.shared.clone())
    }

    /// A guard with one cleanup.
    #[track_caller]
    pub fn guard<F, C, E>(&self, cleanup: F) -> Rollback
    where
        F: FnMut() -> C + Send + 'static,
        C: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let mut rollback = self.rollback();
        rollback.add(cleanup);
        rollback
    }

    /// A guard with one cleanup of the thing that `key` names. See [`Rollback::add_keyed`].
    pub fn guard_keyed<F, C, E>(&self, key: impl Into<Arc<str>>, cleanup: F) -> Rollback
    where
        F: FnMut() -> C + Send + 'static,
        C: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        let mut rollback = self.rollback();
        rollback.add_keyed(key, cleanup);
        rollback
    }

    /// Waits until no guard is left and all cleanups are done or given up: at a shutdown, after the work
    /// was stopped and before the runtime ends.
    ///
    /// # Errors
    ///
    /// [`Undone`] at `deadline`: what is left. It goes on.
    ///
    /// # Cancel safety
    ///
    /// Call it again.
    pub async fn drain(&self, deadline: Instant) -> Result<(), Undone> {
        while let Some(idle) = self.shared.wait_idle() {
            if time::timeout_at(deadline, idle.cancelled()).await.is_err() {
                return self.undone();
            }
        }
        Ok(())
    }

    fn undone(&self) -> Result<(), Undone> {
        let state = self.shared.state.lock();
        if state.is_idle() {
            return Ok(());
        }
        Err(Undone {
            armed: state.armed,
            cleanups: state
                .running
                .iter()
                .flat_map(|(_, left)| left.iter().rev().cloned())
                .collect(),
        })
    }
}

impl Shared {
    fn arm(&self) {
        self.state.lock().armed += 1;
    }

    fn disarm(&self) {
        self.change(|state| state.armed -= 1);
    }

    /// Changes the state; tells those who wait if the janitor is idle then.
    fn change<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = f(&mut state);
        let idle = if state.is_idle() {
            state.idle.take()
        } else {
            None
        };
        drop(state);
        if let Some(idle) = idle {
            idle.cancel();
        }
        result
    }

    /// What is cancelled when the janitor is idle; `None` if it is.
    fn wait_idle(&self) -> Option<CancelToken> {
        let mut state = self.state.lock();
        if state.is_idle() {
            return None;
        }
        Some(state.idle.get_or_insert_default().clone())
    }

    /// Runs `cleanups`, the last one first, on a task of their own.
    fn start(self: &Arc<Self>, cleanups: Vec<Cleanup>, ending: Arc<Ending>) {
        let left = cleanups
            .iter()
            .map(|cleanup| CleanupError::undone(cleanup.name.clone()))
            .collect();
        let id = self.state.lock().running.insert(left);
        let running = Running::new(self.clone(), id, ending);
        // Its handle is dropped: the task goes on.
        drop(self.handle.spawn(running.run(cleanups)));
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.armed == 0 && self.running.is_empty()
    }
}

impl fmt::Debug for Janitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Janitor")
            .field("armed", &state.armed)
            .field("running", &state.running.len())
            .finish_non_exhaustive()
    }
}

/// What a janitor had not done at the deadline of [`Janitor::drain`].
#[derive(Debug, Clone)]
pub struct Undone {
    armed: usize,
    cleanups: Vec<CleanupError>,
}

impl Undone {
    /// Guards that were held: their work went on.
    pub fn armed(&self) -> usize {
        self.armed
    }

    /// Cleanups under way, and those behind them.
    pub fn cleanups(&self) -> &[CleanupError] {
        &self.cleanups
    }
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} guards held, {} cleanups not done",
            self.armed,
            self.cleanups.len()
        )?;
        self.cleanups
            .iter()
            .try_for_each(|cleanup| write!(f, "; {cleanup}"))
    }
}

impl Error for Undone {}
