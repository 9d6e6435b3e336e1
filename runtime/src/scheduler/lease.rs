//! Who may use a core.
//!
//! A worker holds its core in hand between tasks. While it polls one it has *lent* the core: the core
//! lies in the lease, the task reaches it through [`context::with_core`](crate::context::with_core),
//! and another thread may take it away: that is how a core whose thread is stuck is handed to another.
//!
//! ```text
//!   word = {epoch: 47 | holder: 16 | TAKING: 1}          busy: one flag for each worker
//!
//!   holder                                   taker
//!   lend:      core -> slot; busy = 0  (1)
//!   with:      busy = 1                (2)   CAS word -> word | TAKING      (6)
//!              light fence                   heavy fence
//!              word mine? use the slot (3)   holder's busy set? put the word back
//!              busy = 0                (4)   CAS word | TAKING -> {epoch + 1, NOBODY}  (7)
//!   take_back: busy = 1; light fence         take the core out of the slot
//!              word mine? take it      (5)
//!              TAKING? CAS -> {epoch + 1, me}
//!              else: the core is gone
//! ```
//!
//! **Invariant.** The slot is touched by the holder while `busy` is set and the word was seen to be its
//! own after that, or by a taker after (7). The two exclude each other: by the pair of fences, either
//! the holder's read in (3) or (5) comes after (6) and sees TAKING, so that it keeps away; or the
//! taker's read of `busy` comes after (2) and sees it set, or sees a later (1) or (4), whose release
//! hands over what the holder did.
//!
//! (7) is where a core changes hands. A holder that comes back before it takes its core by moving the
//! epoch on, so that the (7) of that taker, whose look at `busy` is out of date, must fail. Nobody
//! waits for anybody.
//!
//! Model: `loom_lease` (M11): hand-off against use, against the end of the task, against another taker.

use std::cell::Cell;

use super::core::Core;
use super::fence::Fence;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::loom::atomic::{AtomicBool, AtomicU64};
use crate::loom::{CachePadded, UnsafeCell};

const TAKING: u64 = 1;
const HOLDER_SHIFT: u32 = 1;
const HOLDER_MASK: u64 = 0xffff;
const EPOCH_SHIFT: u32 = 17;
/// The holder of a core that is on its way to a worker.
const NOBODY: u64 = HOLDER_MASK;

/// The most workers that a word can name.
pub(crate) const MAX_HOLDERS: usize = NOBODY as usize;

/// Set while a worker uses its core or has it in hand. One for each worker, written by it alone.
#[derive(Debug, Default)]
pub(crate) struct Busy(CachePadded<AtomicBool>);

impl Busy {
    pub(crate) fn new() -> Self {
        Self(CachePadded(AtomicBool::new(false)))
    }
}

/// What a worker knows of its lease: the word that is its own. 0 without a core.
pub(crate) type Token = Cell<u64>;

/// One for each core.
pub(crate) struct Lease<T = Box<Core>> {
    word: CachePadded<AtomicU64>,
    /// The core while it is lent.
    slot: UnsafeCell<Option<T>>,
    fence: Fence,
}

// SAFETY: the slot is touched by one thread at a time, and each hands over to the next by an
// acquire-release pair: the invariant at the head of this file.
unsafe impl<T: Send> Sync for Lease<T> {}

impl<T> Lease<T> {
    /// The lease of a core that is on its way to its first worker.
    pub(crate) fn new(fence: Fence) -> Self {
        Self {
            word: CachePadded(AtomicU64::new(pack(1, NOBODY))),
            slot: UnsafeCell::new(None),
            fence,
        }
    }

    /// A worker gets a core that nobody holds; it has the core in hand.
    pub(crate) fn hold(&self, worker: usize, busy: &Busy, token: &Token) {
        // Relaxed: a taker looks at `busy` only after it has seen this worker in the word below.
        busy.0.store(true, Relaxed);
        let word = self.word.load(Relaxed);
        debug_assert_eq!(holder(word), NOBODY, "a core has one holder");
        token.set(pack(epoch(word) + 1, worker as u64));
        // Release: with the flag. Nobody else writes the word of a core on its way.
        self.word.store(token.get(), Release);
    }

    /// The worker goes into a task. It has the core in hand.
    #[inline]
    pub(crate) fn lend(&self, busy: &Busy, core: T) {
        self.slot.with_mut(|slot| {
            // SAFETY: `busy` is set and the word is ours (we have the core in hand).
            unsafe { *slot = Some(core) }
        });
        // (1) Release: a taker that sees it sees the core.
        busy.0.store(false, Release);
    }

    /// The worker comes out of a task. `None` if the core was taken away.
    #[inline]
    pub(crate) fn take_back(&self, busy: &Busy, token: &Token) -> Option<T> {
        busy.0.store(true, Relaxed);
        self.fence.light();
        if self.word.load(Acquire) == token.get() || self.reclaim(busy, token) {
            return self.take_slot();
        }
        None
    }

