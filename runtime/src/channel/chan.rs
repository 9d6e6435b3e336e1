//! The channel itself: a ring, and behind a lock those who wait.
//!
//! ```text
//!   send --> ring has room, nobody waits -----------------------------> in the ring   (no lock)
//!        --> lock --> a receiver waits: pass the value to it, wake it after the unlock
//!                 --> ring has room: in the ring
//!                 --> full: link the node, wait
//!   recv --> ring has a value, no sender waits -----------------------> out of the ring (no lock)
//!        --> lock --> a value was given back: that one
//!                 --> out of the ring; the sender that has waited longest puts its value in
//!                 --> capacity 0: straight from the sender that has waited longest
//!                 --> empty: link the node, wait
//! ```
//!
//! Invariants, under the lock:
//!
//! 1. A receiver's node is linked only while the ring is empty and nothing was given back.
//! 2. A sender's node is linked only while the ring is full.
//! 3. The flags of `ring.rs` say what the lists hold: `RECEIVERS` iff a receiver's node is linked, `SENDERS`
//!    iff a sender's is, `RETURNED` iff values were given back. Between a look and a linking they may say
//!    more, never less. So whoever does not take the lock has nobody to serve.
//! 4. What was given back is older than what is in the ring, and is kept in the order of the passes.
//!
//! 1 and 2 hold because a node is unlinked by the first party that meets it, whether or not that party can
//! win it (`offer.rs`): a select that looks elsewhere is marked and comes back, instead of standing in the
//! way. At capacity 0 there is one exception: the two arms of one select that send and receive on the same
//! channel do not meet each other.
//!
//! The lock is held for a few dozen instructions. No waker is cloned, woken or dropped under it and no value
//! is dropped: these are user code.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::Waker;

use crate::contain::wake;
use crate::context::wake_behind;
use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::wait_list::{List, Node};

use super::lock::{Guard, Lock};
use super::offer::Offer;
use super::ring::{CLOSED, Pop, Push, RECEIVERS, RETURNED, Ring, SENDERS};
use super::waiter::{Wait, Waiter};

pub(super) struct Chan<T> {
    ring: Ring<T>,
    waiting: Lock<Waiting<T>>,
    /// How often the lock was taken to change something. Written under it, before anything else is.
    epoch: AtomicUsize,
    /// Handles that can send. The last one closes the channel.
    senders: AtomicUsize,
    /// Handles that can receive. The last one closes the channel and drops what is in it.
    receivers: AtomicUsize,
}

/// Under the lock.
struct Waiting<T> {
    receivers: List<Waiter<T>>,
    senders: List<Waiter<T>>,
    /// Values that were passed to a receiver which was dropped before it looked, and the number of their
    /// pass.
    returned: VecDeque<(u64, T)>,
    /// How many values were passed.
    passes: u64,
}

/// What says that an operation would have to wait; see `Chan::empty_since`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence(usize, [usize; 2]);

