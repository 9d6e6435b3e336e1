//! What the tests of Go's channels pin down (test/chan and runtime/chan_test.go), written anew.
//!
//! Those of `select` alone are in `channel_select.rs`, what must not compile in the documentation of
//! `ringspun::channel`. Left out: stacks that shrink and move, and the grammar of statements.

mod support;

use std::any::Any;
use std::pin::pin;

use ringspun::channel::{Receiver, Sender, TryRecvError, channel};
use ringspun::task::yield_now;
use ringspun::{select, spawn};
use support::by_hand::{poll_once, settle};
use support::{count, on_one_and_two_cores};

/// test/chan/sieve1, sieve2.
#[test]
fn a_chain_of_filters_finds_the_primes() {
    for capacity in [0, 1, 7] {
        on_one_and_two_cores(move || async move {
            let (numbers, mut rest) = channel(capacity);
            spawn(async move {
                let mut n = 2u32;
                while numbers.send(n).await.is_ok() {
                    n += 1;
                }
            });
            let mut primes = Vec::new();
            while primes.len() < 25 {
                let prime = rest.recv().await.unwrap();
                primes.push(prime);
                rest = filter(rest, prime, capacity);
            }
            assert_eq!(primes[..8], [2, 3, 5, 7, 11, 13, 17, 19]);
            assert_eq!(primes[24], 97);
        });
    }
}

fn filter(numbers: Receiver<u32>, prime: u32, capacity: usize) -> Receiver<u32> {
    let (tx, rx) = channel(capacity);
    spawn(async move {
        while let Some(n) = numbers.recv().await {
            if n % prime != 0 && tx.send(n).await.is_err() {
                return;
            }
        }
    });
    rx
}

/// test/chan/fifo.
#[test]
fn values_come_in_the_order_they_were_sent() {
    on_one_and_two_cores(|| async {
        let (tx, rx) = channel(10);
        for n in 0..10 {
            tx.send(n).await.unwrap();
        }
        for n in 0..10 {
            assert_eq!(rx.recv().await, Some(n));
        }
        // Each task waits for the one before it.
        let (first, mut before) = channel(0);
        let (tx, rx) = channel(0);
        for n in 0..10 {
            let (done, next) = channel(0);
            let (rx, turn) = (rx.clone(), std::mem::replace(&mut before, next));
            spawn(async move {
                turn.recv().await.unwrap();
                assert_eq!(rx.recv().await, Some(n));
                let _ = done.send(()).await;
            });
        }
        first.send(()).await.unwrap();
        for n in 0..10 {
            tx.send(n).await.unwrap();
        }
        before.recv().await.unwrap();
    });
}

/// test/chan/goroutines.
#[test]
fn a_value_runs_through_ten_thousand_tasks() {
    let tasks = count(2_000, 10_000);
    on_one_and_two_cores(move || async move {
        let (first, mut last) = channel(0);
        for _ in 0..tasks {
            let (tx, rx) = channel(0);
            let from = std::mem::replace(&mut last, rx);
            spawn(async move {
                let value: usize = from.recv().await.unwrap();
                tx.send(value + 1).await.unwrap();
            });
        }
        first.send(0).await.unwrap();
        assert_eq!(last.recv().await, Some(tasks));
    });
}

/// test/chan/doubleselect: if a select ever sent into two channels, a value would come twice.
#[test]
fn a_select_of_sends_sends_once() {
    let rounds = count(5_000, 100_000);
    for capacity in [0, 1] {
        on_one_and_two_cores(move || async move {
            let channels = [(); 4].map(|()| channel(capacity));
            let (all_tx, all) = channel(0);
            for (_, rx) in &channels {
                let (rx, all) = (rx.clone(), all_tx.clone());
                spawn(async move {
                    while let Some(n) = rx.recv().await {
                        all.send(n).await.unwrap();
                    }
                });
            }
            drop(all_tx);
            spawn(async move {
                let [a, b, c, d] = channels.map(|(tx, _)| tx);
                for n in 0..rounds {
                    select! {
                        sent = a.send(n) => sent.unwrap(),
                        sent = b.send(n) => sent.unwrap(),
                        sent = c.send(n) => sent.unwrap(),
                        sent = d.send(n) => sent.unwrap(),
                    }
                }
            });
            let mut seen = vec![false; rounds];
            while let Some(n) = all.recv().await {
                assert!(!std::mem::replace(&mut seen[n], true), "{n} came twice");
            }
            assert!(seen.iter().all(|seen| *seen));
        });
    }
}

