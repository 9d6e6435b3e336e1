//! Cancel tokens: what Go's `context` tests pin down, and what Go need not care for.

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use ringspun::scope::CancelToken;
use ringspun::{Builder, Handle, spawn, task, time};
use support::{count, within_limit};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// A function that counts its calls.
fn counting(calls: &Arc<AtomicUsize>) -> impl FnOnce() + Send + 'static {
    let calls = calls.clone();
    move || {
        calls.fetch_add(1, SeqCst);
    }
}

#[test]
fn cancelling_goes_down_never_up() {
    let root = CancelToken::new();
    let (left, right) = (root.child(), root.child());
    let below = left.child();
    left.cancel();
    assert!(left.is_cancelled() && below.is_cancelled());
    assert!(!root.is_cancelled() && !right.is_cancelled());
    root.cancel();
    assert!(root.is_cancelled() && right.is_cancelled());
}

#[test]
fn a_child_of_a_cancelled_token_is_cancelled_for_its_reason() {
    let root = CancelToken::new();
    root.cancel_with("too late");
    let child = root.child().child();
    assert_eq!(child.cause().unwrap().to_string(), "cancelled: too late");
}

/// A token dropped in between keeps the two ends connected.
#[test]
fn a_grandchild_hears_of_it_though_its_parent_has_no_handle() {
    let root = CancelToken::new();
    let below = root.child().child().child();
    root.cancel_with("far away");
    assert_eq!(below.cause().unwrap().to_string(), "cancelled: far away");
}

#[test]
fn a_token_does_not_cancel_when_it_is_dropped_but_its_guard_does() {
    let root = CancelToken::new();
    let child = root.child();
    drop(root);
    assert!(!child.is_cancelled());
    let token = child.clone().drop_guard().disarm();
    assert!(!token.is_cancelled());
    drop(token.drop_guard());
    assert!(child.is_cancelled());
}

#[derive(Debug, PartialEq)]
struct Reason(u32);

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "reason {}", self.0)
    }
}

impl std::error::Error for Reason {}

/// Go's table of causes: the first one on the way down counts.
#[test]
fn the_first_cause_stays() {
    let reason = |token: &CancelToken| {
        let cause = token.cause()?;
        cause.error_ref()?.downcast_ref::<Reason>().map(|r| r.0)
    };
    let parent = CancelToken::new();
    assert!(parent.cause().is_none());
    let (first, second) = (parent.child(), parent.child());
    first.cancel_with(Reason(1));
    parent.cancel_with(Reason(2));
    parent.cancel_with(Reason(3));
    parent.cancel();
    second.cancel_with(Reason(4));
    assert_eq!(reason(&first), Some(1));
    assert_eq!(reason(&parent), Some(2));
    assert_eq!(reason(&second), Some(2));

    let unnamed = CancelToken::new();
    unnamed.cancel();
    unnamed.cancel_with(Reason(5));
    assert_eq!(unnamed.cause().unwrap().to_string(), "cancelled");
    let error = std::io::Error::from(unnamed.cause().unwrap());
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
}

#[test]
fn a_function_is_called_once_by_the_first_cancel() {
    let calls = Arc::new(AtomicUsize::new(0));
    let root = CancelToken::new();
    let child = root.child();
    let guards = [
        root.on_cancel(counting(&calls)),
        child.on_cancel(counting(&calls)),
    ];
    root.cancel();
    assert_eq!(calls.load(SeqCst), 2, "called before `cancel` returns");
    root.cancel();
    child.cancel();
    assert_eq!(calls.load(SeqCst), 2);
    for guard in guards {
        assert!(!guard.stop(), "too late");
    }
    // At once if it is cancelled already.
    let guard = root.on_cancel(counting(&calls));
    assert_eq!(calls.load(SeqCst), 3);
    assert!(!guard.stop());
}

#[test]
fn a_function_that_was_stopped_or_whose_guard_is_gone_is_dropped_uncalled() {
    let calls = Arc::new(AtomicUsize::new(0));
    let token = CancelToken::new();
    let stopped = token.on_cancel(counting(&calls));
    let dropped = token.on_cancel(counting(&calls));
    assert_eq!(Arc::strong_count(&calls), 3);
    assert!(stopped.stop());
    drop(dropped);
    assert_eq!(Arc::strong_count(&calls), 1);
    token.cancel();
    assert_eq!(calls.load(SeqCst), 0);
}

/// Whoever is told finds everything below cancelled, and may use the token.
#[test]
fn functions_may_use_the_token_and_panic() {
    let token = CancelToken::new();
    let below = token.child().child();
    let calls = Arc::new(AtomicUsize::new(0));
    let guard = Arc::new(Mutex::new(None));
    let _panics = token.on_cancel(|| panic!("ends here"));
    *guard.lock().unwrap() = Some(token.on_cancel({
        let (token, below, calls, guard) =
            (token.clone(), below.clone(), calls.clone(), guard.clone());
        move || {
            assert!(below.is_cancelled());
            token.cancel();
            drop(token.child());
            drop(guard.lock().unwrap().take());
            calls.fetch_add(1, SeqCst);
        }
    }));
    let _also = token.on_cancel(counting(&calls));
    token.cancel();
    assert_eq!(calls.load(SeqCst), 2);
}

