//! Channels: who gets what, in which order, and how it ends.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use ringspun::channel::{RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError, channel};
use ringspun::{select, spawn, time};
use support::by_hand::{poll_once, settle};

#[ringspun::test]
async fn a_rendezvous_ends_when_the_value_is_taken() {
    let (tx, rx) = channel(0);
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    let sent = Arc::new(AtomicUsize::new(0));
    let sender = spawn({
        let sent = sent.clone();
        async move {
            for n in 0..3 {
                tx.send(n).await.unwrap();
                sent.fetch_add(1, Relaxed);
            }
        }
    });
    settle().await;
    assert_eq!(sent.load(Relaxed), 0);
    for n in 0..3 {
        assert_eq!(rx.recv().await, Some(n));
    }
    sender.await.unwrap();
    assert_eq!((rx.recv().await, sent.load(Relaxed)), (None, 3));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[ringspun::test]
async fn a_buffer_takes_its_capacity_and_no_more() {
    for capacity in [1, 2, 3, 7, 8, 100] {
        let (tx, rx) = channel(capacity);
        for n in 0..capacity {
            tx.try_send(n).unwrap();
        }
        assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
        assert_eq!((tx.len(), tx.capacity()), (capacity, capacity));
        for n in 0..capacity {
            assert_eq!(rx.try_recv(), Ok(n));
        }
        assert!(rx.is_empty());
    }
}

#[ringspun::test]
async fn those_who_wait_are_served_in_their_order() {
    for capacity in [0, 1] {
        let (tx, rx) = channel(capacity);
        // Polled here, one after the other: tasks may begin in another order than they are spawned in.
        let mut receivers: Vec<_> = (0..5).map(|_| Box::pin(rx.recv())).collect();
        for receiver in &mut receivers {
            assert_eq!(poll_once(receiver.as_mut()).await, None);
        }
        for n in 0..5 {
            tx.send(n).await.unwrap();
        }
        for (n, receiver) in receivers.into_iter().enumerate() {
            assert_eq!(receiver.await, Some(n));
        }
        let mut waiting = Vec::new();
        for n in 0..5 {
            let mut send = Box::pin(tx.send(n));
            match poll_once(send.as_mut()).await {
                Some(sent) => sent.unwrap(),
                None => waiting.push(send),
            }
        }
        assert_eq!(waiting.len(), 5 - capacity);
        for n in 0..5 {
            assert_eq!(rx.recv().await, Some(n));
        }
        for send in waiting {
            send.await.unwrap();
        }
    }
}

#[ringspun::test]
async fn closing_tells_all_and_loses_nothing() {
    let (tx, rx) = channel(2);
    tx.send(1).await.unwrap();
    tx.send(2).await.unwrap();
    let waiting = spawn({
        let tx = tx.clone();
        async move { tx.send(3).await }
    });
    settle().await;
    assert!(tx.close() && !rx.close());
    assert_eq!(waiting.await.unwrap().unwrap_err().0, 3);
    assert_eq!(tx.try_send(4), Err(TrySendError::Closed(4)));
    assert_eq!((rx.recv().await, rx.recv().await), (Some(1), Some(2)));
    assert_eq!(rx.recv().await, None);

    let (tx, rx) = channel::<u32>(0);
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let rx = rx.clone();
            spawn(async move { rx.recv().await })
        })
        .collect();
    settle().await;
    drop(tx);
    for receiver in receivers {
        assert_eq!(receiver.await.unwrap(), None);
    }
}

/// Closed says more than full does: who hears "full" comes again, for ever. After a lap or more, too.
#[ringspun::test]
async fn a_full_channel_that_is_closed_says_closed() {
    for capacity in [0, 1, 2, 3, 8] {
        for taken_before in 0..=capacity + 1 {
            let (tx, rx) = channel(capacity);
            for _ in 0..taken_before.min(capacity * 9) {
                tx.send(0).await.unwrap();
                rx.recv().await.unwrap();
            }
            for n in 0..capacity {
                tx.send(n).await.unwrap();
            }
            assert_eq!(tx.try_send(77), Err(TrySendError::Full(77)));
            assert!(rx.close());
            assert_eq!(tx.try_send(78), Err(TrySendError::Closed(78)));
            let committed = select! {
                result = tx.send(79) => result.map_err(|error| error.0),
                default => Ok(()),
            };
            assert_eq!(committed, Err(79), "capacity {capacity}");
            assert_eq!(tx.send(80).await.unwrap_err().0, 80);
            for n in 0..capacity {
                assert_eq!(rx.try_recv(), Ok(n));
            }
            assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
        }
    }
}

#[ringspun::test]
async fn the_last_receiver_takes_the_values_with_it() {
    let token = Arc::new(());
    for capacity in [0, 1, 3] {
        let (tx, rx) = channel(capacity);
        for _ in 0..capacity {
            tx.send(token.clone()).await.unwrap();
        }
        let waiting = spawn({
            let (tx, token) = (tx.clone(), token.clone());
            async move { tx.send(token).await.is_err() }
        });
        settle().await;
        drop(rx);
        assert!(waiting.await.unwrap());
        assert_eq!(Arc::strong_count(&token), 1);
        assert!(tx.send(token.clone()).await.is_err());
    }
}

