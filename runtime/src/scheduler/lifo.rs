//! The LIFO slot of a core: one task.
//!
//! The owner puts in and takes out, at every wake-up; a thief takes out only from a stuck core, hardly ever.
//! So the owner does it with plain loads and stores, and pays for no swap, unless a thief is there.
//!
//! ```text
//!   owner, with its `busy` flag set (lease.rs)          thief
//!     light fence (the lease's)                           robbed: false -> true
//!     robbed? swap : load, store                          heavy fence
//!                                                         owner busy, or another one? give up
//!                                                         swap
//!                                                         robbed = false
//! ```
//!
//! **Invariant.** While the owner is busy and has seen `robbed` unset, no thief touches the slot. By the pair
//! of fences, either the owner sees `robbed` and swaps as the thief does, so that the task is given to one
//! of them; or the thief sees the owner busy, and gives up. A thief that saw the owner idle has acquired what
//! it did before, and the owner that sees `robbed` unset again has acquired what the thief did. A new
//! owner is like the old one: the thief looks at the lease's word after its fence too. Nobody waits for
//! anybody.
//!
//! Model: `loom_lifo` (M5).

use std::ptr::{self, NonNull};

use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::loom::atomic::{AtomicBool, AtomicPtr};
use crate::task::{Header, Notified};

#[derive(Debug)]
pub(crate) struct LifoSlot {
    task: AtomicPtr<Header>,
    /// A thief is at the slot, or looks whether it may be. Written by thieves.
    robbed: AtomicBool,
}

impl LifoSlot {
    pub(crate) fn new() -> Self {
        Self {
            task: AtomicPtr::new(ptr::null_mut()),
            robbed: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: a hint for thieves, and the owner knows its own writes.
        self.task.load(Relaxed).is_null()
    }

    /// The owner, which is busy, puts a task in; what was there comes out.
    #[inline]
    pub(crate) fn replace(&self, task: Notified) -> Option<Notified> {
        claim(self.exchange(task.into_raw().as_ptr()))
    }

    /// The owner, which is busy, takes the task out.
    #[inline]
    pub(crate) fn take(&self) -> Option<Notified> {
        if self.is_empty() {
            return None;
        }
        claim(self.exchange(ptr::null_mut()))
    }

    #[inline]
    fn exchange(&self, next: *mut Header) -> *mut Header {
        // Acquire: with the last thief's release of the flag.
        if self.robbed.load(Acquire) {
            // AcqRel: hands a task's queue entry over, and takes over another.
            return self.task.swap(next, AcqRel);
        }
        // Nobody else is here. Release: whoever swaps the task out later sees what was done before.
        let before = self.task.load(Relaxed);
        self.task.store(next, Release);
        before
    }

    /// A thief takes the task out, if the owner leaves the core alone, which it asks
    /// [`Lease::is_left_alone`](super::lease::Lease::is_left_alone).
    pub(crate) fn rob(&self, is_left_alone: impl FnOnce() -> bool) -> Option<Notified> {
        // Acquire: after the thief before. The fence follows in `is_left_alone`.
        if self.is_empty() || self.robbed.swap(true, Acquire) {
            return None;
        }
        let task = if is_left_alone() {
            self.task.swap(ptr::null_mut(), AcqRel)
        } else {
            ptr::null_mut()
        };
        self.robbed.store(false, Release);
        claim(task)
    }
}

impl Drop for LifoSlot {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// `task` was taken out of the slot.
fn claim(task: *mut Header) -> Option<Notified> {
    // SAFETY: it came from `into_raw` in `replace`, and the exchange gave it to this caller alone.
    NonNull::new(task).map(|task| unsafe { Notified::from_raw(task) })
}
