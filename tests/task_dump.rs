//! The dump of tasks, and the rule that finds those that can never run again.

mod support;

use std::future::{pending, poll_fn};
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use ringspun::net::{TcpListener, TcpStream};
use ringspun::task::WokenBy;
use ringspun::{Builder, Handle, Runtime, TaskDump, TaskState, spawn, task, time};
use support::{becomes, count, within_limit};

const FAR: Duration = Duration::from_secs(1000);

fn runtime(cores: usize) -> Runtime {
    Builder::new().cores(cores).build().unwrap()
}

fn state_of(handle: &Handle, id: task::Id) -> Option<TaskState> {
    let dump = handle.dump();
    let mut tasks = dump.tasks().iter();
    tasks.find(|task| task.id == id).map(|task| task.state)
}

/// A place where a task leaves its waker.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Option<Waker>>>);

impl Slot {
    async fn wait(self, done: Arc<AtomicBool>) {
        poll_fn(move |cx| {
            if done.load(SeqCst) {
                return Poll::Ready(());
            }
            *self.0.lock().unwrap() = Some(cx.waker().clone());
            if done.load(SeqCst) {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
    }

    fn take(&self) -> Option<Waker> {
        self.0.lock().unwrap().take()
    }
}

#[test]
fn a_task_that_waits_for_nothing_is_a_leak() {
    within_limit(|| {
        let runtime = runtime(2);
        let handle = runtime.handle();
        handle.assert_no_leaks();
        let line = line!() + 1;
        let kept = handle.spawn(pending::<()>());
        drop(handle.spawn(pending::<()>()));
        becomes(2, || handle.leaks().len());
        let leaks = handle.leaks();
        let leak = leaks.iter().find(|leak| leak.id == kept.id()).unwrap();
        assert_eq!(
            (leak.state, leak.location.line()),
            (TaskState::Leaked, line)
        );
        let panic = catch_unwind(AssertUnwindSafe(|| handle.assert_no_leaks())).unwrap_err();
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains(&format!("task_dump.rs:{line}")), "{text}");
        assert!(text.contains("2 leaked"), "{text}");
    });
}

#[test]
fn a_task_whose_only_waker_was_dropped_is_a_leak() {
    within_limit(|| {
        let runtime = runtime(1);
        let handle = runtime.handle();
        let slot = Slot::default();
        let task = handle.spawn(slot.clone().wait(Arc::default()));
        becomes(Some(TaskState::Waiting), || state_of(handle, task.id()));
        drop(slot.take().expect("it waits, so it has left its waker"));
        assert_eq!(state_of(handle, task.id()), Some(TaskState::Leaked));
    });
}

#[test]
fn an_aborted_task_is_no_leak() {
    within_limit(|| {
        let runtime = runtime(1);
        let handle = runtime.handle();
        let task = handle.spawn(pending::<()>());
        becomes(1, || handle.leaks().len());
        task.abort();
        handle.assert_no_leaks();
        assert!(runtime.block_on(task).unwrap_err().is_cancelled());
        // With an abort handle alive nobody can tell it from a waker: quiet.
        let task = handle.spawn(pending::<()>());
        let abort = task.abort_handle();
        becomes(Some(TaskState::Waiting), || state_of(handle, task.id()));
        drop(abort);
        assert_eq!(state_of(handle, task.id()), Some(TaskState::Leaked));
    });
}

#[test]
fn a_task_that_something_will_wake_is_no_leak() {
    within_limit(|| {
        let runtime = runtime(2);
        let handle = runtime.handle();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sleeps = handle.spawn(time::sleep(FAR));
        let id = sleeps.id();
        let joins = handle.spawn(async move { sleeps.await.unwrap() });
        let reads = handle.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.read(&mut [0; 1]).await.unwrap()
        });
        let accepts = handle.spawn(async {
            let mut listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.accept().await.map(drop).unwrap();
        });
        for id in [id, joins.id(), reads.id(), accepts.id()] {
            becomes(Some(TaskState::Waiting), || state_of(handle, id));
        }
        let (mut peer, _) = listener.accept().unwrap();
        handle.assert_no_leaks();
        peer.set_nonblocking(true).unwrap();
        assert!(peer.read(&mut [0; 1]).is_err(), "the task is still there");
        drop(peer);
        assert_eq!(runtime.block_on(reads).unwrap(), 0);
    });
}

