//! Code that blocks runs on threads of its own: bounded, woken one for each job, ended when idle.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::process::Command;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use ringspun::{
    BlockingMetrics, Builder, Handle, JoinHandle, Runtime, TaskState, spawn, spawn_blocking, time,
};
use support::{OnDrop, alone, becomes, count, within_limit, workers};

/// A runtime with one core and at most `threads` for blocking code.
fn runtime(threads: usize) -> Runtime {
    Builder::new()
        .cores(1)
        .blocking_threads(threads)
        .build()
        .expect("a runtime")
}

fn blocking(handle: &Handle) -> BlockingMetrics {
    handle.metrics().blocking
}

/// Jobs that occupy threads until the gate opens. Returns when all run.
fn occupy(handle: &Handle, jobs: usize) -> (mpsc::Sender<()>, Vec<JoinHandle<()>>) {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let all_run = Arc::new(Barrier::new(jobs + 1));
    let handles = (0..jobs)
        .map(|_| {
            let (gate, all_run) = (gate.clone(), all_run.clone());
            handle.spawn_blocking(move || {
                all_run.wait();
                // Ends when the sender is dropped.
                let _ = gate.lock().unwrap().recv();
            })
        })
        .collect();
    all_run.wait();
    (open, handles)
}

#[test]
fn jobs_run_on_no_more_threads_than_allowed() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(4);
        let running = Arc::new(AtomicUsize::new(0));
        let most = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..1000)
            .map(|_| {
                let (running, most) = (running.clone(), most.clone());
                runtime.handle().spawn_blocking(move || {
                    most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                    thread::sleep(Duration::from_millis(1));
                    running.fetch_sub(1, SeqCst);
                })
            })
            .collect();
        for job in jobs {
            // The worker, and the pool's.
            assert!(workers() <= 1 + 4);
            runtime.block_on(job).unwrap();
        }
        assert_eq!(most.load(SeqCst), 4, "all four, and never more");
        let metrics = blocking(runtime.handle());
        assert_eq!((metrics.threads, metrics.queued), (4, 0));
        becomes((4, 1000), || {
            let metrics = blocking(runtime.handle());
            (metrics.idle, metrics.done)
        });
    });
}

#[test]
fn a_thread_is_started_only_when_none_is_idle() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(512);
        for _ in 0..100 {
            runtime
                .block_on(runtime.handle().spawn_blocking(|| ()))
                .unwrap();
            becomes(1, || blocking(runtime.handle()).idle);
        }
        assert_eq!(blocking(runtime.handle()).threads, 1);
        let (open, jobs) = occupy(runtime.handle(), 5);
        assert_eq!(blocking(runtime.handle()).threads, 5);
        drop((open, jobs));
    });
}

/// The thread that slept last is woken first: jobs one at a time keep one thread or two, the others end.
#[test]
fn surplus_threads_end_and_the_last_one_too() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new()
            .cores(1)
            .blocking_keep_alive(Duration::from_millis(300))
            .build()
            .unwrap();
        let (open, jobs) = occupy(runtime.handle(), 8);
        assert_eq!(blocking(runtime.handle()).threads, 8);
        drop((open, jobs));
        // Two take turns where one begins the next job before the other has fallen asleep. Waking those that
        // sleep longest would keep all eight, and this would never end.
        while blocking(runtime.handle()).threads > 2 {
            let job = runtime
                .handle()
                .spawn_blocking(|| thread::sleep(Duration::from_millis(1)));
            runtime.block_on(job).unwrap();
        }
        becomes((0, 1), || (blocking(runtime.handle()).threads, workers()));
        // And it begins anew.
        let job = runtime.handle().spawn_blocking(|| 5);
        assert_eq!(runtime.block_on(job).unwrap(), 5);
    });
}

/// A keep-alive of nothing: every thread ends while the next job comes, and none is lost.
#[test]
fn jobs_meet_threads_that_end() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new()
            .cores(1)
            .blocking_threads(2)
            .blocking_keep_alive(Duration::ZERO)
            .build()
            .unwrap();
        for round in 0..count(2000, 100_000) {
            let jobs: Vec<_> = (0..1 + round % 3)
                .map(|_| runtime.handle().spawn_blocking(move || round))
                .collect();
            for job in jobs {
                assert_eq!(runtime.block_on(job).unwrap(), round);
            }
        }
        becomes((0, 1), || (blocking(runtime.handle()).threads, workers()));
    });
}

