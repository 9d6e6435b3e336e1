//! Models of the channel: send, receive, close, drop and cancel at capacities 0, 1 and 2. Each value is
//! seen or dropped exactly once, in order, and nobody sleeps for ever (loom reports that as a deadlock).
//!
//! Each of these was seen to fail when weakened: `one_sender` if a stamp is stored relaxed (race), if
//! `RECEIVERS` is set after the look, if `SENDERS` is not set in the head before it (both sides asleep), or if
//! `push` takes no notice of flags; at capacity 0 if `done` is set relaxed. `cancelled_receive` if
//! the value is not given back, or the node not unlinked. `close` if waiting senders are forgotten,
//! `last_receiver` if the values are not taken out, `two_senders` and `locked_send_beside_another` if a word
//! without a flag is changed by a plain store. Of the short cuts: `one_sender` if the lock's holder asks
//! whether it is plainly empty or full before it sets the flags (asleep), if `pop` says "empty" without a look
//! at the flags of the head (capacity 0), or looks at the stamp relaxed (race); `wakes_the_next` if a receive
//! that goes to sleep takes no notice of values that were given back.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::{Receiver, TryRecvError, channel};
use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::Relaxed;

/// A value that counts how many of its kind live.
struct Counted(usize, Arc<AtomicUsize>);

impl Counted {
    fn new(number: usize, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Relaxed);
        Self(number, alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Relaxed);
    }
}

fn all(rx: &Receiver<usize>) -> Vec<usize> {
    let mut got = Vec::new();
    while let Some(value) = block_on(rx.recv()) {
        got.push(value);
    }
    got
}

fn one_sender(capacity: usize) {
    loom::model(move || {
        let (tx, rx) = channel(capacity);
        let sender = thread::spawn(move || {
            for n in 0..3 {
                block_on(tx.send(n)).unwrap();
            }
        });
        assert_eq!(all(&rx), [0, 1, 2]);
        sender.join().unwrap();
    });
}

#[test]
fn loom_channel_one_sender_rendezvous() {
    one_sender(0);
}

#[test]
fn loom_channel_one_sender_capacity_1() {
    one_sender(1);
}

#[test]
fn loom_channel_one_sender_capacity_2() {
    one_sender(2);
}

