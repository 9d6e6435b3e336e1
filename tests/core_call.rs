//! Closures sent to a named core: they run there, also when it is stuck, and cost one wake-up at most.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ringspun::{Builder, Handle, JoinHandle, Runtime, current_core, spawn};

use support::{OnDrop, becomes, count, within_limit};

/// Nothing is taken from a core that is in a task.
fn unwatched(cores: usize) -> Runtime {
    let builder = Builder::new().cores(cores).watchdog(Duration::ZERO);
    builder.build().unwrap()
}

/// A task that keeps a core's thread until it is told to stop, or the test fails.
struct Stuck {
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
    /// Where it is: with a watchdog another core may have begun it.
    core: usize,
}

impl Stuck {
    fn on(handle: &Handle, core: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (begun, has_begun) = mpsc::channel();
        let until = stop.clone();
        let task = handle.spawn_on(core, async move {
            begun.send(current_core().unwrap()).unwrap();
            while !until.load(Ordering::Acquire) {
                thread::sleep(Duration::from_micros(100));
            }
        });
        let core = has_begun.recv().unwrap();
        Self { stop, task, core }
    }

    fn end(mut self, handle: &Handle) {
        self.stop.store(true, Ordering::Release);
        handle.block_on(&mut self.task).unwrap();
    }
}

impl Drop for Stuck {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

#[test]
fn a_call_runs_on_its_core_and_answers() {
    within_limit(|| {
        let runtime = unwatched(3);
        let handle = runtime.handle().clone();
        let answers = runtime.block_on(async {
            let outside = handle.core(1).call(current_core).await.unwrap();
            let cores = handle.clone();
            let inside = spawn(async move {
                let mut seen = Vec::new();
                for core in 0..cores.cores() {
                    let own = core;
                    seen.push(cores.core(core).call(move || (own, current_core())).await);
                }
                seen
            });
            (outside, inside.await.unwrap())
        });
        assert_eq!(answers.0, Some(1));
        for (core, answer) in answers.1.into_iter().enumerate() {
            assert_eq!(answer.unwrap(), (core, Some(core)));
        }
        let spawned = handle.core(2).spawn(async { current_core() });
        assert_eq!(runtime.block_on(spawned).unwrap(), Some(2));
    });
}

#[test]
fn a_panic_comes_out_of_the_handle() {
    within_limit(|| {
        let runtime = unwatched(2);
        let call = runtime.handle().core(1).call(|| panic!("as expected"));
        let error = runtime.block_on(call).unwrap_err();
        assert!(error.is_panic());
        // The core goes on.
        let call = runtime.handle().core(1).call(|| 1);
        assert_eq!(runtime.block_on(call).unwrap(), 1);
    });
}

#[test]
#[should_panic(expected = "no core 2: this runtime has cores 0 to 1")]
fn there_is_no_such_core() {
    let runtime = unwatched(2);
    let _ = runtime.handle().core(2);
}

#[test]
fn a_dropped_call_runs_and_an_aborted_one_does_not() {
    within_limit(|| {
        let runtime = unwatched(1);
        let core = runtime.handle().core(0);
        let stuck = Stuck::on(runtime.handle(), 0);
        let (ran, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let call = |n: usize| {
            let (ran, dropped) = (ran.clone(), dropped.clone());
            let gone = OnDrop(move || {
                dropped.fetch_add(1, Ordering::AcqRel);
            });
            core.call(move || {
                ran.fetch_add(n, Ordering::AcqRel);
                gone
            })
        };
        drop(call(1));
        let aborted = call(10);
        aborted.abort();
        assert_eq!(ran.load(Ordering::Acquire), 0);
        stuck.end(runtime.handle());
        assert!(runtime.block_on(aborted).err().unwrap().is_cancelled());
        becomes(2, || dropped.load(Ordering::Acquire));
        assert_eq!(ran.load(Ordering::Acquire), 1);
    });
}

#[test]
fn the_end_of_the_runtime_leaves_no_call_behind() {
    within_limit(|| {
        let runtime = unwatched(1);
        let handle = runtime.handle().clone();
        let stuck = Stuck::on(&handle, 0);
        let (gone, is_gone) = mpsc::channel();
        let gone = OnDrop(move || gone.send(()).unwrap());
        let call = handle.core(0).call(move || drop(gone));
        let ending = thread::spawn(move || drop(runtime));
        // It runs, or is cancelled: either way its closure and its handle come to an end.
        stuck.stop.store(true, Ordering::Release);
        ending.join().unwrap();
        is_gone.recv().unwrap();
        assert!(call.is_finished());
        let late = handle.core(0).call(|| ());
        assert!(late.is_finished());
    });
}

#[test]
fn an_idle_worker_runs_the_calls_of_a_stuck_core() {
    within_limit(|| {
        let runtime = Builder::new().cores(2).hand_off_after(None).build();
        let runtime = runtime.unwrap();
        let handle = runtime.handle();
        for _ in 0..count(20, 1000) {
            let stuck = Stuck::on(handle, 0);
            let core = handle.core(stuck.core);
            let calls: Vec<_> = (0..10).map(|_| core.call(current_core)).collect();
            for call in calls {
                assert_eq!(runtime.block_on(call).unwrap(), Some(1 - stuck.core));
            }
            assert!(!stuck.task.is_finished());
            stuck.end(handle);
        }
    });
}

#[test]
fn the_thread_that_a_stuck_core_is_handed_to_runs_its_calls() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let handle = runtime.handle();
        for _ in 0..count(20, 1000) {
            let stuck = Stuck::on(handle, 0);
            let call = handle.core(0).call(current_core);
            assert_eq!(runtime.block_on(call).unwrap(), Some(0));
            assert!(!stuck.task.is_finished());
            stuck.end(handle);
        }
        assert!(handle.metrics().total().hand_offs > 0);
    });
}

