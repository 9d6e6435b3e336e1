//! The end of a runtime: every task dropped, every thread joined, nothing left behind.
//! D1, D2, D3, D10 and D11 of the reliability list.

mod support;

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier, Mutex};
use std::task::Waker;
use std::time::Duration;

use ringspun::{Builder, Handle, Runtime, spawn, task, time};
use support::{OnDrop, alone, becomes, count, open_fds, status, within_limit, workers};

/// D1: runtimes come and go and leave no descriptor, no thread, and no memory.
#[test]
fn created_and_dropped_again_and_again_leaves_nothing() {
    let _alone = alone();
    within_limit(|| {
        let cycle = || {
            let runtime = Builder::new().cores(2).build().unwrap();
            runtime.block_on(async {
                let tasks: Vec<_> = (0..10).map(|_| spawn(task::yield_now())).collect();
                drop(spawn(time::sleep(Duration::from_secs(3600))));
                for task in tasks {
                    task.await.unwrap();
                }
            });
        };
        for _ in 0..20 {
            cycle();
        }
        let (fds, rss) = (open_fds(), status("VmRSS:"));
        let cycles = count(300, 10_000);
        for _ in 0..cycles {
            cycle();
        }
        becomes((fds, 0), || (open_fds(), workers()));
        let growth_kib = status("VmRSS:").saturating_sub(rss);
        // A sanitizer keeps what was freed in quarantine.
        assert!(
            growth_kib < cycles as u64 || cfg!(ringspun_unpooled),
            "grew by {growth_kib} KiB in {cycles} cycles"
        );
    });
}

/// Every task is dropped: one that runs, one that waits, one that is queued, one with a timer.
#[test]
fn every_task_is_dropped() {
    let _alone = alone();
    within_limit(|| {
        for cores in [1, 2, 4] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let runtime = Builder::new().cores(cores).build().unwrap();
            let total = 400;
            for i in 0..total {
                let dropped = dropped.clone();
                let on_drop = OnDrop(move || {
                    dropped.fetch_add(1, SeqCst);
                });
                runtime.handle().spawn(async move {
                    let _on_drop = on_drop;
                    match i % 4 {
                        0 => pending::<()>().await,
                        1 => loop {
                            task::yield_now().await;
                        },
                        2 => time::sleep(Duration::from_secs(3600)).await,
                        _ => {}
                    }
                });
            }
            drop(runtime);
            assert_eq!(dropped.load(SeqCst), total);
        }
    });
}

/// D2: destructors that wake, spawn, abort and set timers while the runtime goes down.
#[test]
fn destructors_may_use_the_runtime_that_ends() {
    let _alone = alone();
    within_limit(|| {
        for round in 0..count(100, 10_000) {
            let runtime = Builder::new().cores(1 + round % 3).build().unwrap();
            let handle = runtime.handle().clone();
            let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
            for _ in 0..20 {
                let (handle, wakers) = (handle.clone(), wakers.clone());
                runtime.handle().spawn(async move {
                    let other = spawn(pending::<()>());
                    std::future::poll_fn(|cx| {
                        wakers.lock().unwrap().push(cx.waker().clone());
                        std::task::Poll::Ready(())
                    })
                    .await;
                    let _on_drop = OnDrop(move || {
                        other.abort();
                        drop(handle.spawn(async {}));
                        drop(time::sleep(Duration::from_secs(1)));
                        let wakers = std::mem::take(&mut *wakers.lock().unwrap());
                        wakers.into_iter().for_each(Waker::wake);
                    });
                    if round % 2 == 0 {
                        task::yield_now().await;
                    }
                    pending::<()>().await;
                });
            }
            drop(runtime);
            assert_eq!(handle.metrics().live_tasks, 0);
        }
    });
}

/// D3: wakers kept and used by other threads after the runtime is gone.
#[test]
fn wakers_may_be_used_after_the_end() {
    let _alone = alone();
    within_limit(|| {
        for _ in 0..count(30, 1000) {
            let runtime = Builder::new().cores(2).build().unwrap();
            let wakers: Arc<Mutex<Vec<Waker>>> = Arc::default();
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let wakers = wakers.clone();
                    runtime
                        .handle()
                        .spawn(std::future::poll_fn::<(), _>(move |cx| {
                            wakers.lock().unwrap().push(cx.waker().clone());
                            std::task::Poll::Pending
                        }))
                })
                .collect();
            while wakers.lock().unwrap().len() < 8 {
                std::thread::yield_now();
            }
            let start = Arc::new(Barrier::new(9));
            let threads: Vec<_> = std::mem::take(&mut *wakers.lock().unwrap())
                .into_iter()
                .map(|waker| {
                    let start = start.clone();
                    std::thread::spawn(move || {
                        start.wait();
                        for _ in 0..50 {
                            let by_value = waker.clone();
                            waker.wake_by_ref();
                            by_value.wake();
                        }
                    })
                })
                .collect();
            start.wait();
            drop(runtime);
            for thread in threads {
                thread.join().unwrap();
            }
            drop(tasks);
        }
    });
}

