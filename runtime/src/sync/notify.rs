//! A wake-up without a value.
//!
//! One atomic word says all while nobody waits; those who wait are in a list behind a lock.
//!
//! ```text
//!   bits 2..64   round: how many times `notify_waiters` was called
//!   bits 0..2    EMPTY | WAITING: somebody of this round is in the list | PERMIT: a stored `notify_one`
//!
//!            (1) notify_one            (2) notified: takes it
//!     EMPTY -----------------> PERMIT -----------------------> EMPTY
//!       |  ^
//!   (3) |  | (4) the last of the round leaves: notify_one, notify_waiters, drop
//!       v  |
//!     WAITING
//! ```
//!
//! Invariants
//! - A wait belongs to the round that it read when it was made, and is over once the word's round is another
//!   one: `notify_waiters` is heard from then on, not from the first poll on.
//! - In the list, waits of past rounds come before those of the present one: a wait that finds its round past
//!   does not join. Past ones are about to be fired by the `notify_waiters` that ended their round; they count
//!   as notified, so `notify_one` passes over them.
//! - WAITING means that a wait of the present round is in the list, and is set and cleared under the lock only.
//!
//! No wake-up is lost: (1) and (3) are read-modify-writes of the one word. If (1) comes first, the one who
//! joins finds PERMIT and takes it; if (3) comes first, the notifier finds WAITING, goes to the lock and finds
//! the node there. Each is AcqRel, so that what happened before the notification is seen after it.
//!
//! A wait that `notify_one` has fired and that is dropped before it was polled calls `notify_one` in turn.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::waiter::{Batch, Wait, Waiter, Waiters, fire};
use crate::budget;
use crate::contain::wake;
use crate::loom::Mutex;
use crate::loom::atomic::AtomicU64;
use crate::loom::atomic::Ordering::{AcqRel, Acquire};
use crate::wait_list::Node;

const EMPTY: u64 = 0;
const WAITING: u64 = 1;
const PERMIT: u64 = 2;
const STATE: u64 = 3;
/// One round.
const ROUND: u64 = 4;

/// Fired by `notify_one`.
const ONE: usize = 1;
/// Fired by `notify_waiters`.
const ALL: usize = 2;

/// Tells tasks that something has happened.
///
/// - [`notify_one`](Self::notify_one) wakes the one that has waited longest. If nobody waits, the next one
///   that asks does not have to: *one* such permit is stored, however often it is called.
/// - [`notify_waiters`](Self::notify_waiters) wakes all who hold a [`Notified`] made before, polled or not.
///   Nothing is stored.
///
/// To wait for a condition, make the `Notified` first, then look:
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use ringspun_runtime::sync::Notify;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let shared = Arc::new((AtomicBool::new(false), Notify::new()));
/// let sender = shared.clone();
/// ringspun_runtime::spawn(async move {
///     sender.0.store(true, Ordering::Release);
///     sender.1.notify_waiters();
/// });
/// loop {
///     let notified = shared.1.notified();
///     if shared.0.load(Ordering::Acquire) {
///         break;
///     }
///     notified.await;
/// }
/// # });
/// ```
pub struct Notify {
    word: AtomicU64,
    /// Each with its round.
    waiters: Mutex<Waiters<u64>>,
}

impl Notify {
    /// One that has not been notified.
    pub fn new() -> Self {
        Self {
            word: AtomicU64::new(EMPTY),
            waiters: Mutex::new(Waiters::new()),
        }
    }

