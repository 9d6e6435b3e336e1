//! The run queue of a core: a ring with one producer and many thieves.
//!
//! ```text
//!        head.steal      head.real           tail
//!            v               v                v
//!   ... free | being copied  | queued tasks   | free ...
//!            |  by a thief   |                |
//! ```
//!
//! - `tail` is written by the owner only. `tail - real` tasks are queued.
//! - `head` packs `{steal, real}`, 32 bits each, in one word. `steal == real` unless a thief is at work.
//! - The owner **pushes** at `tail` while `tail - steal < capacity`: slots from `steal` on may still be
//!   read. It **pops** at `real` by exchanging `head`.
//! - A thief **claims** by moving `real` ahead while leaving `steal` behind, copies the tasks out, then
//!   moves `steal` up to `real`. One thief at a time: a second one sees `steal != real` and goes on.
//!
//! Indices wrap at 2^32. An exchange on `head` could succeed wrongly only if both halves came round to
//! the same values while one thread stood between its load and its exchange: 2^32 pops, and a claim
//! blocks the owner after a ring full of pushes.
//!
//! **Orderings.**
//! - push: slot written, then `tail` stored (Release) -> thief loads `tail` (Acquire): the thief sees
//!   the task.
//! - thief: slots read, then `steal` moved (AcqRel) -> owner loads `head` (Acquire) in push: the owner
//!   overwrites a slot only after the thief has read it.
//! - pop and claim are both exchanges on `head`, so each slot is given out once.
//!
//! Rejected: a Chase-Lev deque (LIFO at the owner's end: unfair to connections that became ready
//! first), and reading slots before claiming them (a data race in Rust's terms).
//!
//! Models: `loom_queue` below: push and pop against two thieves with wrap and overflow (M4).

use std::mem::MaybeUninit;

use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::loom::atomic::{AtomicU32, AtomicU64};
use crate::loom::{Arc, CachePadded, UnsafeCell};
use crate::task::Notified;

/// Slots of a core's ring. 256 as in Go and tokio: one reactor batch (64) fits four times.
pub(crate) const CAPACITY: usize = if cfg!(loom) { 4 } else { 256 };
/// The same for tasks that yield: every task of a core may do so at once, and one that finds no room takes a
/// lock that all cores share. 8 KiB.
pub(crate) const YIELDS: usize = if cfg!(loom) { 4 } else { 1024 };

/// The owner's end.
#[derive(Debug)]
pub(crate) struct Local(Arc<Ring>);

/// A thief's end.
#[derive(Debug, Clone)]
pub(crate) struct Steal(Arc<Ring>);

#[derive(Debug)]
struct Ring {
    /// `{steal: high 32, real: low 32}`; owner and thieves exchange it.
    head: CachePadded<AtomicU64>,
    /// Written by the owner, read by thieves.
    tail: CachePadded<AtomicU32>,
    /// A power of two.
    slots: Box<[UnsafeCell<MaybeUninit<Notified>>]>,
}

// SAFETY: a slot is written by the owner while free and read by the one who claimed it; the head and
// tail protocol above orders the two.
unsafe impl Send for Ring {}
// SAFETY: as above.
unsafe impl Sync for Ring {}

/// A ring of so many slots, a power of two, and its two ends.
pub(crate) fn ring(capacity: usize) -> (Local, Steal) {
    assert!(capacity.is_power_of_two());
    let ring = Arc::new(Ring {
        head: CachePadded(AtomicU64::new(0)),
        tail: CachePadded(AtomicU32::new(0)),
        slots: (0..capacity)
            .map(|_| UnsafeCell::new(MaybeUninit::uninit()))
            .collect(),
    });
    (Local(ring.clone()), Steal(ring))
}