fn two_senders(capacity: usize) {
    loom::model(move || {
        let (tx, rx) = channel(capacity);
        let senders: Vec<_> = (0..2)
            .map(|n| {
                let tx = tx.clone();
                thread::spawn(move || block_on(tx.send(n)).unwrap())
            })
            .collect();
        drop(tx);
        let mut got = all(&rx);
        got.sort_unstable();
        assert_eq!(got, [0, 1]);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

#[test]
fn loom_channel_two_senders_rendezvous() {
    two_senders(0);
}

#[test]
fn loom_channel_two_senders_capacity_1() {
    two_senders(1);
}

/// A send that comes to the lock finds that nobody waits any more, and another one at the ring.
#[test]
fn loom_channel_locked_send_beside_another() {
    loom::model(|| {
        let (tx, rx) = channel(2);
        let mut first = pin!(rx.recv());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        let senders = [&[0][..], &[1, 2]].map(|values| {
            let tx = tx.clone();
            thread::spawn(move || {
                for value in values {
                    tx.try_send(*value).unwrap();
                    // A change of threads here costs the model no preemption.
                    thread::yield_now();
                }
            })
        });
        for sender in senders {
            sender.join().unwrap();
        }
        drop(tx);
        let mut got: Vec<_> = block_on(first).into_iter().collect();
        got.extend(all(&rx));
        got.sort_unstable();
        assert_eq!(got, [0, 1, 2]);
    });
}

/// A receive is dropped while a value may be passed to it; another receiver gets the value.
fn cancelled_receive(capacity: usize) {
    loom::model(move || {
        let (tx, rx) = channel(capacity);
        let sender = thread::spawn(move || {
            for n in 0..2 {
                block_on(tx.send(n)).unwrap();
            }
        });
        let mut got = Vec::new();
        {
            let mut recv = pin!(rx.recv());
            let mut cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(value) = recv.as_mut().poll(&mut cx) {
                got.extend(value);
            }
        }
        got.extend(all(&rx));
        assert_eq!(got, [0, 1]);
        sender.join().unwrap();
    });
}

#[test]
fn loom_channel_cancelled_receive_rendezvous() {
    cancelled_receive(0);
}

#[test]
fn loom_channel_cancelled_receive_capacity_1() {
    cancelled_receive(1);
}

/// As above, while another receiver waits: the value goes on to it.
#[test]
fn loom_channel_cancelled_receive_wakes_the_next() {
    loom::model(|| {
        let (tx, rx) = channel(1);
        let other = {
            let rx = rx.clone();
            thread::spawn(move || block_on(rx.recv()))
        };
        let mine = thread::spawn(move || {
            let mut recv = pin!(rx.recv());
            let mut cx = Context::from_waker(Waker::noop());
            let polled = recv.as_mut().poll(&mut cx);
            // A change of threads here, and below, costs the model no preemption.
            thread::yield_now();
            match polled {
                Poll::Ready(value) => value,
                Poll::Pending => None,
            }
        });
        thread::yield_now();
        block_on(tx.send(7)).unwrap();
        let mine = mine.join().unwrap();
        drop(tx);
        let other = other.join().unwrap();
        assert_eq!((mine.is_some(), mine.or(other)), (other.is_none(), Some(7)));
    });
}

/// A send is dropped while it may be taken: the value is returned or received, never both, never neither.
fn cancelled_send(capacity: usize) {
    loom::model(move || {
        let (tx, rx) = channel(capacity);
        let receiver = thread::spawn(move || all(&rx));
        let mut kept = Vec::new();
        for n in 0..2 {
            let mut send = pin!(tx.send(n));
            let mut cx = Context::from_waker(Waker::noop());
            if send.as_mut().poll(&mut cx).is_pending() {
                kept.extend(send.cancel());
            }
        }
        drop(tx);
        kept.extend(receiver.join().unwrap());
        kept.sort_unstable();
        assert_eq!(kept, [0, 1]);
    });
}

#[test]
fn loom_channel_cancelled_send_rendezvous() {
    cancelled_send(0);
}

#[test]
fn loom_channel_cancelled_send_capacity_1() {
    cancelled_send(1);
}

/// Close against a sender and a receiver: what was sent is received, all others are told.
fn close(capacity: usize) {
    loom::model(move || {
        let (tx, rx) = channel(capacity);
        let sender = {
            let tx = tx.clone();
            thread::spawn(move || block_on(tx.send(1)).is_ok())
        };
        let receiver = thread::spawn(move || all(&rx).len());
        tx.close();
        let sent = sender.join().unwrap();
        assert_eq!(usize::from(sent), receiver.join().unwrap());
    });
}

#[test]
fn loom_channel_close_rendezvous() {
    close(0);
}

#[test]
fn loom_channel_close_capacity_1() {
    close(1);
}

/// The last receiver goes while senders send: every value is dropped, and promptly.
fn last_receiver(capacity: usize) {
    loom::model(move || {
        let alive = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = channel(capacity);
        let sender = {
            let alive = alive.clone();
            thread::spawn(move || {
                for n in 0..2 {
                    // Comes back at once if the receiver is gone.
                    drop(block_on(tx.send(Counted::new(n, &alive))));
                }
                tx
            })
        };
        if let Ok(value) = rx.try_recv() {
            assert_eq!(value.0, 0);
        }
        drop(rx);
        // Kept: the values are gone while a sender still lives.
        let tx = sender.join().unwrap();
        assert_eq!(alive.load(Relaxed), 0);
        drop(tx);
    });
}

#[test]
fn loom_channel_last_receiver_rendezvous() {
    last_receiver(0);
}

#[test]
fn loom_channel_last_receiver_capacity_1() {
    last_receiver(1);
}

#[test]
fn loom_channel_last_receiver_capacity_2() {
    last_receiver(2);
}

/// A ring that goes round: two threads take, one puts in.
#[test]
fn loom_channel_two_receivers() {
    loom::model(|| {
        let (tx, rx) = channel(1);
        let other = {
            let rx = rx.clone();
            thread::spawn(move || block_on(rx.recv()).unwrap())
        };
        let sender = thread::spawn(move || {
            for n in 0..2 {
                block_on(tx.send(n)).unwrap();
            }
        });
        let mine = block_on(rx.recv()).unwrap();
        assert_eq!(mine + other.join().unwrap(), 1);
        sender.join().unwrap();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    });
}
