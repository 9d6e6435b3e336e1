//! The janitor: cleanups run in reverse order, though nobody waits, until they succeed or are given up.

mod support;

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringspun::scope::{self, CancelToken, Janitor, Retry, Rollback};
use ringspun::{Builder, Handle, spawn, task, time};
use support::{count, within_limit};

const SECOND: Duration = Duration::from_secs(1);

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// A cleanup that takes a second and is noted.
    fn cleanup(&self, name: &'static str) -> impl FnMut() -> Done + Send + 'static {
        let log = self.clone();
        move || {
            let log = log.clone();
            Box::pin(async move {
                time::sleep(SECOND).await;
                log.add(name);
                Ok(())
            })
        }
    }
}

type Done = std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Fails so many times, then succeeds; counts its attempts.
fn failing(times: u32, attempts: &Arc<AtomicU32>) -> impl FnMut() -> Done + Send + 'static {
    let attempts = attempts.clone();
    move || {
        let attempt = attempts.fetch_add(1, SeqCst) + 1;
        Box::pin(async move {
            if attempt <= times {
                Err(format!("failure {attempt}"))
            } else {
                Ok(())
            }
        })
    }
}

/// Pauses of 1, 2, 4, 8 and 10 s, exactly.
fn exact() -> Retry {
    Retry::new()
        .attempts(6)
        .first_pause(SECOND)
        .longest_pause(10 * SECOND)
        .jitter(0.0)
}

async fn drain(janitor: &Janitor) {
    janitor.drain(time::now() + 3600 * SECOND).await.unwrap();
    let handle = Handle::current();
    handle.assert_no_leaks();
    assert_eq!(handle.metrics().timers, 0);
}

#[ringspun::test(virtual_time)]
async fn cleanups_run_in_reverse_order_one_after_another() {
    let (log, janitor) = (Log::default(), Janitor::new());
    let mut rollback = janitor.rollback();
    for name in ["first", "second", "third"] {
        rollback.add(log.cleanup(name));
    }
    let start = time::now();
    drop(rollback);
    assert!(log.take().is_empty(), "dropping does not wait");
    drain(&janitor).await;
    assert_eq!(log.take(), ["third", "second", "first"]);
    assert_eq!(time::now() - start, 3 * SECOND);
}

#[ringspun::test(virtual_time)]
async fn work_that_commits_is_not_undone() {
    let (log, janitor) = (Log::default(), Janitor::new());
    let mut rollback = janitor.guard(log.cleanup("a"));
    rollback.add_keyed("b", log.cleanup("b"));
    rollback.commit();
    janitor.rollback().start().join().await.unwrap();
    drain(&janitor).await;
    assert!(log.take().is_empty());
}

/// The requester fails, panics, times out, is aborted: the cleanup runs, also while it is gone.
#[ringspun::test(virtual_time)]
async fn cleanups_run_though_the_requester_is_gone() {
    let (log, janitor) = (Log::default(), Janitor::new());

    async fn fails(_guard: Rollback) -> Result<(), &'static str> {
        Err("failed")
    }
    fails(janitor.guard(log.cleanup("error")))
        .await
        .unwrap_err();
    drain(&janitor).await;
    assert_eq!(log.take(), ["error"]);

    let guard = janitor.guard(log.cleanup("panic"));
    let panics = spawn(async move {
        let _guard = guard;
        panic!("on purpose");
    });
    assert!(panics.await.unwrap_err().is_panic());
    drain(&janitor).await;
    assert_eq!(log.take(), ["panic"]);

    let guard = janitor.guard(log.cleanup("abort"));
    let aborted = spawn(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    task::yield_now().await;
    aborted.abort();
    assert!(aborted.await.unwrap_err().is_cancelled());
    drain(&janitor).await;
    assert_eq!(log.take(), ["abort"]);

    // Neither the deadline nor the token of the requester reaches the cleanup.
    let ended = scope::timeout(SECOND, async {
        let _guard = janitor.guard(log.cleanup("deadline"));
        std::future::pending::<()>().await;
    });
    assert!(ended.await.unwrap_err().is_deadline());
    drain(&janitor).await;
    assert_eq!(log.take(), ["deadline"]);
}

