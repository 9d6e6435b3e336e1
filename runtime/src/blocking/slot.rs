//! One place for a thread of the pool: its sleep, and what it runs.
//!
//! ```text
//!           occupy              prepare              wake
//!   Vacant --------> Awake --------------> Idle -----------> Notified
//!     ^                ^                    |                    |
//!     |                +--------------------|--------------------+ wait returns true
//!     +-------------------------------------+ wait times out: false
//! ```
//!
//! The lock is the thread's own: besides the thread only the one who took the slot off the stack of
//! sleepers comes here, and that is one at a time. `Vacant` is decided under it, so a job is either
//! given to a thread that will look, or to nobody, and the giver knows.

use std::panic::Location;
use std::thread;
use std::time::{Duration, Instant};

use crate::loom::atomic::AtomicUsize;
use crate::loom::{Condvar, Mutex};
use crate::metrics::Counter;
use crate::time::clock;

/// A place for one thread, used again by the next one after the thread has ended.
#[derive(Debug, Default)]
pub(super) struct Slot {
    wait: Mutex<Wait>,
    woken: Condvar,
    /// The slot below on the stack of sleepers, as index + 1; 0 for none. Written by the slot's thread
    /// before it pushes the slot, read by whoever pops it.
    pub(super) below: AtomicUsize,
    /// Jobs that the threads of this slot are done with; the thread writes it.
    pub(super) done: Counter,
    /// The thread, and for a moment the one before it, which ends. A thread is started under this lock.
    pub(super) threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Wait {
    state: State,
    /// Where the job that runs was spawned; kept until the thread is idle.
    running: Option<&'static Location<'static>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    /// No thread: never started, or ended after its keep-alive time.
    #[default]
    Vacant,
    /// Runs jobs or looks for one.
    Awake,
    /// On the stack of sleepers.
    Idle,
    /// Told to look for a job; off the stack.
    Notified,
}

impl Slot {
    /// A thread is about to start here.
    pub(super) fn occupy(&self) {
        self.wait.lock().state = State::Awake;
    }

    /// The thread could not be started.
    pub(super) fn vacate(&self) {
        self.wait.lock().state = State::Vacant;
    }

    /// The thread begins a job.
    pub(super) fn begin(&self, location: &'static Location<'static>) {
        self.wait.lock().running = Some(location);
    }

    /// The thread is about to push the slot onto the stack of sleepers.
    pub(super) fn prepare(&self) {
        *self.wait.lock() = Wait {
            state: State::Idle,
            running: None,
        };
    }

    /// Sleeps until woken, at most `limit`. False if nobody came: the slot is vacant now, though still
    /// on the stack, and belongs to whoever takes it from there.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let deadline = clock::add(Instant::now(), limit);
        let mut wait = self.wait.lock();
        loop {
            if wait.state == State::Notified {
                wait.state = State::Awake;
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                wait.state = State::Vacant;
                return false;
            }
            wait = self.woken.wait_timeout(wait, left);
        }
    }

    /// Wakes the thread of a slot that the caller took off the stack. False if the slot is vacant.
    pub(super) fn wake(&self) -> bool {
        let mut wait = self.wait.lock();
        if wait.state == State::Vacant {
            return false;
        }
        wait.state = State::Notified;
        drop(wait);
        self.woken.notify_one();
        true
    }

    /// Whether a thread sleeps here.
    pub(super) fn is_idle(&self) -> bool {
        self.wait.lock().state == State::Idle
    }

    /// Where the job was spawned that runs here.
    pub(super) fn running(&self) -> Option<&'static Location<'static>> {
        self.wait.lock().running
    }
}
