//! Hazard pointers: readers say what they read, and whoever wants to free a value asks first.
//!
//! Each thread has a record of a few slots, which it alone fills, with plain stores: reading writes no line
//! that another thread writes. A slot may be emptied elsewhere, when a guard has moved there. Records are
//! never freed: a thread that ends leaves its record to the next one.
//!
//! ```text
//!   reader                                  writer
//!   (1) slot = p                            (4) current: p -> q
//!   (2) light fence                         (5) heavy fence
//!   (3) current still p? read p             (6) p in a slot? keep it, else free it
//! ```
//!
//! **Nothing is freed while it is read.** By the pair of fences either (6) sees (1), or (3) sees (4) and
//! the reader tries again with q.
//!
//! **The reads come before the free.** A slot is emptied with Release, and (6) loads with Acquire; if it
//! loads what the thread stored there later, the thread has loaded the empty slot with Acquire before.
//!
//! The source: Maged Michael, "Hazard Pointers: Safe Memory Reclamation for Lock-Free Objects", 2004; the
//! asymmetric fence as in Folly.
//!
//! Model: `loom_snapshot`.

use std::ptr;

use crate::loom::CachePadded;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::loom::atomic::{AtomicBool, AtomicPtr};
use crate::scheduler::fence::Fence;

/// What one thread may read at once without taking a count: more guards than that are rare, and not wrong.
const SLOTS: usize = 6;

/// The records of all threads.
#[derive(Debug)]
pub(super) struct Hazards {
    /// The newest record; each leads to the one before.
    newest: AtomicPtr<Record>,
}

/// The slots of one thread.
#[derive(Debug)]
pub(super) struct Record {
    slots: CachePadded<[Slot; SLOTS]>,
    /// A thread has it.
    taken: AtomicBool,
    /// Written before the record is published.
    older: *const Self,
}

/// What a guard reads; null if it is free.
#[derive(Debug)]
pub(super) struct Slot(AtomicPtr<()>);

// SAFETY: `older` leads to a record that is never freed, and is not written after the record is shared.
unsafe impl Sync for Record {}

impl Hazards {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self {
            newest: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// For a model.
    #[cfg(loom)]
    pub(super) fn leaked() -> &'static Self {
        Box::leak(Box::new(Self {
            newest: AtomicPtr::new(ptr::null_mut()),
        }))
    }

    /// A record for a thread that has none.
    pub(super) fn join(&'static self) -> &'static Record {
        if let Some(left) = self.records().find(|record| record.take()) {
            return left;
        }
        let record = Box::leak(Box::new(Record {
            slots: CachePadded(std::array::from_fn(|_| {
                Slot(AtomicPtr::new(ptr::null_mut()))
            })),
            taken: AtomicBool::new(true),
            older: ptr::null(),
        }));
        let mut newest = self.newest.load(Relaxed);
        loop {
            record.older = newest;
            // Release: publishes the record. Those behind it came with what `newest` was read from.
            let pushed = self
                .newest
                .compare_exchange_weak(newest, record, AcqRel, Relaxed);
            match pushed {
                Ok(_) => return record,
                Err(other) => newest = other,
            }
        }
    }

    /// Whether a slot holds `value`. The caller has unpublished it, and made the heavy fence after that.
    pub(super) fn hold<T>(&'static self, value: *const T) -> bool {
        let value = value.cast();
        let mut slots = self.records().flat_map(|record| record.slots.iter());
        slots.any(|slot| ptr::eq(slot.0.load(Acquire), value))
    }

    fn records(&'static self) -> impl Iterator<Item = &'static Record> {
        let as_ref = |record: *const Record| {
            // SAFETY: null, or a record that was published and is never freed.
            unsafe { record.as_ref() }
        };
        // Acquire: see the record that was published.
        let newest = as_ref(self.newest.load(Acquire));
        std::iter::successors(newest, move |record| as_ref(record.older))
    }
}

impl Record {
    /// The slot that is to hold a value, if one is free. Called by the record's thread.
    pub(super) fn free_slot(&'static self) -> Option<&'static Slot> {
        // Acquire: what an earlier guard read, wherever it was dropped, comes before what follows.
        self.slots
            .iter()
            .find(|slot| slot.0.load(Acquire).is_null())
    }

    /// The thread has no more use for it. Guards elsewhere may still hold slots.
    pub(super) fn give_back(&self) {
        self.taken.store(false, Release);
    }

    fn take(&self) -> bool {
        let free = !self.taken.load(Relaxed);
        free && !self.taken.swap(true, Acquire)
    }
}

impl Slot {
    /// What `current` holds, protected; and whether that changed meanwhile, so that a writer may have
    /// seen an older value here. Called by the record's thread, with a free slot.
    #[inline]
    pub(super) fn protect<T>(&self, current: &AtomicPtr<T>, fence: Fence) -> (*mut T, bool) {
        let mut changed = false;
        let mut value = current.load(Relaxed);
        loop {
            self.0.store(value.cast(), Release);
            fence.light();
            // Acquire: see the value that was published.
            let now = current.load(Acquire);
            if ptr::eq(now, value) {
                return (value, changed);
            }
            (value, changed) = (now, true);
        }
    }

    #[inline]
    pub(super) fn clear(&self) {
        self.0.store(ptr::null_mut(), Release);
    }
}

#[cfg(not(loom))]
pub(super) use process::*;

/// The hazards of the process, and each thread's record of them.
#[cfg(not(loom))]
mod process {
    use super::{Hazards, Record};

    pub(in crate::snapshot) static HAZARDS: Hazards = Hazards::new();

    /// The thread's record.
    struct Mine(&'static Record);

    impl Drop for Mine {
        fn drop(&mut self) {
            self.0.give_back();
        }
    }

    thread_local!(static MINE: Mine = Mine(HAZARDS.join()));

    /// `None` at the end of a thread.
    #[inline]
    pub(in crate::snapshot) fn mine() -> Option<&'static Record> {
        MINE.try_with(|mine| mine.0).ok()
    }
}