#[test]
fn an_aborted_job_never_runs() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(1);
        let (open, occupied) = occupy(runtime.handle(), 1);
        let ran = Arc::new(AtomicUsize::new(0));
        let dropped = Arc::new(AtomicUsize::new(0));
        let (did_run, did_drop) = (ran.clone(), dropped.clone());
        let on_drop = OnDrop(move || {
            did_drop.fetch_add(1, SeqCst);
        });
        let job = runtime.handle().spawn_blocking(move || {
            let _on_drop = on_drop;
            did_run.fetch_add(1, SeqCst);
        });
        assert_eq!(blocking(runtime.handle()).queued, 1);
        job.abort();
        // Too late for this one.
        occupied[0].abort();
        drop(open);
        assert!(runtime.block_on(job).unwrap_err().is_cancelled());
        assert_eq!((ran.load(SeqCst), dropped.load(SeqCst)), (0, 1));
        for job in occupied {
            runtime.block_on(job).unwrap();
        }
    });
}

#[test]
fn a_panic_comes_out_of_the_handle_and_the_thread_goes_on() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(1);
        let first = runtime
            .block_on(runtime.handle().spawn_blocking(|| thread::current().id()))
            .unwrap();
        let error = runtime
            .block_on(runtime.handle().spawn_blocking(|| panic_any(7_u8)))
            .unwrap_err();
        assert_eq!(error.into_panic().downcast_ref::<u8>(), Some(&7));
        let next = runtime
            .block_on(runtime.handle().spawn_blocking(|| thread::current().id()))
            .unwrap();
        assert_eq!(first, next);
    });
}

#[test]
fn a_detached_job_runs() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(2);
        let (done, result) = mpsc::channel();
        drop(runtime.handle().spawn_blocking(move || done.send(3)));
        assert_eq!(result.recv(), Ok(3));
    });
}

#[test]
fn a_job_may_use_the_runtime() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(1);
        let job = runtime.handle().spawn_blocking(|| {
            let task = spawn(async { spawn_blocking(|| 20).await.unwrap() + 1 });
            // On the only thread: the inner job waits for this one.
            let inner = spawn_blocking(|| 1);
            assert!(!inner.is_finished());
            drop(task);
            Handle::current().block_on(async {
                time::sleep(Duration::from_millis(1)).await;
                spawn(async { 21 }).await.unwrap()
            })
        });
        assert_eq!(runtime.block_on(job).unwrap(), 21);
        let large = [3_u8; 100_000];
        let job = runtime
            .handle()
            .spawn_blocking(move || large.iter().map(|n| u64::from(*n)).sum::<u64>());
        assert_eq!(runtime.block_on(job).unwrap(), 300_000);
    });
}

/// Jobs that run are waited for, those that have not begun are cancelled and dropped, and their handles
/// know.
#[test]
fn dropping_the_runtime_waits_for_what_runs_and_cancels_the_rest() {
    let _alone = alone();
    within_limit(|| {
        for round in 0..count(50, 1000) {
            let threads = 1 + round % 4;
            let runtime = runtime(threads);
            let handle = runtime.handle().clone();
            let (open, running) = occupy(&handle, threads);
            let dropped = Arc::new(AtomicUsize::new(0));
            let queued: Vec<_> = (0..20)
                .map(|_| {
                    let dropped = dropped.clone();
                    let on_drop = OnDrop(move || {
                        dropped.fetch_add(1, SeqCst);
                    });
                    handle.spawn_blocking(move || {
                        let _on_drop = on_drop;
                        panic!("begun after the shutdown");
                    })
                })
                .collect();
            let ended = thread::spawn(move || drop(runtime));
            // Told while the others still run.
            becomes(true, || queued.iter().all(JoinHandle::is_finished));
            assert_eq!(dropped.load(SeqCst), 20);
            assert!(!ended.is_finished());
            assert!(running.iter().all(|job| !job.is_finished()));
            drop(open);
            ended.join().unwrap();
            let other = self::runtime(1);
            for job in running {
                other.block_on(job).unwrap();
            }
            for job in queued {
                assert!(other.block_on(job).unwrap_err().is_cancelled());
            }
            let late = handle.spawn_blocking(|| ());
            assert!(other.block_on(late).unwrap_err().is_cancelled());
            assert_eq!(blocking(&handle), {
                let mut metrics = BlockingMetrics::default();
                metrics.done = threads as u64;
                metrics
            });
        }
        assert_eq!(workers(), 0);
    });
}

