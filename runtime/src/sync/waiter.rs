//! One wait, shared by [`Notify`](super::Notify) and [`Semaphore`](super::Semaphore).
//!
//! ```text
//!   new --join--> queued --fire (by whoever ends the wait)--> fired: the owner's again
//!                    \---leave (the owner drops it)---------> out of the list
//! ```
//!
//! 1. `join` links the node under the lock of the list, after one more look at the state.
//! 2. Whoever ends the wait holds the lock, unlinks the node and calls `fire`, which takes the waker out and
//!    stores the reason: the last that it does to the node. It wakes after the lock is released.
//! 3. The owner sees the reason without the lock: `fire`'s store (Release) → `fired`'s load (Acquire)
//!    publishes what was done before the wake-up, and that the node is no longer in the list.
//!
//! A wait that has been fired and is dropped before its owner has seen it was given something: `leave` says
//! so, and the owner passes it on.
//!
//! Wakers are user code: they are cloned before the lock is taken and dropped after it is released.

use std::fmt;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Poll, Waker};

use pin_project_lite::pin_project;

use crate::contain::wake;
use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::{Acquire, Release};
use crate::loom::{Mutex, UnsafeCell};
use crate::wait_list::{List, Node};

/// The reason of a wait that goes on.
const WAITING: usize = 0;

/// The waits behind one lock.
pub(super) type Waiters<K> = List<Waiter<K>>;

/// What is in the list for each wait.
pub(super) struct Waiter<K> {
    /// What is waited for; never changes.
    pub(super) key: K,
    /// WAITING, or why the wait is over. Written once, by [`fire`]. A whole word: of a
    /// byte the compiler made a node that it copied in pieces, which cost more than a lock that is free.
    fired: AtomicUsize,
    /// Guarded by the lock of the list while the node is queued; its owner's alone otherwise.
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the waker is touched under the lock, or by the owner who has the node alone.
unsafe impl<K: Sync> Sync for Waiter<K> {}

impl<K> Waiter<K> {
    /// Sees to it that `waker` is stored: true if it is. False asks for a clone in `fresh`, which must not be
    /// made under the lock. What was stored before is in `fresh` afterwards, to be dropped without the lock.
    ///
    /// # Safety
    ///
    /// The lock of the list is held, and the node has not been fired.
    unsafe fn store(&self, waker: &Waker, fresh: &mut Option<Waker>) -> bool {
        self.waker.with_mut(|slot| {
            // SAFETY: under the lock nobody else has the slot.
            let slot = unsafe { &mut *slot };
            if slot.as_ref().is_some_and(|old| old.will_wake(waker)) {
                return true;
            }
            let cloned = fresh.is_some();
            if cloned {
                std::mem::swap(slot, fresh);
            }
            cloned
        })
    }
}

impl<K: fmt::Debug> fmt::Debug for Waiter<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiter")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Ends a wait for `reason`, which is not 0, and gives the waker to wake without the lock.
///
/// # Safety
///
/// The caller holds the lock of the list and has taken the node out of it since it took the lock. It does
/// not touch the node again: its owner may free it at once.
pub(super) unsafe fn fire<K>(node: NonNull<Node<Waiter<K>>>, reason: usize) -> Option<Waker> {
    // SAFETY: the node was linked, so it is alive until the store below.
    let waiter = unsafe { &node.as_ref().data };
    // SAFETY: under the lock nobody else has the slot.
    let waker = waiter.waker.with_mut(|slot| unsafe { (*slot).take() });
    waiter.fired.store(reason, Release);
    waker
}

pin_project! {
    /// One wait, in the future that waits.
    #[derive(Debug)]
    pub(super) struct Wait<K> {
        #[pin]
        node: Node<Waiter<K>>,
        // The node has been in the list, and `fired` or `leave` has not told how that ended.
        queued: bool,
    }
}

impl<K> Wait<K> {
    pub(super) fn new(key: K) -> Self {
        Self {
            node: Node::new(Waiter {
                key,
                fired: AtomicUsize::new(WAITING),
                waker: UnsafeCell::new(None),
            }),
            queued: false,
        }
    }