#[test]
fn a_handle_that_outlives_its_runtime_cancels_what_it_spawns() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let handle = runtime.handle().clone();
        let waiting = handle.spawn(pending::<()>());
        drop(runtime);
        let late = handle.spawn(async { 1 });
        assert!(waiting.is_finished() && late.is_finished());
        let other = Builder::new().cores(1).build().unwrap();
        assert!(other.block_on(waiting).unwrap_err().is_cancelled());
        assert!(other.block_on(late).unwrap_err().is_cancelled());
    });
}

/// D10: what would wait for itself panics, and says what to do.
#[test]
fn nested_use_panics_and_never_hangs() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        let error = runtime
            .block_on(
                runtime
                    .handle()
                    .spawn(async { Handle::current().block_on(async {}) }),
            )
            .unwrap_err();
        assert!(
            error.to_string().contains("block_on inside a task"),
            "{error}"
        );

        let inner = Builder::new().cores(1).build().unwrap();
        // Another runtime may be dropped in a task.
        runtime
            .block_on(runtime.handle().spawn(async move { drop(inner) }))
            .unwrap();

        let runtime = Arc::new(Mutex::new(Some(runtime)));
        let shared = runtime.clone();
        let handle = runtime.lock().unwrap().as_ref().unwrap().handle().clone();
        let task = handle.spawn(async move {
            let runtime: Runtime = shared.lock().unwrap().take().unwrap();
            drop(runtime);
        });
        let other = Builder::new().cores(1).build().unwrap();
        let error = other.block_on(task).unwrap_err();
        assert!(
            error.to_string().contains("inside one of its own tasks"),
            "{error}"
        );
    });
}

/// D11: a runtime that cannot start gives an error and leaves nothing.
#[test]
fn a_start_that_fails_leaves_nothing() {
    let _alone = alone();
    let fds = open_fds();
    let error = Builder::new().cores(0).build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    let error = Builder::new()
        .cores(2)
        .test_clock(true)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("cores(1)"), "{error}");
    let error = Builder::new().thread_name("a\0b").build().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    // No system has room for such a stack: thread creation fails after the reactors were made.
    let error = Builder::new()
        .cores(2)
        .thread_stack_size(usize::MAX / 4)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("ringspun-0"), "{error}");
    becomes((fds, 0), || (open_fds(), workers()));
}

#[test]
fn shutdown_timeout_leaves_a_stuck_thread_behind() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        let gate = Arc::new(Barrier::new(2));
        let stuck = gate.clone();
        runtime.handle().spawn(async move {
            stuck.wait();
            stuck.wait();
        });
        gate.wait();
        assert!(!runtime.shutdown_timeout(Duration::from_millis(20)));
        gate.wait();
        let runtime = Builder::new().cores(2).build().unwrap();
        assert!(runtime.shutdown_timeout(Duration::from_secs(60)));
    });
}

#[test]
fn a_panic_in_block_on_ends_the_runtime_in_order() {
    let _alone = alone();
    within_limit(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let count = dropped.clone();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let runtime = Builder::new().cores(2).build().unwrap();
            runtime.block_on(async {
                let on_drop = OnDrop(move || {
                    count.fetch_add(1, SeqCst);
                });
                spawn(async move {
                    let _on_drop = on_drop;
                    pending::<()>().await;
                });
                panic!("in the root");
            })
        }));
        assert!(result.is_err());
        assert_eq!(dropped.load(SeqCst), 1);
    });
}

/// `Duration::MAX` waits for ever, as long as it has to.
#[test]
fn shutdown_timeout_takes_any_limit() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        assert!(runtime.shutdown_timeout(Duration::MAX));
        assert_eq!(workers(), 0, "all were joined");
    });
}

/// A task that holds the last reference to its runtime: it panics, and the threads end all the same.
#[test]
fn a_runtime_dropped_by_its_own_task_ends() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Arc::new(Builder::new().cores(2).build().unwrap());
        let gate = Arc::new(Barrier::new(2));
        let (mine, wait) = (runtime.clone(), gate.clone());
        let task = runtime.handle().spawn(async move {
            wait.wait();
            drop(mine);
        });
        drop(runtime);
        gate.wait();
        becomes(0, workers);
        assert!(task.is_finished());
    });
}

/// Who waits for a timer of a runtime that ends elsewhere is told.
#[test]
fn a_sleep_outside_does_not_outwait_its_runtime() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let handle = runtime.handle().clone();
        let waiting = handle.clone();
        let outside = std::thread::spawn(move || {
            waiting.block_on(time::sleep(Duration::from_secs(3600)));
        });
        while handle.metrics().timers == 0 {
            std::thread::yield_now();
        }
        drop(runtime);
        let panic = outside.join().unwrap_err();
        let text = panic.downcast_ref::<&str>().unwrap();
        assert!(text.contains("has been shut down"), "{text}");
        let late = catch_unwind(AssertUnwindSafe(|| {
            handle.block_on(time::sleep(Duration::from_secs(3600)));
        }));
        assert!(late.is_err());
    });
}
