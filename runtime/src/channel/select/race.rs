//! The loop of a select: look at the arms in random order, link them, sleep.
//!
//! 1. Take the offer back. If it was won in the sleep, that arm has committed: done.
//! 2. Try the *candidates* in random order, each with the same chance to be first: those that were marked, at
//!    the beginning all, and the futures, which nothing marks. The first that commits is the outcome.
//! 3. A `default` is due now if only one arm can be won by others, or if two looks at the words of all
//!    channels, one after the other, show the same. Without a future among the arms those looks come before
//!    step 2: mostly there is nothing, and they are cheaper than a try.
//! 4. Link the candidates, each with one more look under the lock of its channel.
//! 5. Offer. If an arm was marked since, go back to 2 with that arm.
//! 6. A `default` takes the offer back at once. At the moment of the offer all arms were linked and none was
//!    marked, so none was ready: without that moment a value that goes from an arm not looked at yet to
//!    one looked at before would not be seen, though it was always there.
//!
//! An arm that is linked and not marked is not ready (invariants 1 and 2 of `chan.rs`), so it is not looked
//! at: a round over 64 channels of which one speaks costs as much as over two.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::branch::Branch;
use super::set::{ArmSet, Draws, Words};
use crate::budget;
use crate::channel::offer::{Offer, ROUNDS};

/// For so many arms a `default` is decided by looking at words.
const FEW: usize = 8;

/// The arms of one select.
pub trait Arms {
    /// How many there are.
    fn count(&self) -> usize;

    /// One of them; `None` for a place without one.
    fn get(&mut self, arm: usize) -> Option<Pin<&mut (dyn Branch + '_)>>;
}

/// The arms of a `select!`, one pair inside the other: each keeps its type, so that the select is `Send` iff
/// they are.
impl<B: Branch, R: Arms> Arms for (Pin<&mut B>, R) {
    fn count(&self) -> usize {
        1 + self.1.count()
    }

    fn get(&mut self, arm: usize) -> Option<Pin<&mut (dyn Branch + '_)>> {
        match arm.checked_sub(1) {
            None => Some(self.0.as_mut()),
            Some(arm) => self.1.get(arm),
        }
    }
}

impl Arms for () {
    fn count(&self) -> usize {
        0
    }

    fn get(&mut self, _: usize) -> Option<Pin<&mut (dyn Branch + '_)>> {
        None
    }
}

/// How a select ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Won {
    /// This arm has committed.
    Arm(usize),
    /// None was ready, and the select is not to wait.
    Default,
    /// None is left: all are switched off.
    Nobody,
}

/// How a select chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    /// The first that is ready, not any.
    pub biased: bool,
    /// Do not wait.
    pub default: bool,
}

/// What a select knows of its arms from one poll to the next.
#[derive(Debug)]
pub(super) struct Progress<W> {
    /// Arms that can still commit.
    live: ArmSet<W>,
    /// Arms to look at.
    candidates: ArmSet<W>,
    /// Arms that nothing marks.
    polled: ArmSet<W>,
    /// Room for the arms of one pass.
    pass: ArmSet<W>,
}

impl<W: Words> Default for Progress<W> {
    fn default() -> Self {
        Self {
            live: ArmSet::default(),
            candidates: ArmSet::default(),
            polled: ArmSet::default(),
            pass: ArmSet::default(),
        }
    }
}

impl<W: Words> Progress<W> {
    /// Looks at `arm` at the next poll.
    pub(super) fn look_at(&mut self, arm: usize, is_polled: bool) {
        self.live.insert(arm);
        match is_polled {
            true => self.polled.insert(arm),
            false => self.candidates.insert(arm),
        }
    }

    /// Forgets `arm`.
    pub(super) fn forget(&mut self, arm: usize) {
        self.live.remove(arm);
        self.polled.remove(arm);
        self.candidates.remove(arm);
    }