impl<T> Chan<T> {
    /// A channel with one handle of each kind.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            ring: Ring::new(capacity),
            waiting: Lock::new(Waiting {
                receivers: List::new(),
                senders: List::new(),
                returned: VecDeque::new(),
                passes: 0,
            }),
            epoch: AtomicUsize::new(0),
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }

    /// Takes the lock to change something.
    fn lock(&self) -> Guard<'_, Waiting<T>> {
        let waiting = self.waiting.lock();
        // Release: with the count one sees what was changed before.
        self.epoch
            .store(self.epoch.load(Relaxed).wrapping_add(1), Release);
        waiting
    }

    /// What says that a receive would have to wait. If two looks say the same, it had to wait at every moment
    /// from the end of the first to the beginning of the second: positions only go up, and what else
    /// there is changes under the lock, at most once for each count.
    pub(super) fn empty_since(&self) -> Option<Evidence> {
        // Acquire: the count first, so that the words are not older.
        let epoch = self.epoch.load(Acquire);
        Some(Evidence(epoch, self.ring.words_if_empty()?))
    }

    /// The same for a send.
    pub(super) fn full_since(&self) -> Option<Evidence> {
        // Acquire: as above.
        let epoch = self.epoch.load(Acquire);
        Some(Evidence(epoch, self.ring.words_if_full()?))
    }

    /// Sends the value that `from` holds, unless it would have to wait. `me` is the select that tries it.
    #[inline]
    pub(super) fn try_send(&self, from: &mut Option<T>, me: Option<&Offer>) -> Push {
        match self.ring.push(from, false) {
            Push::Waiters => self.try_send_locked(from, me),
            done => done,
        }
    }

    #[cold]
    fn try_send_locked(&self, from: &mut Option<T>, me: Option<&Offer>) -> Push {
        let mut waiting = self.lock();
        let (push, waker) = self.send_locked(&mut waiting, from, me);
        self.unlock(waiting, waker);
        push
    }

    /// Sends the value of `node`, or, if that must wait, links the node and says `Full`.
    ///
    /// # Safety
    ///
    /// The caller owns the node, which is not linked, and calls `unlink_sender` before it is freed.
    pub(super) unsafe fn send_or_link(&self, node: Pin<&Node<Waiter<T>>>, wait: Wait<'_>) -> Push {
        let me = wait.offer();
        let mut waiting = self.lock();
        // Before the look: see "Why no wait is missed" in `ring.rs`.
        self.ring.flag_head(SENDERS);
        self.ring.flag_tail(SENDERS);
        let (push, waker) = if self.ring.is_full_and_open() {
            (Push::Full, None)
        } else {
            // SAFETY: the caller's node is not linked.
            unsafe {
                node.data
                    .with_value(|value| self.send_locked(&mut waiting, value, me))
            }
        };
        let mut unused = None;
        if push == Push::Full {
            // SAFETY: not linked, and the lock is held.
            unsafe { node.data.prepare(wait) };
            // SAFETY: as the caller promises.
            unsafe { waiting.senders.push_back(node) };
        } else {
            unused = Some(wait);
        }
        self.unlock(waiting, waker);
        drop(unused);
        push
    }

    /// Under the lock: passes the value to a receiver, or puts it into the ring.
    fn send_locked(
        &self,
        waiting: &mut Waiting<T>,
        from: &mut Option<T>,
        me: Option<&Offer>,
    ) -> (Push, Option<Waker>) {
        // After the closing nobody is linked, and the ring says so.
        let number = waiting.passes;
        if let Some(receiver) = take(&mut waiting.receivers, self.but(me)) {
            waiting.passes += 1;
            // SAFETY: won just now, and alive until it is settled.
            let waker = unsafe { pass(receiver, number, from.take()) };
            return (Push::Done, waker);
        }
        (self.ring.push(from, true), None)
    }

    /// Takes a value, unless that would have to wait. `me` is the select that tries it.
    #[inline]
    pub(super) fn try_recv(&self, me: Option<&Offer>) -> Pop<T> {
        match self.ring.pop(false) {
            Pop::Waiters => self.try_recv_locked(me),
            done => done,
        }
    }

    #[cold]
    fn try_recv_locked(&self, me: Option<&Offer>) -> Pop<T> {
        let mut waiting = self.lock();
        let (pop, waker) = self.recv_locked(&mut waiting, me);
        self.unlock(waiting, None);
        self.wake_sender(waker);
        pop
    }

    /// Takes a value, or, if that must wait, links the node and says `Empty`.
    ///
    /// # Safety
    ///
    /// The caller owns the node, which is not linked, and calls `unlink_receiver` before it is freed.
    pub(super) unsafe fn recv_or_link(
        &self,
        node: Pin<&Node<Waiter<T>>>,
        wait: Wait<'_>,
    ) -> Pop<T> {
        let me = wait.offer();
        let mut waiting = self.lock();
        // Before the look: see "Why no wait is missed" in `ring.rs`.
        self.ring.flag_tail(RECEIVERS);
        let (pop, waker) = if waiting.returned.is_empty() && self.ring.is_empty_and_open() {
            (Pop::Empty, None)
        } else {
            self.recv_locked(&mut waiting, me)
        };
        let mut unused = None;
        if matches!(pop, Pop::Empty) {
            // SAFETY: not linked, and the lock is held.
            unsafe { node.data.prepare(wait) };
            // SAFETY: as the caller promises.
            unsafe { waiting.receivers.push_back(node) };
        } else {
            unused = Some(wait);
        }
        self.unlock(waiting, None);
        self.wake_sender(waker);
        drop(unused);
        pop
    }

    /// Under the lock: the oldest value there is.
    fn recv_locked(&self, waiting: &mut Waiting<T>, me: Option<&Offer>) -> (Pop<T>, Option<Waker>) {
        if let Some((_, value)) = waiting.returned.pop_front() {
            return (Pop::Value(value), None);
        }
        match self.ring.pop(true) {
            Pop::Value(value) => {
                let waker = self.admit(waiting);
                (Pop::Value(value), waker)
            }
            Pop::Empty if self.ring.capacity() == 0 => {
                let Some(sender) = take(&mut waiting.senders, self.but(me)) else {
                    return (Pop::Empty, None);
                };
                // SAFETY: won just now, and alive until it is settled.
                let sender = unsafe { &sender.as_ref().data };
                // SAFETY: won.
                let value = unsafe { sender.with_value(Option::take) };
                // SAFETY: won, and the lock is held.
                let waker = unsafe { sender.settle() };
                (
                    Pop::Value(value.expect("a waiting sender has a value")),
                    waker,
                )
            }
            other => (other, None),
        }
    }

    /// Under the lock, after a value came out of the ring: the sender that has waited longest puts its in.
    /// Nobody else can take the place: with a sender linked, the tail is flagged.
    fn admit(&self, waiting: &mut Waiting<T>) -> Option<Waker> {
        let sender = take(&mut waiting.senders, None)?;
        // SAFETY: won just now, and alive until it is settled.
        let sender = unsafe { &sender.as_ref().data };
        // SAFETY: won.
        let push = unsafe { sender.with_value(|value| self.ring.push(value, true)) };
        debug_assert_eq!(push, Push::Done);
        // SAFETY: won, and the lock is held.
        unsafe { sender.settle() }
    }

    /// Takes the owner's node out. The value is the owner's again; it is gone if it was sent.
    ///
    /// # Safety
    ///
    /// The caller owns `node`.
    pub(super) unsafe fn unlink_sender(&self, node: Pin<&Node<Waiter<T>>>) {
        let node = node.get_ref();
        let mut waiting = self.lock();
        // SAFETY: the owner's node is alive, and it was linked into this list.
        unsafe { waiting.senders.remove(NonNull::from(node)) };
        // SAFETY: the lock is held.
        let unused = unsafe { node.data.swap_waker(None) };
        self.unlock(waiting, None);
        drop(unused);
    }

    /// Takes the owner's node out. A value that was passed to it and not looked at goes to the next
    /// receiver, or to the head of the channel.
    ///
    /// # Safety
    ///
    /// The caller owns `node`.
    pub(super) unsafe fn unlink_receiver(&self, node: Pin<&Node<Waiter<T>>>) {
        let node = node.get_ref();
        let mut waiting = self.lock();
        // SAFETY: the owner's node is alive, and it was linked into this list.
        let linked = unsafe { waiting.receivers.remove(NonNull::from(node)) };
        // SAFETY: the lock is held.
        let unused = unsafe { node.data.swap_waker(None) };
        let mut waker = None;
        if !linked {
            // SAFETY: not linked, and no winner is at work: it would hold the lock.
            if let Some(value) = unsafe { node.data.with_value(Option::take) } {
                // SAFETY: the lock is held.
                let number = unsafe { node.data.ticket() };
                waker = self.give_back(&mut waiting, number, value);
            }
        }
        self.unlock(waiting, waker);
        drop(unused);
    }

    /// Under the lock: a receiver has a value it will not look at. It came by pass `number`.
    fn give_back(&self, waiting: &mut Waiting<T>, number: u64, value: T) -> Option<Waker> {
        // A receiver that waits has seen nothing older: see invariant 1.
        if let Some(receiver) = take(&mut waiting.receivers, None) {
            // SAFETY: won just now, and alive until it is settled.
            return unsafe { pass(receiver, number, Some(value)) };
        }
        let at = waiting.returned.partition_point(|(of, _)| *of < number);
        waiting.returned.insert(at, (number, value));
        self.ring.flag_head(RETURNED);
        None
    }

    /// A node alone is polled again by another task. True if it still waits.
    ///
    /// # Safety
    ///
    /// The caller owns `node`, linked it into one of the lists of this channel, alone, and is not going to
    /// move or free it.
    pub(super) unsafe fn renew_waker(&self, node: Pin<&Node<Waiter<T>>>, waker: Waker) -> bool {
        let waiting = self.waiting.lock();
        // SAFETY: the lock is held.
        let waits = unsafe { node.is_linked() };
        let old = if waits {
            // SAFETY: the lock is held.
            unsafe { node.data.swap_waker(Some(waker)) }
        } else {
            Some(waker)
        };
        drop(waiting);
        drop(old);
        waits
    }

    /// No more values: whoever waits is told. True for the first to close it.
    pub(super) fn close(&self) -> bool {
        let mut waiting = self.lock();
        if self.ring.is_closed() {
            return false;
        }
        self.ring.flag_tail(CLOSED);
        let Waiting {
            receivers, senders, ..
        } = &mut *waiting;
        let mut wakers = Vec::new();
        for list in [receivers, senders] {
            while let Some(node) = take(list, None) {
                // SAFETY: won just now, and alive until it is settled.
                let waiter = unsafe { &node.as_ref().data };
                // A receiver finds no value, a sender its own.
                // SAFETY: won, and the lock is held.
                wakers.push(unsafe { waiter.settle() });
            }
        }
        self.unlock(waiting, None);
        wakers.into_iter().for_each(wake);
        true
    }

    /// Clears the flags that say more than the lists do, gives the lock back, and wakes.
    fn unlock(&self, waiting: Guard<'_, Waiting<T>>, waker: Option<Waker>) {
        let mut nobody = 0;
        if waiting.receivers.is_empty() {
            nobody |= RECEIVERS;
        }
        if waiting.senders.is_empty() {
            nobody |= SENDERS;
            self.ring.unflag_head(SENDERS);
        }
        self.ring.unflag_tail(nobody);
        if waiting.returned.is_empty() {
            self.ring.unflag_head(RETURNED);
        }
        drop(waiting);
        wake(waker);
    }

    /// Without the lock: wakes the sender whose value the receiver took or let in.
    ///
    /// One that was let into a buffer goes behind those that can run already: there is enough to receive. Next
    /// in turn, it would fill the buffer before any other of the senders that a receiver has let in, which
    /// then would each wait again after one value.
    fn wake_sender(&self, waker: Option<Waker>) {
        if self.ring.capacity() == 0 {
            wake(waker);
        } else {
            wake_behind(waker);
        }
    }

    /// Whose nodes to leave alone: with a buffer a select that meets itself looks again, without one it
    /// would look for ever.
    fn but<'a>(&self, me: Option<&'a Offer>) -> Option<&'a Offer> {
        me.filter(|_| self.ring.capacity() == 0)
    }

    pub(super) fn len(&self) -> usize {
        let waiting = self.waiting.lock();
        self.ring.len() + waiting.returned.len()
    }

    pub(super) fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.ring.is_closed()
    }

    /// What a handle shows of it.
    pub(super) fn describe(&self, mut debug: fmt::DebugStruct<'_, '_>) -> fmt::Result {
        debug
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .field("senders", &self.senders())
            .field("receivers", &self.receivers())
            .field("closed", &self.is_closed())
            .finish()
    }

    pub(super) fn add_sender(&self) {
        add(&self.senders);
    }

    /// For a weak handle: false if the last sender is gone.
    pub(super) fn try_add_sender(&self) -> bool {
        // Relaxed: the count guards nothing that is read by whoever raises it.
        let added = self
            .senders
            .fetch_update(Relaxed, Relaxed, |n| (n > 0).then(|| n + 1));
        added.is_ok()
    }

    pub(super) fn remove_sender(&self) {
        // AcqRel: what every other sender did comes before the closing.
        if self.senders.fetch_sub(1, AcqRel) == 1 {
            self.close();
        }
    }

    pub(super) fn senders(&self) -> usize {
        self.senders.load(Acquire)
    }

    pub(super) fn add_receiver(&self) {
        add(&self.receivers);
    }

    pub(super) fn receivers(&self) -> usize {
        self.receivers.load(Acquire)
    }

    /// The last receiver fails the senders that wait, and drops what nobody will take: with the channel
    /// closed nothing comes after it.
    pub(super) fn remove_receiver(&self) {
        // AcqRel: as above.
        if self.receivers.fetch_sub(1, AcqRel) == 1 {
            self.close();
            while let Pop::Value(value) = self.try_recv(None) {
                drop(value);
            }
        }
    }
}