    /// A wait for a notification. It hears [`notify_waiters`](Self::notify_waiters) from now on, and takes
    /// part in [`notify_one`](Self::notify_one) from its first poll on, or from [`Notified::enable`] on.
    ///
    /// # Cancel safety
    ///
    /// A wait that is dropped with a notification of `notify_one` in its hand passes it on. It loses its
    /// place in the queue.
    pub fn notified(&self) -> Notified<'_> {
        // Acquire: who finds a round ended sees what came before its end.
        let round = self.word.load(Acquire) & !STATE;
        Notified {
            notify: self,
            wait: Wait::new(round),
            done: false,
        }
    }

    /// Wakes the one that has waited longest, or lets the next one through that asks.
    ///
    /// What the caller did before is seen by the one who is woken.
    pub fn notify_one(&self) {
        if !self.store_permit() {
            self.notify_waiting();
        }
    }

    /// Wakes the one that has waited longest, if somebody still waits.
    fn notify_waiting(&self) {
        let mut waiters = self.waiters.lock();
        // The last of the round may have left meanwhile: the permit is stored after all then.
        let waker = if self.store_permit() {
            None
        } else {
            self.fire_one(&mut waiters)
        };
        drop(waiters);
        wake(waker);
    }

    /// Wakes everyone who holds a [`Notified`] made before this call.
    ///
    /// What the caller did before is seen by those who are woken.
    pub fn notify_waiters(&self) {
        let ended = self.word.fetch_update(AcqRel, Acquire, |word| {
            (word & STATE != WAITING).then_some(word.wrapping_add(ROUND))
        });
        if ended.is_ok() {
            return;
        }
        let mut batch = Batch::default();
        let mut waiters = self.waiters.lock();
        self.end_round();
        while !self.fire_past(&mut waiters, &mut batch) {
            drop(waiters);
            batch.wake();
            waiters = self.waiters.lock();
        }
        drop(waiters);
        batch.wake();
    }

    /// Waits until `look` finds something. It looks at once, and again after each `notify_waiters`; it is
    /// called with no lock held. The task's budget pays for what is found.
    pub(crate) async fn until<R>(&self, mut look: impl FnMut() -> Option<R>) -> R {
        loop {
            // Before the look: what is changed and told after it is heard.
            let notified = pin!(self.notified());
            let found = poll_fn(|cx| {
                let proceed = ready!(budget::poll_proceed_quick(cx));
                let found = look();
                if found.is_some() {
                    proceed.made_progress();
                }
                Poll::Ready(found)
            });
            if let Some(found) = found.await {
                return found;
            }
            notified.await;
        }
    }

    /// Transition (1). False if somebody of this round is in the list.
    fn store_permit(&self) -> bool {
        self.word
            .fetch_update(AcqRel, Acquire, |word| match word & STATE {
                WAITING => None,
                // A permit that is there already is written again: the notifier publishes what it did.
                _ => Some(word & !STATE | PERMIT),
            })
            .is_ok()
    }

    /// Transition (2), or nothing to wait for: true if a wait of `round` is over.
    fn try_end(&self, round: u64) -> bool {
        let taken = self.word.fetch_update(AcqRel, Acquire, |word| {
            (word == round | PERMIT).then_some(round)
        });
        match taken {
            Ok(_) => true,
            Err(word) => word & !STATE != round,
        }
    }

    /// Transition (3), under the lock, unless a wait of `round` is over: `Some` then.
    fn start(&self, round: u64) -> Option<()> {
        let before = self.word.fetch_update(AcqRel, Acquire, |word| {
            match (word & !STATE == round, word & STATE) {
                (false, _) => None,
                (true, PERMIT) => Some(round),
                (true, _) => Some(round | WAITING),
            }
        });
        match before {
            Ok(word) => (word & STATE == PERMIT).then_some(()),
            Err(_) => Some(()),
        }
    }

    /// Under the lock. All who wait are of a past round afterwards.
    fn end_round(&self) {
        let next = |word: u64| match word & STATE {
            WAITING => (word & !STATE).wrapping_add(ROUND),
            _ => word.wrapping_add(ROUND),
        };
        let ended = self
            .word
            .fetch_update(AcqRel, Acquire, |word| Some(next(word)));
        debug_assert!(ended.is_ok());
    }

    /// Under the lock and in the state WAITING: ends the wait of this round that is the longest.
    fn fire_one(&self, waiters: &mut Waiters<u64>) -> Option<Waker> {
        let node = self
            .first_of_round(waiters)
            .expect("WAITING says that one is there");
        // SAFETY: it is in this list.
        unsafe { waiters.remove(node) };
        self.one_left(waiters);
        // SAFETY: taken out under this lock, and not used again.
        unsafe { fire(node, ONE) }
    }

    /// Under the lock: ends waits of past rounds until `batch` is full; true if none is left.
    fn fire_past(&self, waiters: &mut Waiters<u64>, batch: &mut Batch) -> bool {
        let round = self.round();
        while let Some(node) = waiters.front() {
            // SAFETY: linked, so alive.
            if unsafe { node.as_ref() }.data.key == round {
                break;
            }
            if batch.is_full() {
                return false;
            }
            // SAFETY: in this list.
            unsafe { waiters.remove(node) };
            // SAFETY: taken out under this lock, and not used again.
            batch.push(unsafe { fire(node, ALL) });
        }
        true
    }

    /// Transition (4), under the lock, if the wait that has left was the last one of its round.
    fn one_left(&self, waiters: &Waiters<u64>) {
        if self.first_of_round(waiters).is_none() {
            // In the state WAITING nobody changes the word without the lock. In another state nobody of this
            // round was in the list.
            let word = self.word.load(Acquire);
            if word & STATE == WAITING {
                self.word.fetch_sub(WAITING, AcqRel);
            }
        }
    }

    /// Under the lock: the longest wait of this round.
    fn first_of_round(&self, waiters: &Waiters<u64>) -> Option<NonNull<Node<Waiter<u64>>>> {
        let round = self.round();
        let mut next = waiters.front();
        while let Some(node) = next {
            // SAFETY: linked, so alive.
            if unsafe { node.as_ref() }.data.key == round {
                break;
            }
            // SAFETY: in this list.
            next = unsafe { waiters.after(node) };
        }
        next
    }

    /// How many rounds have ended, in no particular unit.
    pub(super) fn round(&self) -> u64 {
        self.word.load(Acquire) & !STATE
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.word.load(Acquire) & STATE;
        f.debug_struct("Notify")
            .field("permit", &(state == PERMIT))
            .field("waiting", &(state == WAITING))
            .finish()
    }
}

