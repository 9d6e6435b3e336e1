//! L5: notifications against drops, polls and one another: none is lost, none is heard twice.
//!
//! Each fails, seen, if
//! - `loom_notify_one`: `start` does not take a permit that it finds (a deadlock); `store_permit`, `try_end` or the
//!   store of `fire` is Relaxed (the value is read too early).
//! - `loom_notify_dropped`: the drop of a fired wait does not call `notify_one`; `leave` does not call `left`.
//! - `loom_notify_waker_replaced`: `poll_fired` does not look again under the lock.
//! - `loom_notify_waiters`: `start` does not compare the rounds.
//! - `loom_notify_waiters_in_turns`: `notify_waiters` fires one batch only; `end_round` leaves WAITING set.
//! - `loom_notify_one_and_waiters`: `end_round` leaves WAITING set; the drop of a fired wait does not call
//!   `notify_one`.
//!
//! That `notify_one` passes over waits of a past round is shown by `tests/sync_primitives.rs`: the model does not
//! come to the schedule by itself.

use std::pin::pin;
use std::task::Poll;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;
use loom::thread;

use super::Notify;
use crate::loom::poll_once;

/// A value that a notification publishes.
struct Published {
    notify: Notify,
    value: UnsafeCell<u8>,
}

// SAFETY: the value is written before the notification and read after it; the model checks that.
unsafe impl Sync for Published {}

#[test]
fn loom_notify_one() {
    loom::model(|| {
        let shared = Arc::new(Published {
            notify: Notify::new(),
            value: UnsafeCell::new(0),
        });
        let waits = shared.clone();
        let waits = thread::spawn(move || {
            let mut notified = pin!(waits.notify.notified());
            // Without being woken: the wake-up itself would order the read.
            let ready = (0..2).any(|_| poll_once(notified.as_mut()).is_ready());
            if !ready {
                block_on(notified);
                return;
            }
            // SAFETY: written before the notification.
            let value = waits.value.with(|value| unsafe { *value });
            assert_eq!(value, 1);
        });
        // SAFETY: read after the notification.
        shared.value.with_mut(|value| unsafe { *value = 1 });
        shared.notify.notify_one();
        waits.join().unwrap();
    });
}

/// One of two gives up: the other one is woken.
#[test]
fn loom_notify_dropped() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let dropped = notify.clone();
        let gives_up = thread::spawn(move || {
            let notified = Box::pin(dropped.notified());
            let mut notified = notified;
            if poll_once(notified.as_mut()).is_ready() {
                // It was told, and tells the other one.
                dropped.notify_one();
            }
        });
        let tells = notify.clone();
        let tells = thread::spawn(move || tells.notify_one());
        block_on(notify.notified());
        gives_up.join().unwrap();
        tells.join().unwrap();
        assert_eq!(poll_once(pin!(notify.notified())), Poll::Pending);
    });
}

#[test]
fn loom_notify_waker_replaced() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let mut notified = Box::pin(notify.notified());
        assert!(!notified.as_mut().enable());
        let tells = notify.clone();
        let tells = thread::spawn(move || tells.notify_one());
        let _ = poll_once(notified.as_mut());
        block_on(notified);
        tells.join().unwrap();
    });
}

/// The flag is set, then all are told: who looks after it made its wait sees it or is told.
#[test]
fn loom_notify_waiters() {
    loom::model(|| {
        let shared = Arc::new((AtomicBool::new(false), Notify::new()));
        let tells = shared.clone();
        let tells = thread::spawn(move || {
            tells.0.store(true, Relaxed);
            tells.1.notify_waiters();
        });
        let notified = shared.1.notified();
        if !shared.0.load(Relaxed) {
            block_on(notified);
            assert!(shared.0.load(Relaxed), "told before it was set");
        }
        tells.join().unwrap();
    });
}

/// The batch of a model has room for one waker, so that the waits of one round end in turns.
#[test]
fn loom_notify_waiters_in_turns() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let (mut first, mut second) = (Box::pin(notify.notified()), Box::pin(notify.notified()));
        assert!(!first.as_mut().enable() && !second.as_mut().enable());
        let other = notify.clone();
        let other = thread::spawn(move || other.notify_waiters());
        notify.notify_waiters();
        let mut third = Box::pin(notify.notified());
        third.as_mut().enable();
        notify.notify_one();
        other.join().unwrap();
        // Whether the other thread's call counts for the third or not, one more was told.
        if third.as_mut().enable() {
            drop(third);
        } else {
            panic!("the third was passed over");
        }
        assert!(first.as_mut().enable() && second.as_mut().enable());
    });
}

/// Whichever comes first, one notification is left when nobody has taken it.
#[test]
fn loom_notify_one_and_waiters() {
    loom::model(|| {
        let notify = Arc::new(Notify::new());
        let (mut first, mut second) = (Box::pin(notify.notified()), Box::pin(notify.notified()));
        assert!(!first.as_mut().enable() && !second.as_mut().enable());
        let other = notify.clone();
        let other = thread::spawn(move || other.notify_one());
        notify.notify_waiters();
        other.join().unwrap();
        drop((first, second));
        assert_eq!(poll_once(pin!(notify.notified())), Poll::Ready(()));
        assert_eq!(poll_once(pin!(notify.notified())), Poll::Pending);
    });
}
