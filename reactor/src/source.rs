//! `Source`: readiness and waker of one registered descriptor, without a lock.
//!
//! The lock-free structure of this crate. A source has two sides, read and write, that share
//! nothing: an event of one direction never touches the other (a common tick for both directions
//! has been the cause of live-locks elsewhere). A side is one word and one cell for a waker:
//!
//! ```text
//!  63         32 31               8    5        4       3        2        1        0
//! +-------------+------------------+--------+-------+--------+--------+---------+-------+
//! |      0      |    generation    |DISARMED| ERROR | CLOSED | TAKING | WAITING | READY |
//! +-------------+------------------+--------+-------+--------+--------+---------+-------+
//!
//! READY     an event came that no attempt has consumed yet
//! WAITING   the cell holds the waker of a task that waits
//! TAKING    somebody owns the cell: a task storing its waker, or a dispatcher moving it out
//! CLOSED    sticky: RDHUP or HUP was seen (read side), HUP was seen (write side)
//! ERROR     sticky: ERR was seen
//! DISARMED  level-triggered sources only: the selector was told to be silent
//! ```
//!
//! WAITING and TAKING are never set together.
//!
//! # Protocol
//!
//! ```text
//!            (1) consume           (3) poll: CAS        (4) poll: CAS
//!   READY ------------------> 0 ------------------> TAKING -----------> WAITING
//!     ^  ^                    |                        |                   |
//!     |  +--------------------+                        | (5) edge seen     | (6) set: CAS
//!     |    (2) set, restore                            v                   v
//!     +------------------------------- (7) ------ READY|TAKING <-----------+
//! ```
//!
//! 1. [`Side::consume`]: a task clears READY *before* it attempts the operation. An edge that
//!    comes during the attempt sets READY again: it costs a futile attempt, never a lost edge.
//! 2. [`Side::set`] by a dispatcher; [`Side::restore`] by the task when the attempt left something
//!    behind for which no new edge will come.
//! 3. [`Side::poll`]: the task found no READY. It takes the cell.
//! 4. It has stored its waker and gives the cell up, *unless* READY has come meanwhile: the check
//!    and the hand-over are one CAS.
//! 5. A dispatcher sets READY while the task owns the cell: it leaves the cell alone. The task
//!    sees READY in (4), takes its waker back and reports readiness itself.
//! 6. A dispatcher sets READY, finds WAITING and takes the cell in the same CAS. It moves the
//!    waker out; the caller wakes it later, with no lock held.
//! 7. The owner of the cell clears TAKING.
//!
//! A task that finds the cell TAKEN in (3) has been polled while a dispatcher is between (6) and
//! (7): it wakes itself and returns `Pending`, rather than to spin on another thread.
//!
//! # Why no edge is lost
//!
//! Task: C consume, A attempt (finds nothing), W the CAS of (4). Dispatcher: E the edge in the
//! kernel, S the CAS of `set`. E comes after A, or A would have found something, so S comes after
//! C. All changes of the word are read-modify-writes, hence totally ordered: either S is before W,
//! then W's CAS fails on READY and the task goes on; or W is before S, then S sees WAITING and
//! wakes it. That the look for READY is repeated after the waker is stored is what makes the first
//! case safe.
//!
//! # Why a stale event does no harm
//!
//! Every word carries the generation of its slot and `set` compares it in the CAS that sets the
//! flag. Deregistering (`retire`) moves both words to the next generation; it comes after the
//! descriptor was removed from the selector and before the slot is free. An event that is still in
//! somebody's buffer then fails the comparison, whoever owns the slot by now. The slot's memory is
//! a source for as long as the reactor lives, so the look itself is always allowed. A dispatcher
//! caught between (6) and (7) keeps the cell across `retire`: TAKING survives the change of
//! generation, and the next owner of the slot cannot store a waker before it is cleared.
//!
//! # Orderings
//!
//! The word publishes the cell and nothing else; the bytes of the socket are ordered by the kernel.
//! - (4) Release -> (6) Acquire: the dispatcher sees the waker that the task stored.
//! - (7) Release -> (3) Acquire: a waker is moved out before the next one is stored.
//! - (4) Release -> `poll` load Acquire: the task on its next thread sees what it stored.
//!
//! The cell is a pair of relaxed atomics rather than an `UnsafeCell`, so that `poll` may look at
//! it without owning it and tell "the waker that is stored is mine already" by one load of the word.
//! That look is sound whatever it finds; it is *right* because only the task that polls stores
//! wakers, and a stored waker keeps its task's memory from being used for another task.
//!
//! Rejected: a mutex per source (a system call when a thief and the owner meet; 8 times the cost
//! when they do not); a tick that the clear compares (consume-before-attempt needs none, and a tick
//! that wraps has lost edges elsewhere).
//!
//! Models: `loom_tests.rs`. The order of consuming and registering is that of Go's `netpoll.go`.

