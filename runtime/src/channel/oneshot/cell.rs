//! The one allocation of a channel: state word, value, a waker for each side. Who may touch what is decided by
//! read-modify-writes of the state word alone; the side that leaves last frees the cell.
//!
//! | bit | set by | means |
//! |---|---|---|
//! | DONE | sender | it has sent or given up; once |
//! | VALUE | sender, with DONE | the value is in the cell, and the receiver's |
//! | TX_LEFT | sender, after DONE | it does not touch the cell again |
//! | CLOSED | receiver | it takes no value that is not in the cell yet |
//! | RX_LEFT | receiver, after CLOSED or with the value | it does not touch the cell again |
//! | RX_WAKER | receiver | its waker is in the cell |
//! | TX_WAKER | sender | its waker is in the cell: it waits for CLOSED |
//!
//! Who may touch which field:
//!
//! | field | right |
//! |---|---|
//! | `value` | the sender until it sets VALUE, then the receiver |
//! | `rx_waker` | the receiver while neither RX_WAKER nor DONE is set; while RX_WAKER is set both may compare; then whoever cleared RX_WAKER, once, to take the waker out |
//! | `tx_waker` | likewise, the sender, TX_WAKER, CLOSED |
//! | the memory | who finds the other side's LEFT when it sets its own, or before |
//!
//! Invariants
//! - RX_WAKER is not set together with DONE: the sender clears it in the very step that sets DONE, and so takes
//!   the waker over; the receiver sets it only while DONE is not set. Likewise TX_WAKER and CLOSED. So no
//!   wake-up is lost: either the other side's step finds the waker, or this side finds the other's bit.
//! - VALUE is not set once CLOSED is: the sender gets its value back.
//! - A side that has wakers or a value to take out sets LEFT in a second step, after it has done so; otherwise
//!   in the same step. So a cell in which nobody waits costs one read-modify-write to send and none to receive:
//!   the receiver finds VALUE and TX_LEFT together, and has the cell alone.
//!
//! Orderings: every step is AcqRel, every look Acquire. A field changes hands by a bit that its last user sets
//! (Release) and its next user sees (Acquire): value by VALUE, wakers by their bits, memory by LEFT.

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, drop_in_place};
use std::task::Waker;

use crate::contain::wake;
use crate::loom::UnsafeCell;
use crate::loom::atomic::AtomicU8;
use crate::loom::atomic::Ordering::{AcqRel, Acquire};
use crate::task::block;

const DONE: u8 = 1;
const VALUE: u8 = 2;
const TX_LEFT: u8 = 4;
const CLOSED: u8 = 8;
const RX_LEFT: u8 = 16;
const RX_WAKER: u8 = 32;
const TX_WAKER: u8 = 64;

pub(super) struct Cell<T> {
    state: AtomicU8,
    value: UnsafeCell<MaybeUninit<T>>,
    rx_waker: Slot,
    tx_waker: Slot,
    /// A model reports a cell that is not freed.
    #[cfg(loom)]
    _tracked: loom::alloc::Track<()>,
}

/// What the receiver finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<T> {
    Value(T),
    /// No value will come. The cell is as it was: the receiver has not left it.
    Closed,
    Nothing,
}

impl<T> Cell<T> {
    pub(super) fn new() -> NonNull<Self> {
        let cell = block::alloc(Layout::new::<Self>()).cast::<Self>();
        let empty = Self {
            state: AtomicU8::new(0),
            value: UnsafeCell::new(MaybeUninit::uninit()),
            rx_waker: Slot::new(),
            tx_waker: Slot::new(),
            #[cfg(loom)]
            _tracked: loom::alloc::Track::new(()),
        };
        // SAFETY: the block has this layout, and is ours.
        unsafe { cell.write(empty) };
        cell
    }

