//! The offer of a select: "I take whichever of these comes first". One word decides who is first.
//!
//! A select waits in several channels at once, with one node in each. Whoever passes a value to a node, or
//! takes one from it, must win the offer before. Each party holds the lock of *its* channel; the word is
//! what they all share.
//!
//! ```text
//!        +--(2) wait---------------------+
//!        |                               v
//!  +-> IDLE <----------(3) retract--- WAITING ---(4) claim---> CLAIMED(arm) --(5) settle--> DONE(arm)
//!  |     |                                                                                     |
//!  |     +--(1) claim--> DIRTY --(3)--> IDLE                                                   |
//!  +-------------------------------------------------------------------------(3) retract-------+
//! ```
//!
//! 1. A party that meets a node whose select is not waiting does not get it: the select is looking at
//!    another channel just now, or was won there. The party unlinks the node, *marks* its arm, and says so
//!    in the word: "look again".
//! 2. The select has found nothing and goes to sleep. Fails if the word is DIRTY: then it looks again, at
//!    the arms that are marked and at no others.
//! 3. The select's task is polled: from here on nobody can win it, so what it does to a channel itself is
//!    the only thing that happens.
//! 4. A party wins.
//! 5. The party has moved the value and takes its hands off the select, which may be gone afterwards.
//!
//! **No wake-up is lost.** Every change of the word is a read-modify-write, so they have one order. A party
//! sets its mark *before* it exchanges the word; if the select went to WAITING before, the exchange fails
//! and the party tries to win; if it comes after, `wait` fails. A mark that finds the word CLAIMED or DONE
//! is exchanged for itself: `retract`, which comes later in the order, sees the mark.
//!
//! **Two selects that look at each other's nodes** at the same moment both find the other one idle, mark each
//! other and look again. Nothing forbids that they do so in step; after a few rounds a select gives way to
//! the other tasks ([`ROUNDS`]).
//!
//! Go locks all channels of a select, in the order of their addresses, before it looks. That needs as many
//! locks as arms for each select, ready or not; here an arm that is not ready costs a load.

use std::marker::PhantomPinned;
use std::task::Waker;

use crate::loom::UnsafeCell;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::loom::atomic::{AtomicU64, AtomicUsize};

use super::backoff::Backoff;

/// The select's task looks at its arms, or does something else.
const IDLE: usize = 0;
/// As IDLE, and an arm was marked since.
const DIRTY: usize = 1;
/// Whoever comes first wins.
const WAITING: usize = 2;
/// Won, and the value is on its way. The arm stands above.
const CLAIMED: usize = 3;
/// Won, and the winner is gone. The arm stands above.
const DONE: usize = 4;
const STATE: usize = 7;
const ARM: u32 = 3;

/// How often a select looks at its arms in one poll. The second look is common on a busy channel; more
/// than a few mean that two selects dance around each other.
#[cfg(not(loom))]
pub(super) const ROUNDS: usize = 8;
#[cfg(loom)]
pub(super) const ROUNDS: usize = 2;

/// What the nodes of one select share.
#[derive(Debug)]
pub struct Offer {
    word: AtomicUsize,
    /// The select's task. Written while IDLE or DIRTY by the select, taken while CLAIMED by the winner.
    waker: UnsafeCell<Option<Waker>>,
    /// The marked arms, a bit each: the first 64, which most selects never exceed.
    few: AtomicU64,
    /// The marks of all others.
    more: Box<[AtomicU64]>,
    /// Nodes point here.
    _pinned: PhantomPinned,
}

// SAFETY: `waker` is touched by one thread at a time, as the word says.
unsafe impl Sync for Offer {}

impl Offer {
    /// An offer of up to `arms` arms, none of them marked.
    pub fn new(arms: usize) -> Self {
        let more = arms.div_ceil(64).saturating_sub(1);
        Self {
            word: AtomicUsize::new(IDLE),
            waker: UnsafeCell::new(None),
            few: AtomicU64::new(0),
            more: (0..more).map(|_| AtomicU64::new(0)).collect(),
            _pinned: PhantomPinned,
        }
    }