impl Wait<'_> {
    fn offer(&self) -> Option<&Offer> {
        match self {
            Self::Arm(offer, _) => Some(offer),
            Self::Alone(_) => None,
        }
    }
}

/// Under the lock: unlinks nodes, the longest waiting first, until one is won. Nodes of `but` stay.
fn take<T>(list: &mut List<Waiter<T>>, but: Option<&Offer>) -> Option<NonNull<Node<Waiter<T>>>> {
    let mut next = list.front();
    while let Some(node) = next {
        // SAFETY: a linked node is alive.
        let waiter = unsafe { &node.as_ref().data };
        // SAFETY: linked.
        next = unsafe { list.after(node) };
        // SAFETY: the lock is held.
        if but.is_some_and(|offer| unsafe { waiter.is_arm_of(offer) }) {
            continue;
        }
        // SAFETY: linked into this list.
        unsafe { list.remove(node) };
        // SAFETY: unlinked just now, under the lock.
        if unsafe { waiter.claim() } {
            return Some(node);
        }
    }
    None
}

/// Under the lock: gives a receiver its value.
///
/// # Safety
///
/// The caller has won `receiver` and not settled it.
unsafe fn pass<T>(
    receiver: NonNull<Node<Waiter<T>>>,
    number: u64,
    value: Option<T>,
) -> Option<Waker> {
    // SAFETY: a node that is won and not settled is alive.
    let receiver = unsafe { &receiver.as_ref().data };
    // SAFETY: won. The place is empty: the receiver waited for this.
    unsafe { receiver.with_value(|place| *place = value) };
    // SAFETY: the lock is held.
    unsafe { receiver.set_ticket(number) };
    // SAFETY: won, and the lock is held.
    unsafe { receiver.settle() }
}

/// Counts a clone. The count is as wide as an address: it aborts before it wraps, as `Arc` does.
fn add(count: &AtomicUsize) {
    // Relaxed: a new handle is made from one that is there.
    if count.fetch_add(1, Relaxed) > isize::MAX as usize {
        std::process::abort();
    }
}
