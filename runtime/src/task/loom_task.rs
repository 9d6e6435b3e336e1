//! M7, L7: the state word of a task under wake, run, abort, join and shutdown at once.
//!
//! Each task is polled by one thread at a time, its future and its output are dropped exactly once,
//! no wake-up during a poll is lost, and the cell is freed (loom reports leaks of its `Arc`s).
//!
//! Fails if `stop` ignores SCHEDULED (lost wake-up), if `complete` becomes a load and a store, if
//! `wake_by_value` keeps its reference when it finds the task running (leak), if `shutdown` does not
//! ask for RUNNING (two threads in the stage), if the vtable's `schedule` keeps no reference of its own
//! (the scheduler is dropped while it is used): all seen.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::{Header, JoinHandle, Notified, Schedule, new_task};

/// One queue for the model.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Vec<Notified>>>);

impl Queue {
    fn run_all(&self) {
        loop {
            let task = self.0.lock().unwrap().pop();
            match task {
                Some(task) => {
                    if let Some(again) = task.run() {
                        self.schedule(again);
                    }
                }
                None => return,
            }
        }
    }
}

impl Schedule for Queue {
    fn schedule(&self, task: Notified) {
        self.0.lock().unwrap().push(task);
    }

    fn release(&self, _: &Header) -> bool {
        false
    }
}

/// A scheduler that is used after the task has gone into the queue, as the real one is: it decides
/// whether to wake a worker. It dies with the task's cell.
struct Mortal {
    queue: Queue,
    alive: std::sync::Arc<Alive>,
}

#[derive(Default)]
struct Alive {
    /// Read after the push, as the counts of idle workers are: others run meanwhile.
    idle: AtomicUsize,
    cell: UnsafeCell<()>,
}

// SAFETY: loom's cell reports every access that is not ordered.
unsafe impl Send for Mortal {}
// SAFETY: as above.
unsafe impl Sync for Mortal {}

impl Schedule for Mortal {
    fn schedule(&self, task: Notified) {
        let alive = self.alive.clone();
        self.queue.schedule(task);
        alive.idle.fetch_add(0, Relaxed);
        alive.cell.with(|_| ());
    }

    fn release(&self, _: &Header) -> bool {
        false
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        self.alive.cell.with_mut(|_| ());
    }
}

/// What the model watches.
#[derive(Default)]
struct Watch {
    signal: AtomicUsize,
    waker: Mutex<Option<Waker>>,
    futures_dropped: AtomicUsize,
    outputs_dropped: AtomicUsize,
}

/// Waits for `signal`, as a well-behaved leaf: registers, then looks.
struct Wait(Arc<Watch>);

impl Future for Wait {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        *self.0.waker.lock().unwrap() = Some(cx.waker().clone());
        if self.0.signal.load(SeqCst) == 0 {
            return Poll::Pending;
        }
        Poll::Ready(Output(self.0.clone()))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.futures_dropped.fetch_add(1, SeqCst);
    }
}

struct Output(Arc<Watch>);

impl Drop for Output {
    fn drop(&mut self) {
        self.0.outputs_dropped.fetch_add(1, SeqCst);
    }
}

fn spawn(queue: &Queue, watch: &Arc<Watch>) -> (super::raw::TaskRef, JoinHandle<Output>) {
    let future = Wait(watch.clone());
    let (task, notified, handle) = new_task(future, queue.clone(), 0, Location::caller());
    queue.schedule(notified);
    (task, handle)
}

