//! L5: permits given, taken, waited for and given up at once: none is lost, none is given twice.
//!
//! Each fails, seen, if
//! - `loom_semaphore_excludes`: `give` is Relaxed, or `try_take`; `start` does not take what it finds; `give` does
//!   not look at WAITERS.
//! - `loom_semaphore_dropped`: the drop of a granted wait gives nothing back.
//! - `loom_semaphore_out_of_the_way`: `leave` does not settle.
//! - `loom_semaphore_in_turns`: `under_lock` wakes one batch only.
//! - `loom_semaphore_closed`: `start` does not look at CLOSED; `close` fires nobody.

use std::pin::pin;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::sync::Arc;
use loom::thread;

use super::Semaphore;
use crate::loom::poll_once;

/// A value guarded by one permit.
struct Guarded {
    permit: Semaphore,
    value: UnsafeCell<usize>,
}

// SAFETY: the value is touched by the holder of the permit; the model checks that.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn add_one(&self) {
        let permit = block_on(self.permit.acquire()).unwrap();
        // SAFETY: the only permit is held.
        self.value.with_mut(|value| unsafe { *value += 1 });
        drop(permit);
    }
}

#[test]
fn loom_semaphore_excludes() {
    loom::model(|| {
        let shared = Arc::new(Guarded {
            permit: Semaphore::new(1),
            value: UnsafeCell::new(0),
        });
        let others = [(); 2].map(|()| {
            let shared = shared.clone();
            thread::spawn(move || shared.add_one())
        });
        shared.add_one();
        for other in others {
            other.join().unwrap();
        }
        // SAFETY: the others have ended.
        assert_eq!(shared.value.with(|value| unsafe { *value }), 3);
        assert_eq!(shared.permit.available_permits(), 1);
    });
}

/// One of two gives up, with the permit or without: the other one gets it.
#[test]
fn loom_semaphore_dropped() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let dropped = semaphore.clone();
        let gives_up = thread::spawn(move || drop(poll_once(pin!(dropped.acquire()))));
        let gives = semaphore.clone();
        let gives = thread::spawn(move || gives.add_permits(1));
        drop(block_on(semaphore.acquire()).unwrap());
        gives_up.join().unwrap();
        gives.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// The first in the queue wants more than there is, and gives up: it stood in the way of the second.
#[test]
fn loom_semaphore_out_of_the_way() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let mut wants_two = Box::pin(semaphore.acquire_many(2));
        assert!(poll_once(wants_two.as_mut()).is_pending());
        let other = semaphore.clone();
        let other = thread::spawn(move || drop(block_on(other.acquire()).unwrap()));
        semaphore.add_permits(1);
        drop(wants_two);
        other.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// The batch of a model has room for one waker, so that the waits are served in turns.
#[test]
fn loom_semaphore_in_turns() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let others = [(); 2].map(|()| {
            let semaphore = semaphore.clone();
            thread::spawn(move || block_on(semaphore.acquire()).unwrap().forget())
        });
        semaphore.add_permits(2);
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(semaphore.available_permits(), 0);
    });
}

/// Nobody waits for a closed one.
#[test]
fn loom_semaphore_closed() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let others = [(); 2].map(|()| {
            let semaphore = semaphore.clone();
            thread::spawn(move || assert!(block_on(semaphore.acquire()).is_err()))
        });
        semaphore.close();
        for other in others {
            other.join().unwrap();
        }
    });
}
