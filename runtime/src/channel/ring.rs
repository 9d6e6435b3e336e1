//! The buffer: a bounded ring for many producers and many consumers, without a lock while nobody waits.
//!
//! Dmitry Vyukov's bounded queue in the form of crossbeam's `ArrayQueue`: each slot carries a stamp that
//! says whose turn it is, so a value costs one compare-exchange to put in and one to take out.
//!
//! ```text
//!   head, tail   [ CLOSED SENDERS RECEIVERS | lap | index ]      stamp of a slot   [ lap | index (+ 1: full) ]
//! ```
//!
//! The flags stand above the position, so a word with a flag differs from every stamp: one comparison says
//! that the slot is free, that nobody waits and that the channel is open.
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
pub(super) const RECEIVERS: usize = 1 << (usize::BITS - 1);
/// Values have been given back (in head).
pub(super) const RETURNED: usize = RECEIVERS;
/// Senders wait (in head and tail).
pub(super) const SENDERS: usize = 1 << (usize::BITS - 2);
/// The channel is closed (in tail).
pub(super) const CLOSED: usize = 1 << (usize::BITS - 3);
/// Any of them that sends one to the lock.
const WAITERS: usize = RECEIVERS | SENDERS;
/// The rest of the word: lap and index.
const POSITION: usize = CLOSED - 1;

/// The stamp of a slot that is never used: no position has a flag.
const NEVER: usize = usize::MAX;

