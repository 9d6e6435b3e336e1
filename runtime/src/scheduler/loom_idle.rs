//! M2, L1: workers fall asleep while tasks are submitted; a task is never left with all asleep.
//!
//! Fails if the second look after `Idle::park` is left out, and if `should_notify` reads the word by a
//! relaxed load instead of `fetch_add(0)` (both seen). It does not fail if `stop_searching` never reports
//! the last one: with two workers the other one's second look finds what is left. That report is for
//! speed, not for safety.

use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use loom::thread;

use super::idle::Idle;
use super::park::ParkState;

/// The scheduler in small: a queue that is a count, two workers, their park states.
struct Model {
    idle: Idle,
    queue: AtomicUsize,
    ran: AtomicUsize,
    parks: [ParkState; 2],
    /// How often a worker that slept was notified: the model runs it again then.
    notified: [AtomicUsize; 2],
}

impl Model {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            idle: Idle::new(2),
            queue: AtomicUsize::new(0),
            ran: AtomicUsize::new(0),
            parks: [ParkState::new(), ParkState::new()],
            notified: [AtomicUsize::new(0), AtomicUsize::new(0)],
        })
    }

    fn notify_one(&self) {
        if let Some(worker) = self.idle.worker_to_notify() {
            self.notified[worker].fetch_add(1, SeqCst);
            let _ = self.parks[worker].notify();
        }
    }

    fn submit(&self) {
        // Relaxed: only the idle word orders it.
        self.queue.fetch_add(1, Relaxed);
        self.notify_one();
    }

    fn take(&self) -> bool {
        let mut len = self.queue.load(Relaxed);
        while len > 0 {
            match self.queue.compare_exchange(len, len - 1, Relaxed, Relaxed) {
                Ok(_) => {
                    self.ran.fetch_add(1, SeqCst);
                    return true;
                }
                Err(actual) => len = actual,
            }
        }
        false
    }

    /// What a worker does from the moment it finds its own queue empty until it sleeps.
    fn work_until_asleep(&self, me: usize) {
        loop {
            let searching = self.idle.try_search();
            let found = searching.is_some() && self.take();
            if found {
                if let Some(proof) = searching
                    && self.idle.stop_searching(proof)
                    && self.queue.load(Relaxed) > 0
                {
                    self.notify_one();
                }
                continue;
            }
            self.idle.park(me, searching);
            let sleeps = self.parks[me].prepare();
            if sleeps && self.queue.load(Relaxed) == 0 {
                // Asleep: whoever notifies it from now on has taken it off the stack.
                return;
            }
            self.parks[me].finish();
            // As the worker does: after a wake-up it takes what there is, searching or not.
            let searching = self.idle.unpark(me);
            self.take();
            if let Some(proof) = searching
                && self.idle.stop_searching(proof)
                && self.queue.load(Relaxed) > 0
            {
                self.notify_one();
            }
        }
    }
}

fn run(tasks: usize) {
    let model = Model::new();
    let workers: Vec<_> = (0..2)
        .map(|me| {
            let model = model.clone();
            thread::spawn(move || model.work_until_asleep(me))
        })
        .collect();
    for _ in 0..tasks {
        model.submit();
    }
    for worker in workers {
        worker.join().unwrap();
    }
    // Either every task ran, or somebody was told to wake up and look.
    let ran = model.ran.load(Acquire);
    let notified: usize = model.notified.iter().map(|n| n.load(Acquire)).sum();
    assert!(
        ran == tasks || model.idle.searching() > 0,
        "{} of {tasks} tasks left, all asleep, {notified} notified",
        tasks - ran
    );
}

#[test]
fn loom_idle_one_task() {
    loom::model(|| run(1));
}

#[test]
fn loom_idle_two_tasks() {
    loom::model(|| run(2));
}

/// A core wakes, fills its ring and tells somebody, while another falls asleep and looks only at the rings
/// of those that are awake. Fails if `unpark` does not set the bit (seen).
#[test]
fn loom_idle_looks_at_the_awake_only() {
    loom::model(|| {
        let shared = Arc::new((Idle::new(2), AtomicUsize::new(0)));
        shared.0.park(0, None);
        let wakes = thread::spawn({
            let shared = shared.clone();
            move || {
                let (idle, ring) = &*shared;
                assert!(idle.unpark(0).is_none());
                // Relaxed: only the idle word orders it.
                ring.store(1, Relaxed);
                idle.worker_to_notify() == Some(1)
            }
        });
        let (idle, ring) = &*shared;
        idle.park(1, None);
        let mut others = idle.awake_from(1).filter(|core| *core == 0);
        let seen = others.any(|_| ring.load(Relaxed) == 1);
        assert!(
            wakes.join().unwrap() || seen,
            "core 1 sleeps, nobody tells it"
        );
    });
}

/// A worker wakes by itself while somebody wakes it: either it is told to search, and has the proof, or
/// nobody is woken. Fails if `unpark` looks at the bit before it has the lock, and if `worker_to_notify` does not
/// set it (both seen).
#[test]
fn loom_idle_wakes_by_itself_or_is_woken() {
    loom::model(|| {
        let idle = Arc::new(Idle::new(2));
        idle.park(0, None);
        let wakes = thread::spawn({
            let idle = idle.clone();
            move || idle.worker_to_notify()
        });
        let proof = idle.unpark(0);
        let told = wakes.join().unwrap();
        assert_eq!(told, proof.as_ref().map(|_| 0));
        assert_eq!(idle.awake(), 2);
        assert_eq!(idle.searching(), usize::from(told.is_some()));
        if let Some(proof) = proof {
            idle.stop_searching(proof);
        }
    });
}
