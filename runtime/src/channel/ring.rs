//! The buffer: a bounded ring for many producers and many consumers, without a lock while nobody waits.
//!
//! Dmitry Vyukov's bounded queue in the form of crossbeam's `ArrayQueue`: each slot carries a stamp that
//! says whose turn it is, so a value costs one compare-exchange to put in and one to take out.
//!
//! ```text
//!   head, tail   [ lap | index | CLOSED SENDERS RECEIVERS ]      stamp of a slot   [ lap | index | full ]
//! ```
//!
//! | flag | in | says | set and cleared |
//! |---|---|---|---|
//! | `RECEIVERS` | tail | receivers wait: a sender takes the channel's lock | under the lock |
//! | `SENDERS` | head, tail | senders wait: a receiver takes the lock and lets one in, a sender takes it and queues behind | under the lock |
//! | `RETURNED` (the bit of `RECEIVERS`) | head | values have been given back: a receiver takes the lock and them first | under the lock |
//! | `CLOSED` | tail | no more values | under the lock, for ever |
//!
//! **Why no wait is missed.** The flag is a part of the word that the other side must exchange. A receiver
//! sets `RECEIVERS` by a read-modify-write and looks at the ring *after* it. In the order of changes of
//! `tail`, each sender's exchange stands before the flag, and then the receiver's look sees that a slot is
//! taken and waits for its stamp; or behind it, and then the exchange fails and the sender comes to the
//! lock. The same for `SENDERS` and `head`.
//!
//! **While a word carries a flag, only the holder of the lock changes it**, so the flag is cleared by a
//! plain store. An exchange that was prepared before the flag was set may succeed after it was cleared:
//! position and stamps are then as it saw them.
//!
//! **Orderings.** A stamp is stored with Release behind the value's write or read, and loaded with Acquire
//! before it: it alone carries the value. The exchanges of `head` and `tail` could be relaxed; as acquire and
//! release they order the plain stores of the flags as well, which is free on x86 and what a model needs.
//!
//! A producer that has taken its slot and is not done with it keeps the consumers of that slot waiting,
//! a few instructions long; they spin, then yield their thread.

use std::mem::MaybeUninit;

use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::loom::{CachePadded, UnsafeCell};

use super::backoff::Backoff;

/// Receivers wait (in tail).
pub(super) const RECEIVERS: usize = 1;
/// Values have been given back (in head).
pub(super) const RETURNED: usize = 1;
/// Senders wait (in head and tail).
pub(super) const SENDERS: usize = 2;
/// The channel is closed (in tail).
pub(super) const CLOSED: usize = 4;
/// Any of them that sends one to the lock.
const WAITERS: usize = RECEIVERS | SENDERS;

/// Positions begin above the flags.
const ONE: usize = 8;
const POSITION: usize = !(ONE - 1);
/// In a stamp: the slot holds a value.
const FULL: usize = 1;

pub(super) struct Ring<T> {
    /// Where the next value is taken out. Receivers write it.
    head: CachePadded<AtomicUsize>,
    /// Where the next value is put in. Senders write it; apart from `head`, or each send would cost the
    /// receiving core a cache miss.
    tail: CachePadded<AtomicUsize>,
    slots: Box<[Slot<T>]>,
    /// One lap: the power of two above the number of slots, in positions.
    lap: usize,
}

struct Slot<T> {
    stamp: AtomicUsize,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// What became of a value that was to be put in; it is still with the caller unless `Done`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Push {
    Done,
    Full,
    Closed,
    /// Somebody waits: take the lock.
    Waiters,
}

/// What a look for a value found.
pub(super) enum Pop<T> {
    Value(T),
    Empty,
    /// Empty, and nothing will come.
    Closed,
    /// Senders wait or values were given back: take the lock.
    Waiters,
}

// SAFETY: a value is touched by whoever claimed its slot, one at a time, and moves between threads.
unsafe impl<T: Send> Send for Ring<T> {}
// SAFETY: as above; no `&T` is given out.
unsafe impl<T: Send> Sync for Ring<T> {}