    /// Whether the receiver takes no value any more.
    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Acquire) & CLOSED != 0
    }

    /// The sender waits for the receiver to close: true if it has.
    ///
    /// # Safety
    ///
    /// Called by the sender.
    pub(super) unsafe fn poll_closed(&self, waker: &Waker) -> bool {
        // SAFETY: the slot is the sender's, as the table says.
        !unsafe { self.tx_waker.set(&self.state, TX_WAKER, CLOSED, waker) }
    }

    /// The receiver closes, and wakes a sender that waits for that.
    pub(super) fn close(&self) {
        let before = self.update(|state| (state & !TX_WAKER) | CLOSED);
        // SAFETY: this step has cleared the bit, if it was set.
        wake((before & TX_WAKER != 0).then(|| unsafe { self.tx_waker.take() }));
    }

    /// The receiver looks for the value, and leaves if it is there.
    ///
    /// # Safety
    ///
    /// Called by the receiver. If a value is found, it does not use the cell again.
    #[inline]
    pub(super) unsafe fn try_recv(this: NonNull<Self>) -> Found<T> {
        // SAFETY: the receiver has not left, so the cell is there.
        let cell = unsafe { this.as_ref() };
        let state = cell.state.load(Acquire);
        if state & VALUE != 0 {
            // SAFETY: VALUE makes it the receiver's, which takes it once, because it leaves.
            let value = unsafe { cell.take_value() };
            // SAFETY: the receiver does not use the cell again.
            unsafe { Self::leave(this, state, TX_LEFT, RX_LEFT) };
            return Found::Value(value);
        }
        if state & (DONE | CLOSED) != 0 {
            return Found::Closed;
        }
        Found::Nothing
    }

    /// The receiver waits. False if it does not have to: the sender is done.
    ///
    /// # Safety
    ///
    /// Called by the receiver.
    pub(super) unsafe fn wait(&self, waker: &Waker) -> bool {
        // SAFETY: the slot is the receiver's, as the table says.
        unsafe { self.rx_waker.set(&self.state, RX_WAKER, DONE, waker) }
    }

    /// The sender sends, and leaves.
    ///
    /// # Errors
    ///
    /// The value, if the receiver has closed. The sender has not left then.
    ///
    /// # Safety
    ///
    /// Called by the sender, once. If it succeeds, it does not use the cell again.
    #[inline]
    pub(super) unsafe fn send(this: NonNull<Self>, value: T) -> Result<(), T> {
        // SAFETY: the sender has not left, so the cell is there.
        let cell = unsafe { this.as_ref() };
        // SAFETY: the slot is the sender's until VALUE is set.
        cell.value
            .with_mut(|slot| unsafe { slot.cast::<T>().write(value) });
        // SAFETY: called by the sender; if it succeeds, it does not use the cell again.
        if unsafe { Self::end(this, DONE | VALUE) } {
            return Ok(());
        }
        // SAFETY: it was written above and not published.
        Err(unsafe { cell.take_value() })
    }

    /// The sender leaves without having sent.
    ///
    /// # Safety
    ///
    /// Called by the sender, which does not use the cell again.
    pub(super) unsafe fn give_up(this: NonNull<Self>) {
        // SAFETY: as the caller says.
        unsafe { Self::end(this, DONE) };
    }

    /// The sender sets `bits` and leaves, and wakes the receiver. Does nothing and gives false if a value is
    /// refused because the receiver has closed.
    ///
    /// # Safety
    ///
    /// Called by the sender. If it succeeds, it does not use the cell again.
    unsafe fn end(this: NonNull<Self>, bits: u8) -> bool {
        // SAFETY: the sender has not left, so the cell is there.
        let cell = unsafe { this.as_ref() };
        let ended = cell.state.fetch_update(AcqRel, Acquire, |state| {
            let refused = bits & VALUE != 0 && state & CLOSED != 0;
            (!refused).then_some(Self::after(state, RX_WAKER | TX_WAKER, bits, TX_LEFT))
        });
        let Ok(before) = ended else {
            return false;
        };
        // SAFETY: this step has cleared the bits, and nobody has left the cell before the sender has.
        let wakers = unsafe { cell.take_wakers(before) };
        let state = Self::after(before, RX_WAKER | TX_WAKER, bits, TX_LEFT);
        // SAFETY: the sender does not use the cell again.
        unsafe { Self::leave(this, state, RX_LEFT, TX_LEFT) };
        let (receiver, own) = wakers;
        drop(own);
        wake(receiver);
        true
    }

    /// The receiver leaves, and wakes a sender that waits for that. A value that is in the cell is dropped.
    ///
    /// # Safety
    ///
    /// Called by the receiver, which does not use the cell again.
    pub(super) unsafe fn abandon(this: NonNull<Self>) {
        // SAFETY: the receiver has not left, so the cell is there.
        let cell = unsafe { this.as_ref() };
        let taken = RX_WAKER | TX_WAKER | VALUE;
        let before = cell.update(|state| Self::after(state, taken, CLOSED, RX_LEFT));
        // SAFETY: this step has cleared the bits, and nobody has left the cell before the receiver has.
        let (own, sender) = unsafe { cell.take_wakers(before) };
        // SAFETY: VALUE makes it the receiver's, and this step has cleared it.
        let value = (before & VALUE != 0).then(|| unsafe { cell.take_value() });
        let state = Self::after(before, taken, CLOSED, RX_LEFT);
        // SAFETY: the receiver does not use the cell again.
        unsafe { Self::leave(this, state, TX_LEFT, RX_LEFT) };
        wake(sender);
        drop(own);
        drop(value);
    }

    /// The state after a side's last step: what is in the cell for it is `taken` over, its `bits` are set. It
    /// has `left`, if there was nothing to take.
    fn after(state: u8, taken: u8, bits: u8, left: u8) -> u8 {
        let left = if state & taken == 0 { left } else { 0 };
        (state & !taken) | bits | left
    }

    /// Sets `own`, that this side has left, unless `state` says so already, and frees the cell if the other side
    /// has left, too.
    ///
    /// # Safety
    ///
    /// `state` was read by this side, or set. It does not use the cell again.
    #[inline]
    unsafe fn leave(this: NonNull<Self>, state: u8, other: u8, own: u8) {
        let mut state = state;
        if state & (own | other) == 0 {
            // SAFETY: this side has not left, so the cell is there.
            let cell = unsafe { this.as_ref() };
            state = cell.state.fetch_or(own, AcqRel);
        }
        if state & other != 0 {
            // SAFETY: both have left: `other` was seen, and who sees it has the cell alone.
            unsafe { Self::free(this) };
        }
    }

    /// # Safety
    ///
    /// Nobody uses the cell any more, and nothing is in it.
    unsafe fn free(this: NonNull<Self>) {
        #[cfg(loom)]
        // SAFETY: the caller has the cell alone.
        unsafe { this.as_ref() }.assert_alone();
        // SAFETY: the caller has the cell alone. (Nothing is done here but in a model.)
        unsafe { drop_in_place(this.as_ptr()) };
        // SAFETY: allocated by `new` with this layout.
        unsafe { block::free(this.cast(), Layout::new::<Self>()) };
    }

    /// Fails the model if another thread is at a field, or may have been without this one knowing.
    #[cfg(loom)]
    fn assert_alone(&self) {
        self.value.with_mut(|_| ());
        self.rx_waker.0.with_mut(|_| ());
        self.tx_waker.0.with_mut(|_| ());
    }

    /// # Safety
    ///
    /// The value is in the cell, and the caller's, who does not use the slot again.
    unsafe fn take_value(&self) -> T {
        // SAFETY: as the caller says.
        self.value.with(|slot| unsafe { slot.cast::<T>().read() })
    }

    /// The wakers of receiver and sender, as far as they were there `before`.
    ///
    /// # Safety
    ///
    /// The caller has cleared their bits in a step that found `before`, and has not left.
    unsafe fn take_wakers(&self, before: u8) -> (Option<Waker>, Option<Waker>) {
        // SAFETY: as the caller says.
        let receiver = (before & RX_WAKER != 0).then(|| unsafe { self.rx_waker.take() });
        // SAFETY: likewise.
        let sender = (before & TX_WAKER != 0).then(|| unsafe { self.tx_waker.take() });
        (receiver, sender)
    }

    fn update(&self, step: impl Fn(u8) -> u8) -> u8 {
        let updated = self
            .state
            .fetch_update(AcqRel, Acquire, |state| Some(step(state)));
        updated.unwrap_or_else(|state| state)
    }
}