#[test]
fn a_job_that_spawns_during_the_shutdown_gets_cancelled_handles() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        let inner = handle.clone();
        let begun = Arc::new(Barrier::new(2));
        let begins = begun.clone();
        let job = handle.spawn_blocking(move || {
            begins.wait();
            // Until the shutdown has begun.
            loop {
                let probe = inner.spawn_blocking(|| ());
                match inner.block_on(probe) {
                    Ok(()) => {}
                    Err(error) => return error.is_cancelled(),
                }
            }
        });
        begun.wait();
        drop(runtime);
        assert!(self::runtime(1).block_on(job).unwrap());
    });
}

/// A job in `block_on` that waits for a timer or a task of the runtime that ends is told, and so does not
/// keep it from ending.
#[test]
fn a_job_that_waits_for_the_runtime_does_not_outwait_it() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(2);
        let handle = runtime.handle().clone();
        let sleeps = handle.spawn_blocking(|| {
            Handle::current().block_on(time::sleep(Duration::from_secs(3600)));
        });
        let joins = handle
            .spawn_blocking(|| Handle::current().block_on(spawn(std::future::pending::<()>())));
        becomes((1, 1), || {
            let metrics = handle.metrics();
            (metrics.timers, metrics.live_tasks)
        });
        drop(runtime);
        let other = self::runtime(1);
        let error = other.block_on(sleeps).unwrap_err();
        assert!(error.to_string().contains("shut down"), "{error}");
        assert!(other.block_on(joins).unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn shutdown_timeout_leaves_a_job_behind_that_still_runs() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(2);
        let (open, running) = occupy(runtime.handle(), 2);
        assert!(!runtime.shutdown_timeout(Duration::from_millis(20)));
        drop(open);
        becomes(0, workers);
        assert!(running.iter().all(JoinHandle::is_finished));

        let runtime = self::runtime(2);
        let (open, _) = occupy(runtime.handle(), 2);
        drop(open);
        assert!(runtime.shutdown_timeout(Duration::from_secs(60)));
        assert_eq!(workers(), 0);
    });
}

#[test]
fn a_runtime_dropped_in_its_own_job_panics_and_ends() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(1);
        let handle = runtime.handle().clone();
        let job = handle.spawn_blocking(move || drop(runtime));
        let error = self::runtime(1).block_on(job).unwrap_err();
        assert!(
            error.to_string().contains("inside one of its own"),
            "{error}"
        );
        becomes(0, workers);
    });
}

/// 10^5 jobs from 8 threads, each exactly once.
#[test]
fn no_job_is_lost() {
    let _alone = alone();
    within_limit(|| {
        let total = count(20_000, 100_000);
        let runtime = runtime(8);
        let ran: Arc<Vec<AtomicUsize>> =
            Arc::new((0..total).map(|_| AtomicUsize::new(0)).collect());
        let submitters: Vec<_> = (0..8)
            .map(|part| {
                let (handle, ran) = (runtime.handle().clone(), ran.clone());
                thread::spawn(move || {
                    let mut last = None;
                    for at in (part..ran.len()).step_by(8) {
                        let ran = ran.clone();
                        last = Some(handle.spawn_blocking(move || ran[at].fetch_add(1, SeqCst)));
                        // In bursts, so that the threads fall asleep in between.
                        if at % 64 < 8 {
                            handle.block_on(last.take().unwrap()).unwrap();
                        }
                    }
                    drop(last);
                })
            })
            .collect();
        for submitter in submitters {
            submitter.join().unwrap();
        }
        becomes(total as u64, || blocking(runtime.handle()).done);
        assert!(ran.iter().all(|times| times.load(SeqCst) == 1));
    });
}

/// Needs a thread for each runtime, and leaves none.
#[test]
fn runtimes_come_and_go() {
    let _alone = alone();
    within_limit(|| {
        for round in 0..1000 {
            let runtime = Builder::new()
                .cores(1)
                .blocking_threads(1 + round % 3)
                .blocking_keep_alive(Duration::from_micros((round % 4) as u64 * 50))
                .build()
                .unwrap();
            let jobs: Vec<_> = (0..5)
                .map(|n| runtime.handle().spawn_blocking(move || n))
                .collect();
            if round % 2 == 0 {
                for (n, job) in jobs.into_iter().enumerate() {
                    assert_eq!(runtime.block_on(job).unwrap(), n);
                }
            }
        }
        becomes(0, workers);
    });
}