impl<T> Ring<T> {
    /// A ring of `capacity` slots; with none it is always full and always empty.
    pub(super) fn new(capacity: usize) -> Self {
        assert!(
            capacity <= usize::MAX / (4 * ONE),
            "a channel of capacity {capacity} does not fit into memory"
        );
        Self {
            head: CachePadded(AtomicUsize::new(0)),
            tail: CachePadded(AtomicUsize::new(0)),
            slots: (0..capacity)
                .map(|index| Slot {
                    stamp: AtomicUsize::new(index * ONE),
                    value: UnsafeCell::new(MaybeUninit::uninit()),
                })
                .collect(),
            lap: (capacity + 1).next_power_of_two() * ONE,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// Puts the value of `from`, which is there, in. Without the lock (`locked` is false) it stops where
    /// somebody waits.
    #[inline]
    pub(super) fn push(&self, from: &mut Option<T>, locked: bool) -> Push {
        let mut backoff = Backoff::new();
        let mut tail = self.tail.load(Relaxed);
        loop {
            if tail & CLOSED != 0 {
                return Push::Closed;
            }
            if self.slots.is_empty() {
                let receivers = tail & RECEIVERS != 0 && !locked;
                return if receivers { Push::Waiters } else { Push::Full };
            }
            let at = tail & POSITION;
            let slot = &self.slots[self.index(at)];
            // Acquire: the slot's last consumer is done with it.
            let stamp = backoff.read(&slot.stamp);
            if stamp == at {
                if tail & WAITERS != 0 && !locked {
                    return Push::Waiters;
                }
                let next = self.next(at) | (tail & !POSITION);
                match self.tail.compare_exchange_weak(tail, next, AcqRel, Acquire) {
                    Ok(_) => {
                        let value = from.take().expect("the caller has a value");
                        slot.value.with_mut(|place| {
                            // SAFETY: the exchange gave this slot to this thread, and its stamp says that it is empty.
                            unsafe { (*place).write(value) };
                        });
                        // Release: publishes the value.
                        slot.stamp.store(at + FULL, Release);
                        return Push::Done;
                    }
                    Err(now) => {
                        tail = now;
                        backoff.spin();
                    }
                }
            } else {
                let head = backoff.read(&self.head);
                if (head & POSITION).wrapping_add(self.lap) == at {
                    return Push::Full;
                }
                // A consumer has the slot and is not done, or `tail` is old.
                backoff.snooze();
                tail = backoff.read(&self.tail);
            }
        }
    }

    /// Takes the oldest value out. Without the lock (`locked` is false) it stops where somebody waits.
    #[inline]
    pub(super) fn pop(&self, locked: bool) -> Pop<T> {
        let mut backoff = Backoff::new();
        let mut head = self.head.load(Relaxed);
        loop {
            if head & WAITERS != 0 && !locked {
                return Pop::Waiters;
            }
            let at = head & POSITION;
            // Acquire: the slot's value, if it is there.
            let stamp = self
                .slots
                .get(self.index(at))
                .map(|slot| backoff.read(&slot.stamp));
            if stamp == Some(at + FULL) {
                let next = self.next(at) | (head & !POSITION);
                match self.head.compare_exchange_weak(head, next, AcqRel, Acquire) {
                    Ok(_) => {
                        let slot = &self.slots[self.index(at)];
                        let value = slot.value.with(|place| {
                            // SAFETY: the exchange gave this slot to this thread.
                            let place = unsafe { &*place };
                            // SAFETY: its stamp says that it is full, and it is read once.
                            unsafe { place.assume_init_read() }
                        });
                        // Release: the next producer overwrites what was read.
                        slot.stamp.store(at.wrapping_add(self.lap), Release);
                        return Pop::Value(value);
                    }
                    Err(now) => {
                        head = now;
                        backoff.spin();
                    }
                }
            } else {
                // Acquire: whoever sees CLOSED sees what was sent before.
                let tail = backoff.read(&self.tail);
                if tail & POSITION == at {
                    let closed = tail & CLOSED != 0;
                    return if closed { Pop::Closed } else { Pop::Empty };
                }
                // A producer has the slot and is not done, or `head` is old.
                backoff.snooze();
                head = backoff.read(&self.head);
            }
        }
    }

    /// Sets flags in the head, under the lock.
    pub(super) fn flag_head(&self, flags: usize) {
        if self.head.load(Relaxed) & flags != flags {
            // AcqRel: a read-modify-write reads the newest position.
            self.head.fetch_or(flags, AcqRel);
        }
    }

    /// Sets flags in the tail, under the lock.
    pub(super) fn flag_tail(&self, flags: usize) {
        if self.tail.load(Relaxed) & flags != flags {
            // AcqRel: as above.
            self.tail.fetch_or(flags, AcqRel);
        }
    }

    /// Clears flags in the head, under the lock.
    pub(super) fn unflag_head(&self, flags: usize) {
        unflag(&self.head, flags);
    }

    /// Clears flags in the tail, under the lock.
    pub(super) fn unflag_tail(&self, flags: usize) {
        unflag(&self.tail, flags);
    }

    pub(super) fn is_closed(&self) -> bool {
        // Acquire: as in `pop`.
        self.tail.load(Acquire) & CLOSED != 0
    }

    /// How many values are in it, at one moment.
    pub(super) fn len(&self) -> usize {
        loop {
            let tail = self.tail.load(Acquire) & POSITION;
            let head = self.head.load(Acquire) & POSITION;
            // `tail` did not move in between: both are of one moment.
            if self.tail.load(Acquire) & POSITION == tail {
                let (head_at, tail_at) = (self.index(head), self.index(tail));
                return match tail_at.cmp(&head_at) {
                    std::cmp::Ordering::Greater => tail_at - head_at,
                    std::cmp::Ordering::Less => self.capacity() - head_at + tail_at,
                    std::cmp::Ordering::Equal if head == tail => 0,
                    std::cmp::Ordering::Equal => self.capacity(),
                };
            }
        }
    }

    #[inline]
    fn index(&self, position: usize) -> usize {
        (position & (self.lap - 1)) / ONE
    }

    /// The position behind `at`.
    #[inline]
    fn next(&self, at: usize) -> usize {
        if self.index(at) + 1 < self.slots.len() {
            at + ONE
        } else {
            (at & !(self.lap - 1)).wrapping_add(self.lap)
        }
    }
}

/// Only the holder of the lock writes a word that has a flag; that is the caller.
fn unflag(word: &AtomicUsize, flags: usize) {
    let old = word.load(Relaxed);
    if old & flags != 0 {
        // Release: whoever goes on without the lock sees what was done under it.
        word.store(old & !flags, Release);
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        while let Pop::Value(value) = self.pop(true) {
            drop(value);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out_at_every_capacity_over_many_laps() {
        for capacity in 1..=9 {
            let ring = Ring::new(capacity);
            let (mut put, mut taken) = (0, 0);
            for round in 0..100 {
                for _ in 0..=round % (capacity + 1) {
                    match ring.push(&mut Some(put), false) {
                        Push::Done => put += 1,
                        other => assert_eq!((other, ring.len()), (Push::Full, capacity)),
                    }
                }
                assert_eq!(ring.len(), put - taken);
                for _ in 0..=round % 3 {
                    match ring.pop(false) {
                        Pop::Value(value) => {
                            assert_eq!(value, taken);
                            taken += 1;
                        }
                        _ => assert_eq!(put, taken),
                    }
                }
            }
        }
    }

    #[test]
    fn a_flag_sends_to_the_lock() {
        let ring = Ring::new(2);
        assert_eq!(ring.push(&mut Some(1), false), Push::Done);
        ring.flag_tail(RECEIVERS);
        assert_eq!(ring.push(&mut Some(2), false), Push::Waiters);
        assert_eq!(ring.push(&mut Some(2), true), Push::Done);
        // Full is said without the lock.
        assert_eq!(ring.push(&mut Some(3), false), Push::Full);
        ring.flag_head(SENDERS);
        assert!(matches!(ring.pop(false), Pop::Waiters));
        assert!(matches!(ring.pop(true), Pop::Value(1)));
        ring.unflag_head(SENDERS);
        ring.unflag_tail(RECEIVERS);
        ring.flag_tail(CLOSED);
        assert_eq!(ring.push(&mut Some(3), true), Push::Closed);
        assert!(matches!(ring.pop(false), Pop::Value(2)));
        assert!(matches!(ring.pop(false), Pop::Closed));
    }
}