    /// Tries to win the offer for `arm`, whose node the caller has just unlinked under the lock of its
    /// channel. False: the arm is marked.
    pub(super) fn claim(&self, arm: usize) -> bool {
        // Acquire: the winner sees the select's waker and values.
        let claimed = CLAIMED | (arm << ARM);
        if self
            .word
            .compare_exchange(WAITING, claimed, Acquire, Relaxed)
            .is_ok()
        {
            return true;
        }
        // Relaxed: the exchange below publishes it.
        self.word_of(arm).fetch_or(1 << (arm % 64), Relaxed);
        let mut word = self.word.load(Relaxed);
        loop {
            let next = match word & STATE {
                WAITING => claimed,
                IDLE => DIRTY,
                // For itself: that puts the mark in order before what the select does next.
                _ => word,
            };
            // Release: publishes the mark. Acquire: as above.
            match self.word.compare_exchange_weak(word, next, AcqRel, Relaxed) {
                Ok(_) => return word == WAITING,
                Err(now) => word = now,
            }
        }
    }

    /// The winner's last step: the value is where it belongs. Gives the select's waker.
    pub(super) fn settle(&self, arm: usize) -> Option<Waker> {
        let waker = self.waker.with_mut(|waker| {
            // SAFETY: CLAIMED: the caller won.
            unsafe { (*waker).take() }
        });
        // Release: publishes value and the end of this access. A read-modify-write: marks that were
        // published by an exchange of the CLAIMED word stay published.
        self.word.swap(DONE | (arm << ARM), AcqRel);
        waker
    }

    /// The select takes itself back. `Some(arm)`: it was won before.
    pub(super) fn retract(&self) -> Option<usize> {
        let mut backoff = Backoff::new();
        loop {
            // Acquire, here and below: sees the value, and the marks.
            let word = backoff.read(&self.word);
            match word & STATE {
                // The winner is inside its critical section.
                CLAIMED => backoff.snooze(),
                IDLE => return None,
                state => {
                    // Release is not needed: nothing is handed over by being idle. AcqRel keeps the
                    // order of marks whole for the next reader.
                    let swapped = self.word.compare_exchange(word, IDLE, AcqRel, Relaxed);
                    if swapped.is_ok() {
                        return (state == DONE).then_some(word >> ARM);
                    }
                }
            }
        }
    }

    /// As `retract`, of a select that is over if an arm was won: that stays so, which saves an exchange. If
    /// its pattern refuses what came, and it goes on, it retracts the offer then.
    #[inline]
    pub(super) fn end(&self) -> Option<usize> {
        // Acquire: as above.
        let word = self.word.load(Acquire);
        if word & STATE == DONE {
            return Some(word >> ARM);
        }
        self.retract()
    }

    /// Whom to wake.
    ///
    /// # Safety
    ///
    /// The caller is the select's task and has retracted the offer.
    pub(super) unsafe fn set_waker(&self, waker: &Waker) {
        self.waker.with_mut(|place| {
            // SAFETY: IDLE or DIRTY: the waker is the select's.
            let place = unsafe { &mut *place };
            match place {
                Some(old) if old.will_wake(waker) => {}
                // The old one is the task's own or another's: its drop may run user code; no lock is held.
                place => *place = Some(waker.clone()),
            }
        });
    }

    /// Goes to sleep; false if an arm has been marked since the offer was retracted.
    pub(super) fn wait(&self) -> bool {
        // Release: the winner sees waker and nodes.
        self.word
            .compare_exchange(IDLE, WAITING, Release, Relaxed)
            .is_ok()
    }

    /// Takes the marks off, as the arms' bits in words of 64.
    pub(super) fn take_marks(&self) -> impl Iterator<Item = u64> + '_ {
        std::iter::once(&self.few)
            .chain(&self.more)
            // Relaxed: `retract` has acquired what the marks' setters did.
            .map(|marks| match marks.load(Relaxed) {
                0 => 0,
                _ => marks.swap(0, Relaxed),
            })
    }

    /// How many arms it can tell apart.
    pub(super) fn arms(&self) -> usize {
        64 * (1 + self.more.len())
    }

    fn word_of(&self, arm: usize) -> &AtomicU64 {
        match arm / 64 {
            0 => &self.few,
            n => &self.more[n - 1],
        }
    }
}
