//! `select!` and `Select`: who blocks and who does not, what is evaluated when, and what losing arms keep.

mod support;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use Outcome::{Blocks, Closed, Does};
use ringspun::channel::{Receiver, Select, Sender, channel};
use ringspun::{select, spawn, time};
use support::by_hand::{poll_now, poll_once, settle};
use support::{count, within_limit};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    Blocks,
    Does,
    Closed,
}

fn received(value: Option<u8>) -> Outcome {
    if value.is_some() { Does } else { Closed }
}

fn sent<E>(result: Result<(), E>) -> Outcome {
    if result.is_ok() { Does } else { Closed }
}

/// One attempt to receive, in one of the ways there are; `on` is Go's "not nil".
async fn try_to_receive(way: usize, on: bool, rx: &Receiver<u8>) -> Option<Outcome> {
    let mut dynamic = Select::new();
    if on {
        dynamic.recv(rx, received);
    }
    let outcome = match way {
        0 if on => poll_now(pin!(rx.recv())).map(received),
        1 if on => rx.try_recv().map(|_| Does).ok().or_else(|| {
            let at_end = rx.is_closed();
            at_end.then_some(Closed)
        }),
        2 => poll_now(pin!(async {
            select! { value = rx.recv(), if on => received(value) }
        })),
        3 => select! { value = rx.recv(), if on => Some(received(value)), default => None },
        4 => poll_now(pin!(async {
            select! {
                biased;
                _ = std::future::pending::<()>() => Blocks,
                value = rx.recv(), if on => received(value),
                _ = rx.recv(), if false => Blocks,
            }
        })),
        5 => select! {
            biased;
            _ = std::future::pending::<()>() => None,
            value = rx.recv(), if on => Some(received(value)),
            value = rx.recv(), if on => Some(received(value)),
            default => None,
        },
        6 if on => poll_now(pin!(dynamic.wait()))
            .flatten()
            .map(|(_, outcome)| outcome),
        7 => dynamic.try_wait().await.map(|(_, outcome)| outcome),
        8 if on => poll_now(pin!(rx.recv_timeout(Duration::MAX)))
            .map(|result| result.map_or(Closed, |_| Does)),
        _ => return None,
    };
    Some(outcome.unwrap_or(Blocks))
}

/// One attempt to send.
async fn try_to_send(way: usize, on: bool, tx: &Sender<u8>) -> Option<Outcome> {
    let mut dynamic = Select::new();
    if on {
        dynamic.send(tx, 7, sent);
    }
    let mut place = on.then_some(7);
    let outcome = match way {
        0 if on => poll_now(pin!(tx.send(7))).map(sent),
        1 if on => match tx.try_send(7) {
            Err(error) if error.is_full() => None,
            other => Some(sent(other)),
        },
        2 => poll_now(pin!(async {
            select! { result = tx.send(7), if on => sent(result) }
        })),
        3 => select! { result = tx.send(7), if on => Some(sent(result)), default => None },
        4 => poll_now(pin!(async {
            select! {
                biased;
                _ = std::future::pending::<()>() => Blocks,
                result = tx.send_from(&mut place) => sent(result),
                _ = tx.send(8), if false => Blocks,
            }
        })),
        5 => select! {
            biased;
            _ = std::future::pending::<()>() => None,
            result = tx.send_from(&mut place) => Some(sent(result)),
            result = tx.send(7), if on => Some(sent(result)),
            default => None,
        },
        6 if on => poll_now(pin!(dynamic.wait()))
            .flatten()
            .map(|(_, outcome)| outcome),
        7 => dynamic.try_wait().await.map(|(_, outcome)| outcome),
        8 => poll_now(pin!(tx.send_from(&mut place))).map(sent),
        9 if on => poll_now(pin!(tx.send_timeout(7, Duration::MAX))).map(sent),
        _ => return None,
    };
    Some(outcome.unwrap_or(Blocks))
}

