//! One value from one sender to one receiver: every order of send, receive, close and drop, with wakers that use
//! the channel, and with receivers that give up.

mod support;

use std::pin::{Pin, pin};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use ringspun::channel::oneshot::{self, TryRecvError};
use ringspun::{Builder, spawn, spawn_blocking, task, time};
use support::by_hand::{Busy, Wakes, give_up_after, poll_now, poll_with};
use support::rng::Rng;
use support::{count, within_limit};

/// Counts those that live.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, SeqCst);
        Self(live.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[test]
fn a_value_sent_before_or_while_the_receiver_waits() {
    let (sender, mut receiver) = oneshot::channel();
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    sender.send(1).unwrap();
    assert_eq!(poll_now(Pin::new(&mut receiver)), Some(Ok(1)));
    // It is over, for good.
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    assert!(matches!(poll_now(Pin::new(&mut receiver)), Some(Err(_))));

    let (sender, mut receiver) = oneshot::channel();
    let ((first, a), (second, b)) = (Wakes::new(), Wakes::new());
    assert!(poll_with(Pin::new(&mut receiver), &a).is_none());
    assert!(poll_with(Pin::new(&mut receiver), &b).is_none());
    assert!(poll_with(Pin::new(&mut receiver), &b).is_none());
    sender.send(2).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));
    assert_eq!(receiver.try_recv(), Ok(2));
    drop((a, b));
    assert_eq!(Arc::strong_count(&first) + Arc::strong_count(&second), 2);
}

#[test]
fn a_sender_that_goes_away() {
    let (sender, mut receiver) = oneshot::channel::<u8>();
    let (woken, waker) = Wakes::new();
    assert!(poll_with(Pin::new(&mut receiver), &waker).is_none());
    drop(sender);
    assert_eq!(woken.count(), 1);
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn a_receiver_that_goes_away_or_closes() {
    let (sender, receiver) = oneshot::channel();
    assert!(!sender.is_closed());
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send("back"), Err("back"));

    let (sender, mut receiver) = oneshot::channel();
    receiver.close();
    receiver.close();
    assert_eq!(sender.send("back"), Err("back"));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));

    let (sender, mut receiver) = oneshot::channel();
    sender.send("there").unwrap();
    receiver.close();
    assert_eq!(receiver.try_recv(), Ok("there"));

    // Closed and polled, with the sender still there.
    let (sender, mut receiver) = oneshot::channel::<u8>();
    receiver.close();
    assert!(matches!(poll_now(Pin::new(&mut receiver)), Some(Err(_))));
    drop((receiver, sender));
}

#[test]
fn a_sender_waits_for_the_receiver_to_go_away() {
    for close in [false, true] {
        let (mut sender, mut receiver) = oneshot::channel::<u8>();
        let (woken, waker) = Wakes::new();
        assert!(poll_with(pin!(sender.closed()).as_mut(), &waker).is_none());
        if close {
            receiver.close();
        } else {
            drop(receiver);
        }
        assert_eq!(woken.count(), 1);
        assert!(poll_now(pin!(sender.closed()).as_mut()).is_some());
        drop(sender);
        drop(waker);
        assert_eq!(Arc::strong_count(&woken), 1);
    }
}

/// Each end leaves with wakers of both in the cell, in each order, with a value and without.
#[test]
fn values_and_wakers_are_dropped_once_in_every_order() {
    let live = Arc::new(AtomicUsize::new(0));
    for case in 0..32 {
        let has = |bit: usize| case >> bit & 1 == 1;
        let (mut sender, mut receiver) = oneshot::channel();
        let (woken, waker) = Wakes::new();
        if has(0) {
            assert!(poll_with(pin!(sender.closed()).as_mut(), &waker).is_none());
        }
        if has(1) {
            assert!(poll_with(Pin::new(&mut receiver), &waker).is_none());
        }
        if has(2) {
            receiver.close();
        }
        let mut receiver = Some(receiver);
        if has(3) {
            receiver = None;
        }
        if has(4) {
            let _ = sender.send(Counted::new(&live));
        } else {
            drop(sender);
        }
        drop(receiver);
        drop(waker);
        assert_eq!((live.load(SeqCst), Arc::strong_count(&woken)), (0, 1));
    }
}

#[test]
fn a_value_whose_destructor_panics_leaves_nothing_behind() {
    struct Panics(#[expect(dead_code, reason = "dropped after the panic")] Counted);
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let live = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = oneshot::channel();
    assert!(sender.send(Panics(Counted::new(&live))).is_ok());
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(receiver)));
    assert!(dropped.is_err());
    assert_eq!(live.load(SeqCst), 0);
}

