//! `spawn_local`: tasks that stay on their thread, whatever happens to its core.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use ringspun::task::yield_now;
use ringspun::time::sleep;
use ringspun::{Builder, Runtime, block_in_place, current_core, spawn, spawn_local};

/// A generous bound on a hang.
const LONG: Duration = Duration::from_secs(30);

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        thread::yield_now();
    }
}

fn runtime(cores: usize) -> Runtime {
    Builder::new().cores(cores).build().expect("a runtime")
}

/// Must live and die on the thread that made it.
struct Bound {
    thread: ThreadId,
    died: Arc<AtomicUsize>,
    _not_send: Rc<()>,
}

impl Bound {
    fn new(died: &Arc<AtomicUsize>) -> Self {
        Self {
            thread: thread::current().id(),
            died: died.clone(),
            _not_send: Rc::new(()),
        }
    }

    fn check(&self) {
        assert_eq!(self.thread, thread::current().id(), "on its thread");
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if thread::current().id() == self.thread {
            self.died.fetch_add(1, Relaxed);
        }
    }
}

/// Runs `f` in a task on core `core`.
fn on<F>(runtime: &Runtime, core: usize, f: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let task = runtime.handle().spawn_on(core, f);
    runtime
        .block_on(ringspun::time::timeout(LONG, task))
        .expect("in time")
        .expect("no panic")
}

#[test]
fn a_local_task_never_leaves_its_thread() {
    let runtime = runtime(2);
    let died = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let died = died.clone();
            runtime.handle().spawn_on(n % 2, async move {
                let task = {
                    let bound = Bound::new(&died);
                    let sum = Rc::new(Cell::new(0));
                    let mine = sum.clone();
                    let task = spawn_local(async move {
                        for i in 0..20 {
                            bound.check();
                            match i % 3 {
                                0 => yield_now().await,
                                1 => sleep(Duration::from_micros(200)).await,
                                // Woken on another thread, if that one is not busy.
                                _ => spawn(async {}).await.expect("no panic"),
                            }
                            mine.set(mine.get() + 1);
                        }
                        sum
                    });
                    // A handle whose output is not `Send` is awaited on its thread.
                    spawn_local(async move { task.await.expect("no panic").get() })
                };
                task.await
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            assert_eq!(task.await.expect("no panic").expect("no panic"), 20);
        }
    });
    drop(runtime);
    assert_eq!(died.load(Relaxed), 100, "dropped on their threads");
}

#[test]
#[expect(clippy::async_yields_async, reason = "the handle is what is wanted")]
fn a_local_future_is_dropped_on_its_thread_however_it_ends() {
    let died = Arc::new(AtomicUsize::new(0));
    let runtime = runtime(2);
    let start = |f: fn(Bound) -> std::pin::Pin<Box<dyn Future<Output = ()>>>| {
        let died = died.clone();
        on(
            &runtime,
            1,
            async move { spawn_local(f(Bound::new(&died))) },
        )
    };
    // Aborted from another thread, while it waits.
    let task = start(|bound| {
        Box::pin(async move {
            pending::<()>().await;
            bound.check()
        })
    });
    task.abort();
    let error = runtime.block_on(task).expect_err("aborted");
    assert!(error.is_cancelled());
    assert_eq!(died.load(Relaxed), 1);
    // A panic.
    let task = start(|bound| {
        Box::pin(async move {
            bound.check();
            panic!("on purpose")
        })
    });
    assert!(runtime.block_on(task).expect_err("a panic").is_panic());
    assert_eq!(died.load(Relaxed), 2);
    // The end of the runtime, dropped on this thread: one waits, one yields for ever.
    let waits = start(|bound| {
        Box::pin(async move {
            pending::<()>().await;
            bound.check()
        })
    });
    let _yields = start(|bound| {
        Box::pin(async move {
            loop {
                bound.check();
                yield_now().await
            }
        })
    });
    drop(runtime);
    assert_eq!(died.load(Relaxed), 4);
    assert!(waits.is_finished());
}