/// Go: test/chan/select3.
#[ringspun::test]
async fn who_blocks_and_who_does_not() {
    let filled = |capacity| {
        let (tx, rx) = channel(capacity);
        (0..capacity).for_each(|n| tx.try_send(n as u8).unwrap());
        (tx, rx)
    };
    let closed = |(tx, rx): (Sender<u8>, Receiver<u8>)| {
        tx.close();
        (tx, rx)
    };
    type Make<'a> = &'a dyn Fn() -> (Sender<u8>, Receiver<u8>);
    let table: [(&str, bool, Make<'_>, Outcome, Outcome); 10] = [
        ("off", false, &|| channel(1), Blocks, Blocks),
        ("off and full", false, &|| filled(1), Blocks, Blocks),
        ("off, closed", false, &|| closed(channel(1)), Blocks, Blocks),
        ("rendezvous", true, &|| channel(0), Blocks, Blocks),
        ("empty", true, &|| channel(1), Blocks, Does),
        ("full", true, &|| filled(1), Does, Blocks),
        ("half", true, &|| half_full(), Does, Does),
        ("closed", true, &|| closed(channel(0)), Closed, Closed),
        (
            "closed, empty",
            true,
            &|| closed(channel(2)),
            Closed,
            Closed,
        ),
        ("closed, full", true, &|| closed(filled(2)), Does, Closed),
    ];
    for (name, on, make, receives, sends) in table {
        for way in 0..10 {
            let (_tx, rx) = make();
            if let Some(outcome) = try_to_receive(way, on, &rx).await {
                assert_eq!(outcome, receives, "receive from {name}, way {way}");
            }
            let (tx, _rx) = make();
            if let Some(outcome) = try_to_send(way, on, &tx).await {
                assert_eq!(outcome, sends, "send into {name}, way {way}");
            }
        }
    }
}

fn half_full() -> (Sender<u8>, Receiver<u8>) {
    let (tx, rx) = channel(2);
    tx.try_send(1).unwrap();
    (tx, rx)
}

/// Go: test/chan/nonblock: what a single attempt does when the other side already waits.
#[ringspun::test]
async fn an_attempt_meets_those_who_wait() {
    for way in 0..10 {
        let (tx, rx) = channel(0);
        let mut waiting = Box::pin(tx.send(1));
        assert!(poll_once(waiting.as_mut()).await.is_none());
        if let Some(outcome) = try_to_receive(way, true, &rx).await {
            assert_eq!(outcome, Does, "way {way}");
            assert_eq!(poll_once(waiting.as_mut()).await, Some(Ok(())));
        }
        let (tx, rx) = channel(0);
        let mut waiting = Box::pin(rx.recv());
        assert!(poll_once(waiting.as_mut()).await.is_none());
        if let Some(outcome) = try_to_send(way, true, &tx).await {
            assert_eq!(outcome, Does, "way {way}");
            assert_eq!(poll_once(waiting.as_mut()).await, Some(Some(7)));
        }
    }
}

/// Go: a `select` without a case that can proceed takes its `default`, whatever the reason.
#[ringspun::test]
async fn default_is_taken_when_every_arm_is_off() {
    let (tx, rx) = channel::<u8>(0);
    let taken = select! { _ = rx.recv(), if false => 1, default => 2 };
    assert_eq!(taken, 2);
    drop(tx);
    // Off because the pattern refused what came.
    let taken = select! { Some(_) = rx.recv() => 1, default => 2 };
    assert_eq!(taken, 2);
    let taken = select! { Some(_) = rx.recv() => 1, default => 2, else => 3 };
    assert_eq!(taken, 3);
    let taken = select! { default => 4 };
    assert_eq!(taken, 4);
}

/// Go: chan_test.go, TestNonblockSelectRace and TestNonblockSelectRace2. One of the channels is ready at
/// every moment, though not the same.
#[test]
fn default_is_not_taken_while_one_arm_after_the_other_is_ready() {
    let rounds = count(10_000, 1_000_000);
    for by_closing in [false, true] {
        for dynamic in [false, true] {
            within_limit(move || default_race(rounds, by_closing, dynamic));
        }
    }
}

fn default_race(rounds: usize, by_closing: bool, dynamic: bool) {
    type Pair = (Receiver<u8>, Receiver<u8>, Arc<Barrier>);
    let (pairs, next) = mpsc::sync_channel::<Pair>(0);
    let (taken, outcome) = mpsc::sync_channel(0);
    let selecting = std::thread::spawn(move || {
        for (a, b, start) in next {
            let mut arms = Select::new();
            arms.recv(&a, |_| true);
            arms.recv(&b, |_| true);
            start.wait();
            let mut select = pin!(async {
                match dynamic {
                    true => arms.try_wait().await.is_some(),
                    false => {
                        select! { _ = a.recv() => true, _ = b.recv() => true, default => false }
                    }
                }
            });
            let polls = std::iter::repeat_with(|| poll_now(select.as_mut()));
            taken.send(polls.flatten().next()).unwrap();
        }
    });
    for round in 0..rounds {
        let ((a_tx, a), (b_tx, b)) = (channel(1), channel(1));
        let start = Arc::new(Barrier::new(2));
        a_tx.try_send(1).unwrap();
        pairs.send((a.clone(), b, start.clone())).unwrap();
        start.wait();
        if by_closing {
            b_tx.close();
        } else {
            b_tx.try_send(2).unwrap();
        }
        let _ = a.try_recv();
        assert_eq!(outcome.recv().unwrap(), Some(true), "round {round}");
    }
    drop(pairs);
    selecting.join().unwrap();
}

/// Go: test/chan/select4, select5: operations are made once, in the order of the text; of the arms that do
/// not win nothing else is evaluated.
#[ringspun::test]
async fn operations_are_made_once_in_order_and_bodies_run_for_the_winner() {
    let (tx, rx) = channel(1);
    let (other_tx, other) = channel::<u8>(1);
    let log = RefCell::new(Vec::new());
    let note = |what: &'static str| log.borrow_mut().push(what);
    let value = |what, n: u8| {
        note(what);
        n
    };
    for _ in 0..2 {
        let taken = select! {
            _ = { note("a"); other.recv() } => { note("body a"); 1 }
            _ = { note("off"); other.recv() }, if { note("guard"); false } => 2,
            result = tx.send(value("value", 9)) => { result.unwrap(); note("body c"); 3 }
            _ = other_tx.send(value("unsent", 8)), if value("guard d", 0) == 1 => 4,
            _ = { note("e"); std::future::pending::<()>() } => 5,
        };
        assert_eq!(taken, 3);
        assert_eq!(rx.try_recv(), Ok(9));
        let expected = ["a", "guard", "value", "guard d", "e", "body c"];
        assert_eq!(log.take(), expected);
    }
    assert!(other.is_empty());
}

/// Go: select.go: a body may do what it likes with what the arms have used.
#[ringspun::test]
async fn a_body_has_everything_back_and_may_leave() {
    let (tx, rx) = channel(1);
    let mut kept = Some(String::from("kept"));
    let mut rounds = 0;
    let last = 'outer: loop {
        rounds += 1;
        select! {
            Ok(()) = tx.send_from(&mut kept) => kept = None,
            Some(text) = rx.recv() => {
                kept = Some(text + "!");
                if rounds < 6 {
                    continue;
                }
                // A select in a select, with the same names.
                select! {
                    Ok(()) = tx.send_from(&mut kept) => break 'outer rx.recv().await,
                    else => unreachable!("the buffer is empty"),
                }
            }
        }
    };
    assert_eq!((rounds, last.as_deref()), (6, Some("kept!!!")));
    async fn first(rx: &Receiver<u8>) -> Result<u8, &'static str> {
        let value = select! {
            value = rx.recv() => value.ok_or("closed")?,
            () = time::sleep(Duration::from_secs(1000)) => return Err("late"),
        };
        Ok(value)
    }
    let (tx, rx) = channel(1);
    tx.try_send(5).unwrap();
    drop(tx);
    assert_eq!(first(&rx).await, Ok(5));
    assert_eq!(first(&rx).await, Err("closed"));
}

