//! Permits, first come, first served.
//!
//! One atomic word says all while nobody waits; those who wait are in a list behind a lock.
//!
//! ```text
//!   bits 2..     permits that are free
//!   bit 1        WAITERS: somebody is in the list
//!   bit 0        CLOSED
//!
//!   (1) take      free - n, unless WAITERS, CLOSED or too few                       no lock
//!   (2) give      free + n, unless WAITERS                                          no lock
//!   (3) join      WAITERS, and the node goes to the end of the list                 lock
//!   (4) settle    free + n; while the first in the list can be served: free - its   lock
//!                 number, fire it; WAITERS off when the list is empty
//! ```
//!
//! Invariants
//! - While somebody is in the list, WAITERS is set; it is set and cleared under the lock only.
//! - While WAITERS is set, the word changes under the lock only. So the free permits stay where they are until
//!   the first in the list can have all that it wants: nobody passes it, and it holds nothing meanwhile.
//! - Whenever the lock is released with WAITERS set, the first in the list wants more than is free, or the
//!   one who has just released it to wake a batch comes back.
//!
//! No permit is lost to one who waits: (2) and (3) are read-modify-writes of the one word. If (2) comes first,
//! (3) finds the permits and takes them; if (3) comes first, (2) finds WAITERS and settles.
//!
//! Orderings: giving is Release, taking Acquire, and every change of the word is a read-modify-write, so that
//! who takes a permit sees what was done before *any* of those now free was given back. Under the lock it is
//! AcqRel, and `fire` carries it on to the one who waited.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::permit::{OwnedPermit, Permit};
use super::waiter::{Batch, Wait, Waiters, fire};
use crate::budget;
use crate::loom::Mutex;
use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

const CLOSED: usize = 1;
const WAITERS: usize = 2;
const SHIFT: u32 = 2;

/// Fired with permits.
const GRANTED: usize = 1;
/// Fired because the semaphore was closed.
const REFUSED: usize = 2;

/// What a lock says of its semaphore.
pub(super) const OPEN: &str = "nobody closes the semaphore of a lock";

/// A number of permits, given out first come, first served.
///
/// Who wants many is not passed by those who want few: while the first in the queue waits, nobody behind it
/// gets a permit, though there may be some.
///
/// ```
/// use std::sync::Arc;
/// use ringspun_runtime::sync::Semaphore;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// // At most ten requests at a time.
/// let limit = Arc::new(Semaphore::new(10));
/// for request in 0..100 {
///     let permit = limit.clone().acquire_owned().await.unwrap();
///     ringspun_runtime::spawn(async move {
///         // ... serve `request` ...
/// #       let _ = request;
///         drop(permit);
///     });
/// }
/// # });
/// ```
pub struct Semaphore {
    word: AtomicUsize,
    /// Each with the number of permits it wants.
    waiters: Mutex<Waiters<usize>>,
}

impl Semaphore {
    /// The most permits that a semaphore can have.
    pub const MAX_PERMITS: usize = usize::MAX >> (SHIFT + 1);

