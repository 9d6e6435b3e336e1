//! M13 and M12: random programs over the whole scheduler, each from a seed that a failure names.
//!
//! A program is a tree of tasks that spawn (anywhere, on a core, on their thread), yield, sleep, hand a
//! token to each other, compute, block, block announced, and are aborted, on a runtime with random cores,
//! watchdog, hand-off and spares. Either it runs to its end: every task that nobody aborted is done. Or the
//! runtime is dropped in the middle: every task is done or cancelled. In both cases no future is left.
//!
//! `RINGSPUN_SEED=n` runs one program only.

mod support;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use ringspun::task::yield_now;
use ringspun::time::{sleep, timeout};
use ringspun::{Builder, Handle, JoinHandle, Runtime, block_in_place, spawn, spawn_local};
use support::rng::Rng;
use support::{count, within_limit};

/// A generous bound on a hang.
const LONG: Duration = Duration::from_secs(60);

/// What all tasks of a program share.
#[derive(Default)]
struct World {
    /// Futures that live.
    alive: AtomicUsize,
    spawned: AtomicUsize,
    finished: AtomicUsize,
    aborted: AtomicUsize,
    /// The runtime is about to be dropped.
    shutdown: AtomicBool,
    token: Mutex<Token>,
}

/// Passed from one that waits for it to the next, so that tasks wake each other across cores.
#[derive(Default)]
struct Token {
    taken: bool,
    waiting: Vec<Waker>,
}

impl World {
    async fn take(&self) {
        poll_fn(|cx| {
            let mut token = self.token.lock().expect("no panic");
            if token.taken {
                token.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
            token.taken = true;
            Poll::Ready(())
        })
        .await;
    }

    fn put_back(&self) {
        let waiting = {
            let mut token = self.token.lock().expect("no panic");
            token.taken = false;
            std::mem::take(&mut token.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Counts a future for as long as it lives.
struct Alive(Arc<World>);

impl Alive {
    fn new(world: &Arc<World>) -> Self {
        world.alive.fetch_add(1, Relaxed);
        world.spawned.fetch_add(1, Relaxed);
        Self(world.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, AcqRel);
    }
}

/// The token is put back also by a task that is cancelled while it has it.
struct Held<'a>(&'a World);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.put_back();
    }
}

fn burn(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// One task: a few random steps. What it spawns is waited for, or aborted.
fn task(alive: Alive, mut rng: Rng, depth: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let world = alive.0.clone();
        let mut children: Vec<JoinHandle<()>> = Vec::new();
        for _ in 0..=rng.next(5) {
            match rng.next(12) {
                0..=2 if depth > 0 => {
                    let child = task(Alive::new(&world), rng.split(), depth - 1);
                    children.push(start(child, &mut rng));
                }
                3 => yield_now().await,
                4 => sleep(rng.micros(300)).await,
                5 => burn(rng.micros(150)),
                6 => {
                    world.take().await;
                    let _held = Held(&world);
                    yield_now().await;
                }
                7 if rng.next(4) == 0 => thread::sleep(rng.micros(800)),
                8 if rng.next(4) == 0 => block_in_place(|| thread::sleep(rng.micros(300))),
                9 => drop(
                    timeout(rng.micros(100), world.take())
                        .await
                        .map(|()| Held(&world)),
                ),
                10 if rng.next(3) == 0 => {
                    if let Some(child) = children.pop() {
                        child.abort();
                        if child.await.is_err() {
                            world.aborted.fetch_add(1, Relaxed);
                        }
                    }
                }
                _ => {}
            }
        }
        for child in children {
            let ended = child.await;
            let by_shutdown = world.shutdown.load(Acquire);
            assert!(ended.is_ok() || by_shutdown, "it was not aborted");
        }
        world.finished.fetch_add(1, AcqRel);
        drop(alive);
    })
}

fn start(child: Pin<Box<dyn Future<Output = ()> + Send>>, rng: &mut Rng) -> JoinHandle<()> {
    let handle = Handle::current();
    match rng.next(4) {
        0 => handle.spawn_on(rng.next(handle.cores() as u64) as usize, child),
        1 => {
            let not_send = Rc::new(thread::current().id());
            spawn_local(async move {
                child.await;
                assert_eq!(*not_send, thread::current().id());
            })
        }
        _ => spawn(child),
    }
}

fn runtime(rng: &mut Rng) -> Runtime {
    let hand_off = Duration::from_micros(100 + rng.next(900));
    Builder::new()
        .cores(1 + rng.next(4) as usize)
        .watchdog(Duration::from_micros(100 + rng.next(400)))
        .hand_off_after((rng.next(4) > 0).then_some(hand_off))
        .spare_threads(rng.next(6) as usize)
        .steal_readiness(rng.next(4) > 0)
        .build()
        .expect("a runtime")
}

fn program(seed: u64) {
    let mut rng = Rng::new(seed);
    let runtime = runtime(&mut rng);
    let world: Arc<World> = Arc::default();
    let roots: Vec<_> = (0..=rng.next(8))
        .map(|_| {
            runtime
                .handle()
                .spawn(task(Alive::new(&world), rng.split(), 4))
        })
        .collect();
    if rng.next(3) == 0 {
        burn(rng.micros(2000));
        world.shutdown.store(true, Release);
        if rng.next(2) == 0 {
            drop(runtime);
        } else {
            assert!(
                runtime.shutdown_timeout(LONG),
                "seed {seed}: threads are left"
            );
        }
        assert!(roots.iter().all(JoinHandle::is_finished), "seed {seed}");
    } else {
        let ended = runtime.block_on(timeout(LONG, async {
            for root in roots {
                root.await.expect("it was not aborted");
            }
        }));
        if ended.is_err() {
            panic!("seed {seed} hangs: {}", runtime.handle().dump());
        }
        let (spawned, finished) = (world.spawned.load(Acquire), world.finished.load(Acquire));
        // An aborted task takes those with it that it waited for, or leaves them to end by themselves.
        assert!(finished <= spawned, "seed {seed}");
        if world.aborted.load(Acquire) == 0 {
            assert_eq!(finished, spawned, "seed {seed}");
        }
        // What aborted tasks have left behind may still run.
        world.shutdown.store(true, Release);
        drop(runtime);
    }
    assert_eq!(
        world.alive.load(Acquire),
        0,
        "seed {seed}: futures are left"
    );
}

#[test]
fn random_programs_lose_no_task() {
    if let Ok(seed) = std::env::var("RINGSPUN_SEED") {
        return program(seed.parse().expect("RINGSPUN_SEED is a number"));
    }
    within_limit(|| (0..count(1_000, 100_000) as u64).for_each(program));
}