/// Go: chan_test.go, TestSelectDuplicateChannel: a select that stands in a channel twice, with others behind.
#[ringspun::test]
async fn a_select_may_stand_in_a_channel_twice() {
    let (c, d, e) = (channel::<u8>(0), channel(0), channel(0));
    spawn({
        let (c, d, e) = (c.1.clone(), d.1.clone(), e.0.clone());
        async move {
            select! { _ = c.recv() => {}, _ = c.recv() => {}, _ = d.recv() => {} }
            e.send(9).await.unwrap();
        }
    });
    settle().await;
    let second = spawn({
        let c = c.1.clone();
        async move { c.recv().await }
    });
    settle().await;
    d.0.send(7).await.unwrap();
    assert_eq!(e.1.recv().await, Some(9));
    c.0.send(8).await.unwrap();
    assert_eq!(second.await.unwrap(), Some(8));
}

/// Go: test/chan/select6 (issue 2075): a select that ends leaves the queues of its other channels whole.
#[ringspun::test]
async fn a_select_that_ends_leaves_other_waiters_in_their_order() {
    let (c1, c2, c3) = (channel::<u8>(0), channel::<u8>(0), channel::<u8>(0));
    // Two that wait in c1, then the select as the last; another one behind it.
    let wait = |c: &Receiver<u8>| {
        let c = c.clone();
        spawn(async move { c.recv().await })
    };
    let before = [wait(&c1.1), wait(&c1.1)];
    settle().await;
    let selecting = spawn({
        let (c1, c2, c3) = (c1.1.clone(), c2.1.clone(), c3.1.clone());
        async move {
            select! { _ = c1.recv() => 1, _ = c2.recv() => 2, _ = c3.recv() => 3 }
        }
    });
    settle().await;
    let behind = wait(&c1.1);
    settle().await;
    c2.0.send(0).await.unwrap();
    assert_eq!(selecting.await.unwrap(), 2);
    for n in 1..=3 {
        c1.0.send(n).await.unwrap();
    }
    let [first, second] = before;
    for (n, task) in [(1, first), (2, second), (3, behind)] {
        assert_eq!(task.await.unwrap(), Some(n));
    }
    for channel in [&c1, &c2, &c3] {
        assert!(channel.0.try_send(1).is_err(), "nobody waits any more");
    }
}

