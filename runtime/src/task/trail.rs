//! What a task leaves behind of its life, for the histograms and the dump.
//!
//! Written with plain stores where the value is at hand; nothing here orders anything, so all of it is
//! relaxed, and a dump may see the parts a few steps apart.

use std::panic::Location;
use std::ptr;

use crate::loom::atomic::AtomicPtr;
use crate::loom::atomic::AtomicU64;
use crate::loom::atomic::Ordering::Relaxed;

/// Times are in ticks; 0 is never.
#[derive(Debug)]
pub(crate) struct Trail {
    pub(crate) spawned_at: u64,
    /// When the task came into a queue, if that is to be recorded.
    queued_at: AtomicU64,
    /// When its last poll began.
    polled_at: AtomicU64,
    /// Where the task was spawned that woke it last; or one of the marks below; or null.
    woken_by: AtomicPtr<Location<'static>>,
}

/// Who woke a task last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WokenBy {
    /// Nobody yet: it was only spawned.
    Nobody,
    /// The reactor or a timer.
    Event,
    /// A thread that ran no task of this runtime.
    Outside,
    /// The task that was spawned there, perhaps itself.
    Task(&'static Location<'static>),
}

/// Never read: only their addresses count.
static MARKS: [&Location<'static>; 2] = [Location::caller(); 2];

fn mark(index: usize) -> *mut Location<'static> {
    ptr::from_ref(&MARKS[index]).cast_mut().cast()
}

impl Trail {
    pub(crate) fn new(now: u64) -> Self {
        Self {
            spawned_at: now,
            queued_at: AtomicU64::new(0),
            polled_at: AtomicU64::new(0),
            woken_by: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The task comes into a queue, and its delay is to be recorded.
    pub(crate) fn queued(&self, now: u64) {
        self.queued_at.store(now, Relaxed);
    }

    /// When the task was queued, if that is to be recorded. Asked once.
    #[inline]
    pub(crate) fn take_queued(&self) -> Option<u64> {
        let queued = self.queued_at.load(Relaxed);
        if queued == 0 {
            return None;
        }
        self.queued_at.store(0, Relaxed);
        Some(queued)
    }

    /// A poll begins.
    #[inline]
    pub(crate) fn polled(&self, now: u64) {
        self.polled_at.store(now, Relaxed);
    }

    #[inline]
    pub(crate) fn woken(&self, by: WokenBy) {
        let by = match by {
            WokenBy::Nobody => ptr::null_mut(),
            WokenBy::Event => mark(0),
            WokenBy::Outside => mark(1),
            WokenBy::Task(location) => ptr::from_ref(location).cast_mut(),
        };
        self.woken_by.store(by, Relaxed);
    }

    pub(crate) fn polled_at(&self) -> u64 {
        self.polled_at.load(Relaxed)
    }

    pub(crate) fn woken_by(&self) -> WokenBy {
        let by = self.woken_by.load(Relaxed);
        if by == mark(0) {
            WokenBy::Event
        } else if by == mark(1) {
            WokenBy::Outside
        } else {
            // SAFETY: null, or from a `&'static` in `woken`.
            unsafe { by.as_ref() }.map_or(WokenBy::Nobody, WokenBy::Task)
        }
    }
}
