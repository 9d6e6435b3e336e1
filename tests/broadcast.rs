//! Every value to every receiver: order, lag, close, early drops, receivers that give up, wakers that use the
//! channel.

mod support;

use std::pin::pin;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use ringspun::channel::broadcast::{self, RecvError, SendError, TryRecvError};
use ringspun::{Builder, spawn, task};
use support::by_hand::{Busy, Wakes, give_up_after, poll_now, poll_with};
use support::rng::Rng;
use support::{count, within_limit};

#[test]
fn each_receiver_gets_what_is_sent_after_it_subscribed() {
    let (sender, mut first) = broadcast::channel(4);
    assert_eq!(sender.send(1), Ok(1));
    let mut second = sender.subscribe();
    let mut third = first.resubscribe();
    assert_eq!(sender.receiver_count(), 3);
    assert_eq!(sender.send(2), Ok(3));
    assert_eq!((first.len(), second.len(), sender.len()), (2, 1, 2));
    assert_eq!((first.try_recv(), first.try_recv()), (Ok(1), Ok(2)));
    assert_eq!((second.try_recv(), third.try_recv()), (Ok(2), Ok(2)));
    assert!(first.is_empty() && sender.is_empty());
    assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
    let clone = sender.clone();
    drop(sender);
    assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
    clone.send(3).unwrap();
    drop(clone);
    // What has been sent is received, then the end is seen, again and again.
    assert_eq!(first.try_recv(), Ok(3));
    assert_eq!(first.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(poll_now(pin!(first.recv())), Some(Err(RecvError::Closed)));
}

#[test]
fn without_receivers_the_value_comes_back() {
    let (sender, receiver) = broadcast::channel(1);
    drop(receiver);
    assert_eq!(sender.send(1), Err(SendError(1)));
    let mut later = sender.subscribe();
    assert_eq!(sender.send(2), Ok(1));
    assert_eq!(later.try_recv(), Ok(2));
}

#[test]
fn who_lags_is_told_and_goes_on_with_the_oldest() {
    for capacity in 1..8_u64 {
        let (sender, mut receiver) = broadcast::channel(capacity as usize);
        let mut fast = sender.subscribe();
        for value in 0..20 {
            sender.send(value).unwrap();
            assert_eq!(fast.try_recv(), Ok(value));
        }
        assert_eq!(receiver.len() as u64, capacity);
        assert_eq!(
            receiver.try_recv(),
            Err(TryRecvError::Lagged(20 - capacity))
        );
        for value in 20 - capacity..20 {
            assert_eq!(receiver.try_recv(), Ok(value));
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }
}

/// Counts clones and drops.
#[derive(Default)]
struct Counts {
    live: AtomicUsize,
    clones: AtomicUsize,
}

struct Counted(Arc<Counts>);

impl Counted {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.live.fetch_add(1, SeqCst);
        Self(counts.clone())
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.clones.fetch_add(1, SeqCst);
        Self::new(&self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.live.fetch_sub(1, SeqCst);
    }
}

#[test]
fn values_live_as_long_as_somebody_wants_them() {
    let counts = Arc::new(Counts::default());
    let live = || counts.live.load(SeqCst);
    let (sender, mut first) = broadcast::channel(3);
    let second = sender.subscribe();
    for _ in 0..5 {
        sender.send(Counted::new(&counts)).ok().unwrap();
    }
    // The ring is full.
    assert_eq!(live(), 3);
    assert!(matches!(first.try_recv(), Err(TryRecvError::Lagged(2))));
    drop(first.try_recv());
    assert_eq!((live(), counts.clones.load(SeqCst)), (3, 1));
    // The second wanted the first one alone.
    drop(second);
    assert_eq!(live(), 2);
    // The last who wants it gets the original.
    drop(first.try_recv());
    assert_eq!((live(), counts.clones.load(SeqCst)), (1, 1));
    drop(sender);
    assert_eq!(live(), 1);
    drop(first);
    assert_eq!(live(), 0);
}

#[test]
fn a_value_and_the_end_wake_all_who_wait() {
    let (sender, mut first) = broadcast::channel(1);
    let mut second = sender.subscribe();
    let (woken, waker) = Wakes::new();
    let (mut a, mut b) = (Box::pin(first.recv()), Box::pin(second.recv()));
    assert!(poll_with(a.as_mut(), &waker).is_none());
    assert!(poll_with(b.as_mut(), &waker).is_none());
    sender.send(1).unwrap();
    assert_eq!(woken.count(), 2);
    assert_eq!(poll_with(a.as_mut(), &waker), Some(Ok(1)));
    // Dropped with the value in reach: it is received later.
    drop((a, b));
    assert_eq!(second.try_recv(), Ok(1));
    let mut c = Box::pin(second.recv());
    assert!(poll_with(c.as_mut(), &waker).is_none());
    drop(sender);
    assert_eq!(woken.count(), 3);
    assert_eq!(poll_with(c.as_mut(), &waker), Some(Err(RecvError::Closed)));
}

/// D4: wakers, clones and destructors that use the channel.
#[test]
fn user_code_may_use_the_channel() {
    /// Its clone and its destructor send and receive.
    struct Busily(
        Arc<Mutex<Option<broadcast::Receiver<u8>>>>,
        broadcast::Sender<u8>,
    );
    impl Busily {
        fn act(&self) {
            let _ = self.1.send(1);
            if let Ok(mut receiver) = self.0.try_lock() {
                let _ = receiver.as_mut().map(broadcast::Receiver::try_recv);
            }
        }
    }
    within_limit(|| {
        let (sender, receiver) = broadcast::channel(2);
        let receiver = Arc::new(Mutex::new(Some(receiver)));
        let busily = Arc::new(Busily(receiver.clone(), sender.clone()));
        let mut waits = sender.subscribe();
        for _ in 0..10 {
            let act = busily.clone();
            let waker = Busy::waker(move || act.act());
            let mut recv = Box::pin(waits.recv());
            while poll_with(recv.as_mut(), &waker).is_some() {
                drop(recv);
                recv = Box::pin(waits.recv());
            }
            // A waker replaced, then woken.
            let act = busily.clone();
            let other = Busy::waker(move || act.act());
            let _ = poll_with(recv.as_mut(), &other);
            drop((waker, other));
            sender.send(2).unwrap();
        }
        drop(receiver.lock().unwrap().take());
    });
    struct Value(broadcast::Sender<Option<Self>>);
    impl Clone for Value {
        fn clone(&self) -> Self {
            let _ = self.0.send(None);
            Self(self.0.clone())
        }
    }
    impl Drop for Value {
        fn drop(&mut self) {
            let _ = (self.0.send(None), self.0.subscribe().try_recv());
        }
    }
    within_limit(|| {
        let (sender, mut receiver) = broadcast::channel(2);
        let mut slow = sender.subscribe();
        for _ in 0..10 {
            let _ = sender.send(Some(Value(sender.clone())));
            let _ = receiver.try_recv();
        }
        while !matches!(slow.try_recv(), Err(TryRecvError::Empty)) {}
        drop(slow);
        drop(receiver);
    });
}

/// Receivers on two cores give up at random: each sees every value or is told of it, in order.
#[test]
fn receivers_that_give_up_lose_nothing() {
    within_limit(|| {
        let values = count(20_000, 200_000) as u64;
        for (cores, capacity) in [(1, 16), (2, 1), (2, 16), (2, 1024)] {
            let runtime = Builder::new().cores(cores).build().unwrap();
            runtime.block_on(async {
                let (sender, first) = broadcast::channel(capacity);
                let mut receivers = vec![first];
                receivers.extend((0..3).map(|_| sender.subscribe()));
                let tasks: Vec<_> = (1..)
                    .zip(receivers)
                    .map(|(seed, receiver)| spawn(receive_all(Rng::new(seed), receiver)))
                    .collect();
                for value in 0..values {
                    sender.send(value).unwrap();
                    if value % 8 == 0 {
                        task::yield_now().await;
                    }
                }
                drop(sender);
                for task in tasks {
                    assert_eq!(task.await.unwrap(), values);
                }
            });
        }
    });
}

/// How many values there were.
async fn receive_all(mut rng: Rng, mut receiver: broadcast::Receiver<u64>) -> u64 {
    let mut next = 0;
    loop {
        let polls = rng.next(4);
        let received = if polls == 0 {
            Some(receiver.recv().await)
        } else {
            give_up_after(polls, receiver.recv()).await
        };
        match received {
            Some(Ok(value)) => {
                assert_eq!(value, next);
                next += 1;
            }
            Some(Err(RecvError::Lagged(missed))) => next += missed,
            Some(Err(RecvError::Closed)) => return next,
            None => {}
        }
    }
}
