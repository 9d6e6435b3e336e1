//! Where a task leaves its waker while it waits: one for each end of a port.

use std::task::Waker;

use crate::contain;
use crate::loom::Mutex;

/// A place for the waker of the one task that may wait here.
#[derive(Debug, Default)]
pub(super) struct Seat(Mutex<Option<Waker>>);

impl Seat {
    /// Leaves `waker` here, in place of the one before.
    pub(super) fn sit(&self, waker: &Waker) {
        let same = |old: &Waker| old.will_wake(waker);
        if self.0.lock().as_ref().is_some_and(same) {
            return;
        }
        // Clones and destructors of wakers are user code, so neither runs under the lock.
        let waker = waker.clone();
        let old = self.0.lock().replace(waker);
        drop(old);
    }

    /// Nobody waits here any more.
    pub(super) fn leave(&self) {
        let waker = self.0.lock().take();
        drop(waker);
    }

    /// Wakes who waits here. However many call it, each waker is used once.
    pub(super) fn wake(&self) {
        let waker = self.0.lock().take();
        contain::wake(waker);
    }
}
