//! No job is left with nobody to run it: submitters against threads that fall asleep, end, and cannot be
//! started. A lost job shows as a deadlock, because the model waits until all are done or refused.
//!
//! Each fails, seen, if
//! - `loom_blocking_sleep`: the look (4) after the push is left out; the empty pop (2) is a load instead of
//!   an exchange; the push (3) releases and acquires nothing (`loom_blocking_sleep_of_two` as well).
//! - `loom_blocking_end`: `Slot::wait` gives up the lock between its decision to end and its mark.
//! - `loom_blocking_refused`: nobody empties the queue after `give_back`.
//! - `loom_blocking_refused_above_a_sleeper`: `give_back` wakes no other sleeper.
//! - `loom_blocking_refused_beside_one_that_ends`: the look (7) after the thread counted itself out is left
//!   out.

use std::time::Duration;

use loom::sync::atomic::Ordering::Relaxed;
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::sleepers::{Sleepers, Slept, Vacancy};

/// The pool in small: a queue that is a count.
struct Model {
    sleepers: Sleepers,
    /// Of the first thread, and of the others.
    keep_alive: [Duration; 2],
    /// Relaxed throughout: only the word of `sleepers` orders it.
    jobs: AtomicUsize,
    /// The next thread cannot be started.
    fail: AtomicBool,
    /// Jobs done or refused.
    settled: Mutex<usize>,
    one_more: Condvar,
}

impl Model {
    fn new(threads: usize, keep_alive: [Duration; 2]) -> Arc<Self> {
        let sleepers = Sleepers::new(threads);
        // The slots are made here: loom does not see that `OnceLock` orders.
        sleepers.slot(0);
        Arc::new(Self {
            sleepers,
            keep_alive,
            jobs: AtomicUsize::new(0),
            fail: AtomicBool::new(false),
            settled: Mutex::new(0),
            one_more: Condvar::new(),
        })
    }

    fn submit(model: &Arc<Self>) {
        model.jobs.fetch_add(1, Relaxed);
        if let Some(vacancy) = model.sleepers.notify() {
            Self::start(model, vacancy);
        }
    }

    fn start(model: &Arc<Self>, vacancy: Vacancy) {
        if model.fail.swap(false, Relaxed) {
            if model.sleepers.give_back(vacancy) {
                while model.sleepers.alive() == 0 && model.settle_one() {}
            }
            return;
        }
        let model = model.clone();
        thread::spawn(move || Self::run(&model, vacancy.0));
    }

    fn run(model: &Arc<Self>, index: usize) {
        loop {
            while model.settle_one() {}
            let slept = model
                .sleepers
                .sleep(index, model.keep_alive[index.min(1)], || {
                    if model.has_jobs()
                        && let Some(vacancy) = model.sleepers.notify_sleeper()
                    {
                        Self::start(model, vacancy);
                    }
                });
            match slept {
                Slept::Woken => {}
                Slept::Closed => return,
                Slept::Ended => {
                    if model.has_jobs()
                        && let Some(vacancy) = model.sleepers.notify()
                    {
                        Self::start(model, vacancy);
                    }
                    return;
                }
            }
        }
    }

    fn has_jobs(&self) -> bool {
        self.jobs.load(Relaxed) > 0
    }

    fn settle_one(&self) -> bool {
        let taken = self
            .jobs
            .fetch_update(Relaxed, Relaxed, |jobs| jobs.checked_sub(1));
        if taken.is_err() {
            return false;
        }
        *self.settled.lock().unwrap() += 1;
        self.one_more.notify_one();
        true
    }

    /// Waits until all jobs are settled, then ends the threads.
    fn finish(&self, jobs: usize) {
        let mut settled = self.settled.lock().unwrap();
        while *settled < jobs {
            settled = self.one_more.wait(settled).unwrap();
        }
        assert_eq!(*settled, jobs);
        drop(settled);
        self.sleepers.close();
    }
}

/// For a model that takes minutes with two preemptions.
fn of_many_steps(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(1);
    builder.check(model);
}

/// One job each from two threads.
fn submit_from_two(model: &Arc<Model>) {
    let other = model.clone();
    let other = thread::spawn(move || Model::submit(&other));
    Model::submit(model);
    other.join().unwrap();
}

#[test]
fn loom_blocking_sleep() {
    loom::model(|| {
        let model = Model::new(1, [Duration::MAX; 2]);
        submit_from_two(&model);
        model.finish(2);
    });
}

#[test]
fn loom_blocking_sleep_of_two() {
    of_many_steps(|| {
        let model = Model::new(2, [Duration::MAX; 2]);
        submit_from_two(&model);
        model.finish(2);
    });
}

#[test]
fn loom_blocking_end() {
    loom::model(|| {
        let model = Model::new(1, [Duration::ZERO; 2]);
        submit_from_two(&model);
        model.finish(2);
    });
}

#[test]
fn loom_blocking_refused() {
    loom::model(|| {
        let model = Model::new(1, [Duration::MAX; 2]);
        model.fail.store(true, Relaxed);
        submit_from_two(&model);
        model.finish(2);
    });
}

/// A thread that sleeps below a vacant slot is woken instead of the one that cannot be started there.
#[test]
fn loom_blocking_refused_above_a_sleeper() {
    loom::model(|| {
        let model = Model::new(2, [Duration::MAX, Duration::ZERO]);
        let sleeps = model.sleepers.notify().expect("nobody sleeps");
        let ends = model.sleepers.notify().expect("nobody sleeps");
        Model::start(&model, sleeps);
        // This thread plays the one in the other slot, which has no job and ends.
        let slept = model.sleepers.sleep(ends.0, Duration::ZERO, || ());
        assert_eq!(slept, Slept::Ended);
        model.fail.store(true, Relaxed);
        Model::submit(&model);
        model.finish(1);
    });
}

/// The thread that cannot be started is in the slot of one that ends: that one looks after it.
#[test]
fn loom_blocking_refused_beside_one_that_ends() {
    loom::model(|| {
        let model = Model::new(1, [Duration::ZERO; 2]);
        Model::submit(&model);
        model.fail.store(true, Relaxed);
        Model::submit(&model);
        model.finish(2);
    });
}
