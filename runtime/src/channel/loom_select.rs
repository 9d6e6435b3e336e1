//! Models of select: exactly one arm commits, nothing is lost, nobody sleeps for ever.
//!
//! Seen to fail if a node is used without winning its offer, if an arm is not marked or the word not made
//! DIRTY, if a select goes to sleep although it is DIRTY (asleep for ever), if `claim` or `settle` are relaxed,
//! and if `retract` does not wait for a winner (races). Not seen to fail: the count of `Chan::lock` that a
//! `default` looks at; two preemptions do not reach the schedule that needs it.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::thread;

use super::{Select, channel};
use crate::select;

/// Two channels, a sender each, and a select that takes one value; the other one is still there.
fn one_of_two(capacity: usize) {
    loom::model(move || {
        let (a, a_rx) = channel(capacity);
        let (b, b_rx) = channel(capacity);
        let senders =
            [(a, 1), (b, 2)].map(|(tx, n)| thread::spawn(move || block_on(tx.send(n)).unwrap()));
        let first = block_on(async {
            select! {
                n = a_rx.recv() => n,
                n = b_rx.recv() => n,
            }
        });
        let other = if first == Some(1) { &b_rx } else { &a_rx };
        let second = block_on(other.recv());
        assert_eq!(first.unwrap() + second.unwrap(), 3);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

#[test]
fn loom_select_one_of_two_rendezvous() {
    one_of_two(0);
}

#[test]
fn loom_select_one_of_two_capacity_1() {
    one_of_two(1);
}

/// Two selects on two channels in opposite order, one sends where the other receives.
#[test]
fn loom_select_against_select() {
    loom::model(|| {
        let (a, a_rx) = channel(0);
        let (b, b_rx) = channel(0);
        let other = {
            let (a, b_rx) = (a.clone(), b_rx.clone());
            thread::spawn(move || {
                block_on(async {
                    select! {
                        sent = a.send(1) => { sent.unwrap(); 10 }
                        got = b_rx.recv() => got.unwrap(),
                    }
                })
            })
        };
        let mine = block_on(async {
            select! {
                sent = b.send(2) => { sent.unwrap(); 20 }
                got = a_rx.recv() => got.unwrap(),
            }
        });
        let other = other.join().unwrap();
        assert!(
            [(1, 10), (20, 2)].contains(&(mine, other)),
            "{mine} {other}"
        );
    });
}

#[test]
fn loom_select_against_close() {
    loom::model(|| {
        let (a, a_rx) = channel::<u8>(1);
        let (b, b_rx) = channel::<u8>(0);
        let closer = thread::spawn(move || drop(a));
        let sender = thread::spawn(move || block_on(b.send(1)).is_ok());
        let (which, got) = block_on(async {
            select! {
                got = a_rx.recv() => ('a', got),
                got = b_rx.recv() => ('b', got),
            }
        });
        closer.join().unwrap();
        assert!([('a', None), ('b', Some(1))].contains(&(which, got)));
        let left = if which == 'a' {
            block_on(b_rx.recv())
        } else {
            Some(1)
        };
        assert_eq!(left, Some(1));
        assert!(sender.join().unwrap());
    });
}

/// A select is dropped while one of its arms may be won.
#[test]
fn loom_select_dropped() {
    loom::model(|| {
        let (a, a_rx) = channel(0);
        let (_b, b_rx) = channel::<u8>(0);
        let sender = thread::spawn(move || block_on(a.send(1)).unwrap());
        let got = {
            let mut select = pin!(async {
                select! {
                    got = a_rx.recv() => got,
                    got = b_rx.recv() => got,
                }
            });
            let mut cx = Context::from_waker(Waker::noop());
            match select.as_mut().poll(&mut cx) {
                Poll::Ready(got) => got,
                Poll::Pending => None,
            }
        };
        let got = got.or_else(|| block_on(a_rx.recv()));
        assert_eq!(got, Some(1));
        sender.join().unwrap();
    });
}

/// The arms of a `Select` stay linked while it is not waiting: what comes then is seen in the next round.
#[test]
fn loom_select_that_stays() {
    loom::model(|| {
        let (a, a_rx) = channel(1);
        let (b, b_rx) = channel(0);
        let senders =
            [(a, 1), (b, 2)].map(|(tx, n)| thread::spawn(move || block_on(tx.send(n)).unwrap()));
        let mut select = Select::new();
        select.recv(&a_rx, |n| n);
        select.recv(&b_rx, |n| n);
        let mut sum = 0;
        while let Some((_, got)) = block_on(select.wait()) {
            sum += got.unwrap_or(0);
        }
        assert_eq!(sum, 3);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

/// One of the channels is ready at every moment, though not the same: `default` is not taken. Fails if
/// `Progress::poll` says `Default` after its look at each arm.
#[test]
fn loom_select_default_against_a_value_that_moves() {
    loom::model(|| {
        let (a, a_rx) = channel(1);
        let (b, b_rx) = channel(1);
        a.try_send(1).unwrap();
        let mover = {
            let a_rx = a_rx.clone();
            thread::spawn(move || {
                b.try_send(2).unwrap();
                a_rx.try_recv().is_ok()
            })
        };
        let got = block_on(async {
            select! {
                // The one that is not ready yet is looked at first.
                biased;
                got = b_rx.recv() => got,
                got = a_rx.recv() => got,
                default => None,
            }
        });
        let moved = mover.join().unwrap();
        assert!(got.is_some(), "the mover took {moved}");
    });
}
