//! L8: a timer is set on one core, fires there, and is polled, moved or cancelled from another: it wakes
//! its waiter once, or never if it was cancelled first.
//!
//! Fails if `pop_due` leaves the entry in the queue (fires twice), and if `poll_fired` does not look at
//! whether its second step still found the timer (both seen).

use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Wake, Waker};

use loom::sync::Arc;
use loom::thread;
use ringspun_reactor::Reactor;

use super::clock::{Clock, NEVER};
use super::timers::Timers;
use crate::scheduler::park::Unparker;

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: StdArc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn timers() -> Arc<Timers> {
    let reactor = StdArc::new(Reactor::new().expect("a scripted reactor"));
    let unparker = StdArc::new(Unparker::new(reactor));
    Arc::new(Timers::new(0, unparker, StdArc::new(Clock::new(true))))
}

fn counter() -> (StdArc<Count>, Waker) {
    let count = StdArc::new(Count(AtomicUsize::new(0)));
    (count.clone(), Waker::from(count))
}

/// The core's turn: fires what is due at `now`, as the worker does.
fn turn(timers: &Timers, now: u64) {
    if timers.next() <= now {
        let mut due = Vec::new();
        timers.take_due(now, &mut due);
        due.into_iter().for_each(Waker::wake);
    }
}

#[test]
fn loom_timers_fire_against_cancel() {
    loom::model(|| {
        let timers = timers();
        let (count, waker) = counter();
        let key = timers.insert(10, &waker).unwrap();
        let core = {
            let timers = timers.clone();
            thread::spawn(move || {
                turn(&timers, 10);
                turn(&timers, 20);
            })
        };
        timers.cancel(key);
        let at_cancel = count.0.load(SeqCst);
        core.join().unwrap();
        turn(&timers, 30);
        assert!(
            count.0.load(SeqCst) <= 1,
            "fired {} times",
            count.0.load(SeqCst)
        );
        assert!(at_cancel <= 1);
        assert_eq!((timers.len(), timers.next()), (0, NEVER));
    });
}

#[test]
fn loom_timers_fire_against_poll() {
    fire_against_poll(false);
}

#[test]
fn loom_timers_fire_against_move_and_poll() {
    fire_against_poll(true);
}

fn fire_against_poll(moves: bool) {
    loom::model(move || {
        let timers = timers();
        let (first, waker) = counter();
        let (second, other) = counter();
        let key = timers.insert(10, &waker).unwrap();
        let core = {
            let timers = timers.clone();
            thread::spawn(move || turn(&timers, 10))
        };
        // Moved later or not, then waited for by another task.
        let moved = moves && timers.reset(key, 20);
        let fired = timers.poll_fired(key, &other).unwrap();
        core.join().unwrap();
        turn(&timers, 20);
        let (first, second) = (first.0.load(SeqCst), second.0.load(SeqCst));
        assert_eq!(
            first + second,
            1,
            "first {first}, second {second}, moved {moved}"
        );
        // Whoever was told to wait is the one who is woken.
        assert!(fired || second == 1);
        assert_eq!(timers.len(), 0);
    });
}