/// How test/chan/select7 receives and sends: alone, or in a select beside arms that never come.
async fn receive(way: usize, rx: Receiver<u32>) -> Option<u32> {
    let (_tx, never) = channel::<u32>(0);
    match way {
        0 => rx.recv().await,
        1 => select! { value = rx.recv() => value, value = never.recv() => value },
        _ => {
            select! { value = never.recv() => value, value = rx.recv() => value, _ = never.recv() => None }
        }
    }
}

async fn send(way: usize, tx: Sender<u32>) {
    let (never, _rx) = channel::<u32>(0);
    match way {
        0 => tx.send(42).await.unwrap(),
        1 => select! { sent = tx.send(42) => sent.unwrap(), _ = never.send(1) => unreachable!() },
        _ => select! {
            _ = never.send(1) => unreachable!(),
            sent = tx.send(42) => sent.unwrap(),
            _ = never.send(2) => unreachable!(),
        },
    }
}

/// test/chan/select7.
#[ringspun::test]
async fn those_who_wait_are_found_however_they_wait() {
    for (receives, sends) in (0..9).map(|n| (n / 3, n % 3)) {
        for receiver_first in [true, false] {
            let (tx, rx) = channel(0);
            let sending = spawn(async move {
                if receiver_first {
                    yield_now().await;
                }
                send(sends, tx).await;
            });
            let receiving = spawn(async move {
                if !receiver_first {
                    yield_now().await;
                }
                receive(receives, rx).await
            });
            assert_eq!(receiving.await.unwrap(), Some(42));
            sending.await.unwrap();
        }
    }
}

/// test/chan/zerosize.
#[ringspun::test]
async fn values_without_a_size_are_counted_all_the_same() {
    let (tx, rx) = channel::<[u64; 0]>(100);
    for n in 0..100 {
        assert_eq!(tx.len(), n);
        tx.try_send([]).unwrap();
    }
    assert!(tx.try_send([]).unwrap_err().is_full());
    assert_eq!(rx.try_iter().count(), 100);
}

/// chan_test.go, TestChan.
#[test]
fn a_channel_of_any_capacity_keeps_its_promises() {
    let capacities = count(20, 200);
    on_one_and_two_cores(move || async move {
        for capacity in 0..capacities {
            empty_blocks(capacity).await;
            full_blocks(capacity).await;
            closed_drains(capacity).await;
            one_to_one(capacity).await;
            many_to_many(capacity).await;
        }
    });
}

async fn empty_blocks(capacity: usize) {
    let (tx, rx) = channel::<usize>(capacity);
    assert!(poll_once(pin!(rx.recv())).await.is_none());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert!(select! { _ = rx.recv() => false, default => true });
    assert_eq!(
        (tx.len(), tx.capacity(), tx.is_empty()),
        (0, capacity, true)
    );
}

async fn full_blocks(capacity: usize) {
    let (tx, rx) = channel(capacity);
    for n in 0..capacity {
        tx.send(n).await.unwrap();
    }
    assert!(poll_once(pin!(tx.send(0))).await.is_none());
    assert!(tx.try_send(0).unwrap_err().is_full());
    assert!(select! { _ = tx.send(0) => false, default => true });
    assert_eq!((rx.len(), rx.capacity()), (capacity, capacity));
}

