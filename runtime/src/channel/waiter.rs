//! Who waits in a channel: one side of a value's way, linked into the channel's list.
//!
//! The node lies in the pinned future that waits. It waits either alone, with a waker of its own, or for one
//! arm of a select, whose [`Offer`] holds the waker.
//!
//! | field | touched by |
//! |---|---|
//! | `value` | the owner while the node is not linked and after `done`; in between the party that has won the node |
//! | `waker`, `arm`, `ticket` | the holder of the channel's lock |
//! | `done` | set by the winner as its last step, reset by the owner before it links the node |

use std::ptr::NonNull;
use std::task::Waker;

use crate::loom::UnsafeCell;
use crate::loom::atomic::AtomicBool;
use crate::loom::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::wait_list::Node;

use super::offer::Offer;

/// What a node carries.
pub(super) struct Waiter<T> {
    /// A sender's: the value to send; gone once somebody took it. A receiver's: the value that came.
    value: UnsafeCell<Option<T>>,
    /// A node alone: the wait is over.
    done: AtomicBool,
    /// A node alone: whom to wake.
    waker: UnsafeCell<Option<Waker>>,
    /// The select that the node is an arm of, and which arm.
    arm: UnsafeCell<Option<(NonNull<Offer>, usize)>>,
    /// A receiver's: the number of the pass that its value came by.
    ticket: UnsafeCell<u64>,
}

/// How a node is going to wait. A waker is cloned before the channel's lock is taken: that is user code.
pub(super) enum Wait<'a> {
    Alone(Waker),
    /// As this arm of this select.
    Arm(&'a Offer, usize),
}

// SAFETY: a value is touched by one thread at a time (see the table) and moves between threads; the offer
// is shared by reference and is `Sync`.
unsafe impl<T: Send> Send for Waiter<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Waiter<T> {}

impl<T> Waiter<T> {
    pub(super) fn node(value: Option<T>) -> Node<Self> {
        Node::new(Self {
            value: UnsafeCell::new(value),
            done: AtomicBool::new(false),
            waker: UnsafeCell::new(None),
            arm: UnsafeCell::new(None),
            ticket: UnsafeCell::new(0),
        })
    }

    /// Lends the value out.
    ///
    /// # Safety
    ///
    /// The caller is the owner of a node that is not waiting, or the party that has won it.
    pub(super) unsafe fn with_value<R>(&self, f: impl FnOnce(&mut Option<T>) -> R) -> R {
        self.value.with_mut(|value| {
            // SAFETY: the caller's right excludes all others.
            f(unsafe { &mut *value })
        })
    }

    /// Before the node is linked.
    ///
    /// # Safety
    ///
    /// The caller holds the channel's lock, and the node is not linked.
    pub(super) unsafe fn prepare(&self, wait: Wait<'_>) {
        let arm = match wait {
            Wait::Alone(waker) => {
                // Relaxed: the winner sets it under the same lock.
                self.done.store(false, Relaxed);
                // SAFETY: as the caller promises.
                let old = unsafe { self.swap_waker(Some(waker)) };
                debug_assert!(
                    old.is_none(),
                    "taken by the winner, or by the owner at the unlinking"
                );
                None
            }
            Wait::Arm(offer, arm) => Some((NonNull::from(offer), arm)),
        };
        self.arm.with_mut(|place| {
            // SAFETY: the lock is held.
            unsafe { *place = arm };
        });
    }

    /// Changes whom to wake, of a node alone; the old one is to be dropped without the lock.
    ///
    /// # Safety
    ///
    /// The caller holds the channel's lock.
    pub(super) unsafe fn swap_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        self.waker.with_mut(|place| {
            // SAFETY: the lock is held.
            std::mem::replace(unsafe { &mut *place }, waker)
        })
    }

    /// Whether the node is an arm of `offer`.
    ///
    /// # Safety
    ///
    /// The caller holds the channel's lock.
    pub(super) unsafe fn is_arm_of(&self, offer: &Offer) -> bool {
        // SAFETY: the lock is held.
        let arm = self.arm.with(|arm| unsafe { *arm });
        arm.is_some_and(|(of, _)| std::ptr::eq(of.as_ptr(), offer))
    }

    /// Tries to win a node that was linked until now. A node alone is always won; an arm only if its
    /// select waits, or else the select will look at the arm again.
    ///
    /// # Safety
    ///
    /// The caller holds the channel's lock and has just unlinked the node.
    pub(super) unsafe fn claim(&self) -> bool {
        // SAFETY: the lock is held.
        match self.arm.with(|arm| unsafe { *arm }) {
            // SAFETY: a select outlives its nodes, and cannot unlink this one without the lock.
            Some((offer, arm)) => unsafe { offer.as_ref() }.claim(arm),
            None => true,
        }
    }

    /// The winner's last step, with the value where it belongs: the owner may free the node as soon as
    /// it has seen this and the lock is free, or, alone, at once.
    ///
    /// # Safety
    ///
    /// The caller holds the channel's lock and has won the node.
    pub(super) unsafe fn settle(&self) -> Option<Waker> {
        // SAFETY: the lock is held.
        match self.arm.with(|arm| unsafe { *arm }) {
            // SAFETY: as in `claim`.
            Some((offer, arm)) => unsafe { offer.as_ref() }.settle(arm),
            None => {
                // SAFETY: the lock is held.
                let waker = unsafe { self.swap_waker(None) };
                // Release: publishes the value, and the end of this access.
                self.done.store(true, Release);
                waker
            }
        }
    }

    /// Whether the wait of a node alone is over: the value is the owner's again.
    pub(super) fn is_done(&self) -> bool {
        // Acquire: see `settle`.
        self.done.load(Acquire)
    }

    /// The number of the pass.
    ///
    /// # Safety
    ///
    /// The caller holds the channel's lock.
    pub(super) unsafe fn ticket(&self) -> u64 {
        // SAFETY: the lock is held.
        self.ticket.with(|ticket| unsafe { *ticket })
    }

    /// Notes the number of the pass.
    ///
    /// # Safety
    ///
    /// The caller holds the channel's lock.
    pub(super) unsafe fn set_ticket(&self, number: u64) {
        // SAFETY: the lock is held.
        self.ticket.with_mut(|ticket| unsafe { *ticket = number });
    }
}
