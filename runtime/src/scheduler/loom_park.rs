//! M1, L2: a notification is never lost, and at most one waker writes for each sleep.
//!
//! Fails if `notify` becomes a load and a store, and if `prepare` does not look for NOTIFIED (both
//! seen).

use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::park::ParkState;

/// Stands for the reactor: a write of the eventfd ends the present or the next wait.
#[derive(Default)]
struct Eventfd {
    edge: Mutex<bool>,
    condvar: Condvar,
    writes: AtomicUsize,
}

impl Eventfd {
    fn write(&self) {
        self.writes.fetch_add(1, AcqRel);
        *self.edge.lock().unwrap() = true;
        self.condvar.notify_one();
    }

    fn wait(&self) {
        let mut edge = self.edge.lock().unwrap();
        while !*edge {
            edge = self.condvar.wait(edge).unwrap();
        }
        *edge = false;
    }
}

struct Model {
    park: ParkState,
    eventfd: Eventfd,
    work: [AtomicBool; 2],
    sleeps: AtomicUsize,
}

#[test]
fn loom_park_loses_no_notification() {
    loom::model(|| {
        let model = Arc::new(Model {
            park: ParkState::new(),
            eventfd: Eventfd::default(),
            work: [AtomicBool::new(false), AtomicBool::new(false)],
            sleeps: AtomicUsize::new(0),
        });
        let wakers: Vec<_> = (0..2)
            .map(|i| {
                let model = model.clone();
                thread::spawn(move || {
                    // Relaxed: only the park state orders it.
                    model.work[i].store(true, Relaxed);
                    if model.park.notify() {
                        model.eventfd.write();
                    }
                })
            })
            .collect();
        let mut seen = [false; 2];
        while seen != [true; 2] {
            for (seen, work) in seen.iter_mut().zip(&model.work) {
                *seen |= work.load(Relaxed);
            }
            if seen == [true; 2] {
                break;
            }
            if model.park.prepare() {
                model.sleeps.fetch_add(1, AcqRel);
                model.eventfd.wait();
                model.park.finish();
            }
        }
        for waker in wakers {
            waker.join().unwrap();
        }
        assert!(model.eventfd.writes.load(Acquire) <= model.sleeps.load(Acquire));
    });
}