pin_project! {
    /// A wait for a notification. Made by [`Notify::notified`].
    #[derive(Debug)]
    #[must_use = "a future does nothing unless awaited"]
    pub struct Notified<'a> {
        notify: &'a Notify,
        // Its key is the round.
        #[pin]
        wait: Wait<u64>,
        done: bool,
    }

    impl PinnedDrop for Notified<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.wait.is_queued() {
                let notify = *this.notify;
                let fired = this.wait.leave(&notify.waiters, |waiters| notify.one_left(waiters));
                if fired == Some(ONE) {
                    notify.notify_one();
                }
            }
        }
    }
}

impl Notified<'_> {
    /// Takes its place in the queue now, instead of at the first poll: [`Notify::notify_one`] counts it from
    /// now on. True if it has been notified already.
    ///
    /// Needed where several consumers look at a condition before they wait: without it two calls of
    /// `notify_one` between look and poll leave one permit for two of them.
    ///
    /// ```
    /// use ringspun_runtime::sync::Notify;
    /// # use std::pin::pin;
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// let notify = Notify::new();
    /// let (mut first, mut second) = (pin!(notify.notified()), pin!(notify.notified()));
    /// assert!(!first.as_mut().enable() && !second.as_mut().enable());
    /// notify.notify_one();
    /// notify.notify_one();
    /// first.await;
    /// second.await;
    /// # });
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.advance(None).is_ready()
    }

    #[inline]
    fn advance(self: Pin<&mut Self>, waker: Option<&Waker>) -> Poll<()> {
        let queued = self.wait.is_queued();
        if self.done || !queued && self.notify.try_end(*self.wait.key()) {
            *self.project().done = true;
            return Poll::Ready(());
        }
        self.wait(waker)
    }

    /// The rest of a poll, where there is nothing to take.
    #[cold]
    fn wait(self: Pin<&mut Self>, waker: Option<&Waker>) -> Poll<()> {
        let this = self.project();
        let (notify, round) = (*this.notify, *this.wait.key());
        *this.done = if this.wait.is_queued() {
            this.wait.poll_fired(&notify.waiters, waker).is_ready()
        } else {
            let start = || notify.start(round);
            this.wait.join(&notify.waiters, waker, start).is_some()
        };
        if *this.done {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Future for Notified<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = ready!(budget::poll_proceed_quick(cx));
        ready!(self.advance(Some(cx.waker())));
        proceed.made_progress();
        Poll::Ready(())
    }
}