/// A guard may be dropped where there is no runtime.
#[test]
fn a_guard_may_be_dropped_on_a_foreign_thread() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let log = Log::default();
        let janitor = runtime.block_on(async { Janitor::new() });
        let guard = {
            let log = log.clone();
            janitor.guard(move || {
                log.add(format!("{}", CancelToken::current().is_cancelled()));
                async { Ok::<_, Infallible>(()) }
            })
        };
        std::thread::spawn(move || drop(guard)).join().unwrap();
        runtime.block_on(async {
            let deadline = time::now() + 60 * SECOND;
            janitor.drain(deadline).await.unwrap();
        });
        assert_eq!(log.take(), ["false"]);
    });
}

#[ringspun::test(virtual_time)]
async fn a_cleanup_is_tried_again_with_growing_pauses() {
    let janitor = Janitor::with_retry(exact());
    let attempts = Arc::new(AtomicU32::new(0));
    let start = time::now();
    let handle = janitor.guard(failing(5, &attempts)).start();
    handle.join().await.unwrap();
    assert_eq!(attempts.load(SeqCst), 6);
    assert_eq!(time::now() - start, (1 + 2 + 4 + 8 + 10) * SECOND);
    drain(&janitor).await;
}

#[ringspun::test(virtual_time)]
async fn a_cleanup_that_never_succeeds_is_given_up_and_the_others_are_done() {
    let (log, janitor) = (Log::default(), Janitor::with_retry(exact()));
    let attempts = Arc::new(AtomicU32::new(0));
    let mut rollback = janitor.guard(log.cleanup("before"));
    rollback.add_keyed("stubborn", failing(u32::MAX, &attempts));
    rollback.add(log.cleanup("after"));
    let handle = rollback.start();
    let error = handle.clone().join().await.unwrap_err();
    assert_eq!(log.take(), ["after", "before"]);
    let [failure] = error.failures() else {
        panic!("{error}");
    };
    assert_eq!(failure.key(), Some("stubborn"));
    assert_eq!(
        (failure.attempts(), failure.error()),
        (6, Some("failure 6"))
    );
    assert_eq!(
        error.to_string(),
        "1 cleanups were not done; stubborn: failed 6 times, last: failure 6"
    );
    // Whoever asks again is told the same.
    assert_eq!(handle.join().await.unwrap_err().failures().len(), 1);
    drain(&janitor).await;
}

/// In the closure, in the future, in a destructor of it.
#[ringspun::test(virtual_time)]
async fn a_panic_in_a_cleanup_is_a_failure() {
    let janitor = Janitor::with_retry(exact());
    let calls = Arc::new(AtomicU32::new(0));
    let panicking = {
        let calls = calls.clone();
        move || {
            let call = calls.fetch_add(1, SeqCst);
            assert!(call != 0, "in the closure");
            async move {
                task::yield_now().await;
                assert!(call != 1, "in the future");
                Ok::<_, Infallible>(())
            }
        }
    };
    let start = time::now();
    janitor.guard(panicking).start().join().await.unwrap();
    assert_eq!(calls.load(SeqCst), 3);
    assert_eq!(time::now() - start, 3 * SECOND);

    let always = || async { panic!("always {}", 1) };
    let handle = janitor.guard::<_, _, Infallible>(always).start();
    let error = handle.join().await.unwrap_err();
    assert_eq!(error.failures()[0].error(), Some("panicked: always 1"));
    assert!(error.to_string().contains("tests/janitor.rs:"), "{error}");
    drain(&janitor).await;
}

#[ringspun::test(virtual_time)]
async fn cleanups_of_one_key_are_one_flight() {
    let (log, janitor) = (Log::default(), Janitor::new());
    let start = time::now();
    let handles: Vec<_> = (0..3)
        .map(|_| janitor.guard_keyed("seat", log.cleanup("seat")).start())
        .collect();
    let other = janitor.guard_keyed("table", log.cleanup("table")).start();
    for handle in &handles {
        handle.join().await.unwrap();
    }
    other.join().await.unwrap();
    assert_eq!(time::now() - start, SECOND);
    let mut done = log.take();
    done.sort_unstable();
    assert_eq!(done, ["seat", "table"]);
    // The flight is over: the next one is another.
    janitor
        .guard_keyed("seat", log.cleanup("seat"))
        .start()
        .join()
        .await
        .unwrap();
    assert_eq!(log.take(), ["seat"]);
    drain(&janitor).await;
}

#[ringspun::test(virtual_time)]
async fn who_joins_a_flight_shares_its_failure() {
    let janitor = Janitor::with_retry(exact());
    let attempts = Arc::new(AtomicU32::new(0));
    let first = janitor
        .guard_keyed("k", failing(u32::MAX, &attempts))
        .start();
    time::sleep(SECOND / 2).await;
    let second = janitor.guard_keyed("k", failing(0, &attempts)).start();
    first.join().await.unwrap_err();
    let error = second.join().await.unwrap_err();
    assert_eq!(error.failures()[0].key(), Some("k"));
    assert_eq!(attempts.load(SeqCst), 6, "the second one was not begun");
}

