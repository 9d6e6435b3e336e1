//! L6: send, receive, close and drop at once. A value is dropped exactly once, no wake-up is lost, the cell and
//! the wakers in it are freed (loom reports what is left), and no field is touched by two.
//!
//! Each fails, seen, if
//! - `loom_oneshot_receive`: the step of `end` or the look of `try_recv` is Relaxed; `set` does not look at `over`
//!   when it sets the bit, or sets it Relaxed.
//! - `loom_oneshot_receiver_dropped`: `end` does not look at CLOSED.
//! - `loom_oneshot_closed_by_receiver`: `end` leaves RX_WAKER set; `leave` is Relaxed.
//! - `loom_oneshot_waker_replaced`: `set` writes over a waker that the other side has taken over.
//! - `loom_oneshot_sender_waits`: `abandon` does not take the sender's waker over.
//! - `loom_oneshot_both_leave`: `after` sets LEFT in the first step, also if there is something to take out;
//!   `abandon` does not count the value as such; `leave` only looks instead of setting its bit.

use std::pin::Pin;
use std::task::Poll;

use loom::alloc::Track;
use loom::future::block_on;
use loom::thread;

use super::{RecvError, TryRecvError, channel};
use crate::loom::poll_once;

fn value() -> Track<u8> {
    Track::new(7)
}

#[test]
fn loom_oneshot_receive() {
    loom::model(|| {
        let (sender, receiver) = channel();
        let sends = thread::spawn(move || assert!(sender.send(value()).is_ok()));
        assert_eq!(*block_on(receiver).unwrap().get_ref(), 7);
        sends.join().unwrap();
    });
}

/// Without being woken: the wake-up itself would order what is read.
#[test]
fn loom_oneshot_try_receive() {
    loom::model(|| {
        let (sender, mut receiver) = channel();
        let sends = thread::spawn(move || sender.send(value()).is_ok());
        let received = (0..2).any(|_| receiver.try_recv().is_ok_and(|value| *value.get_ref() == 7));
        if !received {
            drop(receiver);
        }
        let _ = sends.join().unwrap();
    });
}

#[test]
fn loom_oneshot_sender_dropped() {
    loom::model(|| {
        let (sender, receiver) = channel::<Track<u8>>();
        let drops = thread::spawn(move || drop(sender));
        assert!(matches!(block_on(receiver), Err(RecvError(()))));
        drops.join().unwrap();
    });
}

#[test]
fn loom_oneshot_receiver_dropped() {
    loom::model(|| {
        let (sender, receiver) = channel();
        let drops = thread::spawn(move || drop(receiver));
        if let Err(value) = sender.send(value()) {
            assert_eq!(*value.get_ref(), 7);
        }
        drops.join().unwrap();
    });
}

/// After a close either the sender has its value back, or the receiver finds it.
#[test]
fn loom_oneshot_closed_by_receiver() {
    loom::model(|| {
        let (sender, mut receiver) = channel();
        let sends = thread::spawn(move || sender.send(value()).is_ok());
        let _ = poll_once(Pin::new(&mut receiver)).map(drop);
        receiver.close();
        let after = receiver.try_recv();
        assert!(!matches!(after, Err(TryRecvError::Empty)));
        drop(receiver);
        let _ = sends.join().unwrap();
    });
}

#[test]
fn loom_oneshot_waker_replaced() {
    loom::model(|| {
        let (sender, mut receiver) = channel();
        let sends = thread::spawn(move || assert!(sender.send(value()).is_ok()));
        let received = match poll_once(Pin::new(&mut receiver)) {
            Poll::Ready(received) => received,
            Poll::Pending => block_on(receiver),
        };
        assert_eq!(*received.unwrap().get_ref(), 7);
        sends.join().unwrap();
    });
}

#[test]
fn loom_oneshot_sender_waits() {
    loom::model(|| {
        let (mut sender, receiver) = channel::<Track<u8>>();
        let drops = thread::spawn(move || drop(receiver));
        block_on(sender.closed());
        assert!(sender.send(value()).is_err());
        drops.join().unwrap();
    });
}

/// Both have left a waker in the cell, and leave.
#[test]
fn loom_oneshot_both_leave() {
    loom::model(|| {
        let (mut sender, mut receiver) = channel();
        assert!(poll_once(Box::pin(sender.closed()).as_mut()).is_pending());
        assert!(poll_once(Pin::new(&mut receiver)).is_pending());
        let drops = thread::spawn(move || drop(receiver));
        let _ = sender.send(value());
        drops.join().unwrap();
    });
}