#[ringspun::test]
async fn a_cancelled_receive_puts_its_value_back_at_the_head() {
    for capacity in [0, 1, 3] {
        let (tx, rx) = channel(capacity);
        // Three receivers wait, three values are passed, two receivers go without looking.
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(rx.recv())).collect();
        for recv in &mut waiting {
            assert!(poll_once(recv.as_mut()).await.is_none());
        }
        for n in 0..3 {
            tx.try_send(n).unwrap();
        }
        for n in 3..3 + capacity {
            tx.try_send(n).unwrap();
        }
        drop(waiting.remove(0));
        drop(waiting.remove(1));
        assert_eq!(rx.len(), 2 + capacity);
        assert_eq!(rx.recv().await, Some(0));
        assert_eq!(rx.recv().await, Some(2));
        assert_eq!(waiting.pop().unwrap().await, Some(1));
        for n in 3..3 + capacity {
            assert_eq!(rx.recv().await, Some(n));
        }
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
}

#[ringspun::test]
async fn a_cancelled_send_gives_its_value_back() {
    let (tx, rx) = channel(0);
    let mut send = Box::pin(tx.send(7));
    assert!(poll_once(send.as_mut()).await.is_none());
    assert_eq!(send.as_mut().cancel(), Some(7));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));

    let mut value = Some(8);
    assert!(
        poll_once(Box::pin(tx.send_from(&mut value)).as_mut())
            .await
            .is_none()
    );
    assert_eq!(value, Some(8));
    let mut send = Box::pin(tx.send_from(&mut value));
    assert!(poll_once(send.as_mut()).await.is_none());
    assert_eq!(rx.try_recv(), Ok(8));
    drop(send);
    assert_eq!(value, None);
    assert!(
        poll_once(Box::pin(tx.send_from(&mut value)).as_mut())
            .await
            .is_none()
    );
}

#[ringspun::test(virtual_time)]
async fn limits_end_the_wait_and_give_back() {
    let (tx, rx) = channel(0);
    let second = Duration::from_secs(1);
    assert_eq!(
        rx.recv_timeout(second).await,
        Err(RecvTimeoutError::Timeout)
    );
    assert_eq!(
        tx.send_timeout(5, second).await,
        Err(SendTimeoutError::Timeout(5))
    );
    let late = spawn(async move {
        time::sleep(Duration::from_millis(500)).await;
        rx.recv_timeout(Duration::from_secs(1)).await
    });
    assert_eq!(tx.send_timeout(6, second).await, Ok(()));
    assert_eq!(late.await.unwrap(), Ok(6));
    assert_eq!(
        tx.send_timeout(7, second).await,
        Err(SendTimeoutError::Closed(7))
    );
}

#[test]
fn plain_threads_may_block() {
    let (tx, rx) = channel(1);
    let consumer = std::thread::spawn(move || {
        let mut sum = 0;
        while let Some(n) = rx.blocking_recv() {
            sum += n;
        }
        sum
    });
    for n in 0..1000 {
        tx.blocking_send(n).unwrap();
    }
    drop(tx);
    assert_eq!(consumer.join().unwrap(), 499_500);
}

#[ringspun::test]
async fn a_weak_sender_does_not_keep_the_channel_open() {
    let (tx, rx) = channel(1);
    let weak = tx.downgrade();
    weak.upgrade().unwrap().send(1).await.unwrap();
    assert_eq!(tx.sender_count(), 1);
    drop(tx);
    assert!(weak.upgrade().is_none());
    assert_eq!((rx.recv().await, rx.recv().await), (Some(1), None));
}

#[ringspun::test]
async fn select_commits_one_arm() {
    let (a, a_rx) = channel(1);
    let (b, b_rx) = channel::<u32>(1);
    a.send(1).await.unwrap();
    let got = select! {
        a = a_rx.recv() => a,
        b = b_rx.recv() => b,
    };
    assert_eq!(got, Some(1));
    // A sleeping select, woken by one of both.
    let selecting = spawn({
        let (a_rx, b_rx) = (a_rx.clone(), b_rx.clone());
        async move {
            let mut got = Vec::new();
            for _ in 0..2 {
                select! {
                    Some(a) = a_rx.recv() => got.push(('a', a)),
                    Some(b) = b_rx.recv() => got.push(('b', b)),
                }
            }
            got
        }
    });
    settle().await;
    b.send(2).await.unwrap();
    settle().await;
    a.send(3).await.unwrap();
    assert_eq!(selecting.await.unwrap(), [('b', 2), ('a', 3)]);
    let nothing = select! {
        _ = a_rx.recv() => false,
        _ = b.send(4), if false => false,
        default => true,
    };
    assert!(nothing);
    let off = select! {
        _ = a_rx.recv(), if false => false,
        else => true,
    };
    assert!(off);
}

#[ringspun::test]
async fn two_selects_meet() {
    let (ab, ba) = (channel(0), channel(0));
    let other = spawn({
        let (tx, rx) = (ba.0.clone(), ab.1.clone());
        async move {
            let (mut sent, mut got) = (0, 0);
            while sent + got < 1000 {
                select! {
                    Ok(()) = tx.send(1) => sent += 1,
                    Some(n) = rx.recv() => got += n,
                }
            }
            (sent, got)
        }
    });
    let (tx, rx) = (ab.0, ba.1);
    let (mut sent, mut got) = (0, 0);
    while sent + got < 1000 {
        select! {
            Ok(()) = tx.send(1) => sent += 1,
            Some(n) = rx.recv() => got += n,
        }
    }
    assert_eq!(other.await.unwrap(), (got, sent));
}
