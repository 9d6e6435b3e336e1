//! What crossbeam-channel's tests pin down (array, zero, select, select_macro, same_channel), written anew: here
//! the threads are plain ones, and the calls block.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use ringspun::channel::{
    Receiver, RecvTimeoutError, Select, SendTimeoutError, Sender, TryRecvError, channel,
};
use ringspun::{Builder, Handle, Runtime, select};
use support::{count, within_limit};

const SHORT: Duration = Duration::from_millis(5);
const LONG: Duration = Duration::from_secs(100);

/// What one thread does.
type Side = Box<dyn FnOnce(&Handle) + Send>;

/// Runs threads beside each other to their ends, all within a runtime whose clock they use.
fn side_by_side(sides: Vec<Side>) {
    let runtime = Builder::new().cores(1).build().unwrap();
    let threads: Vec<_> = sides
        .into_iter()
        .map(|side| {
            let handle = runtime.handle().clone();
            thread::spawn(move || {
                let _entered = handle.enter();
                side(&handle);
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

fn runtime() -> Runtime {
    Builder::new().cores(1).build().unwrap()
}

/// zero: recv_timeout, send_timeout.
#[test]
fn a_limit_ends_a_blocking_wait_and_nothing_else_does() {
    within_limit(|| {
        let (tx, rx) = channel(0);
        let (sent, received) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (b1, b2) = (sent.clone(), received.clone());
        side_by_side(vec![
            Box::new(move |_| {
                assert_eq!(
                    rx.blocking_recv_timeout(SHORT),
                    Err(RecvTimeoutError::Timeout)
                );
                b1.wait();
                assert_eq!(rx.blocking_recv_timeout(LONG), Ok(7));
                b2.wait();
                assert_eq!(
                    rx.blocking_recv_timeout(LONG),
                    Err(RecvTimeoutError::Closed)
                );
            }),
            Box::new(move |_| {
                sent.wait();
                assert_eq!(tx.blocking_send_timeout(7, LONG), Ok(()));
                received.wait();
                drop(tx);
            }),
        ]);
        let (tx, rx) = channel(1);
        let _runtime = runtime();
        let _entered = _runtime.handle().enter();
        tx.try_send(1).unwrap();
        assert_eq!(
            tx.blocking_send_timeout(2, SHORT),
            Err(SendTimeoutError::Timeout(2))
        );
        assert_eq!(rx.blocking_recv(), Some(1));
        drop(rx);
        assert_eq!(
            tx.blocking_send_timeout(3, SHORT),
            Err(SendTimeoutError::Closed(3))
        );
    });
}

/// A receive whose time is up holds no place in the channel, even if its future is kept.
#[ringspun::test]
async fn a_kept_future_whose_time_is_up_takes_nothing() {
    let (tx, rx) = channel(0);
    let mut late = std::pin::pin!(rx.recv_timeout(SHORT));
    assert_eq!(late.as_mut().await, Err(RecvTimeoutError::Timeout));
    assert!(tx.try_send(1).unwrap_err().is_full(), "nobody receives");
    let mut late = std::pin::pin!(tx.send_timeout(2, SHORT));
    assert_eq!(late.as_mut().await, Err(SendTimeoutError::Timeout(2)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

/// array, zero: disconnect_wakes_sender, disconnect_wakes_receiver.
#[test]
fn the_end_of_one_side_wakes_the_other() {
    within_limit(|| {
        for capacity in [0, 1] {
            for _ in 0..100 {
                let (tx, rx) = channel(capacity);
                side_by_side(vec![
                    Box::new(move |_| {
                        for _ in 0..capacity {
                            tx.blocking_send(1).unwrap();
                        }
                        assert_eq!(tx.blocking_send(2).unwrap_err().0, 2);
                    }),
                    Box::new(move |_| {
                        while rx.len() < capacity {
                            thread::yield_now();
                        }
                        drop(rx);
                    }),
                ]);
                let (tx, rx) = channel::<()>(capacity);
                side_by_side(vec![
                    Box::new(move |_| assert_eq!(rx.blocking_recv(), None)),
                    Box::new(move |_| drop(tx)),
                ]);
            }
        }
    });
}

/// array, zero: spsc, mpmc.
#[test]
fn threads_pass_everything_in_order() {
    let values = count(2_000, 100_000);
    for capacity in [0, 1, 3, 64] {
        within_limit(move || {
            let (tx, rx) = channel(capacity);
            side_by_side(vec![
                Box::new(move |_| (0..values).for_each(|n| tx.blocking_send(n).unwrap())),
                Box::new(move |_| {
                    for n in 0..values {
                        assert_eq!(rx.blocking_recv(), Some(n));
                    }
                    assert_eq!(rx.blocking_recv(), None);
                }),
            ]);
            let (tx, rx) = channel(capacity);
            let seen: Arc<[_]> = (0..values).map(|_| AtomicUsize::new(0)).collect();
            let mut sides: Vec<Side> = Vec::new();
            for _ in 0..4 {
                let (tx, rx, seen) = (tx.clone(), rx.clone(), seen.clone());
                sides.push(Box::new(move |_| {
                    (0..values).for_each(|n| tx.blocking_send(n).unwrap());
                }));
                sides.push(Box::new(move |_| {
                    while let Some(n) = rx.blocking_recv() {
                        seen[n].fetch_add(1, SeqCst);
                    }
                }));
            }
            drop(tx);
            side_by_side(sides);
            assert!(seen.iter().all(|seen| seen.load(SeqCst) == 4));
        });
    }
}

/// array: len.
#[test]
fn the_length_never_exceeds_the_capacity() {
    let values = count(5_000, 100_000);
    within_limit(move || {
        let (tx, rx) = channel(100);
        side_by_side(vec![
            Box::new(move |_| {
                for n in 0..values {
                    assert_eq!(rx.blocking_recv(), Some(n));
                    assert!(rx.len() <= 100);
                }
            }),
            Box::new(move |_| {
                for n in 0..values {
                    tx.blocking_send(n).unwrap();
                    assert!(tx.len() <= 100);
                }
            }),
        ]);
    });
}

/// array, zero: stress_oneshot; list: stress_iter.
#[test]
fn short_lived_channels_carry_their_one_value() {
    let rounds = count(300, 20_000);
    within_limit(move || {
        let (channels, makers) = channel::<Sender<usize>>(1);
        let answering = thread::spawn(move || {
            let mut n = 0;
            while let Some(tx) = makers.blocking_recv() {
                tx.blocking_send(n).unwrap();
                n += 1;
            }
        });
        for n in 0..rounds {
            let (tx, rx) = channel(n % 2);
            channels.blocking_send(tx).unwrap();
            assert_eq!((rx.blocking_recv(), rx.blocking_recv()), (Some(n), None));
        }
        drop(channels);
        answering.join().unwrap();
    });
}

/// array, zero: stress_timeout_two_threads: limits that race with values lose none.
#[test]
fn limits_that_race_with_values_lose_none() {
    let rounds = count(300, 20_000);
    for capacity in [0, 2] {
        within_limit(move || {
            let (tx, rx) = channel(capacity);
            let limit = |n: usize| Duration::from_micros((n * 7 % 50) as u64);
            side_by_side(vec![
                Box::new(move |_| {
                    for n in 0..rounds {
                        let mut value = n;
                        while let Err(error) = tx.blocking_send_timeout(value, limit(n)) {
                            assert!(error.is_timeout());
                            value = error.into_inner();
                        }
                    }
                }),
                Box::new(move |_| {
                    for n in 0..rounds {
                        let got = std::iter::repeat_with(|| rx.blocking_recv_timeout(limit(3 * n)));
                        let got = got.skip_while(|got| *got == Err(RecvTimeoutError::Timeout));
                        assert_eq!({ got }.next(), Some(Ok(n)));
                    }
                }),
            ]);
        });
    }
}

/// array, zero: drops.
#[test]
fn every_value_is_dropped_once() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Counted {
        fn new() -> Self {
            ALIVE.fetch_add(1, SeqCst);
            Self
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.fetch_sub(1, SeqCst);
        }
    }
    within_limit(|| {
        for round in 0..count(50, 2_000) {
            let (tx, rx) = channel(round % 40);
            let sent = 100 + round % 7;
            let left = rx.clone();
            side_by_side(vec![
                Box::new(move |_| {
                    for _ in 0..sent {
                        assert!(rx.blocking_recv().is_some());
                    }
                }),
                Box::new(move |_| {
                    for _ in 0..sent {
                        assert!(tx.blocking_send(Counted::new()).is_ok());
                    }
                    while tx.try_send(Counted::new()).is_ok() {}
                }),
            ]);
            assert_eq!(ALIVE.load(SeqCst), left.len());
            drop(left);
            assert_eq!(ALIVE.load(SeqCst), 0);
        }
    });
}

/// array, list: linearizable: one value each at most in the channel, so nobody waits for long or misses one.
#[test]
fn whoever_sends_and_then_looks_finds_a_value() {
    let rounds = count(2_000, 50_000);
    within_limit(move || {
        let (tx, rx) = channel(4);
        let both = (0..4).map(|_| -> Side {
            let (tx, rx) = (tx.clone(), rx.clone());
            Box::new(move |_| {
                for n in 0..rounds {
                    tx.try_send(n).expect("four places for four threads");
                    rx.try_recv().expect("at least the own one");
                }
            })
        });
        side_by_side(both.collect());
    });
}

/// array, list: channel_through_channel.
#[test]
fn channels_go_through_channels() {
    struct Link(Receiver<Box<Self>>);
    let rounds = count(300, 5_000);
    for capacity in [0, 1, 3] {
        within_limit(move || {
            let (tx, rx) = channel::<Box<Link>>(capacity);
            side_by_side(vec![
                Box::new(move |_| {
                    let mut tx = tx;
                    for _ in 0..rounds {
                        let (next, rx) = channel(capacity);
                        tx.blocking_send(Box::new(Link(rx))).ok().unwrap();
                        tx = next;
                    }
                }),
                Box::new(move |_| {
                    let mut rx = rx;
                    for _ in 0..rounds {
                        rx = rx.blocking_recv().unwrap().0;
                    }
                    assert!(rx.blocking_recv().is_none());
                }),
            ]);
        });
    }
}

/// select, select_macro: both ways of a select, on threads of their own.
#[test]
fn selects_of_threads_meet() {
    let rounds = count(1_000, 50_000);
    for capacity in [0, 1] {
        within_limit(move || {
            let (a, b) = (channel(capacity), channel(capacity));
            let (a2, b2) = (a.clone(), b.clone());
            side_by_side(vec![
                Box::new(move |handle| {
                    handle.block_on(async {
                        for n in 0..rounds {
                            select! {
                                sent = a.0.send(n) => sent.unwrap(),
                                sent = b.0.send(n) => sent.unwrap(),
                            }
                        }
                    });
                }),
                Box::new(move |handle| {
                    let mut select = Select::new();
                    select.recv(&a2.1, |value| value);
                    select.recv(&b2.1, |value| value);
                    let mut seen = vec![false; rounds];
                    handle.block_on(async {
                        for _ in 0..rounds {
                            let (_, value) = select.wait().await.unwrap();
                            assert!(!std::mem::replace(&mut seen[value.unwrap()], true));
                        }
                    });
                }),
            ]);
        });
    }
}

/// select: a close wakes a select that sleeps, whichever side it waits on.
#[test]
fn a_close_wakes_a_select() {
    within_limit(|| {
        for _ in 0..count(50, 1_000) {
            let (quiet_tx, quiet) = channel::<u8>(0);
            let ((tx, rx), (full, full_rx)) = (channel::<u8>(0), channel::<u8>(0));
            side_by_side(vec![
                Box::new(move |handle| {
                    let ended = handle.block_on(async {
                        select! { got = rx.recv() => got, got = quiet.recv() => got }
                    });
                    assert_eq!(ended, None);
                    let refused = handle.block_on(async {
                        select! { sent = full.send(1) => sent.is_err(), _ = quiet.recv() => false }
                    });
                    assert!(refused);
                }),
                Box::new(move |_| {
                    drop(tx);
                    thread::yield_now();
                    drop(full_rx);
                    // Until both have ended.
                    while quiet_tx.receiver_count() > 0 {
                        thread::yield_now();
                    }
                }),
            ]);
        }
    });
}

/// select_macro: recv_in_send, and other operations inside of operations.
#[ringspun::test]
async fn an_operand_may_receive() {
    let ((tx, rx), (other, other_rx)) = (channel(1), channel(1));
    other.send(5).await.unwrap();
    select! {
        sent = tx.send(other_rx.recv().await.unwrap()) => sent.unwrap(),
        _ = std::future::pending::<()>() => {}
    }
    assert_eq!(rx.recv().await, Some(5));
}

/// select_macro: fairness_duplicates: the same channel in several arms.
#[ringspun::test]
async fn the_same_receiver_in_five_arms_is_taken_by_each() {
    let (tx, rx) = channel(1);
    let mut hits = [0; 5];
    for _ in 0..5_000 {
        tx.send(()).await.unwrap();
        let arm = select! {
            Some(()) = rx.recv() => 0,
            Some(()) = rx.recv() => 1,
            Some(()) = rx.recv() => 2,
            Some(()) = rx.recv() => 3,
            Some(()) = rx.recv() => 4,
        };
        hits[arm] += 1;
    }
    assert!(hits.iter().all(|hits| *hits > 500), "{hits:?}");
}

/// same_channel: handles know whether they belong together.
#[test]
fn handles_know_their_channel() {
    let ((tx, rx), (other_tx, other_rx)) = (channel::<()>(1), channel::<()>(1));
    assert!(tx.same_channel(&tx.clone()) && rx.same_channel(&rx.clone()));
    assert!(!tx.same_channel(&other_tx) && !rx.same_channel(&other_rx));
    assert!(tx.downgrade().upgrade().unwrap().same_channel(&tx));
}