impl Local {
    /// How many tasks are queued.
    pub(crate) fn len(&self) -> usize {
        let (_, real) = unpack(self.0.head.load(Relaxed));
        self.tail().wrapping_sub(real) as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many pushes are sure to succeed.
    pub(crate) fn free(&self) -> usize {
        let (steal, _) = unpack(self.0.head.load(Acquire));
        self.0.capacity() - self.tail().wrapping_sub(steal) as usize
    }

    /// Queues a task behind the others; gives it back when the ring is full.
    #[inline]
    pub(crate) fn push(&mut self, task: Notified) -> Result<(), Notified> {
        // Acquire: see the thief's reads of the slots it gave back.
        let (steal, _) = unpack(self.0.head.load(Acquire));
        let tail = self.tail();
        if tail.wrapping_sub(steal) as usize >= self.0.capacity() {
            return Err(task);
        }
        self.0.slot(tail).with_mut(|slot| {
            // SAFETY: tail - steal < capacity, so the slot is free, and only the owner writes.
            unsafe { (*slot).write(task) };
        });
        // Release: publish the slot to thieves.
        self.0.tail.store(tail.wrapping_add(1), Release);
        Ok(())
    }

    /// Takes the oldest task.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Notified> {
        let mut head = self.0.head.load(Acquire);
        let index = loop {
            let (steal, real) = unpack(head);
            if real == self.tail() {
                return None;
            }
            let next = real.wrapping_add(1);
            // While a thief copies, `steal` is its to move.
            let packed = if steal == real {
                pack(next, next)
            } else {
                pack(steal, next)
            };
            match self
                .0
                .head
                .compare_exchange_weak(head, packed, AcqRel, Acquire)
            {
                Ok(_) => break real,
                Err(actual) => head = actual,
            }
        };
        Some(self.0.take(index))
    }

    fn tail(&self) -> u32 {
        // Relaxed: only this thread writes it.
        self.0.tail.load(Relaxed)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

impl Steal {
    /// How many tasks are queued, as far as one can tell from outside.
    pub(crate) fn len(&self) -> usize {
        let (_, real) = unpack(self.0.head.load(Acquire));
        let len = self.0.tail.load(Acquire).wrapping_sub(real);
        // Between the two loads the owner may have moved both.
        (len as usize).min(self.0.capacity())
    }

    /// Moves half of the tasks to `dst`, and returns one more to run at once.
    pub(crate) fn steal_into(&self, dst: &mut Local) -> Option<(Notified, usize)> {
        let room = dst.free();
        let (first, count) = self.0.claim(room)?;
        // The newest of the batch runs first, as the others then lie in `dst` in order.
        for i in 0..count - 1 {
            let task = self.0.take(first.wrapping_add(i));
            dst.push(task).expect("the claim left room for the batch");
        }
        let last = self.0.take(first.wrapping_add(count - 1));
        self.0.release_claim();
        Some((last, count as usize))
    }
}

impl Ring {
    fn capacity(&self) -> usize {
        self.slots.len()
    }

    fn slot(&self, index: u32) -> &UnsafeCell<MaybeUninit<Notified>> {
        &self.slots[index as usize & (self.slots.len() - 1)]
    }

    /// Claims half of the queued tasks (rounded up, at most `room + 1`): index and count.
    fn claim(&self, room: usize) -> Option<(u32, u32)> {
        let mut head = self.head.load(Acquire);
        loop {
            let (steal, real) = unpack(head);
            if steal != real {
                return None;
            }
            // Acquire: see the slots that the owner published.
            let tail = self.tail.load(Acquire);
            let queued = tail.wrapping_sub(real);
            if queued == 0 || queued as usize > self.capacity() {
                // Empty, or the two loads do not belong together: the exchange would fail.
                return None;
            }
            let count = (queued - queued / 2).min(room as u32 + 1);
            let claimed = pack(steal, real.wrapping_add(count));
            match self
                .head
                .compare_exchange_weak(head, claimed, AcqRel, Acquire)
            {
                Ok(_) => return Some((real, count)),
                Err(actual) => head = actual,
            }
        }
    }

    /// Gives the claimed slots back to the owner: `steal` catches up with `real`, which the owner may
    /// have moved on meanwhile.
    fn release_claim(&self) {
        let mut head = self.head.load(Relaxed);
        loop {
            let (_, real) = unpack(head);
            // AcqRel: the owner's next push sees our reads as done.
            match self
                .head
                .compare_exchange_weak(head, pack(real, real), AcqRel, Relaxed)
            {
                Ok(_) => return,
                Err(actual) => head = actual,
            }
        }
    }

    fn take(&self, index: u32) -> Notified {
        self.slot(index).with(|slot| {
            // SAFETY: the owner overwrites this slot only after `steal` has passed it.
            let slot = unsafe { &*slot };
            // SAFETY: the caller moved `real` past this slot: it is initialised, and given out to the
            // caller alone.
            unsafe { slot.assume_init_read() }
        })
    }
}

fn pack(steal: u32, real: u32) -> u64 {
    u64::from(steal) << 32 | u64::from(real)
}

fn unpack(head: u64) -> (u32, u32) {
    ((head >> 32) as u32, head as u32)
}