    /// One with so many free permits.
    ///
    /// # Panics
    ///
    /// If they are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    pub fn new(permits: usize) -> Self {
        Self {
            word: AtomicUsize::new(plus(0, permits)),
            waiters: Mutex::new(Waiters::new()),
        }
    }

    /// Permits that are free now.
    pub fn available_permits(&self) -> usize {
        self.word.load(Acquire) >> SHIFT
    }

    /// Adds permits; who waits gets them first.
    ///
    /// # Panics
    ///
    /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS) then.
    pub fn add_permits(&self, permits: usize) {
        self.give(permits);
    }

    /// Takes up to `permits` of the free ones away for ever, and says how many.
    pub fn forget_permits(&self, permits: usize) -> usize {
        let taken = |word: usize| permits.min(word >> SHIFT);
        // Under the lock, so that WAITERS does not matter.
        self.under_lock(|_| {
            let before = self
                .word
                .fetch_update(AcqRel, Acquire, |word| Some(word - (taken(word) << SHIFT)));
            taken(before.unwrap_or_else(|word| word))
        })
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] once the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives its place in the queue up, and nothing else: a permit that it has been given
    /// goes to the next one.
    pub async fn acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    /// Waits for so many permits. See [`acquire`](Self::acquire).
    ///
    /// # Errors
    ///
    /// [`AcquireError`] once the semaphore is closed.
    ///
    /// # Panics
    ///
    /// If they are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_many(&self, permits: usize) -> Result<Permit<'_>, AcquireError> {
        self.take(permits).await?;
        Ok(Permit::new(self, permits))
    }

    /// As [`acquire`](Self::acquire), for a permit that may go to another task.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] once the semaphore is closed.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_owned(self: Arc<Self>) -> Result<OwnedPermit, AcquireError> {
        self.acquire_many_owned(1).await
    }

    /// As [`acquire_many`](Self::acquire_many), for permits that may go to another task.
    ///
    /// # Errors
    ///
    /// [`AcquireError`] once the semaphore is closed.
    ///
    /// # Panics
    ///
    /// As [`acquire_many`](Self::acquire_many).
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_many_owned(
        self: Arc<Self>,
        permits: usize,
    ) -> Result<OwnedPermit, AcquireError> {
        self.take(permits).await?;
        Ok(OwnedPermit::new(self, permits))
    }

    /// A permit, if one is free and nobody waits.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says why not.
    pub fn try_acquire(&self) -> Result<Permit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    /// So many permits, if they are free and nobody waits.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says why not.
    pub fn try_acquire_many(&self, permits: usize) -> Result<Permit<'_>, TryAcquireError> {
        self.try_take(permits)?;
        Ok(Permit::new(self, permits))
    }

    /// As [`try_acquire`](Self::try_acquire), for a permit that may go to another task.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says why not.
    pub fn try_acquire_owned(self: Arc<Self>) -> Result<OwnedPermit, TryAcquireError> {
        self.try_acquire_many_owned(1)
    }

    /// As [`try_acquire_many`](Self::try_acquire_many), for permits that may go to another task.
    ///
    /// # Errors
    ///
    /// [`TryAcquireError`] says why not.
    pub fn try_acquire_many_owned(
        self: Arc<Self>,
        permits: usize,
    ) -> Result<OwnedPermit, TryAcquireError> {
        self.try_take(permits)?;
        Ok(OwnedPermit::new(self, permits))
    }

    /// Gives out no more permits: who waits gets [`AcquireError`], now and from now on.
    pub fn close(&self) {
        let mut batch = Batch::default();
        let mut waiters = self.waiters.lock();
        self.word.fetch_or(CLOSED, AcqRel);
        while let Some(node) = waiters.front() {
            // SAFETY: in this list.
            unsafe { waiters.remove(node) };
            // SAFETY: taken out under this lock, and not used again.
            batch.push(unsafe { fire(node, REFUSED) });
            if batch.is_full() {
                drop(waiters);
                batch.wake();
                waiters = self.waiters.lock();
            }
        }
        // Nobody joins any more.
        self.word.fetch_and(!WAITERS, AcqRel);
        drop(waiters);
        batch.wake();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.word.load(Acquire) & CLOSED != 0
    }

    /// Waits for permits; the caller gives them back by [`give`](Self::give).
    #[inline]
    pub(super) fn take(&self, permits: usize) -> Take<'_> {
        assert!(
            permits <= Self::MAX_PERMITS,
            "a semaphore never has {permits} permits"
        );
        Take {
            semaphore: self,
            wait: Wait::new(permits),
        }
    }

    /// Transition (1).
    #[inline]
    pub(super) fn try_take(&self, permits: usize) -> Result<(), TryAcquireError> {
        let mut word = self.word.load(Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(TryAcquireError::Closed);
            }
            if word & WAITERS != 0 || word >> SHIFT < permits {
                return Err(TryAcquireError::NoPermits);
            }
            let less = word - (permits << SHIFT);
            match self
                .word
                .compare_exchange_weak(word, less, Acquire, Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Transition (2), or (4).
    #[inline]
    pub(super) fn give(&self, permits: usize) {
        let mut word = self.word.load(Relaxed);
        while word & WAITERS == 0 {
            let more = plus(word, permits);
            match self
                .word
                .compare_exchange_weak(word, more, Release, Relaxed)
            {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
        self.give_to_waiters(permits);
    }

    #[cold]
    fn give_to_waiters(&self, permits: usize) {
        self.under_lock(|_| {
            let given = self
                .word
                .fetch_update(AcqRel, Acquire, |word| Some(plus(word, permits)));
            debug_assert!(given.is_ok());
        });
    }

    /// Transition (3), under the lock: nothing if there is need to wait.
    fn start(&self, permits: usize) -> Option<Result<(), AcquireError>> {
        let before = self.word.fetch_update(AcqRel, Acquire, |word| {
            if word & CLOSED != 0 {
                None
            } else if word & WAITERS == 0 && word >> SHIFT >= permits {
                Some(word - (permits << SHIFT))
            } else {
                Some(word | WAITERS)
            }
        });
        match before {
            Err(_) => Some(Err(AcquireError(()))),
            Ok(word) if word & WAITERS == 0 && word >> SHIFT >= permits => Some(Ok(())),
            Ok(_) => None,
        }
    }

    /// Changes something under the lock, then settles.
    fn under_lock<R>(&self, change: impl FnOnce(&mut Waiters<usize>) -> R) -> R {
        let mut batch = Batch::default();
        let mut waiters = self.waiters.lock();
        let result = change(&mut waiters);
        while !self.settle(&mut waiters, &mut batch) {
            drop(waiters);
            batch.wake();
            waiters = self.waiters.lock();
        }
        drop(waiters);
        batch.wake();
        result
    }

    /// Transition (4), under the lock. False if `batch` is full before the work is done.
    fn settle(&self, waiters: &mut Waiters<usize>, batch: &mut Batch) -> bool {
        while let Some(node) = waiters.front() {
            // SAFETY: linked, so alive.
            let wanted = unsafe { node.as_ref() }.data.key;
            if self.word.load(Acquire) >> SHIFT < wanted {
                return true;
            }
            if batch.is_full() {
                return false;
            }
            self.word.fetch_sub(wanted << SHIFT, AcqRel);
            // SAFETY: in this list.
            unsafe { waiters.remove(node) };
            // SAFETY: taken out under this lock, and not used again.
            batch.push(unsafe { fire(node, GRANTED) });
        }
        self.word.fetch_and(!WAITERS, AcqRel);
        true
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// The word with more free permits.
fn plus(word: usize, permits: usize) -> usize {
    let free = (word >> SHIFT).saturating_add(permits);
    assert!(
        free <= Semaphore::MAX_PERMITS,
        "a semaphore has at most {} permits",
        Semaphore::MAX_PERMITS
    );
    word & (CLOSED | WAITERS) | free << SHIFT
}

pin_project! {
    /// A wait for permits, which the one who awaits it gives back. Not polled again once it is ready.
    #[derive(Debug)]
    #[must_use = "a future does nothing unless awaited"]
    pub(super) struct Take<'a> {
        semaphore: &'a Semaphore,
        // Its key is the number of permits.
        #[pin]
        wait: Wait<usize>,
    }

    impl PinnedDrop for Take<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.wait.is_queued() {
                this.semaphore.leave(this.wait);
            }
        }
    }
}

impl Semaphore {
    /// The end of a wait whose owner gives up.
    #[cold]
    fn leave(&self, wait: Pin<&mut Wait<usize>>) {
        let wanted = *wait.key();
        match wait.leave(&self.waiters, |_| ()) {
            Some(GRANTED) => self.give(wanted),
            Some(_) => {}
            // It may have been in the way of one that wants less.
            None => self.under_lock(|_| ()),
        }
    }
}

impl Take<'_> {
    /// The rest of a poll, where the permits are not free for the taking.
    #[cold]
    fn poll_wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), AcquireError>> {
        let this = self.project();
        let (semaphore, permits) = (*this.semaphore, *this.wait.key());
        if this.wait.is_queued() {
            let reason = ready!(this.wait.poll_fired(&semaphore.waiters, Some(cx.waker())));
            return Poll::Ready(match reason {
                GRANTED => Ok(()),
                _ => Err(AcquireError(())),
            });
        }
        let start = || semaphore.start(permits);
        let joined = this.wait.join(&semaphore.waiters, Some(cx.waker()), start);
        joined.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Future for Take<'_> {
    type Output = Result<(), AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(budget::poll_proceed_quick(cx));
        let free = !self.wait.is_queued() && self.semaphore.try_take(*self.wait.key()).is_ok();
        let taken = if free {
            Ok(())
        } else {
            ready!(self.poll_wait(cx))
        };
        proceed.made_progress();
        Poll::Ready(taken)
    }
}

/// The semaphore was closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AcquireError(());

impl fmt::Debug for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcquireError")
    }
}

impl fmt::Display for AcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the semaphore was closed")
    }
}

impl std::error::Error for AcquireError {}

/// Why there is no permit at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryAcquireError {
    /// The semaphore was closed.
    Closed,
    /// Too few are free, or somebody waits already.
    NoPermits,
}

impl fmt::Display for TryAcquireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "the semaphore was closed",
            Self::NoPermits => "not enough permits are free",
        })
    }
}

impl std::error::Error for TryAcquireError {}