/// The place of one side's waker. Its bit in the state says whether it is there.
struct Slot(UnsafeCell<MaybeUninit<Waker>>);

impl Slot {
    fn new() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// Puts `waker` into the slot, unless `over`, the bit that the owner waits for, is set: false then.
    ///
    /// # Safety
    ///
    /// Called by the owner of the slot, whose bit is `bit`.
    unsafe fn set(&self, state: &AtomicU8, bit: u8, over: u8, waker: &Waker) -> bool {
        let now = state.load(Acquire);
        if now & over != 0 {
            return false;
        }
        if now & bit != 0 {
            let same = self.0.with(|slot| {
                // SAFETY: the owner has written a waker here. If the other side is taking it out now, both only
                // read: the bytes of a waker stay valid for a comparison.
                unsafe { &*slot.cast::<Waker>() }.will_wake(waker)
            });
            if same {
                return true;
            }
        }
        // User code: before the state changes.
        let fresh = waker.clone();
        if now & bit != 0 {
            if state.fetch_and(!bit, AcqRel) & bit == 0 {
                // The other side has taken it, and wakes.
                return false;
            }
            // SAFETY: this step has cleared the bit.
            drop(unsafe { self.take() });
        }
        // SAFETY: with the bit cleared and `over` not set by a step that took the bit, the slot is the owner's.
        self.0
            .with_mut(|slot| unsafe { slot.cast::<Waker>().write(fresh) });
        let set = state.fetch_update(AcqRel, Acquire, |state| {
            (state & over == 0).then_some(state | bit)
        });
        if set.is_err() {
            // SAFETY: the bit was not set, so nobody else takes it.
            drop(unsafe { self.take() });
        }
        set.is_ok()
    }

    /// # Safety
    ///
    /// The caller has cleared the bit, and takes the waker once.
    unsafe fn take(&self) -> Waker {
        // SAFETY: as the caller says.
        self.0.with(|slot| unsafe { slot.cast::<Waker>().read() })
    }
}
