//! M4, L4: the ring gives each task out once, through wrap-around and overflow.
//!
//! Fails if `push` compares with `real` instead of `steal` (the owner overwrites a slot that a thief is
//! reading), if the tail is stored Relaxed, if `pop` moves `steal` while a thief copies (all seen).

use std::panic::Location;

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::thread;

use super::inject::Inject;
use super::queue::{CAPACITY, Local, ring};
use crate::task::{Header, JoinHandle, Notified, Schedule, new_task};

/// A scheduler that never gets a task back: the tasks of the model end at their first poll.
struct Nowhere;

impl Schedule for Nowhere {
    fn schedule(&self, _: Notified) {
        unreachable!()
    }

    fn release(&self, _: &Header) -> bool {
        false
    }
}

fn task(ran: &Arc<AtomicUsize>) -> (Notified, JoinHandle<()>) {
    let ran = ran.clone();
    let future = async move {
        ran.fetch_add(1, SeqCst);
    };
    let (registered, notified, handle) = new_task(future, Nowhere, 0, Location::caller());
    drop(registered);
    (notified, handle)
}

fn push(local: &mut Local, overflow: &Inject, ran: &Arc<AtomicUsize>) {
    let (notified, handle) = task(ran);
    drop(handle);
    if let Err(notified) = local.push(notified) {
        overflow.push(notified);
    }
}

fn drain(local: &mut Local, overflow: &Inject) {
    while let Some(task) = local.pop().or_else(|| overflow.pop()) {
        assert!(task.run().is_none());
    }
}

#[test]
fn loom_queue_one_thief_with_overflow_and_wrap() {
    loom::model(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let overflow = Inject::new();
        let (mut local, steal) = ring(CAPACITY);
        // Past the first lap, so that slots are used again.
        for _ in 0..CAPACITY - 1 {
            push(&mut local, &overflow, &ran);
            assert!(local.pop().unwrap().run().is_none());
        }
        for _ in 0..3 {
            push(&mut local, &overflow, &ran);
        }
        let thief = thread::spawn(move || {
            let (mut mine, _) = ring(CAPACITY);
            if let Some((task, count)) = steal.steal_into(&mut mine) {
                assert_eq!(count, mine.len() + 1);
                assert!(task.run().is_none());
                while let Some(task) = mine.pop() {
                    assert!(task.run().is_none());
                }
            }
        });
        for _ in 0..2 {
            push(&mut local, &overflow, &ran);
        }
        assert!(local.pop().unwrap().run().is_none());
        push(&mut local, &overflow, &ran);
        drain(&mut local, &overflow);
        thief.join().unwrap();
        assert_eq!(ran.load(Relaxed), CAPACITY - 1 + 6);
    });
}

#[test]
fn loom_queue_two_thieves() {
    loom::model(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let overflow = Inject::new();
        let (mut local, steal) = ring(CAPACITY);
        for _ in 0..2 {
            push(&mut local, &overflow, &ran);
        }
        let thieves: Vec<_> = (0..2)
            .map(|_| {
                let steal = steal.clone();
                thread::spawn(move || {
                    let (mut mine, _) = ring(CAPACITY);
                    if let Some((task, _)) = steal.steal_into(&mut mine) {
                        assert!(task.run().is_none());
                        while let Some(task) = mine.pop() {
                            assert!(task.run().is_none());
                        }
                    }
                })
            })
            .collect();
        push(&mut local, &overflow, &ran);
        drain(&mut local, &overflow);
        for thief in thieves {
            thief.join().unwrap();
        }
        drain(&mut local, &overflow);
        assert_eq!(ran.load(Relaxed), 3);
    });
}

/// The inject queue between two pushers and a popper: each task once, and the length is right in the
/// end. Fails if `List::pop` leaves a stale tail behind, and if `pop` reads the length outside the lock
/// (both seen).
#[test]
fn loom_inject_push_against_pop() {
    loom::model(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let inject = Arc::new(Inject::new());
        let pushers: Vec<_> = (0..2)
            .map(|_| {
                let (inject, ran) = (inject.clone(), ran.clone());
                thread::spawn(move || {
                    let (notified, handle) = task(&ran);
                    drop(handle);
                    assert!(inject.push(notified));
                })
            })
            .collect();
        let popper = {
            let inject = inject.clone();
            thread::spawn(move || {
                let task = loop {
                    match inject.pop() {
                        Some(task) => break task,
                        None => thread::yield_now(),
                    }
                };
                assert!(task.run().is_none());
            })
        };
        for pusher in pushers {
            pusher.join().unwrap();
        }
        popper.join().unwrap();
        assert_eq!((inject.len(), ran.load(Relaxed)), (1, 1));
        while let Some(task) = inject.pop() {
            assert!(task.run().is_none());
        }
        assert_eq!(ran.load(Relaxed), 2);
        assert!(inject.close());
        assert!(!inject.close());
    });
}