pub(super) struct Ring<T> {
    /// Where the next value is taken out. Receivers write it.
    head: CachePadded<AtomicUsize>,
    /// Where the next value is put in. Senders write it; apart from `head`, or each send would cost the
    /// receiving core a cache miss.
    tail: CachePadded<AtomicUsize>,
    /// As many as the capacity, at least one: that of a rendezvous is never free and never full.
    slots: Box<[Slot<T>]>,
    capacity: usize,
    /// One lap is the power of two above the capacity: the bits below it are the index.
    mask: usize,
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
            capacity <= POSITION / 4,
            "a channel of capacity {capacity} does not fit into memory"
        );
        let slot = |stamp| Slot {
            stamp: AtomicUsize::new(stamp),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        };
        let slots = match capacity {
            0 => Box::new([slot(NEVER)]) as Box<[_]>,
            _ => (0..capacity).map(slot).collect(),
        };
        Self {
            head: CachePadded(AtomicUsize::new(0)),
            tail: CachePadded(AtomicUsize::new(0)),
            slots,
            capacity,
            mask: (capacity + 1).next_power_of_two() - 1,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Puts the value of `from`, which is there, in. Without the lock (`locked` is false) it stops where
    /// somebody waits.
    #[inline(always)]
    pub(super) fn push(&self, from: &mut Option<T>, locked: bool) -> Push {
        let tail = self.tail.load(Relaxed);
        let at = if locked { tail & !WAITERS } else { tail };
        let slot = self.slot(at);
        // Acquire: the slot's last consumer is done with it. Equal: no flag is set but those of who waits, and
        // none without the lock.
        if slot.stamp.load(Acquire) == at && self.claim_as(&self.tail, tail, locked) {
            slot.fill(at, from);
            return Push::Done;
        }
        if tail & RECEIVERS != 0 && !locked {
            return Push::Waiters;
        }
        // No room: where senders wait that is the rule. Acquire: as in `push_slowly`; in a rendezvous neither
        // end moves.
        let head = self.head.load(Acquire);
        if self.lap_after(head & POSITION) == tail & !WAITERS {
            return Push::Full;
        }
        self.push_slowly(from, locked)
    }

    #[cold]
    fn push_slowly(&self, from: &mut Option<T>, locked: bool) -> Push {
        let mut backoff = Backoff::new();
        loop {
            let tail = backoff.read(&self.tail);
            if tail & CLOSED != 0 {
                return Push::Closed;
            }
            let at = tail & POSITION;
            let slot = self.slot(at);
            let stamp = backoff.read(&slot.stamp);
            if stamp == at {
                if tail & WAITERS != 0 && !locked {
                    return Push::Waiters;
                }
                if self.claim_flagged(&self.tail, tail) {
                    slot.fill(at, from);
                    return Push::Done;
                }
                backoff.spin();
            } else if self.capacity == 0 {
                let receivers = tail & RECEIVERS != 0 && !locked;
                return if receivers { Push::Waiters } else { Push::Full };
            } else {
                let head = backoff.read(&self.head) & POSITION;
                if self.lap_after(head) == at {
                    return Push::Full;
                }
                // A consumer has the slot and is not done, or `tail` is old.
                backoff.snooze();
            }
        }
    }

    /// Takes the oldest value out. Without the lock (`locked` is false) it stops where somebody waits.
    #[inline(always)]
    pub(super) fn pop(&self, locked: bool) -> Pop<T> {
        let head = self.head.load(Relaxed);
        let at = if locked { head & POSITION } else { head };
        let slot = self.slot(at);
        // Acquire: the slot's value. Equal: no flag is set, or the lock is held.
        let stamp = slot.stamp.load(Acquire);
        if stamp == at.wrapping_add(1) && self.claim_as(&self.head, head, locked) {
            return Pop::Value(slot.empty(self.lap_after(at)));
        }
        // Nothing to take: that is as common. Acquire and the flags: as in `pop_slowly`.
        if stamp == at && self.tail.load(Acquire) & !WAITERS == at {
            return Pop::Empty;
        }
        if head & WAITERS != 0 && !locked {
            return Pop::Waiters;
        }
        self.pop_slowly(locked)
    }

    #[cold]
    fn pop_slowly(&self, locked: bool) -> Pop<T> {
        let mut backoff = Backoff::new();
        loop {
            let head = backoff.read(&self.head);
            if head & WAITERS != 0 && !locked {
                return Pop::Waiters;
            }
            let at = head & POSITION;
            let slot = self.slot(at);
            let stamp = backoff.read(&slot.stamp);
            if stamp == at + 1 {
                if self.claim_flagged(&self.head, head) {
                    return Pop::Value(slot.empty(self.lap_after(at)));
                }
                backoff.spin();
                continue;
            }
            // Acquire: whoever sees CLOSED sees what was sent before.
            let tail = backoff.read(&self.tail);
            if tail & POSITION == at {
                let closed = tail & CLOSED != 0;
                return if closed { Pop::Closed } else { Pop::Empty };
            }
            // A producer has the slot and is not done, or `head` is old.
            backoff.snooze();
        }
    }

    /// Both words, if they say that there is nothing to receive and that nobody waits to send.
    pub(super) fn words_if_empty(&self) -> Option<[usize; 2]> {
        // The head first: it never passes the tail, so the ring was empty when the tail was read.
        let head = self.head.load(Acquire);
        let tail = self.tail.load(Acquire);
        let empty = head == tail & POSITION && tail & CLOSED == 0;
        empty.then_some([head, tail])
    }

    /// Both words, if they say that a sender would have to wait.
    pub(super) fn words_if_full(&self) -> Option<[usize; 2]> {
        // The tail first: it is never more than the capacity ahead, so the ring was full when the head was read.
        let tail = self.tail.load(Acquire);
        let head = self.head.load(Acquire);
        let full = match self.capacity {
            0 => tail & RECEIVERS == 0,
            _ => self.lap_after(head & POSITION) == tail & POSITION,
        };
        (full && tail & CLOSED == 0).then_some([head, tail])
    }

    /// Under the lock: whether there is plainly nothing to receive. A rendezvous never says so.
    pub(super) fn is_empty_and_open(&self) -> bool {
        // Relaxed: what the answer keeps from being looked at is not read. If it is out of date, a sender comes
        // to the lock, which flagged the tail before.
        let (head, tail) = (self.head.load(Relaxed), self.tail.load(Relaxed));
        head & POSITION == tail & !WAITERS && self.capacity > 0
    }

    /// Under the lock: whether a sender would plainly have to wait. A rendezvous never says so.
    pub(super) fn is_full_and_open(&self) -> bool {
        // Relaxed: as above.
        let (head, tail) = (self.head.load(Relaxed), self.tail.load(Relaxed));
        self.lap_after(head & POSITION) == tail & !WAITERS
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
                let (head_at, tail_at) = (head & self.mask, tail & self.mask);
                return match tail_at.cmp(&head_at) {
                    std::cmp::Ordering::Greater => tail_at - head_at,
                    std::cmp::Ordering::Less => self.capacity() - head_at + tail_at,
                    std::cmp::Ordering::Equal if head == tail => 0,
                    std::cmp::Ordering::Equal => self.capacity(),
                };
            }
        }
    }

    /// The slot of a position; flags do not matter.
    #[inline(always)]
    fn slot(&self, at: usize) -> &Slot<T> {
        &self.slots[at & self.mask]
    }

    /// Moves `end` on from `word`, which has no flag: the slot there is the caller's then.
    #[inline(always)]
    fn claim(&self, end: &AtomicUsize, word: usize) -> bool {
        end.compare_exchange(word, self.next(word), AcqRel, Acquire)
            .is_ok()
    }

    /// Moves `end` on from `word`, which has no flag or, under the lock, may have some.
    #[inline(always)]
    fn claim_as(&self, end: &AtomicUsize, word: usize, locked: bool) -> bool {
        if locked {
            self.claim_flagged(end, word)
        } else {
            self.claim(end, word)
        }
    }

    /// Moves `end` on from `word`, with the flags it has; under the lock, if it has one.
    #[inline]
    fn claim_flagged(&self, end: &AtomicUsize, word: usize) -> bool {
        if word & WAITERS == 0 {
            return self.claim(end, word);
        }
        // Release: as an exchange would. Only the holder of the lock changes a flagged word.
        end.store(self.next(word), Release);
        true
    }

    /// The word for the position behind `word`.
    #[inline(always)]
    fn next(&self, word: usize) -> usize {
        if (word & self.mask) + 1 < self.capacity {
            word + 1
        } else {
            let lap = (word & !self.mask).wrapping_add(self.mask + 1);
            (lap & POSITION) | (word & !POSITION)
        }
    }

    /// The same slot one lap later.
    #[inline(always)]
    fn lap_after(&self, at: usize) -> usize {
        at.wrapping_add(self.mask + 1) & POSITION
    }
}