#[test]
fn without_a_watchdog_a_call_waits_for_the_task() {
    within_limit(|| {
        let runtime = unwatched(2);
        let handle = runtime.handle();
        let stuck = Stuck::on(handle, 0);
        let stopped = stuck.stop.clone();
        let call = handle.core(0).call(move || stopped.load(Ordering::Acquire));
        // The other core has time enough for it.
        let other = handle.core(1).call(current_core);
        assert_eq!(runtime.block_on(other).unwrap(), Some(1));
        thread::sleep(Duration::from_millis(20));
        assert!(!call.is_finished());
        stuck.end(handle);
        assert!(runtime.block_on(call).unwrap(), "it ran during the task");
    });
}

/// Write calls of this thread so far; the eventfd's are the only ones here.
fn writes() -> usize {
    let text = std::fs::read_to_string("/proc/thread-self/io").expect("procfs");
    let line = text.lines().find_map(|line| line.strip_prefix("syscw: "));
    line.expect("a count").parse().expect("a number")
}

#[test]
fn however_many_calls_wake_a_core_once_for_each_sleep() {
    within_limit(|| {
        let runtime = unwatched(1);
        let handle = runtime.handle();
        let calls = 10_000;
        let ran = Arc::new(AtomicUsize::new(0));
        let send = || {
            let before = writes();
            for _ in 0..calls {
                let ran = ran.clone();
                drop(handle.core(0).call(move || {
                    ran.fetch_add(1, Ordering::AcqRel);
                }));
            }
            writes() - before
        };
        // Awake: nobody is woken.
        let stuck = Stuck::on(handle, 0);
        assert_eq!(send(), 0);
        stuck.end(handle);
        becomes(calls, || ran.load(Ordering::Acquire));
        // Asleep, or about to be: once, and again for each time that it has fallen asleep meanwhile.
        becomes(1, || handle.metrics().parked);
        let parks = || handle.metrics().total().parks as usize;
        let before = parks();
        let wakes = send();
        let sleeps = 1 + parks() - before;
        println!("{calls} calls: {wakes} wake-ups, {sleeps} sleeps");
        assert!(wakes <= sleeps, "{wakes} wake-ups, {sleeps} sleeps");
        becomes(2 * calls, || ran.load(Ordering::Acquire));
    });
}
