//! Which threads of the pool sleep, and whom a new job wakes.
//!
//! One word, changed by read-modify-writes only:
//!
//! ```text
//!   bits  0..16  top     the slot on top of the stack of sleepers, as index + 1; 0: nobody sleeps
//!   bits 16..32  alive   threads that live, those about to start included
//!   bit  32      closed  the pool is shut down: nobody goes to sleep or starts any more
//!   bits 33..64  pushes  counts up with every push, so that a pop never takes an old top for the
//!                        present one (ABA); wraps after 2^31 pushes within one attempt to pop
//! ```
//!
//! The stack is Treiber's: each slot names the one below it. The thread that fell asleep last is woken
//! first, its caches are warm, and those at the bottom reach the end of their keep-alive time. A thread
//! cannot leave the middle of the stack: its slot stays there *vacant*, and whoever pops it starts a new
//! thread in it. Slots never used are given out by a counter, so no list of free slots exists.
//!
//! **A job is never left with nobody to run it.** The two sides:
//!
//! - the submitter: (1) puts the job into a queue; (2) pops the stack, and wakes the thread it got, or
//!   starts one in the vacant slot it got. With the stack empty it starts a thread in a new slot, or, if
//!   all slots are used, does nothing.
//! - a thread without a job: (3) pushes its slot; (4) looks into all queues again, and if there is a job
//!   pops the stack itself and wakes who it got, perhaps itself; (5) sleeps.
//!
//! (2) and (3) are read-modify-writes of one word, the empty (2) included, so one comes first. If (2)
//! finds the stack empty, every thread alive is either awake or off the stack and being woken or started;
//! its next (3) comes after (2), synchronises with it, and (4) sees the job. If (3) comes first, (2) finds
//! this slot or one above it. A stack found empty in (4) means that this thread was popped meanwhile: it
//! will be woken and looks again.
//!
//! *A thread that ends* may be the one that a submitter relied on. It decides so under its slot's lock
//! (`Slot::wait`), where a popper sees it; then it (6) counts itself out, and (7) looks into the queues
//! and submits again if there is a job. A submitter that counted on it did (2) before (6), so (7) sees the
//! job. (Its slot is on the stack, so this is about one case: somebody took the slot and could not start
//! a thread in it, but found this one still counted.)
//!
//! *A thread that cannot be started*: its submitter pops whoever else is on the stack to wake him instead;
//! then it counts the thread out, by (6). If that left nobody alive, no (3) will come: it empties the
//! queues and tells the jobs' handles. A submitter that relied on the thread did (2) before (6), so its
//! job is seen. If somebody is alive, then either since before that (2), awake, and its (3) comes after it;
//! or it was counted in since, and looks into the queues after that, or counts itself out in its turn.
//!
//! AcqRel on one word orders all of it; nothing here needs SeqCst.
//!
//! Rejected: a lock with a condition variable (every submitter and thread meets there; notifying wakes
//! the thread that waits longest); a bitmap of sleepers (lowest number first instead of warmest first,
//! and a scan of eight words).
//!
//! Models: `loom_blocking` below.

use std::sync::OnceLock;
use std::time::Duration;

use super::slot::Slot;
use crate::loom::CachePadded;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::loom::atomic::{AtomicU64, AtomicUsize};

const TOP_MASK: u64 = 0xffff;
const ALIVE_ONE: u64 = 1 << 16;
const ALIVE_MASK: u64 = 0xffff << 16;
const CLOSED: u64 = 1 << 32;
const PUSH_ONE: u64 = 1 << 33;

/// The most threads that the word can count.
pub(crate) const MAX_THREADS: usize = 0xffff;

/// The word, and the slots.
#[derive(Debug)]
pub(super) struct Sleepers {
    /// `{pushes, closed, alive, top}`; all threads of the pool and all submitters meet here, so it lies
    /// alone.
    word: CachePadded<AtomicU64>,
    /// Slots given out. Never goes down.
    used: AtomicUsize,
    max: usize,
    /// Made with the first job: most runtimes have none.
    slots: OnceLock<Box<[CachePadded<Slot>]>>,
}

/// A slot without a thread, counted as alive: its holder starts a thread in it, or gives it back by
/// [`Sleepers::give_back`].
#[derive(Debug)]
#[must_use = "a thread has to be started in it"]
pub(super) struct Vacancy(pub(super) usize);

/// Why [`Sleepers::sleep`] returned.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Slept {
    /// There may be a job.
    Woken,
    /// The keep-alive time is over: the thread is counted out, looks into the queues, and ends.
    Ended,
    /// The pool is shut down: the thread is counted out, and ends.
    Closed,
}

/// What was on top of the stack.
enum Popped {
    Slot(usize),
    Empty,
    Closed,
}

impl Sleepers {
    /// Room for `max` threads.
    pub(super) fn new(max: usize) -> Self {
        assert!((1..=MAX_THREADS).contains(&max));
        Self {
            word: CachePadded(AtomicU64::new(0)),
            used: AtomicUsize::new(0),
            max,
            slots: OnceLock::new(),
        }
    }

    pub(super) fn slot(&self, index: usize) -> &Slot {
        let slots = self.slots.get_or_init(|| {
            (0..self.max)
                .map(|_| CachePadded(Slot::default()))
                .collect()
        });
        &slots[index]
    }