/// Two rollbacks with the same keys in opposite order do not block each other.
#[ringspun::test(virtual_time)]
async fn flights_in_opposite_order_do_not_block() {
    let (log, janitor) = (Log::default(), Janitor::new());
    for keys in [["a", "b"], ["b", "a"]] {
        let mut rollback = janitor.rollback();
        for key in keys {
            rollback.add_keyed(key, log.cleanup(key));
        }
    }
    drain(&janitor).await;
    // The second key may have been joined, or be done again.
    let done = log.take();
    assert!(done.len() >= 2 && done[0] != done[1], "{done:?}");
}

#[ringspun::test(virtual_time)]
async fn drain_waits_for_guards_and_cleanups_up_to_the_deadline() {
    let (log, janitor) = (Log::default(), Janitor::with_retry(exact()));
    let attempts = Arc::new(AtomicU32::new(0));
    let mut rollback = janitor.guard(log.cleanup("behind"));
    rollback.add_keyed("stubborn", failing(3, &attempts));
    drop(rollback);
    let held = janitor.guard(log.cleanup("held"));
    let start = time::now();
    let undone = janitor.drain(start + 2 * SECOND).await.unwrap_err();
    assert_eq!(time::now() - start, 2 * SECOND);
    assert_eq!(undone.armed(), 1);
    let [stubborn, behind] = undone.cleanups() else {
        panic!("{undone}");
    };
    assert_eq!(stubborn.key(), Some("stubborn"));
    assert_eq!(
        (stubborn.attempts(), stubborn.error()),
        (2, Some("failure 2"))
    );
    assert_eq!((behind.key(), behind.error()), (None, None));
    // They go on; a guard dropped meanwhile is waited for too.
    let dropper = spawn(async move {
        time::sleep(10 * SECOND).await;
        drop(held);
    });
    drain(&janitor).await;
    assert_eq!(time::now() - start, 13 * SECOND);
    assert_eq!(log.take(), ["behind", "held"]);
    dropper.await.unwrap();
    // An idle janitor is drained at once, also if the time is up.
    janitor.drain(start).await.unwrap();
}

/// The runtime ends before the cleanup: whoever waits elsewhere is told.
#[test]
fn the_end_of_the_runtime_is_told() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let janitor = runtime.block_on(async { Janitor::new() });
        let hangs = || std::future::pending::<Result<(), Infallible>>();
        let hanging = janitor.guard_keyed("k", hangs).start();
        let joined = janitor.guard_keyed("k", hangs).start();
        let late = janitor.guard(hangs);
        drop(runtime);
        let late = late.start();
        let other = Builder::new().cores(1).build().unwrap();
        other.block_on(async {
            for handle in [hanging, joined, late] {
                let error = handle.join().await.unwrap_err();
                assert_eq!(error.failures()[0].error(), None, "{error}");
            }
            janitor.drain(time::now()).await.unwrap();
        });
    });
}

/// Rollbacks from two cores, of few keys, some failing: all end, and the janitor is idle then.
#[test]
fn many_rollbacks_at_once_all_end() {
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        let total = count(2_000, 100_000) as u32;
        let retry = Retry::new().first_pause(Duration::from_micros(10));
        let janitor = runtime.block_on(async { Janitor::with_retry(retry) });
        let done = Arc::new(AtomicU32::new(0));
        let tasks: Vec<_> = (0..total)
            .map(|n| {
                let (janitor, done) = (janitor.clone(), done.clone());
                runtime.handle().spawn_on(n as usize % 2, async move {
                    let attempts = Arc::new(AtomicU32::new(0));
                    let mut rollback = janitor.guard(failing(n % 3, &attempts));
                    rollback.add_keyed(format!("{}", n % 7), failing(n % 2, &attempts));
                    rollback.add(move || {
                        done.fetch_add(1, SeqCst);
                        async { Ok::<_, Infallible>(()) }
                    });
                    if n % 5 == 0 {
                        rollback.start().join().await.unwrap();
                    }
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
            janitor.drain(time::now() + 60 * SECOND).await.unwrap();
        });
        assert_eq!(done.load(SeqCst), total);
        runtime.handle().assert_no_leaks();
        support::becomes(0, || runtime.handle().dump().tasks().len());
    });
}