#[test]
fn a_dump_waits_for_no_stuck_task() {
    within_limit(|| {
        let waiting = count(10_000, 100_000);
        // No hand-off, no watchdog: what is queued behind the stuck task stays queued.
        let runtime = Builder::new()
            .cores(1)
            .watchdog(Duration::ZERO)
            .build()
            .unwrap();
        let handle = runtime.handle();
        let tasks: Vec<_> = (0..waiting)
            .map(|_| handle.spawn(time::sleep(FAR)))
            .collect();
        becomes(waiting, || handle.dump().count(TaskState::Waiting));
        let (started, inside) = mpsc::channel();
        let (release, stuck) = mpsc::channel::<()>();
        let stuck = handle.spawn(async move {
            started.send(()).unwrap();
            // Blocks the thread on purpose.
            let _ = stuck.recv();
        });
        inside.recv().unwrap();
        let queued = handle.spawn(async {});
        let dump = handle.dump();
        let first: Vec<_> = dump.tasks()[..2].iter().map(|t| (t.id, t.state)).collect();
        let expected = [
            (stuck.id(), TaskState::Running),
            (queued.id(), TaskState::Queued),
        ];
        assert_eq!(first, expected);
        assert_eq!(dump.count(TaskState::Waiting), waiting);
        assert_eq!(dump.tasks().len(), waiting + 2);
        let text = dump.to_string();
        let head = format!(
            "{} tasks: 0 leaked, 1 running, 1 queued, {waiting} waiting\n",
            waiting + 2
        );
        assert!(text.starts_with(&head), "{}", &text[..80]);
        assert_eq!(text.lines().count(), waiting + 3);
        release.send(()).unwrap();
        runtime.block_on(async move {
            stuck.await.unwrap();
            queued.await.unwrap();
        });
        drop(tasks);
    });
}

#[ringspun::test(cores = 2)]
async fn a_task_sees_itself_running() {
    let own = spawn(async { Handle::current().dump() });
    let id = own.id();
    let dump = own.await.unwrap();
    let own = |task: &&TaskDump| task.id == id;
    assert_eq!(
        dump.tasks().iter().find(own).unwrap().state,
        TaskState::Running
    );
}

/// Every task has its waker in a slot until a thread wakes it, by value or by reference, or it ends:
/// none is ever a leak, whatever the dumps fall between.
#[test]
fn no_false_alarm_while_everything_races() {
    within_limit(|| {
        let runtime = runtime(2);
        let handle = runtime.handle();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(AtomicUsize::new(0));
        let watcher = std::thread::spawn({
            let (handle, stop, seen) = (handle.clone(), stop.clone(), seen.clone());
            move || {
                while !stop.load(SeqCst) {
                    handle.assert_no_leaks();
                    seen.fetch_add(handle.dump().tasks().len(), SeqCst);
                }
            }
        });
        let enough = count(10_000, 1_000_000);
        let mut round = 0;
        // At least this many tasks, and as many that a dump has seen alive.
        while (round * 100 < enough || seen.load(SeqCst) < enough) && !watcher.is_finished() {
            race(&runtime, round);
            round += 1;
        }
        stop.store(true, SeqCst);
        watcher.join().expect("no false alarm");
    });
}

/// 100 tasks of five kinds, from beginning to end.
fn race(runtime: &Runtime, round: usize) {
    let handle = runtime.handle();
    let mut slots = Vec::new();
    let tasks: Vec<_> = (0..100)
        .map(|i| match (i + round) % 5 {
            0 => handle.spawn(task::yield_now()),
            1 => handle.spawn(time::sleep(Duration::from_micros(i as u64))),
            2 => {
                let inner = handle.spawn(task::yield_now());
                handle.spawn(async move { inner.await.unwrap() })
            }
            kind => {
                let (slot, done) = (Slot::default(), Arc::new(AtomicBool::new(false)));
                slots.push((slot.clone(), done.clone(), kind == 3));
                handle.spawn(slot.wait(done))
            }
        })
        .collect();
    for (slot, done, by_value) in slots {
        done.store(true, SeqCst);
        match slot.take() {
            Some(waker) if by_value => waker.wake(),
            Some(waker) => waker.wake_by_ref(),
            None => {}
        }
    }
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn a_dump_tells_age_last_poll_and_last_waker() {
    within_limit(|| {
        let runtime = runtime(1);
        let handle = runtime.handle();
        let of = |id| {
            let dump = handle.dump();
            dump.tasks().iter().find(|task| task.id == id).cloned()
        };
        let (slot, done) = (Slot::default(), Arc::new(AtomicBool::new(false)));
        let start = std::time::Instant::now();
        let waits = handle.spawn(slot.clone().wait(done.clone()));
        becomes(true, || slot.0.lock().unwrap().is_some());
        let task = of(waits.id()).expect("it waits");
        assert_eq!(task.woken_by, WokenBy::Outside, "spawned from here");
        let polled = task.since_poll.expect("it has been polled");
        assert!(
            polled <= task.age && task.age <= 2 * start.elapsed(),
            "{task:?}"
        );
        // Another task wakes it; it waits again.
        let waker = slot.take().expect("it waits");
        let line = line!() + 1;
        let waking = handle.spawn(async move { waker.wake() });
        runtime.block_on(waking).expect("no panic");
        becomes(true, || slot.0.lock().unwrap().is_some());
        let task = of(waits.id()).expect("it waits again");
        let WokenBy::Task(at) = task.woken_by else {
            panic!("{task:?}");
        };
        assert_eq!((at.file(), at.line()), (file!(), line));
        assert!(task.to_string().contains("woken by the task of"), "{task}");
        // A timer does.
        let sleeps = handle.spawn(async {
            loop {
                ringspun::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        });
        becomes(WokenBy::Event, || {
            of(sleeps.id()).expect("it lives").woken_by
        });
        done.store(true, SeqCst);
    });
}