#[test]
fn a_wait_is_dropped_without_trace_and_may_move_between_tasks() {
    let token = CancelToken::new();
    {
        let mut dropped = pin!(token.cancelled());
        assert!(poll(dropped.as_mut()).is_pending());
    }
    let mut waits = pin!(token.cancelled());
    assert!(poll(waits.as_mut()).is_pending());
    let woken = Arc::new(Flag::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(waits.as_mut().poll(&mut cx).is_pending());
    assert!(waits.as_mut().poll(&mut cx).is_pending());
    assert_eq!(woken.0.load(SeqCst), 0);
    token.cancel();
    assert_eq!(woken.0.load(SeqCst), 1, "only the last waker, and once");
    assert!(waits.as_mut().poll(&mut cx).is_ready());
    // Again, also before it has ever waited.
    assert!(poll(pin!(token.cancelled())).is_ready());
}

#[derive(Default)]
struct Flag(AtomicUsize);

impl std::task::Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[ringspun::test]
async fn run_ends_with_the_token_and_drops_the_future_first() {
    let token = CancelToken::new();
    let dropped = Arc::new(AtomicUsize::new(0));
    let guard = support::OnDrop({
        let dropped = dropped.clone();
        move || {
            dropped.fetch_add(1, SeqCst);
        }
    });
    let mut run = pin!(token.run(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    }));
    assert!(poll(run.as_mut()).is_pending());
    token.cancel_with("enough");
    let Poll::Ready(Err(cause)) = poll(run.as_mut()) else {
        panic!("it goes on");
    };
    assert_eq!(cause.to_string(), "cancelled: enough");
    assert_eq!(dropped.load(SeqCst), 1);
}

#[ringspun::test]
async fn a_ready_future_wins_but_is_not_begun_after_the_cancellation() {
    let token = CancelToken::new();
    let mut run = pin!(token.run(async {
        task::yield_now().await;
        token.cancel();
        7
    }));
    assert!(poll(run.as_mut()).is_pending());
    assert_eq!(run.await.unwrap(), 7);
    let begun = token.run(async { panic!("begun") }).await;
    assert!(begun.is_err());
}

/// The future spends its whole budget at each poll; the token is seen all the same.
#[ringspun::test(cores = 2)]
async fn a_future_that_never_rests_is_ended() {
    let token = CancelToken::new();
    let task = spawn({
        let token = token.clone();
        async move {
            let work = async {
                loop {
                    time::sleep(Duration::ZERO).await;
                }
            };
            token.run(work).await
        }
    });
    time::sleep(Duration::from_millis(5)).await;
    token.cancel();
    assert!(task.await.unwrap().is_err());
}

/// Deep enough to overflow any stack by recursion.
#[test]
fn long_chains_need_no_stack() {
    let length = count(100_000, 1_000_000);
    let thread = thread::Builder::new().stack_size(64 * 1024);
    let chain = move || {
        let chain = |root: &CancelToken| {
            let mut last = root.child();
            for _ in 0..length {
                last = last.child();
            }
            last
        };
        let root = CancelToken::new();
        // The last one ends: so do all that only its chain has kept.
        drop(chain(&root));
        let last = chain(&root);
        root.cancel();
        assert!(last.is_cancelled());
    };
    thread.spawn(chain).unwrap().join().unwrap();
}

#[ringspun::test(cores = 2)]
async fn ten_thousand_waiters_on_two_cores_are_all_told() {
    let token = CancelToken::new();
    let total = 10_000;
    let tasks: Vec<_> = (0..total)
        .map(|i| {
            let token = token.clone();
            Handle::current().spawn_on(i % 2, async move { token.cancelled().await })
        })
        .collect();
    task::yield_now().await;
    token.cancel();
    for task in tasks {
        task.await.unwrap();
    }
}

/// A token shared by tasks that wait for it in passing, again and again: it spreads over the cores, and
/// nobody is lost.
#[test]
fn a_shared_token_is_waited_for_in_passing() {
    for _ in 0..count(20, 200) {
        within_limit(|| {
            let runtime = Builder::new().cores(2).build().unwrap();
            let token = CancelToken::new();
            let tasks: Vec<_> = (0..4)
                .map(|i| {
                    let token = token.clone();
                    runtime.handle().spawn_on(i % 2, async move {
                        let mut rounds = 0;
                        // As a select in a loop does: it waits, something else happens, it leaves.
                        while !token.is_cancelled() {
                            for _ in 0..100 {
                                let _ = poll(pin!(token.cancelled()));
                                drop(token.child());
                            }
                            rounds += 1;
                            task::yield_now().await;
                        }
                        token.cancelled().await;
                        rounds
                    })
                })
                .collect();
            let waiting = runtime.handle().spawn({
                let token = token.clone();
                async move { token.cancelled().await }
            });
            thread::sleep(Duration::from_millis(2));
            token.cancel();
            runtime.block_on(async {
                for task in tasks {
                    task.await.unwrap();
                }
                waiting.await.unwrap();
            });
            runtime.handle().assert_no_leaks();
        });
    }
}