    /// One poll of the select. The offer must be retracted.
    pub(super) fn poll(
        &mut self,
        offer: &Offer,
        arms: &mut (impl Arms + ?Sized),
        mode: Mode,
        cx: &mut Context<'_>,
    ) -> Poll<Won> {
        let proceed = ready!(budget::poll_proceed_quick(cx));
        for round in 0..ROUNDS {
            self.candidates.add_words(offer.take_marks());
            // A mark may be of an arm that was removed since.
            self.candidates.keep(&self.live);
            if mode.default
                && self.polled.is_empty()
                && self.is_shared()
                && self.none_is_ready(arms)
            {
                proceed.made_progress();
                return Poll::Ready(Won::Default);
            }
            if let Some(arm) = self.look(offer, arms, mode, round == 0, cx) {
                proceed.made_progress();
                return Poll::Ready(Won::Arm(arm));
            }
            if self.live.is_empty() {
                return Poll::Ready(Won::Nobody);
            }
            if mode.default && (!self.is_shared() || self.none_is_ready(arms)) {
                proceed.made_progress();
                return Poll::Ready(Won::Default);
            }
            if let Some(arm) = self.link(offer, arms) {
                proceed.made_progress();
                return Poll::Ready(Won::Arm(arm));
            }
            // SAFETY: retracted, and this is the select's task.
            unsafe { offer.set_waker(cx.waker()) };
            if offer.wait() {
                if !mode.default {
                    return Poll::Pending;
                }
                let won = offer.retract();
                if won.is_none_or(|arm| self.settle(arms, arm)) {
                    proceed.made_progress();
                    return Poll::Ready(won.map_or(Won::Default, Won::Arm));
                }
                continue;
            }
            let won = offer.retract();
            debug_assert!(won.is_none(), "not offered, so not won");
        }
        // Two selects dance around each other: let the others go first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether the words of all channels say that there was a moment at which no arm was ready: none of them
    /// changes from the end of the first look at them to the beginning of the second.
    fn none_is_ready(&self, arms: &mut (impl Arms + ?Sized)) -> bool {
        let mut seen = [None; FEW];
        if arms.count() > FEW {
            return false;
        }
        for first in [true, false] {
            for (arm, seen) in seen.iter_mut().enumerate().take(arms.count()) {
                let asked = arms
                    .get(arm)
                    .filter(|arm| arm.is_live() && !arm.is_polled());
                let Some(asked) = asked else { continue };
                let now = asked.not_ready();
                if now.is_none() || !first && *seen != now {
                    return false;
                }
                *seen = now;
            }
        }
        true
    }

    /// Whether others can win one arm while the select looks at another.
    fn is_shared(&self) -> bool {
        self.live.has_two_besides(&self.polled)
    }

    /// The offer was won for `arm`; false if the user's pattern refuses what came.
    fn settle(&mut self, arms: &mut (impl Arms + ?Sized), arm: usize) -> bool {
        let accepted = arms.get(arm).expect("a won arm is there").settle();
        if !accepted {
            self.forget(arm);
        }
        accepted
    }

    /// Step 2.
    fn look(
        &mut self,
        offer: &Offer,
        arms: &mut (impl Arms + ?Sized),
        mode: Mode,
        first: bool,
        cx: &mut Context<'_>,
    ) -> Option<usize> {
        self.pass.copy_from(&self.candidates);
        if first {
            self.pass.add(&self.polled);
        }
        let mut draws = Draws::of(&self.pass);
        loop {
            let arm = match mode.biased {
                true => self.pass.pop_first()?,
                false => draws.pop(&mut self.pass)?,
            };
            let mut branch = arms
                .get(arm)
                .expect("only arms that are there are looked at");
            if branch.as_mut().try_now(cx, offer) {
                return Some(arm);
            }
            if !branch.is_live() {
                self.forget(arm);
            }
        }
    }

    /// Step 4.
    fn link(&mut self, offer: &Offer, arms: &mut (impl Arms + ?Sized)) -> Option<usize> {
        while let Some(arm) = self.candidates.pop_first() {
            let mut branch = arms
                .get(arm)
                .expect("only arms that are there are looked at");
            if branch.as_mut().link(offer, arm) {
                return Some(arm);
            }
            if !branch.is_live() {
                self.forget(arm);
            }
        }
        None
    }
}

/// A `select!` as a future, of up to 64 `W` arms.
pub struct Race<'a, A, const W: usize> {
    offer: Pin<&'a Offer>,
    arms: A,
    mode: Mode,
    progress: Progress<[u64; W]>,
}

impl<'a, A: Arms, const W: usize> Race<'a, A, W> {
    /// A select over `arms`, none of which was linked before.
    pub fn new(offer: Pin<&'a Offer>, mut arms: A, mode: Mode) -> Self {
        let mut progress = Progress::default();
        for arm in 0..arms.count() {
            if let Some(branch) = arms.get(arm).filter(|branch| branch.is_live()) {
                let is_polled = branch.is_polled();
                progress.look_at(arm, is_polled);
            }
        }
        Self {
            offer,
            arms,
            mode,
            progress,
        }
    }
}

impl<A: Arms + Unpin, const W: usize> Future for Race<'_, A, W> {
    type Output = Won;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Won> {
        let this = self.get_mut();
        if let Some(arm) = this.offer.end() {
            if this.progress.settle(&mut this.arms, arm) {
                return Poll::Ready(Won::Arm(arm));
            }
            this.offer.retract();
        }
        this.progress
            .poll(&this.offer, &mut this.arms, this.mode, cx)
    }
}

impl<A, const W: usize> fmt::Debug for Race<'_, A, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race")
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
