//! M3, H4: a worker that is awake is watched, whatever the last one to park, the one that the alarm
//! woke, or an adopter does meanwhile.
//!
//! Fails (each seen) if the word is cleared after the question whether anybody is awake; if that question
//! is a relaxed load instead of a read-modify-write; if the adopted cores are counted before the awake
//! ones; and if a worker that parks without adopting does not `ensure`.

use loom::sync::Arc;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::thread;

use super::idle::Idle;
use super::watchdog::{Armed, unwatched};

fn model(disarm: fn(&Idle, &Armed)) {
    let shared = Arc::new((Idle::new(2), Armed::new(10)));
    let (idle, armed) = &*shared;
    // Worker 0 sleeps; it left the alarm armed. Worker 1 is about to disarm.
    idle.park(0, None);
    armed.ensure(1);
    let other = shared.clone();
    let wakes = thread::spawn(move || {
        let (idle, armed) = &*other;
        assert!(idle.unpark(0).is_none());
        armed.ensure(2);
    });
    let mine = shared.clone();
    let disarms = thread::spawn(move || disarm(&mine.0, &mine.1));
    wakes.join().unwrap();
    disarms.join().unwrap();
    assert!(armed.is_armed(), "worker 0 runs tasks and nobody watches");
}

#[test]
fn loom_watchdog_last_one_parks() {
    loom::model(|| {
        model(|idle, armed| {
            idle.park(1, None);
            if armed.disarm() {
                armed.rearm(idle.awake() > 0, 3);
            }
        });
    });
}

#[test]
fn loom_watchdog_alarm_fires() {
    loom::model(|| {
        model(|idle, armed| {
            // The monitor, or a worker not counted as awake.
            idle.park(1, None);
            armed.disarm();
            armed.rearm(idle.awake() > 0, 3);
        });
    });
}

/// Three cores: what the workers see of each other.
struct Cores {
    idle: Idle,
    armed: Armed,
    adopted: [AtomicBool; 3],
    task_start: [AtomicUsize; 3],
}

impl Cores {
    /// All awake, the alarm armed, core 0 in a task and adopted by the worker of core 1, which sleeps.
    fn new() -> Arc<Self> {
        let cores = Self {
            idle: Idle::new(3),
            armed: Armed::new(10),
            adopted: [true, false, false].map(AtomicBool::new),
            task_start: [1, 0, 0].map(AtomicUsize::new),
        };
        cores.armed.ensure(1);
        cores.idle.park(1, None);
        Arc::new(cores)
    }

    fn unwatched(&self) -> bool {
        unwatched(&self.idle, || {
            let both = self.adopted.iter().zip(&self.task_start);
            both.filter(|(adopted, start)| adopted.load(Relaxed) && start.load(Acquire) != 0)
                .count()
        })
    }

    /// An adopter sleeps.
    fn calm(&self) {
        if !self.unwatched() && self.armed.disarm() {
            self.armed.rearm(self.unwatched(), 2);
        }
    }

    /// A worker that has adopted nobody sleeps.
    fn park(&self, core: usize) {
        self.task_start[core].store(0, Release);
        if self.idle.park(core, None) {
            if self.armed.disarm() {
                self.armed.rearm(self.idle.awake() > 0, 3);
            }
        } else {
            self.armed.ensure(3);
        }
    }

    /// A worker wakes and runs a task.
    fn run(&self, core: usize) {
        assert!(self.idle.unpark(core).is_none());
        self.armed.ensure(4);
        self.task_start[core].store(4, Release);
    }
}

/// The stuck core's owner is back and sleeps, another worker wakes, and the adopter believes that all it
/// has to look after is the adopted core.
#[test]
fn loom_watchdog_adopter_calms() {
    loom::model(|| {
        let cores = Cores::new();
        cores.idle.park(2, None);
        let [owner, other] = [cores.clone(), cores.clone()];
        let owner = thread::spawn(move || owner.park(0));
        let other = thread::spawn(move || other.run(2));
        cores.calm();
        owner.join().unwrap();
        other.join().unwrap();
        assert!(cores.armed.is_armed(), "core 2 runs tasks, nobody watches");
    });
}

/// The adopter gives up, since the task has ended and the core runs others, while another adopter believes
/// that the core is still looked after.
#[test]
fn loom_watchdog_adopter_gives_up() {
    loom::model(|| {
        let cores = Cores::new();
        let gives_up = cores.clone();
        let gives_up = thread::spawn(move || {
            assert!(gives_up.idle.unpark(1).is_none());
            gives_up.adopted[0].store(false, Release);
            gives_up.park(1);
        });
        cores.idle.park(2, None);
        cores.calm();
        gives_up.join().unwrap();
        assert!(cores.armed.is_armed(), "core 0 runs tasks, nobody watches");
    });
}