async fn closed_drains(capacity: usize) {
    let (tx, rx) = channel(capacity);
    for n in 0..capacity {
        tx.send(n).await.unwrap();
    }
    tx.close();
    for n in 0..capacity {
        assert_eq!(rx.recv().await, Some(n));
    }
    for _ in 0..3 {
        assert_eq!(rx.recv().await, None);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    }
    // A close ends a wait that has begun.
    let (tx, rx) = channel::<usize>(capacity);
    let waiting = spawn(async move { rx.recv().await });
    yield_now().await;
    tx.close();
    assert_eq!(waiting.await.unwrap(), None);
}

async fn one_to_one(capacity: usize) {
    let (tx, rx) = channel(capacity);
    spawn(async move {
        for n in 0..100 {
            tx.send(n).await.unwrap();
        }
    });
    for n in 0..100 {
        assert_eq!(rx.recv().await, Some(n));
    }
}

async fn many_to_many(capacity: usize) {
    const SENDERS: usize = 4;
    const VALUES: usize = 100;
    let (tx, rx) = channel(capacity);
    for _ in 0..SENDERS {
        let tx = tx.clone();
        spawn(async move {
            for n in 0..VALUES {
                tx.send(n).await.unwrap();
            }
        });
    }
    drop(tx);
    let receivers: Vec<_> = (0..8)
        .map(|_| {
            let rx = rx.clone();
            spawn(async move {
                let mut got = Vec::new();
                while let Some(n) = rx.recv().await {
                    got.push(n);
                }
                got
            })
        })
        .collect();
    let mut times = [0; VALUES];
    for receiver in receivers {
        let got = receiver.await.unwrap();
        got.into_iter().for_each(|n| times[n] += 1);
    }
    assert_eq!(times, [SENDERS; VALUES]);
}

/// chan_test.go, TestNonblockRecvRace: a value that is there is found, also beside a close.
#[test]
fn an_attempt_beside_a_close_finds_the_value() {
    let rounds = count(2_000, 100_000);
    on_one_and_two_cores(move || async move {
        for _ in 0..rounds {
            let (tx, rx) = channel(1);
            tx.try_send(1).unwrap();
            let found = spawn(async move {
                select! { value = rx.recv() => value, default => None }
            });
            tx.close();
            assert_eq!(found.await.unwrap(), Some(1));
        }
    });
}

/// chan_test.go, TestSelfSelect: a select without a buffer never meets itself.
#[test]
fn a_select_that_sends_and_receives_never_meets_itself() {
    let rounds = count(2_000, 100_000);
    for capacity in [0, 10] {
        on_one_and_two_cores(move || async move {
            let (tx, rx) = channel(capacity);
            let selecting = [0, 1].map(|me| {
                let (tx, rx) = (tx.clone(), rx.clone());
                spawn(async move {
                    for round in 0..rounds {
                        // Two arms each, in either order.
                        let met = match (round + me) % 2 {
                            0 => select! { _ = tx.send(me) => None, who = rx.recv() => who },
                            _ => select! { who = rx.recv() => who, _ = tx.send(me) => None },
                        };
                        assert!(capacity > 0 || met != Some(me), "met itself");
                    }
                    // The other one may have a round more to go.
                    rx.close();
                })
            });
            for task in selecting {
                task.await.unwrap();
            }
        });
    }
}

