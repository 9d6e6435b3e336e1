//! Sleeping in the own reactor, and being woken there.
//!
//! ```text
//!            prepare                    notify: write the eventfd
//!   EMPTY -----------> PARKED  -----------------------------------> NOTIFIED
//!     |  ^                |  finish (woken by I/O or a timer)           |
//!     |  +----------------+                                             |
//!     |  +--------------------------------------------------------------+ finish, or the next prepare
//!     +--------- notify while awake: NOTIFIED, no system call ----------^
//! ```
//!
//! The word, not the eventfd's count, is the truth. A notification that comes while the worker is
//! awake makes its next `prepare` fail, so it looks for work once more instead of sleeping.
//!
//! **No lost notification.** A waker publishes its work, then swaps in NOTIFIED (AcqRel). The worker's
//! `prepare` and `finish` are read-modify-writes of the same word: the one that finds NOTIFIED has
//! acquired the waker's work and looks for it afterwards. If the swap finds PARKED, the worker is
//! inside the wait or about to enter it, and the eventfd ends that wait: it is edge-triggered and a
//! write before the wait counts. Only the waker that changes PARKED writes.
//!
//! Model: `loom_park` below (M1, L2).

use std::sync::Arc;

use ringspun_reactor::Reactor;

use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use crate::loom::atomic::{AtomicBool, AtomicU32};

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// The state word of one worker's sleep.
#[derive(Debug)]
pub(crate) struct ParkState(AtomicU32);

impl ParkState {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(EMPTY))
    }

    /// The worker is going to sleep. False if a notification came first; it is consumed.
    pub(crate) fn prepare(&self) -> bool {
        match self.0.compare_exchange(EMPTY, PARKED, AcqRel, Acquire) {
            Ok(_) => true,
            Err(state) => {
                debug_assert_eq!(state, NOTIFIED, "a worker prepares once for each sleep");
                self.finish();
                false
            }
        }
    }

    /// The worker is awake. True if it was notified.
    pub(crate) fn finish(&self) -> bool {
        self.0.swap(EMPTY, AcqRel) == NOTIFIED
    }

    /// True if the worker sleeps and the caller has to end its wait.
    #[must_use]
    pub(crate) fn notify(&self) -> bool {
        self.0.swap(NOTIFIED, AcqRel) == PARKED
    }
}

/// Wakes one worker out of its reactor.
#[derive(Debug)]
pub(crate) struct Unparker {
    pub(crate) state: ParkState,
    /// An idle worker watches over this core, which is stuck, and waits for its reactor's events: a
    /// notification is one then. Set and cleared by that worker.
    adopted: AtomicBool,
    reactor: Arc<Reactor>,
}

impl Unparker {
    pub(crate) fn new(reactor: Arc<Reactor>) -> Self {
        Self {
            state: ParkState::new(),
            adopted: AtomicBool::new(false),
            reactor,
        }
    }

    /// Publish the work first. A system call only if the worker, or the one that has adopted the core,
    /// sleeps and nobody else woke it.
    pub(crate) fn unpark(&self) {
        if self.state.notify() || self.is_adopted() {
            self.reactor.wake();
        }
    }

    /// True if nobody else had adopted the core. The adopter looks for work afterwards.
    pub(crate) fn adopt(&self) -> bool {
        // SeqCst: the adopter sets it and then looks into the queues; whoever pushes looks here
        // afterwards. A push that misses it all the same is found within the adopter's wait, which has
        // a limit.
        !self.adopted.swap(true, SeqCst)
    }

    pub(crate) fn end_adoption(&self) {
        self.adopted.store(false, Release);
    }

    #[inline]
    pub(crate) fn is_adopted(&self) -> bool {
        self.adopted.load(Relaxed)
    }

    /// The core, which is in a task, got work of its own: tells the adopter, if there is one.
    #[inline]
    pub(crate) fn tell_adopter(&self) {
        if self.is_adopted() {
            self.reactor.wake();
        }
    }
}