use std::fmt;
use std::ptr;
use std::task::{Poll, RawWakerVTable, Waker};

use crate::interest::Direction;
use crate::loom::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::ready::Ready;
use crate::token::GENERATION_MAX;

const READY: u64 = 1;
const WAITING: u64 = 1 << 1;
const TAKING: u64 = 1 << 2;
const CLOSED: u64 = 1 << 3;
const ERROR: u64 = 1 << 4;
const DISARMED: u64 = 1 << 5;
const GENERATION_SHIFT: u32 = 8;

/// Readiness and wakers of one registered descriptor. Lives in a slot of the table.
///
/// All bytes zero is a valid value: nothing ready, nobody waiting, and generation 0, which no event
/// ever carries: memory that is zeroed, for the first time or again, is met by no stale event.
#[repr(align(64))]
pub(crate) struct Source {
    /// The side that reads and accepts.
    read: Side,
    /// The side that writes.
    write: Side,
    /// The descriptor, for disarming a level-triggered source. Written when the slot is given out,
    /// read under the reactor's lock for level-triggered sources.
    fd: AtomicI32,
    /// Level-triggered sources: how many events in a row found READY set and nobody waiting.
    /// Written by dispatchers; a guess is good enough, so it is relaxed.
    unclaimed: AtomicU32,
}

/// What one event did to a side.
#[derive(Debug)]
pub(crate) enum Edge {
    /// The slot belongs to another generation by now: nothing was touched.
    Stale,
    /// READY was set. `claimed` is false if it had been set before.
    Set { claimed: bool },
    /// READY was set, and this task waited for it.
    Wake(Waker),
}

/// One direction of a source: see the head of this file.
pub(crate) struct Side {
    /// Generation and flags. Every change is a read-modify-write.
    word: AtomicU64,
    /// The stored waker's data pointer. Owned as TAKING and WAITING say.
    data: AtomicPtr<()>,
    /// The stored waker's vtable. Owned as TAKING and WAITING say.
    vtable: AtomicPtr<RawWakerVTable>,
}

/// A value of [`Side::word`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word(u64);

impl Source {
    /// A source of the given generation that nobody has registered.
    #[cfg(loom)]
    pub(crate) fn new(generation: u32) -> Self {
        Self {
            read: Side::new(generation),
            write: Side::new(generation),
            fd: AtomicI32::new(-1),
            unclaimed: AtomicU32::new(0),
        }
    }

    /// The generation of the slot. Only its owner knows that it does not change.
    pub(crate) fn generation(&self) -> u32 {
        self.read.load().generation()
    }

    /// Gives a zeroed slot its generation, which is not 0. The caller owns the slot.
    pub(crate) fn begin(&self, generation: u32) {
        for side in [&self.read, &self.write] {
            let bits = u64::from(generation) << GENERATION_SHIFT;
            // Relaxed: nothing but the word itself; who learns of the slot does so by a lock or by
            // the selector.
            side.word.fetch_or(bits, Ordering::Relaxed);
        }
    }

    /// Whether a dispatcher still empties a cell of this slot, which is free.
    pub(crate) fn is_being_emptied(&self) -> bool {
        // Acquire, in `load`, with the Release of (7): what the dispatcher did in the cell is over.
        [&self.read, &self.write]
            .iter()
            .any(|side| side.load().has(TAKING))
    }