/// D4: wakers that use the other end, and their own, when they are woken and dropped.
#[test]
fn wakers_may_use_the_channel() {
    within_limit(|| {
        for close in [false, true] {
            // The receiver's waker drops the receiver.
            let (sender, receiver) = oneshot::channel();
            let receiver = Arc::new(Mutex::new(Some(receiver)));
            let taken = receiver.clone();
            let busy = Busy::waker(move || drop(taken.lock().unwrap().take()));
            let mut held = receiver.lock().unwrap().take().unwrap();
            assert!(poll_with(Pin::new(&mut held), &busy).is_none());
            *receiver.lock().unwrap() = Some(held);
            if close {
                drop(sender);
            } else {
                assert!(sender.send(1).is_ok());
            }
            assert!(receiver.lock().unwrap().is_none());

            // The sender's waker sends.
            let (sender, mut receiver) = oneshot::channel();
            let sender = Arc::new(Mutex::new(Some(sender)));
            let taken = sender.clone();
            let busy = Busy::waker(move || {
                if let Some(sender) = taken.lock().unwrap().take() {
                    let _ = sender.send(1);
                }
            });
            let mut held = sender.lock().unwrap().take().unwrap();
            assert!(poll_with(pin!(held.closed()).as_mut(), &busy).is_none());
            *sender.lock().unwrap() = Some(held);
            if close {
                receiver.close();
                assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
            } else {
                drop(receiver);
            }
            assert!(sender.lock().unwrap().is_none());
        }
    });
}

#[test]
fn a_waker_that_panics_is_not_the_senders_affair() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    let (sender, mut receiver) = oneshot::channel();
    let waker = Waker::from(Arc::new(Panics));
    assert!(poll_with(Pin::new(&mut receiver), &waker).is_none());
    sender.send(1).unwrap();
    assert_eq!(receiver.try_recv(), Ok(1));
}

#[test]
fn a_thread_blocks_until_the_value_is_there() {
    within_limit(|| {
        let (sender, receiver) = oneshot::channel();
        let thread = thread::spawn(move || receiver.blocking_recv());
        sender.send(1).unwrap();
        assert_eq!(thread.join().unwrap(), Ok(1));

        let runtime = Builder::new().cores(1).build().unwrap();
        runtime.block_on(async {
            let (sender, receiver) = oneshot::channel::<u8>();
            let refused = spawn(async move { receiver.blocking_recv() }).await;
            assert!(refused.unwrap_err().is_panic());
            assert!(sender.is_closed());
        });
    });
}

/// A job that waits for a task does not stop the test clock that the task waits for.
#[ringspun::test(virtual_time)]
async fn a_job_blocks_until_the_value_is_there() {
    let (sender, receiver) = oneshot::channel();
    let job = spawn_blocking(move || receiver.blocking_recv());
    time::sleep(Duration::from_secs(3600)).await;
    sender.send(1).unwrap();
    assert_eq!(job.await.unwrap(), Ok(1));
}

/// Requests and replies between tasks; requesters give up at random. No value is lost, kept or dropped twice, and
/// who does not give up gets an answer.
#[test]
fn requests_and_replies_with_requesters_that_give_up() {
    within_limit(|| {
        let rounds = count(25_000, 250_000);
        for cores in [1, 2] {
            let live = Arc::new(AtomicUsize::new(0));
            let runtime = Builder::new().cores(cores).build().unwrap();
            let tasks: Vec<_> = (0..4)
                .map(|seed| {
                    let live = live.clone();
                    runtime.handle().spawn(async move {
                        let mut rng = Rng::new(seed + 1);
                        for round in 0..rounds {
                            request(&live, &mut rng, round).await;
                        }
                    })
                })
                .collect();
            runtime.block_on(async {
                for task in tasks {
                    task.await.unwrap();
                }
            });
            drop(runtime);
            assert_eq!(live.load(SeqCst), 0);
        }
    });
}

async fn request(live: &Arc<AtomicUsize>, rng: &mut Rng, round: usize) {
    let (mut sender, mut receiver) = oneshot::channel();
    let (value, waits) = (Counted::new(live), rng.next(4));
    let replies = spawn(async move {
        for _ in 0..waits {
            if give_up_after(1, sender.closed()).await.is_some() {
                return false;
            }
            task::yield_now().await;
        }
        sender.send((round, value)).is_ok()
    });
    match rng.next(3) {
        0 => assert_eq!(receiver.await.unwrap().0, round),
        1 => {
            let received = give_up_after(rng.next(3), &mut receiver).await;
            if received.is_none() {
                receiver.close();
                let late = receiver.try_recv().is_ok();
                assert_eq!(replies.await.unwrap(), late, "sent means received");
            }
        }
        _ => drop(give_up_after(rng.next(3), receiver).await),
    }
}