fn send(watch: &Watch) {
    watch.signal.store(1, SeqCst);
    let waker = watch.waker.lock().unwrap().take();
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn poll_join(handle: &mut JoinHandle<Output>) -> Poll<Result<Output, super::JoinError>> {
    Pin::new(handle).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn loom_task_wake_against_run() {
    loom::model(|| {
        let (queue, watch) = (Queue::default(), Arc::new(Watch::default()));
        let (task, mut handle) = spawn(&queue, &watch);
        drop(task);
        let waker = {
            let watch = watch.clone();
            thread::spawn(move || send(&watch))
        };
        queue.run_all();
        waker.join().unwrap();
        queue.run_all();
        assert!(matches!(poll_join(&mut handle), Poll::Ready(Ok(_))));
        drop(handle);
        *watch.waker.lock().unwrap() = None;
        assert_eq!(watch.futures_dropped.load(Relaxed), 1);
        assert_eq!(watch.outputs_dropped.load(Relaxed), 1);
    });
}

/// The leak rule (dump.rs) sees no leak in a task that is woken and run, and let go by its join handle
/// meanwhile.
///
/// Fails if `is_leaked` counts a reference for the join handle that is gone, or if it looks at the count
/// alone and not at the bits: both seen.
#[test]
fn loom_task_leak_rule_gives_no_false_alarm() {
    loom::model(|| {
        let (queue, watch) = (Queue::default(), Arc::new(Watch::default()));
        let (task, handle) = spawn(&queue, &watch);
        let task = task.into_raw();
        // SAFETY: the registry's reference is this thread's until the end of the model.
        let state = &unsafe { task.as_ref() }.state;
        queue.run_all();
        // It waits now. Another thread wakes and runs it.
        let sender = {
            let (queue, watch) = (queue.clone(), watch.clone());
            thread::spawn(move || {
                send(&watch);
                queue.run_all();
            })
        };
        assert!(!state.load().is_leaked());
        drop(handle);
        assert!(!state.load().is_leaked());
        sender.join().unwrap();
        assert!(state.load().is_complete());
        *watch.waker.lock().unwrap() = None;
        assert!(!state.load().is_leaked());
        // SAFETY: from `into_raw` above.
        drop(unsafe { super::raw::TaskRef::from_raw(task) });
    });
}

#[test]
fn loom_task_abort_against_run_and_wake() {
    loom::model(|| {
        let (queue, watch) = (Queue::default(), Arc::new(Watch::default()));
        let (task, mut handle) = spawn(&queue, &watch);
        drop(task);
        let abort = handle.abort_handle();
        let aborter = thread::spawn(move || abort.abort());
        let runner = {
            let queue = queue.clone();
            thread::spawn(move || queue.run_all())
        };
        send(&watch);
        aborter.join().unwrap();
        runner.join().unwrap();
        queue.run_all();
        match poll_join(&mut handle) {
            Poll::Ready(Ok(output)) => drop(output),
            Poll::Ready(Err(error)) => assert!(error.is_cancelled()),
            Poll::Pending => panic!("neither done nor cancelled"),
        }
        *watch.waker.lock().unwrap() = None;
        assert_eq!(watch.futures_dropped.load(Relaxed), 1);
    });
}

#[test]
fn loom_task_join_drop_against_completion() {
    loom::model(|| {
        let (queue, watch) = (Queue::default(), Arc::new(Watch::default()));
        watch.signal.store(1, SeqCst);
        let (task, mut handle) = spawn(&queue, &watch);
        drop(task);
        let dropper = thread::spawn(move || {
            // With a join waker set or not, and with the output there or not.
            drop(poll_join(&mut handle));
        });
        queue.run_all();
        dropper.join().unwrap();
        *watch.waker.lock().unwrap() = None;
        assert_eq!(watch.futures_dropped.load(Relaxed), 1);
        assert_eq!(watch.outputs_dropped.load(Relaxed), 1);
    });
}

/// The handle is polled again with another waker while the task completes: it sees the output, or the
/// new waker is woken.
#[test]
fn loom_task_join_polled_again_against_completion() {
    struct Told(AtomicUsize);
    impl std::task::Wake for Told {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    loom::model(|| {
        let (queue, watch) = (Queue::default(), Arc::new(Watch::default()));
        watch.signal.store(1, SeqCst);
        let (task, mut handle) = spawn(&queue, &watch);
        drop(task);
        let runner = thread::spawn(move || queue.run_all());
        let told = std::sync::Arc::new(Told(AtomicUsize::new(0)));
        let mut ready = poll_join(&mut handle).is_ready();
        if !ready {
            let waker = Waker::from(told.clone());
            ready = Pin::new(&mut handle)
                .poll(&mut Context::from_waker(&waker))
                .is_ready();
        }
        runner.join().unwrap();
        if !ready {
            assert_eq!(told.0.load(SeqCst), 1);
            assert!(poll_join(&mut handle).is_ready());
        }
        drop(handle);
        *watch.waker.lock().unwrap() = None;
        assert_eq!(watch.outputs_dropped.load(Relaxed), 1);
    });
}

#[test]
fn loom_task_shutdown_against_run_and_wake() {
    loom::model(|| {
        let (queue, watch) = (Queue::default(), Arc::new(Watch::default()));
        let (task, handle) = spawn(&queue, &watch);
        drop(handle);
        let stopper = thread::spawn(move || task.shutdown());
        let runner = {
            let queue = queue.clone();
            thread::spawn(move || queue.run_all())
        };
        send(&watch);
        stopper.join().unwrap();
        runner.join().unwrap();
        queue.run_all();
        *watch.waker.lock().unwrap() = None;
        assert_eq!(watch.futures_dropped.load(Relaxed), 1);
    });
}

/// The cell, and with it the scheduler, lives until `schedule` has returned.
#[test]
fn loom_task_scheduler_outlives_its_use() {
    loom::model(|| {
        let (queue, watch) = (Queue::default(), Arc::new(Watch::default()));
        let scheduler = Mortal {
            queue: queue.clone(),
            alive: std::sync::Arc::default(),
        };
        let waits = watch.clone();
        let future = std::future::poll_fn(move |cx| {
            // Once told it leaves no waker behind, so that the queue's reference is the last one.
            if waits.signal.load(SeqCst) == 0 {
                *waits.waker.lock().unwrap() = Some(cx.waker().clone());
                if waits.signal.load(SeqCst) == 0 {
                    return Poll::Pending;
                }
            }
            drop(waits.waker.lock().unwrap().take());
            Poll::Ready(Output(waits.clone()))
        });
        let (task, notified, handle) = new_task(future, scheduler, 0, Location::caller());
        drop((task, handle));
        queue.schedule(notified);
        let waker = {
            let watch = watch.clone();
            thread::spawn(move || send(&watch))
        };
        let runner = {
            let queue = queue.clone();
            thread::spawn(move || queue.run_all())
        };
        queue.run_all();
        waker.join().unwrap();
        runner.join().unwrap();
        queue.run_all();
        assert_eq!(watch.outputs_dropped.load(Relaxed), 1);
    });
}