/// chan_test.go, TestSelectStress: selects of four sends against four receives, beside plain ones.
#[test]
fn selects_of_all_directions_get_everything_through() {
    let rounds = count(2_000, 100_000);
    on_one_and_two_cores(move || async move {
        let channels = [0, 0, 2, 3].map(channel::<usize>);
        let mut tasks = Vec::new();
        for (tx, rx) in channels.clone() {
            tasks.push(spawn(async move {
                for n in 0..rounds {
                    tx.send(n).await.unwrap();
                }
            }));
            tasks.push(spawn(async move {
                for _ in 0..rounds {
                    rx.recv().await.unwrap();
                }
            }));
        }
        let [a, b, c, d] = channels.clone();
        tasks.push(spawn(async move {
            let mut left = [rounds; 4];
            while left != [0; 4] {
                let arm = select! {
                    Ok(()) = a.0.send(0), if left[0] > 0 => 0,
                    Ok(()) = b.0.send(0), if left[1] > 0 => 1,
                    Ok(()) = c.0.send(0), if left[2] > 0 => 2,
                    Ok(()) = d.0.send(0), if left[3] > 0 => 3,
                };
                left[arm] -= 1;
            }
        }));
        let [a, b, c, d] = channels;
        tasks.push(spawn(async move {
            let mut left = [rounds; 4];
            while left != [0; 4] {
                let arm = select! {
                    Some(_) = a.1.recv(), if left[0] > 0 => 0,
                    Some(_) = b.1.recv(), if left[1] > 0 => 1,
                    Some(_) = c.1.recv(), if left[2] > 0 => 2,
                    Some(_) = d.1.recv(), if left[3] > 0 => 3,
                };
                left[arm] -= 1;
            }
        }));
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// chan_test.go, TestPseudoRandomSend: two arms that send into one channel.
#[test]
fn a_select_of_two_sends_into_one_channel_sends_both_kinds() {
    for capacity in [0, 100] {
        on_one_and_two_cores(move || async move {
            let (tx, rx) = channel(capacity);
            let receiving = spawn(async move {
                let mut got = [0; 2];
                while let Some(n) = rx.recv().await {
                    got[n] += 1;
                }
                got
            });
            for _ in 0..1000 {
                select! { sent = tx.send(0) => sent.unwrap(), sent = tx.send(1) => sent.unwrap() }
            }
            drop(tx);
            let got = receiving.await.unwrap();
            assert_eq!(got[0] + got[1], 1000);
            assert!(got[0] > 100 && got[1] > 100, "{got:?}");
        });
    }
}

/// chan_test.go, TestMultiConsumer.
#[test]
fn many_workers_between_two_channels_lose_nothing() {
    let values = count(10_000, 100_000);
    on_one_and_two_cores(move || async move {
        let ((q, work), (r, results)) = (channel(70), channel(70));
        for _ in 0..23 {
            let (work, r) = (work.clone(), r.clone());
            spawn(async move {
                while let Some(n) = work.recv().await {
                    if n % 7 == 3 {
                        yield_now().await;
                    }
                    r.send(n).await.unwrap();
                }
            });
        }
        drop(r);
        let sending = spawn(async move {
            let mut sum = 0;
            for n in 0..values {
                let prime = [3, 5, 7, 11, 13, 17, 19][n % 7];
                sum += prime;
                q.send(prime).await.unwrap();
            }
            sum
        });
        let (mut got, mut sum) = (0, 0);
        while let Some(n) = results.recv().await {
            got += 1;
            sum += n;
        }
        assert_eq!((got, sum), (values, sending.await.unwrap()));
    });
}

/// chan_test.go, TestChanSendInterface, TestChanSendBarrier: values of any type, dropped once by whoever has them.
#[ringspun::test]
async fn boxed_values_of_many_types_pass() {
    let (tx, rx) = channel::<Box<dyn Any + Send>>(1);
    let receiving = spawn(async move {
        let mut sum = 0;
        while let Some(value) = rx.recv().await {
            sum += match value.downcast::<u8>() {
                Ok(n) => usize::from(*n),
                Err(other) => other.downcast::<String>().unwrap().len(),
            };
        }
        sum
    });
    for n in 0..100u8 {
        select! {
            sent = tx.send(Box::new(n)) => sent.unwrap(),
            sent = tx.send(Box::new("x".repeat(usize::from(n)))) => sent.unwrap(),
        }
    }
    settle().await;
    drop(tx);
    assert_eq!(receiving.await.unwrap(), 99 * 100 / 2);
}