    pub(super) fn key(&self) -> &K {
        &self.node.data.key
    }

    pub(super) fn is_queued(&self) -> bool {
        self.queued
    }

    /// Joins those who wait, unless `over`, called under the lock, has an end for the wait already.
    ///
    /// Without a waker, a later [`poll_fired`](Self::poll_fired) brings it.
    pub(super) fn join<R>(
        self: Pin<&mut Self>,
        list: &Mutex<Waiters<K>>,
        waker: Option<&Waker>,
        over: impl FnOnce() -> Option<R>,
    ) -> Option<R> {
        let this = self.project();
        debug_assert!(!*this.queued);
        // Outlives the lock: dropping a waker runs user code.
        let mut fresh = waker.cloned();
        let mut list = list.lock();
        if let Some(result) = over() {
            return Some(result);
        }
        if let Some(waker) = waker {
            // SAFETY: the lock is held, and a node that is not queued cannot have been fired.
            let stored = unsafe { this.node.data.store(waker, &mut fresh) };
            debug_assert!(stored);
        }
        // SAFETY: not linked, and the owner calls `leave` before the node is freed.
        unsafe { list.push_back(this.node.as_ref()) };
        *this.queued = true;
        None
    }

    /// Why the wait is over, once it is. Otherwise `waker`, if one is given, is woken then.
    pub(super) fn poll_fired(
        self: Pin<&mut Self>,
        list: &Mutex<Waiters<K>>,
        waker: Option<&Waker>,
    ) -> Poll<usize> {
        let this = self.project();
        debug_assert!(*this.queued);
        let waiter = &this.node.data;
        let mut fresh = None;
        loop {
            let reason = waiter.fired.load(Acquire);
            if reason != WAITING {
                *this.queued = false;
                return Poll::Ready(reason);
            }
            let Some(waker) = waker else {
                return Poll::Pending;
            };
            let list = list.lock();
            if waiter.fired.load(Acquire) != WAITING {
                continue;
            }
            // SAFETY: the lock is held, and the node has just been seen not to be fired.
            if unsafe { waiter.store(waker, &mut fresh) } {
                return Poll::Pending;
            }
            drop(list);
            fresh = Some(waker.clone());
        }
    }

    /// The end of a queued wait whose owner gives up: why it had been fired, if it had. Else the node leaves
    /// the list, and `left` is called under the lock.
    pub(super) fn leave(
        self: Pin<&mut Self>,
        list: &Mutex<Waiters<K>>,
        left: impl FnOnce(&mut Waiters<K>),
    ) -> Option<usize> {
        let this = self.project();
        debug_assert!(*this.queued);
        *this.queued = false;
        let reason = this.node.data.fired.load(Acquire);
        if reason != WAITING {
            return Some(reason);
        }
        let mut list = list.lock();
        // SAFETY: the node is alive and was pushed onto this list.
        if unsafe { list.remove(NonNull::from(this.node.as_ref().get_ref())) } {
            left(&mut list);
            return None;
        }
        drop(list);
        Some(this.node.data.fired.load(Acquire))
    }
}

/// Wakers collected under a lock, woken after it.
#[derive(Debug, Default)]
pub(super) struct Batch {
    wakers: [Option<Waker>; Self::CAPACITY],
    len: usize,
}

impl Batch {
    /// Those who wait for one thing are few. More are woken in turns, with the lock released between them.
    #[cfg(not(loom))]
    const CAPACITY: usize = 16;
    /// So that a model of two waits comes to the turns.
    #[cfg(loom)]
    const CAPACITY: usize = 1;

    pub(super) fn is_full(&self) -> bool {
        self.len == Self::CAPACITY
    }

    pub(super) fn push(&mut self, waker: Option<Waker>) {
        self.wakers[self.len] = waker;
        self.len += 1;
    }

    /// Wakes them all, in order. A panic of one stops none of the others.
    pub(super) fn wake(&mut self) {
        for waker in &mut self.wakers[..self.len] {
            wake(waker.take());
        }
        self.len = 0;
    }
}