/// No system has room for such a stack: the job ends with the reason, and the runtime goes on.
#[test]
fn a_job_without_a_thread_is_refused_and_says_why() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new()
            .cores(1)
            .blocking_stack_size(usize::MAX / 4)
            .build()
            .unwrap();
        for _ in 0..10 {
            let dropped = Arc::new(AtomicUsize::new(0));
            let count = dropped.clone();
            let on_drop = OnDrop(move || {
                count.fetch_add(1, SeqCst);
            });
            let job = runtime.handle().spawn_blocking(move || drop(on_drop));
            let error = runtime.block_on(job).unwrap_err();
            assert!(
                error.to_string().contains("no thread could be started"),
                "{error}"
            );
            assert_eq!(dropped.load(SeqCst), 1);
        }
        assert_eq!(blocking(runtime.handle()).threads, 0);
        assert_eq!(
            runtime
                .block_on(runtime.handle().spawn(async { 1 }))
                .unwrap(),
            1
        );
    });
}

/// A job that is dropped unrun may panic in its destructor: then that is what its handle says.
#[test]
fn the_destructor_of_a_refused_job_may_panic() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new()
            .cores(1)
            .blocking_stack_size(usize::MAX / 4)
            .build()
            .unwrap();
        let on_drop = OnDrop(|| panic_any(9_u8));
        let job = runtime.handle().spawn_blocking(move || drop(on_drop));
        let error = runtime.block_on(job).unwrap_err();
        assert_eq!(error.into_panic().downcast_ref::<u8>(), Some(&9));
    });
}

/// Jobs are listed while they run and wait for a thread, and are no leaks, whoever holds a handle.
#[test]
fn a_dump_lists_jobs_and_none_is_a_leak() {
    let _alone = alone();
    within_limit(|| {
        let runtime = runtime(2);
        let handle = runtime.handle();
        let (open, running) = occupy(handle, 2);
        let line = line!() + 1;
        let queued = handle.spawn_blocking(|| ());
        let abort = queued.abort_handle();
        drop(handle.spawn_blocking(|| ()));
        let dump = handle.dump();
        let states = dump.tasks().iter().map(|task| task.state);
        assert!(states.eq([
            TaskState::Running,
            TaskState::Running,
            TaskState::Queued,
            TaskState::Queued
        ]));
        let listed = dump.tasks().iter().find(|task| task.id == queued.id());
        let location = listed.expect("it is queued").location;
        assert_eq!((location.file(), location.line()), (file!(), line));
        handle.assert_no_leaks();
        drop((running, queued));
        handle.assert_no_leaks();
        abort.abort();
        handle.assert_no_leaks();
        // A task that waits for a job is no leak either.
        let job = handle.spawn_blocking(|| ());
        let waits = handle.spawn(job);
        becomes(1, || handle.dump().count(TaskState::Waiting));
        handle.assert_no_leaks();
        drop(open);
        runtime.block_on(waits).unwrap().unwrap();
        becomes(0, || handle.dump().tasks().len());
    });
}

#[test]
fn the_number_of_threads_has_bounds() {
    for threads in [0, 65_536] {
        let error = Builder::new()
            .blocking_threads(threads)
            .build()
            .unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
    assert!(catch_unwind(AssertUnwindSafe(|| spawn_blocking(|| ()))).is_err());
}

/// The virtual clock does not run away from a task that waits for a job, and a job may wait for a timer.
#[test]
fn a_virtual_clock_waits_for_jobs() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new().test_clock(true).build().unwrap();
        let task = runtime.handle().spawn(async {
            let job = spawn_blocking(|| thread::sleep(Duration::from_millis(20)));
            let in_time = time::timeout(Duration::from_millis(1), job).await.is_ok();
            let sleeps = spawn_blocking(|| {
                Handle::current().block_on(time::sleep(Duration::from_secs(3600)));
            });
            sleeps.await.unwrap();
            in_time
        });
        assert!(runtime.block_on(task).unwrap());
    });
}

/// `no_job_is_lost` and its like on one CPU, where every thread is preempted in the worst places.
#[test]
fn on_one_cpu_as_well() {
    let exe = std::env::current_exe().unwrap();
    for _ in 0..count(2, 100) {
        let output = Command::new("taskset")
            .args(["-c", &support::first_cpu().to_string()])
            .arg(&exe)
            .args(["--exact", "no_job_is_lost", "jobs_meet_threads_that_end"])
            .output()
            .expect("taskset of util-linux");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}