    /// A taker is at work: whoever changes the word first has the core.
    #[cold]
    fn reclaim(&self, busy: &Busy, token: &Token) -> bool {
        let mine = token.get();
        let next = pack(epoch(mine) + 1, holder(mine));
        loop {
            // AcqRel: the epoch moves on, so that the taker's look at `busy` is worth nothing.
            match self
                .word
                .compare_exchange(mine | TAKING, next, AcqRel, Acquire)
            {
                Ok(_) => {
                    token.set(next);
                    return true;
                }
                // The taker gave up.
                Err(word) if word == mine => return true,
                Err(word) if word == mine | TAKING => {}
                Err(_) => {
                    token.set(0);
                    busy.0.store(false, Relaxed);
                    return false;
                }
            }
        }
    }

    /// Uses the core, if it is lent and was not taken away. `f` runs no user code.
    #[inline]
    pub(crate) fn with<R>(
        &self,
        busy: &Busy,
        token: &Token,
        f: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        // (2) Set already: in hand, or a use within a use.
        if token.get() == 0 || busy.0.load(Relaxed) {
            return None;
        }
        busy.0.store(true, Relaxed);
        self.fence.light();
        // Acquire: nothing is read through the slot before the word is known to be ours.
        let mine = self.word.load(Acquire) == token.get();
        let result = mine.then(|| {
            self.slot.with_mut(|slot| {
                // SAFETY: (3): `busy` is set and the word was seen to be ours after that.
                let slot = unsafe { &mut *slot };
                f(slot
                    .as_mut()
                    .expect("a core that is lent lies in its lease"))
            })
        });
        // (4) Release: a taker that sees it sees what `f` did.
        busy.0.store(false, Release);
        result
    }

    /// Whether the worker with this token still holds the core.
    #[inline]
    pub(crate) fn is_held(&self, token: &Token) -> bool {
        // Relaxed: a hint. TAKING is not yet taken.
        token.get() != 0 && self.word.load(Relaxed) & !TAKING == token.get()
    }

    /// The worker gives the core, which it has in hand, away.
    pub(crate) fn release(&self, busy: &Busy, token: &Token) {
        let mine = token.replace(0);
        // AcqRel, and whatever is there: a taker that set TAKING meanwhile fails in (7).
        let before = self.word.swap(pack(epoch(mine) + 1, NOBODY), AcqRel);
        debug_assert_eq!(before & !TAKING, mine);
        busy.0.store(false, Release);
    }

    /// The present holder and its word, for [`revoke`](Self::revoke); `None` while there is none.
    pub(crate) fn holder(&self) -> Option<(usize, u64)> {
        let word = self.word.load(Acquire);
        let worker = holder(word);
        (worker != NOBODY && word & TAKING == 0).then_some((worker as usize, word))
    }

    /// Whether the worker whose word and flag these are still holds the core and does not use it now. The
    /// caller has written a word before that the holder reads in every use, after (2) or (5): by the pair of
    /// fences, who uses the core from now on sees it. So does the next holder: the core comes to it from
    /// one who has passed the fence of (5), and then set the word, or that of (6).
    pub(crate) fn is_left_alone(&self, seen: u64, busy: &Busy) -> bool {
        self.fence.heavy();
        // Acquire: pairs with (1) and (4); and the word is read after the flag, as `release` writes it before.
        !busy.0.load(Acquire) && self.word.load(Acquire) == seen
    }

    /// Takes the core away from the worker whose word and flag these are, unless it uses the core now,
    /// or `still` says that the reason is gone.
    pub(crate) fn revoke(&self, seen: u64, busy: &Busy, still: impl FnOnce() -> bool) -> Option<T> {
        // (6)
        self.word
            .compare_exchange(seen, seen | TAKING, AcqRel, Relaxed)
            .ok()?;
        self.fence.heavy();
        // Acquire: pairs with (1) and (4).
        let next = if busy.0.load(Acquire) || !still() {
            seen
        } else {
            pack(epoch(seen) + 1, NOBODY)
        };
        // (7) Fails if the holder came back meanwhile.
        let decided = self
            .word
            .compare_exchange(seen | TAKING, next, AcqRel, Relaxed);
        if decided.is_err() || next == seen {
            return None;
        }
        self.take_slot()
    }

    /// The caller has the right to the slot by the invariant.
    fn take_slot(&self) -> Option<T> {
        self.slot.with_mut(|slot| {
            // SAFETY: the callers are the holder after (5) and the taker after (7).
            unsafe { (*slot).take() }
        })
    }
}

impl<T> std::fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({:#x})", self.word.load(Relaxed))
    }
}

fn pack(epoch: u64, holder: u64) -> u64 {
    epoch << EPOCH_SHIFT | holder << HOLDER_SHIFT
}

fn holder(word: u64) -> u64 {
    word >> HOLDER_SHIFT & HOLDER_MASK
}

fn epoch(word: u64) -> u64 {
    word >> EPOCH_SHIFT
}