/// Go: chan_test.go, TestSelectStackAdjust: large values stand where they are while a select sleeps.
#[ringspun::test(cores = 2)]
async fn large_values_outlive_a_long_sleep_in_a_select() {
    const ARMS: usize = 4;
    let channels: Vec<_> = (0..ARMS).map(|_| channel::<[u64; 512]>(0)).collect();
    let receivers: Vec<_> = channels.iter().map(|(_, rx)| rx.clone()).collect();
    let sending = spawn(async move {
        let [a, b, c, d] = &channels[..] else {
            unreachable!("ARMS")
        };
        for n in 0..200 {
            let value = [n; 512];
            select! {
                result = a.0.send(value) => result.unwrap(),
                result = b.0.send(value) => result.unwrap(),
                result = c.0.send(value) => result.unwrap(),
                result = d.0.send(value) => result.unwrap(),
            }
        }
    });
    let mut select = Select::new();
    for rx in &receivers {
        select.recv(rx, |value| value.map(Box::new));
    }
    for n in 0..200 {
        let (_, value) = select.wait().await.unwrap();
        assert_eq!(*value.unwrap(), [n; 512]);
    }
    sending.await.unwrap();
}

/// A dropped wait of a dynamic select keeps what has come; a leaked one harms nobody.
#[ringspun::test]
async fn a_wait_may_be_dropped_or_leaked() {
    let (a, b) = (channel::<u8>(0), channel::<u8>(0));
    let mut select = Select::new();
    let first = select.recv(&a.1, |value| value);
    let second = select.recv(&b.1, |value| value);
    let mut wait = select.wait();
    assert!(poll_once(Pin::new(&mut wait)).await.is_none());
    a.0.try_send(1).unwrap();
    drop(wait);
    assert_eq!(select.wait().await, Some((first, Some(1))));
    // What has come to an arm that is removed goes back.
    let mut wait = select.wait();
    assert!(poll_once(Pin::new(&mut wait)).await.is_none());
    std::mem::forget(wait);
    a.0.try_send(2).unwrap();
    assert!(select.remove(first) && !select.remove(first));
    assert_eq!(select.recv(&a.1, |value| value), first);
    assert_eq!(select.wait().await, Some((first, Some(2))));
    // An arm that was removed while the leaked wait still offers it.
    let mut wait = select.wait();
    assert!(poll_once(Pin::new(&mut wait)).await.is_none());
    std::mem::forget(wait);
    assert!(select.remove(second));
    assert!(b.0.try_send(3).is_err());
    assert!(poll_once(pin!(select.wait())).await.is_none());
    assert_eq!((select.len(), select.is_empty()), (1, false));
}

/// A function that panics over an outcome takes only that outcome with it.
#[ringspun::test]
async fn an_arm_whose_function_panicked_goes_on() {
    for waits_first in [false, true] {
        let (tx, rx) = channel(1);
        let mut select = Select::new();
        select.recv(&rx, |value| {
            assert_ne!(value, Some(1), "the value that this test dislikes");
            value
        });
        let mut wait = Box::pin(select.wait());
        if waits_first {
            assert!(poll_once(wait.as_mut()).await.is_none());
        }
        tx.try_send(1).unwrap();
        assert!(catch_unwind(AssertUnwindSafe(|| poll_now(wait.as_mut()))).is_err());
        drop(wait);
        tx.try_send(2).unwrap();
        let next = time::timeout(Duration::from_secs(60), select.wait()).await;
        assert_eq!(next.expect("the arm is still there"), Some((0, Some(2))));
    }
}

/// More arms than a word has bits, arms that come and go, and arms that end.
#[ringspun::test]
async fn a_select_of_many_arms_names_the_right_one() {
    let channels: Vec<_> = (0..300).map(|_| channel(1)).collect();
    let mut select = Select::new();
    for (n, (_, rx)) in channels.iter().enumerate() {
        assert_eq!(select.recv(rx, move |value| (n, value)), n);
        if n % 50 == 0 {
            assert!(poll_once(Box::pin(select.wait()).as_mut()).await.is_none());
        }
    }
    for n in (0..300).rev() {
        channels[n].0.try_send(n).unwrap();
        assert_eq!(select.wait().await, Some((n, (n, Some(n)))));
        assert_eq!(select.try_wait().await, None);
    }
    for (tx, _) in &channels {
        tx.close();
    }
    let mut ended = [false; 300];
    while let Some((arm, outcome)) = select.wait().await {
        assert_eq!(outcome, (arm, None));
        assert!(!std::mem::replace(&mut ended[arm], true));
    }
    assert!(ended.iter().all(|ended| *ended));
    assert_eq!(select.len(), 300);
}