#[test]
fn wakes_from_other_threads_are_not_lost() {
    /// One ball, thrown by a thread and caught by a task.
    #[derive(Default)]
    struct Ball {
        thrown: AtomicUsize,
        caught: AtomicUsize,
        waker: Mutex<Option<Waker>>,
    }
    const ROUNDS: usize = 3000;
    let runtime = runtime(2);
    let balls: Vec<Arc<Ball>> = (0..4).map(|_| Arc::default()).collect();
    for (n, ball) in balls.iter().enumerate() {
        let ball = ball.clone();
        drop(runtime.handle().spawn_on(n % 2, async move {
            let thread = thread::current().id();
            drop(spawn_local(poll_fn(move |cx| {
                assert_eq!(thread, thread::current().id());
                *ball.waker.lock().expect("no panic") = Some(cx.waker().clone());
                let thrown = ball.thrown.load(Acquire);
                ball.caught.store(thrown, Release);
                if thrown == ROUNDS {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })));
        }));
    }
    thread::scope(|scope| {
        for ball in &balls {
            scope.spawn(move || {
                for round in 1..=ROUNDS {
                    ball.thrown.store(round, Release);
                    let waker = ball.waker.lock().expect("no panic").clone();
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                    eventually("the ball is caught", || ball.caught.load(Acquire) == round);
                }
            });
        }
    });
}

/// A test clock stands still while a local task can run that another thread has woken.
#[test]
fn the_test_clock_sees_local_tasks_that_others_wake() {
    #[derive(Default)]
    struct Bell {
        rung: AtomicUsize,
        answered: AtomicUsize,
        wakers: Mutex<[Option<Waker>; 2]>,
    }
    impl Bell {
        /// Waits as `who` until `is_so`; whoever changes something wakes the other.
        async fn wait(&self, who: usize, is_so: impl Fn(&Self) -> bool) {
            poll_fn(|cx| {
                self.wakers.lock().expect("no panic")[who] = Some(cx.waker().clone());
                if is_so(self) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }

        fn wake(&self, who: usize) {
            let waker = self.wakers.lock().expect("no panic")[who].take();
            waker.inspect(Waker::wake_by_ref);
        }
    }
    const ROUNDS: usize = 20_000;
    let runtime = Builder::new().test_clock(true).build().expect("a runtime");
    let bell: Arc<Bell> = Arc::default();
    let mine = bell.clone();
    on(&runtime, 0, async move {
        drop(spawn_local(async move {
            for round in 1..=ROUNDS {
                mine.wait(0, |bell| bell.rung.load(Acquire) >= round).await;
                mine.answered.store(round, Release);
                mine.wake(1);
            }
        }));
    });
    let ended = runtime.block_on(ringspun::time::timeout(LONG, async {
        for round in 1..=ROUNDS {
            bell.rung.store(round, Release);
            bell.wake(0);
            bell.wait(1, |bell| bell.answered.load(Acquire) >= round)
                .await;
        }
    }));
    assert!(ended.is_ok(), "the clock has jumped");
}

#[test]
fn a_thread_gets_its_core_back_for_its_local_tasks() {
    let runtime = runtime(1);
    // Ticks on its thread; tells where it is.
    let (ticks, homeless) = on(&runtime, 0, async {
        let ticks = Arc::new(AtomicUsize::new(0));
        let homeless = Arc::new(AtomicUsize::new(0));
        let (t, h) = (ticks.clone(), homeless.clone());
        let thread = thread::current().id();
        drop(spawn_local(async move {
            loop {
                assert_eq!(thread, thread::current().id());
                t.fetch_add(1, Relaxed);
                h.store(usize::from(current_core().is_none()), Relaxed);
                sleep(Duration::from_micros(300)).await;
            }
        }));
        (ticks, homeless)
    });
    for round in 0..10 {
        // Its thread is held up in a task that can be sent, which gives the core away.
        drop(runtime.handle().spawn(async move {
            if round % 2 == 0 {
                block_in_place(|| thread::sleep(Duration::from_millis(5)));
            } else {
                thread::sleep(Duration::from_millis(10));
            }
        }));
        // The core serves others meanwhile.
        on(&runtime, 0, async { yield_now().await });
        let seen = ticks.load(Relaxed);
        eventually("the local task goes on, with its core", || {
            ticks.load(Relaxed) > seen + 2 && homeless.load(Relaxed) == 0
        });
    }
    assert!(
        runtime.handle().metrics().total().hand_offs > 0,
        "{:?}",
        runtime.handle().metrics()
    );
}

#[test]
fn two_threads_with_local_tasks_share_one_core() {
    let runtime = runtime(1);
    let tick = || async {
        let ticks = Arc::new(AtomicUsize::new(0));
        let mine = ticks.clone();
        let not_send = Rc::new(thread::current().id());
        drop(spawn_local(async move {
            loop {
                assert_eq!(*not_send, thread::current().id());
                mine.fetch_add(1, Relaxed);
                sleep(Duration::from_micros(300)).await;
            }
        }));
        (thread::current().id(), ticks)
    };
    let (first, a) = on(&runtime, 0, tick());
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let blocked = runtime
        .handle()
        .spawn(async move { block_in_place(|| wait.recv().is_ok()) });
    let mut b = None;
    eventually("the core has moved to another thread", || {
        let (thread, ticks) = on(&runtime, 0, tick());
        b = (thread != first).then_some(ticks);
        b.is_some()
    });
    go.send(()).expect("it waits");
    assert!(runtime.block_on(blocked).expect("no panic"));
    // One of them has no core, and still runs.
    let b = b.expect("seen above");
    let (at_a, at_b) = (a.load(Relaxed), b.load(Relaxed));
    eventually("both go on", || {
        a.load(Relaxed) > at_a + 20 && b.load(Relaxed) > at_b + 20
    });
}

#[test]
fn stalls_of_local_tasks_are_counted() {
    let runtime = Builder::new().cores(1).build().expect("a runtime");
    let waker = Arc::new(Mutex::new(None::<Waker>));
    let mine = waker.clone();
    on(&runtime, 0, async move {
        drop(spawn_local(poll_fn(move |cx| {
            *mine.lock().expect("no panic") = Some(cx.waker().clone());
            Poll::<()>::Pending
        })));
    });
    eventually("it waits", || waker.lock().expect("no panic").is_some());
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let blocked = runtime.handle().spawn(async move {
        // Long enough to count as stuck.
        thread::sleep(Duration::from_millis(1));
        begun.send(()).expect("it waits");
        wait.recv().is_ok()
    });
    has_begun.recv().expect("it runs");
    let waker = waker.lock().expect("no panic").take();
    waker.expect("seen above").wake();
    assert_eq!(runtime.handle().metrics().local_stalls, 1);
    go.send(()).expect("it waits");
    assert!(runtime.block_on(blocked).expect("no panic"));
}

/// D6: it goes to the heap before it is copied from frame to frame.
#[test]
fn a_local_future_of_a_megabyte_runs_on_a_small_stack() {
    async fn large() -> usize {
        let room = [1_u8; 1 << 20];
        yield_now().await;
        room.iter().map(|byte| usize::from(*byte)).sum()
    }
    // Without optimisation every frame has a copy of its arguments, and a sanitizer spreads them.
    let stack = match (cfg!(ringspun_unpooled), cfg!(debug_assertions)) {
        (true, _) => 64 << 20,
        (_, true) => 14 << 20,
        _ => 3 << 19,
    };
    let runtime = Builder::new().cores(1).thread_stack_size(stack).build();
    let runtime = runtime.expect("a runtime");
    let sum = on(&runtime, 0, async { spawn_local(large()).await });
    assert_eq!(sum.expect("no panic"), 1 << 20);
}

#[test]
#[should_panic(expected = "spawn_local outside a task")]
fn off_a_worker_spawn_local_says_where_to_call_it() {
    let runtime = runtime(1);
    runtime.block_on(async { drop(spawn_local(async {})) });
}

#[test]
fn a_local_task_spawned_at_the_end_is_cancelled_on_its_thread() {
    struct SpawnsAtTheEnd(Arc<AtomicUsize>);
    impl Drop for SpawnsAtTheEnd {
        fn drop(&mut self) {
            let bound = Bound::new(&self.0);
            let task = spawn_local(async move { bound.check() });
            assert!(task.is_finished(), "cancelled at once");
        }
    }
    let died = Arc::new(AtomicUsize::new(0));
    let runtime = runtime(1);
    let mine = died.clone();
    on(&runtime, 0, async move {
        let guard = SpawnsAtTheEnd(mine);
        drop(spawn_local(async move {
            pending::<()>().await;
            drop(guard);
        }));
    });
    drop(runtime);
    assert_eq!(died.load(Relaxed), 1);
}
