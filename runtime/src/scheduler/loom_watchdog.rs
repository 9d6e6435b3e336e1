//! M3, H4: a worker that is awake is watched, whatever the last one to park, or the one that the alarm
//! woke, does meanwhile.
//!
//! Fails (each seen) if the word is cleared after the question whether anybody is awake, and if that
//! question is a relaxed load instead of a read-modify-write.

use loom::sync::Arc;
use loom::thread;

use super::idle::Idle;
use super::watchdog::Armed;

fn model(disarm: fn(&Idle, &Armed)) {
    let shared = Arc::new((Idle::new(2), Armed::new(10)));
    let (idle, armed) = &*shared;
    // Worker 0 sleeps; it left the alarm armed. Worker 1 is about to disarm.
    idle.park(0, None);
    armed.ensure(1);
    let other = shared.clone();
    let wakes = thread::spawn(move || {
        let (idle, armed) = &*other;
        drop(idle.unpark(0));
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
