//! The LIFO slot of a core: one task, exchanged by swaps.
//!
//! The owner puts in and takes out; a thief takes out only from a stuck core. Whoever swaps a task out
//! has it, so it is given out once. A swap costs about 3 ns; looking into an empty slot is a load.
//!
//! Model: `loom_lifo` (M5).

use std::ptr::{self, NonNull};

use crate::loom::atomic::AtomicPtr;
use crate::loom::atomic::Ordering::{AcqRel, Relaxed};
use crate::task::{Header, Notified};

#[derive(Debug)]
pub(crate) struct LifoSlot(AtomicPtr<Header>);

impl LifoSlot {
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: a hint for thieves, and the owner knows its own writes.
        self.0.load(Relaxed).is_null()
    }

    /// Puts a task in; what was there comes out.
    #[inline]
    pub(crate) fn replace(&self, task: Notified) -> Option<Notified> {
        // AcqRel: hands the task's queue entry over, and takes over the old one's.
        claim(self.0.swap(task.into_raw().as_ptr(), AcqRel))
    }

    #[inline]
    pub(crate) fn take(&self) -> Option<Notified> {
        if self.is_empty() {
            return None;
        }
        claim(self.0.swap(ptr::null_mut(), AcqRel))
    }
}

impl Drop for LifoSlot {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// `task` was swapped out of the slot.
fn claim(task: *mut Header) -> Option<Notified> {
    // SAFETY: it came from `into_raw` in `replace`, and the swap gave it to this caller alone.
    NonNull::new(task).map(|task| unsafe { Notified::from_raw(task) })
}
