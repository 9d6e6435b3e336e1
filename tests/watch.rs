//! The latest value: what counts as seen, who is told, the end of either side, wakers that use the channel.

mod support;

use std::pin::pin;
use std::sync::Arc;

use ringspun::channel::watch::{self, SendError};
use ringspun::{Builder, spawn, task};
use support::by_hand::{Busy, Wakes, give_up_after, poll_now, poll_with};
use support::rng::Rng;
use support::{count, within_limit};

#[test]
fn a_change_counts_as_seen_when_it_is_told_or_looked_at() {
    let (sender, mut receiver) = watch::channel(0);
    assert_eq!(receiver.has_changed(), Ok(false));
    assert!(poll_now(pin!(receiver.changed())).is_none());
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (2, Ok(true)));
    let mut behind = receiver.clone();
    assert_eq!(poll_now(pin!(receiver.changed())), Some(Ok(())));
    assert!(poll_now(pin!(receiver.changed())).is_none());
    // The clone has not seen it yet; a new one has.
    assert_eq!(*behind.borrow_and_update(), 2);
    assert_eq!(behind.has_changed(), Ok(false));
    assert_eq!(sender.subscribe().has_changed(), Ok(false));
}

#[test]
fn changes_in_place_are_told_if_they_are_said_to_be() {
    let (sender, receiver) = watch::channel(vec![1]);
    assert!(!sender.send_if_modified(|value| {
        value.push(2);
        false
    }));
    assert_eq!(receiver.has_changed(), Ok(false));
    sender.send_modify(|value| value.push(3));
    assert_eq!(receiver.has_changed(), Ok(true));
    assert_eq!(*receiver.borrow(), [1, 2, 3]);
    assert_eq!(sender.send_replace(vec![]), [1, 2, 3]);
    let panics = std::panic::AssertUnwindSafe(|| sender.send_modify(|_| panic!("in the closure")));
    assert!(std::panic::catch_unwind(panics).is_err());
    // The lock is free again.
    assert!(sender.borrow().is_empty());
}

#[test]
fn the_end_of_the_senders() {
    let (sender, mut receiver) = watch::channel(0);
    let clone = sender.clone();
    drop(sender);
    let (woken, waker) = Wakes::new();
    let mut changed = Box::pin(receiver.changed());
    assert!(poll_with(changed.as_mut(), &waker).is_none());
    drop(clone);
    assert_eq!(woken.count(), 1);
    assert!(matches!(poll_with(changed.as_mut(), &waker), Some(Err(_))));
    drop(changed);
    assert!(receiver.has_changed().is_err());
    assert_eq!(*receiver.borrow(), 0);

    // The last value is told before the end.
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(poll_now(pin!(receiver.changed())), Some(Ok(())));
    assert!(matches!(poll_now(pin!(receiver.changed())), Some(Err(_))));
}

#[test]
fn the_end_of_the_receivers() {
    let (sender, receiver) = watch::channel(0);
    let clone = receiver.clone();
    assert_eq!(sender.receiver_count(), 2);
    let (woken, waker) = Wakes::new();
    let mut closed = Box::pin(sender.closed());
    assert!(poll_with(closed.as_mut(), &waker).is_none());
    drop(receiver);
    assert_eq!(woken.count(), 0);
    drop(clone);
    assert_eq!(woken.count(), 1);
    assert!(poll_with(closed.as_mut(), &waker).is_some());
    assert_eq!(sender.send(1), Err(SendError(1)));
    assert_eq!((*sender.borrow(), sender.is_closed()), (0, true));
    // It goes on with a new receiver.
    let receiver = sender.subscribe();
    sender.send(2).unwrap();
    assert_eq!(*receiver.borrow(), 2);
}

#[test]
fn a_wait_for_a_certain_value() {
    let (sender, mut receiver) = watch::channel(3);
    assert_eq!(
        poll_now(pin!(receiver.wait_for(|value| *value == 3))).map(|value| *value.unwrap()),
        Some(3)
    );
    let mut looks = 0;
    let mut waits = Box::pin(receiver.wait_for(|value| {
        looks += 1;
        *value > 5
    }));
    assert!(poll_now(waits.as_mut()).is_none());
    sender.send(4).unwrap();
    assert!(poll_now(waits.as_mut()).is_none());
    sender.send(6).unwrap();
    drop(sender);
    // The last value counts also after the end.
    match poll_now(waits.as_mut()) {
        Some(Ok(value)) => assert_eq!(*value, 6),
        other => panic!("{other:?}"),
    }
    drop(waits);
    assert_eq!(looks, 3);
    assert!(matches!(
        poll_now(pin!(receiver.wait_for(|_| false))),
        Some(Err(_))
    ));
}

/// D4: wakers and destructors that use the channel.
#[test]
fn user_code_may_use_the_channel() {
    /// Dropped as an old value it changes the new one.
    #[derive(Default)]
    struct Value(Option<watch::Sender<Self>>);
    impl Drop for Value {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                let _ = sender.send(Self::default());
            }
        }
    }
    within_limit(|| {
        let (sender, mut receiver) = watch::channel(Value::default());
        for _ in 0..10 {
            let own = sender.clone();
            let waker = Busy::waker(move || own.send_modify(|_| ()));
            let mut changed = Box::pin(receiver.changed());
            while poll_with(changed.as_mut(), &waker).is_some() {
                drop(changed);
                changed = Box::pin(receiver.changed());
            }
            let own = sender.clone();
            let other = Busy::waker(move || drop(own.subscribe()));
            let _ = poll_with(changed.as_mut(), &other);
            drop((waker, other));
            sender.send(Value(Some(sender.clone()))).ok().unwrap();
            sender.send(Value::default()).ok().unwrap();
        }
    });
}

/// Receivers give up at random: values only rise, and the last one is seen by all.
#[test]
fn receivers_that_give_up_see_the_last_value() {
    within_limit(|| {
        let values = count(50_000, 500_000);
        for cores in [1, 2] {
            let runtime = Builder::new().cores(cores).build().unwrap();
            runtime.block_on(async {
                let (sender, receiver) = watch::channel(0);
                let tasks: Vec<_> = (1..5)
                    .map(|seed| spawn(see_all(Rng::new(seed), receiver.clone())))
                    .collect();
                drop(receiver);
                let sender = Arc::new(sender);
                for value in 1..=values {
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

/// The last value.
async fn see_all(mut rng: Rng, mut receiver: watch::Receiver<usize>) -> usize {
    let mut seen = 0;
    loop {
        let changed = match rng.next(4) {
            0 => Some(receiver.changed().await),
            1 => {
                let wanted = seen + 3;
                let accepted = receiver.wait_for(|value| *value >= wanted);
                give_up_after(2, async { accepted.await.map(drop) }).await
            }
            polls => give_up_after(polls - 1, receiver.changed()).await,
        };
        let value = *receiver.borrow();
        assert!(value >= seen);
        seen = value;
        if let Some(Err(_)) = changed {
            return *receiver.borrow();
        }
    }
}