    /// The slots that have or had a thread.
    pub(super) fn used(&self) -> impl Iterator<Item = &Slot> {
        // Relaxed: a slot just given out may be missed; shutdown closes first, and then no thread starts.
        let used = self.used.load(Relaxed);
        (0..used).map(|index| self.slot(index))
    }

    /// A job was queued: wakes a thread for it. If none sleeps, and there may be one more, returns a
    /// vacancy in which the caller starts it.
    pub(super) fn notify(&self) -> Option<Vacancy> {
        match self.pop() {
            Popped::Slot(index) => self.wake(index),
            Popped::Empty => self.claim().map(|index| self.vacancy(index)),
            Popped::Closed => None,
        }
    }

    /// Step (4): as [`notify`](Self::notify), by a thread that is on the stack itself. It never needs a
    /// new slot: an empty stack means that somebody is waking it.
    pub(super) fn notify_sleeper(&self) -> Option<Vacancy> {
        match self.pop() {
            Popped::Slot(index) => self.wake(index),
            Popped::Empty | Popped::Closed => None,
        }
    }

    /// The thread of slot `index` has no job: steps (3) to (6). `look` is step (4).
    pub(super) fn sleep(&self, index: usize, keep_alive: Duration, look: impl FnOnce()) -> Slept {
        let slot = self.slot(index);
        slot.prepare();
        let end = if !self.push(index, 0) {
            Slept::Closed
        } else {
            look();
            match (slot.wait(keep_alive), self.is_closed()) {
                (true, false) => return Slept::Woken,
                (_, true) => Slept::Closed,
                (false, false) => Slept::Ended,
            }
        };
        if end == Slept::Closed {
            slot.vacate();
        }
        self.word.fetch_sub(ALIVE_ONE, AcqRel);
        end
    }

    /// No thread could be started in the vacancy. True if nobody is alive now, so that the caller has to
    /// take care of all queued jobs.
    #[cold]
    pub(super) fn give_back(&self, vacancy: Vacancy) -> bool {
        let mut vacant = Vec::new();
        while let Popped::Slot(index) = self.pop() {
            if self.slot(index).wake() {
                break;
            }
            vacant.push(index);
        }
        for index in vacant {
            self.push(index, 0);
        }
        self.slot(vacancy.0).vacate();
        // Counted out with the push, in one step.
        if self.push(vacancy.0, ALIVE_ONE) {
            return self.word.fetch_add(0, AcqRel) & ALIVE_MASK == 0;
        }
        // Shut down: the jobs are not ours to care for.
        self.word.fetch_sub(ALIVE_ONE, AcqRel);
        false
    }

    /// Shuts down: wakes all sleepers, and nobody sleeps or starts from now on.
    pub(super) fn close(&self) {
        let before = self
            .word
            .fetch_update(AcqRel, Acquire, |word| Some((word & !TOP_MASK) | CLOSED))
            .expect("the closure always gives a value");
        let mut top = (before & TOP_MASK) as usize;
        while top != 0 {
            let slot = self.slot(top - 1);
            // Before the thread is awake and could use its link again. Relaxed: as in `pop`.
            top = slot.below.load(Relaxed);
            slot.wake();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        // Acquire: see what was done before the shutdown began.
        self.word.load(Acquire) & CLOSED != 0
    }

    /// Threads alive, those about to start included.
    pub(super) fn alive(&self) -> usize {
        ((self.word.load(Acquire) & ALIVE_MASK) / ALIVE_ONE) as usize
    }

    fn wake(&self, index: usize) -> Option<Vacancy> {
        (!self.slot(index).wake()).then(|| self.vacancy(index))
    }

    fn vacancy(&self, index: usize) -> Vacancy {
        self.slot(index).occupy();
        self.word.fetch_add(ALIVE_ONE, AcqRel);
        Vacancy(index)
    }

    /// A slot never used before.
    fn claim(&self) -> Option<usize> {
        // Relaxed: the number is all there is to it. It never goes down, so "all used" stays true.
        self.used
            .fetch_update(Relaxed, Relaxed, |used| {
                (used < self.max).then_some(used + 1)
            })
            .ok()
    }

    /// Step (2). The exchange is made also where the stack is empty.
    fn pop(&self) -> Popped {
        let mut word = self.word.load(Acquire);
        loop {
            let top = (word & TOP_MASK) as usize;
            let below = match top {
                0 => 0,
                // Relaxed: written before the push that the load of `word` acquired. If it is newer
                // than `word`, the slot was pushed again, and the exchange fails.
                _ => self.slot(top - 1).below.load(Relaxed),
            };
            let next = (word & !TOP_MASK) | below as u64;
            match self.word.compare_exchange(word, next, AcqRel, Acquire) {
                Ok(_) if word & CLOSED != 0 => return Popped::Closed,
                Ok(_) if top == 0 => return Popped::Empty,
                Ok(_) => return Popped::Slot(top - 1),
                Err(actual) => word = actual,
            }
        }
    }

    /// Step (3), and `subtract` from the word. False if the pool is closed: nothing was changed.
    fn push(&self, index: usize, subtract: u64) -> bool {
        let below = &self.slot(index).below;
        self.word
            .fetch_update(AcqRel, Acquire, |word| {
                if word & CLOSED != 0 {
                    return None;
                }
                // Relaxed: the exchange releases it.
                below.store((word & TOP_MASK) as usize, Relaxed);
                let next = (word & !TOP_MASK) | (index as u64 + 1);
                Some((next - subtract).wrapping_add(PUSH_ONE))
            })
            .is_ok()
    }
}