    /// Makes a free slot a source: nothing to read (the first event comes from adding the
    /// descriptor), a write worth an attempt.
    pub(crate) fn open(&self, fd: i32) {
        self.fd.store(fd, Ordering::Relaxed);
        self.unclaimed.store(0, Ordering::Relaxed);
        self.write.restore();
    }

    /// Ends the generation: events of the old one do nothing from now on. Returns the wakers that
    /// were stored, to be dropped with no lock held.
    pub(crate) fn retire(&self) -> [Option<Waker>; 2] {
        [self.read.retire(), self.write.retire()]
    }

    /// Takes the stored wakers out without an event.
    pub(crate) fn take_wakers(&self) -> [Option<Waker>; 2] {
        [self.read.take_waker(), self.write.take_waker()]
    }

    /// The side of a direction.
    pub(crate) fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        }
    }

    /// The descriptor this source was opened for.
    pub(crate) fn fd(&self) -> i32 {
        self.fd.load(Ordering::Relaxed)
    }

    /// Notes whether an event of a level-triggered source found somebody, and says how many in a
    /// row have not.
    pub(crate) fn count_unclaimed(&self, claimed: bool) -> u32 {
        if claimed {
            self.unclaimed.store(0, Ordering::Relaxed);
            return 0;
        }
        self.unclaimed.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Side {
    #[cfg(loom)]
    fn new(generation: u32) -> Self {
        Self {
            word: AtomicU64::new(u64::from(generation) << GENERATION_SHIFT),
            data: AtomicPtr::new(ptr::null_mut()),
            vtable: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Whether this side is ready; if not, `waker` is woken by the next event. (3), (4), (5)
    ///
    /// There is room for one waker: another one stored before is dropped.
    #[inline]
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Word> {
        self.poll_flag(READY, waker)
    }

    /// Whether ERROR was seen; if not, `waker` is woken by the next event, although READY may be
    /// set: for a task that waits for the end of the peer and leaves what there is to read.
    ///
    /// The proof of above holds with ERROR in the place of READY: both are set by [`Side::set`],
    /// and ERROR stays. That READY stands beside WAITING is nothing new to the others: `set` takes
    /// the waker whenever WAITING is set, and `poll` looks at READY first.
    pub(crate) fn poll_error(&self, waker: &Waker) -> Poll<Word> {
        self.poll_flag(ERROR, waker)
    }

    #[inline]
    fn poll_flag(&self, awaited: u64, waker: &Waker) -> Poll<Word> {
        let word = self.load();
        if word.has(awaited) {
            return Poll::Ready(word);
        }
        // Stored already, and no event since: one load, and the word says it is still there.
        if word.has(WAITING) && self.holds(waker) {
            return Poll::Pending;
        }
        self.store_waker(waker, awaited)
    }

    /// Sets READY and the sticky flags of `ready` if the generation is still the same. (2), (6)
    #[inline]
    pub(crate) fn set(&self, generation: u32, flags: u64) -> Edge {
        let mut word = self.load();
        loop {
            if word.generation() != generation {
                return Edge::Stale;
            }
            let take = word.has(WAITING);
            let mut next = word.0 | READY | flags;
            if take {
                next = (next & !WAITING) | TAKING;
            }
            match self.change(word, next) {
                Ok(()) if take => return Edge::Wake(self.move_out()),
                Ok(()) => {
                    return Edge::Set {
                        claimed: !word.is_ready(),
                    };
                }
                Err(now) => word = now,
            }
        }
    }

    /// Clears READY and returns what was there. (1)
    pub(crate) fn consume(&self) -> Word {
        // Acquire only for symmetry with `poll`: nothing is published through READY.
        Word(self.word.fetch_and(!READY, Ordering::AcqRel))
    }

    /// Sets READY: the task knows that there is more. (2)
    pub(crate) fn restore(&self) {
        self.word.fetch_or(READY, Ordering::AcqRel);
    }

    /// The word as it is now.
    pub(crate) fn load(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    /// Marks a side that is ready and that nobody waits for as disarmed. Called under the lock for
    /// level-triggered sources.
    pub(crate) fn disarm(&self, generation: u32) -> bool {
        let mut word = self.load();
        loop {
            let idle = word.is_ready() && !word.has(WAITING | DISARMED);
            if word.generation() != generation || !idle {
                return false;
            }
            match self.change(word, word.0 | DISARMED) {
                Ok(()) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Clears the mark of [`Side::disarm`]; false if it was not set. Called under the same lock.
    pub(crate) fn rearm(&self) -> bool {
        Word(self.word.fetch_and(!DISARMED, Ordering::AcqRel)).is_disarmed()
    }

    /// The slow half of `poll`: takes the cell, stores a clone of `waker`, looks again for the flag
    /// that is waited for.
    fn store_waker(&self, waker: &Waker, awaited: u64) -> Poll<Word> {
        // Cloned while the cell is free: clone is the user's code and may panic.
        let mine = waker.clone();
        let mut word = self.load();
        loop {
            if word.has(awaited) {
                return Poll::Ready(word);
            }
            if word.has(TAKING) {
                waker.wake_by_ref();
                return Poll::Pending;
            }
            match self.change(word, (word.0 & !WAITING) | TAKING) {
                Ok(()) => break,
                Err(now) => word = now,
            }
        }
        // The cell is this thread's until TAKING is cleared.
        let old = word.has(WAITING).then(|| self.take());
        self.put(mine);
        let found = self.hand_over(awaited);
        // Here the cell is given up and `old` is dropped: drop is the user's code too.
        drop(old);
        found
    }

    /// Gives the cell, with a waker in it, to the next event; if one has come already, takes the
    /// waker back and reports readiness. (4), (5)
    fn hand_over(&self, awaited: u64) -> Poll<Word> {
        let mut word = self.load();
        while !word.has(awaited) {
            match self.change(word, (word.0 & !TAKING) | WAITING) {
                Ok(()) => return Poll::Pending,
                Err(now) => word = now,
            }
        }
        let mine = self.move_out();
        drop(mine);
        Poll::Ready(word)
    }

    /// Next generation, no flags; the cell is emptied. A TAKING of another thread stays.
    fn retire(&self) -> Option<Waker> {
        let mut word = self.load();
        loop {
            let take = word.has(WAITING);
            let keep = if take { TAKING } else { word.0 & TAKING };
            match self.change(word, word.next_generation() | keep) {
                Ok(()) => return take.then(|| self.move_out()),
                Err(now) => word = now,
            }
        }
    }

    /// Empties the cell without an event.
    pub(crate) fn take_waker(&self) -> Option<Waker> {
        let mut word = self.load();
        while word.has(WAITING) {
            match self.change(word, (word.0 & !WAITING) | TAKING) {
                Ok(()) => return Some(self.move_out()),
                Err(now) => word = now,
            }
        }
        None
    }

    /// Takes the waker out of a cell this thread owns, and gives the cell up. (7)
    fn move_out(&self) -> Waker {
        let waker = self.take();
        self.word.fetch_and(!TAKING, Ordering::Release);
        waker
    }

    /// Whether the stored waker wakes the same task as `waker`. A guess unless WAITING was seen.
    fn holds(&self, waker: &Waker) -> bool {
        ptr::eq(self.data.load(Ordering::Relaxed), waker.data())
            && ptr::eq(self.vtable.load(Ordering::Relaxed), waker.vtable())
    }

    /// Puts a waker into the cell. The caller owns the cell, and it is empty.
    fn put(&self, waker: Waker) {
        let vtable = ptr::from_ref(waker.vtable()).cast_mut();
        self.data.store(waker.data().cast_mut(), Ordering::Relaxed);
        self.vtable.store(vtable, Ordering::Relaxed);
        // Its reference now belongs to the cell.
        std::mem::forget(waker);
    }

    /// Takes the waker out of the cell. The caller owns the cell, and it is full.
    fn take(&self) -> Waker {
        let data = self.data.load(Ordering::Relaxed);
        let vtable = self.vtable.load(Ordering::Relaxed);
        debug_assert!(!vtable.is_null(), "the cell is empty or its store not seen");
        // SAFETY: `put` stored the address of a `&'static RawWakerVTable`, and the caller owns a
        // cell that is full: TAKING was set by a CAS that saw WAITING, or by this thread before
        // its own `put`. The Acquire of that CAS sees `put`'s store.
        let vtable: &'static RawWakerVTable = unsafe { &*vtable };
        // SAFETY: data and vtable were one waker, whose reference `put` left to the cell. The cell
        // counts as empty from here on, so the reference is taken once.
        unsafe { Waker::new(data, vtable) }
    }

    /// One step of the word from `from` to `to`, or the word that stood in the way.
    #[inline]
    fn change(&self, from: Word, to: u64) -> Result<(), Word> {
        // AcqRel: a change may take the cell (Acquire) or give it up (Release).
        self.word
            .compare_exchange_weak(from.0, to, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
            .map_err(Word)
    }
}

impl Word {
    /// Whether an attempt is worth while.
    pub(crate) const fn is_ready(self) -> bool {
        self.has(READY)
    }

    /// Whether the selector is silent about this source.
    pub(crate) const fn is_disarmed(self) -> bool {
        self.has(DISARMED)
    }

    /// Whether the end or an error was announced.
    pub(crate) const fn is_closed(self) -> bool {
        self.has(CLOSED | ERROR)
    }

    /// The generation of the slot.
    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }

    /// The flags of this side in the words of the public interface.
    pub(crate) fn ready(self, direction: Direction) -> Ready {
        let (ready, closed) = match direction {
            Direction::Read => (Ready::READABLE, Ready::READ_CLOSED),
            Direction::Write => (Ready::WRITABLE, Ready::WRITE_CLOSED),
        };
        ready.only_if(self.has(READY))
            | closed.only_if(self.has(CLOSED))
            | Ready::ERROR.only_if(self.has(ERROR))
    }

    /// The word of the next generation, without flags. Behind the last one comes 1: 0 is left to
    /// zeroed memory.
    const fn next_generation(self) -> u64 {
        let next = (self.generation() + 1) & GENERATION_MAX;
        let next = if next == 0 { 1 } else { next };
        (next as u64) << GENERATION_SHIFT
    }

    const fn has(self, flags: u64) -> bool {
        self.0 & flags != 0
    }
}

/// The flags that an event sets on the read side beside READY; `None` if it does not concern it.
///
/// HUP and ERR concern both sides: an attempt is how the task learns of them.
#[inline]
pub(crate) fn read_flags(ready: Ready) -> Option<u64> {
    let concerned = Ready::READABLE.with(Ready::READ_CLOSED).with(Ready::ERROR);
    flags(ready, concerned, Ready::READ_CLOSED)
}

/// The flags that an event sets on the write side beside READY; `None` if it does not concern it.
#[inline]
pub(crate) fn write_flags(ready: Ready) -> Option<u64> {
    let concerned = Ready::WRITABLE.with(Ready::WRITE_CLOSED).with(Ready::ERROR);
    flags(ready, concerned, Ready::WRITE_CLOSED)
}

#[inline]
fn flags(ready: Ready, concerned: Ready, closed: Ready) -> Option<u64> {
    let closed = CLOSED * u64::from(ready.intersects(closed));
    let error = ERROR * u64::from(ready.intersects(Ready::ERROR));
    ready.intersects(concerned).then_some(closed | error)
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("read", &self.read.load())
            .field("write", &self.write.load())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["READY", "WAITING", "TAKING", "CLOSED", "ERROR", "DISARMED"];
        write!(f, "{{generation {}", self.generation())?;
        for (bit, name) in names.iter().enumerate() {
            if self.has(1 << bit) {
                write!(f, " {name}")?;
            }
        }
        f.write_str("}")
    }
}