/// Cancelling against making children, listening and leaving, from threads: nobody is lost, told twice, or
/// told after it has left.
#[test]
fn cancelling_races_with_those_who_come_and_go() {
    within_limit(|| {
        for _ in 0..count(2_000, 100_000) {
            let token = CancelToken::new();
            let told = Arc::new(AtomicUsize::new(0));
            let start = Arc::new(Barrier::new(3));
            let comers: Vec<_> = (0..2)
                .map(|_| {
                    let (token, told, start) = (token.clone(), told.clone(), start.clone());
                    thread::spawn(move || {
                        start.wait();
                        let child = token.child();
                        let stays = child.on_cancel(counting(&told));
                        let leaves = token.on_cancel(counting(&told));
                        let missed = leaves.stop();
                        (child, stays, usize::from(missed))
                    })
                })
                .collect();
            start.wait();
            token.cancel();
            let comers: Vec<_> = comers.into_iter().map(|c| c.join().unwrap()).collect();
            let missed: usize = comers.iter().map(|(_, _, missed)| missed).sum();
            assert!(comers.iter().all(|(child, ..)| child.is_cancelled()));
            assert_eq!(told.load(SeqCst) + missed, 4);
        }
    });
}

#[ringspun::test(virtual_time)]
async fn a_deadline_cancels_though_nobody_waits() {
    let token = CancelToken::new().child_with_timeout(Duration::from_secs(5));
    assert_eq!(token.deadline(), Some(time::now() + Duration::from_secs(5)));
    let calls = Arc::new(AtomicUsize::new(0));
    let _guard = token.on_cancel(counting(&calls));
    time::sleep(Duration::from_secs(5) - Duration::from_nanos(1)).await;
    assert!(!token.is_cancelled());
    time::sleep(Duration::from_nanos(1)).await;
    assert!(token.is_cancelled() && token.cause().unwrap().is_deadline());
    assert_eq!(calls.load(SeqCst), 1);
    let error = std::io::Error::from(token.cause().unwrap());
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

/// Go's layered contexts: the earliest deadline counts, and each is cancelled by its own.
#[ringspun::test(virtual_time)]
async fn deadlines_are_inherited_and_only_shortened() {
    let second = Duration::from_secs(1);
    let start = time::now();
    let root = CancelToken::new();
    assert_eq!(root.deadline(), None);
    let ten = root.child_with_timeout(10 * second);
    let longer = ten.child_with_timeout(20 * second);
    let shorter = ten.child_with_timeout(5 * second);
    let plain = shorter.child();
    assert_eq!(longer.deadline(), Some(start + 10 * second));
    assert_eq!(plain.deadline(), Some(start + 5 * second));
    // Only those that may be first have a timer.
    assert_eq!(Handle::current().metrics().timers, 2);
    plain.cancelled().await;
    assert_eq!(time::now() - start, 5 * second);
    assert!(shorter.is_cancelled() && !longer.is_cancelled());
    longer.cancelled().await;
    assert_eq!(time::now() - start, 10 * second);
    assert!(longer.cause().unwrap().is_deadline() && !root.is_cancelled());
}

#[ringspun::test(virtual_time)]
async fn a_deadline_in_the_past_cancels_at_once() {
    for ago in [Duration::ZERO, Duration::from_secs(1)] {
        let token = CancelToken::new().child_with_deadline(time::now() - ago);
        assert!(token.cause().unwrap().is_deadline());
    }
    let never = CancelToken::new().child_with_timeout(Duration::MAX);
    time::sleep(Duration::from_secs(86_400 * 365)).await;
    assert!(!never.is_cancelled());
}

#[ringspun::test(virtual_time)]
async fn a_cancelled_or_dropped_token_has_no_timer() {
    let hour = Duration::from_secs(3600);
    let root = CancelToken::new();
    let cancelled = root.child_with_timeout(hour);
    let by_parent = root.child().child_with_timeout(hour);
    let dropped = root.child_with_timeout(hour);
    let timers = || Handle::current().metrics().timers;
    assert_eq!(timers(), 3);
    cancelled.cancel();
    assert_eq!(timers(), 2);
    drop(dropped);
    assert_eq!(timers(), 1);
    root.cancel();
    assert_eq!(timers(), 0);
    assert!(!by_parent.cause().unwrap().is_deadline());
    // A child of it needs none either.
    let late = root.child_with_timeout(hour);
    assert!(late.is_cancelled() && timers() == 0);
}

/// Who waits in another runtime for a deadline of this one is told when this one ends.
#[test]
fn the_end_of_the_runtime_cancels_tokens_with_a_deadline() {
    let runtime = Builder::new().cores(1).build().unwrap();
    let make = async { CancelToken::new().child_with_timeout(Duration::from_secs(3600)) };
    let token = runtime.block_on(make);
    drop(runtime);
    assert!(!token.cause().expect("cancelled").is_deadline());
}

#[test]
#[should_panic(expected = "no ringspun runtime on this thread")]
fn a_deadline_needs_a_runtime() {
    drop(CancelToken::new().child_with_timeout(Duration::ZERO));
}