impl<T> Slot<T> {
    /// Puts the value in. The caller has claimed the slot, which was empty, by the tail's move from `at`.
    #[inline(always)]
    fn fill(&self, at: usize, from: &mut Option<T>) {
        let value = from.take().expect("the caller has a value");
        self.value.with_mut(|place| {
            // SAFETY: the claim gave this slot to this thread.
            unsafe { (*place).write(value) };
        });
        // Release: publishes the value.
        self.stamp.store(at + 1, Release);
    }

    /// Takes the value out. The caller has claimed the slot, which was full, by a move of the head;
    /// `next` is the position at which it is filled again.
    #[inline(always)]
    fn empty(&self, next: usize) -> T {
        let value = self.value.with(|place| {
            // SAFETY: the claim gave this slot to this thread.
            let place = unsafe { &*place };
            // SAFETY: its stamp said that it is full, and it is read once.
            unsafe { place.assume_init_read() }
        });
        // Release: the next producer overwrites what was read.
        self.stamp.store(next, Release);
        value
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
        ring.unflag_tail(RECEIVERS);
        // Full is said without the lock, whether or not senders wait.
        assert_eq!(ring.push(&mut Some(3), false), Push::Full);
        ring.flag_head(SENDERS);
        ring.flag_tail(SENDERS);
        assert_eq!(ring.push(&mut Some(3), false), Push::Full);
        assert_eq!(ring.push(&mut Some(3), true), Push::Full);
        assert!(matches!(ring.pop(false), Pop::Waiters));
        assert!(matches!(ring.pop(true), Pop::Value(1)));
        // The flags stay where they are while the lock's holder goes on.
        assert_eq!(ring.push(&mut Some(3), false), Push::Waiters);
        assert_eq!(ring.push(&mut Some(3), true), Push::Done);
        assert!(matches!(ring.pop(true), Pop::Value(2)));
        ring.unflag_head(SENDERS);
        ring.unflag_tail(SENDERS);
        // So is empty, whether or not receivers wait.
        assert!(matches!(ring.pop(false), Pop::Value(3)));
        assert!(matches!(ring.pop(false), Pop::Empty));
        ring.flag_tail(RECEIVERS);
        assert!(matches!(ring.pop(false), Pop::Empty));
        assert!(matches!(ring.pop(true), Pop::Empty));
        ring.unflag_tail(RECEIVERS);
        assert_eq!(ring.push(&mut Some(2), false), Push::Done);
        ring.flag_tail(CLOSED);
        assert_eq!(ring.push(&mut Some(3), true), Push::Closed);
        assert!(matches!(ring.pop(false), Pop::Value(2)));
        assert!(matches!(ring.pop(false), Pop::Closed));
    }
}
