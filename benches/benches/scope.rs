//! What cancellation and groups cost, and what sharing a token between cores costs.
//!
//! `cargo bench -p ringspun-bench --bench scope [-- NAME]`, in ns for each operation, the least of seven
//! rounds. `CORES=16` for as many cores: the rows about a shared token are told beside those of a token
//! for each task, in the same run.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use ringspun::channel::channel;
use ringspun::scope::{self, CancelToken, TaskGroup};
use ringspun::{Builder, Runtime, select, spawn, task, time};
use ringspun_bench::bench;

fn main() {
    let cores = std::env::var("CORES").map_or(2, |cores| cores.parse().expect("a number"));
    let runtime = Builder::new().cores(cores).build().expect("a runtime");
    tokens(&runtime);
    groups(&runtime);
    shared(&runtime, cores);
    storm(&runtime, cores);
}

/// Runs a future as a task, so that what it does happens on a core.
fn on_a_core(runtime: &Runtime, future: impl Future<Output = ()> + Send + 'static) {
    runtime
        .block_on(runtime.handle().spawn(future))
        .expect("no panic");
}

fn tokens(runtime: &Runtime) {
    const ROUNDS: u64 = 100_000;
    let rounds = |runtime: &Runtime, f: fn(&CancelToken)| {
        on_a_core(runtime, async move {
            let token = CancelToken::new();
            for _ in 0..ROUNDS {
                f(&token);
            }
        });
    };
    bench("is_cancelled", ROUNDS, || {
        rounds(runtime, |token| {
            black_box(token.is_cancelled());
        });
    });
    bench("wait and leave", ROUNDS, || rounds(runtime, wait_and_leave));
    bench("a child", ROUNDS, || {
        rounds(runtime, |token| drop(token.child()));
    });
    bench("a child with a deadline", ROUNDS, || {
        rounds(runtime, |token| {
            drop(token.child_with_timeout(Duration::from_secs(60)));
        });
    });
    bench("scope::timeout, waits once", ROUNDS, || {
        on_a_core(runtime, async {
            for _ in 0..ROUNDS {
                let timeout = scope::timeout(Duration::from_secs(60), task::yield_now());
                timeout.await.expect("in time");
            }
        });
    });
    bench("time::timeout, waits once", ROUNDS, || {
        on_a_core(runtime, async {
            for _ in 0..ROUNDS {
                let timeout = time::timeout(Duration::from_secs(60), task::yield_now());
                timeout.await.expect("in time");
            }
        });
    });
}

fn groups(runtime: &Runtime) {
    const ROUNDS: u64 = 100_000;
    bench("spawn 1,000 and join them", ROUNDS, || {
        on_a_core(runtime, async {
            for _ in 0..ROUNDS / 1000 {
                let tasks: Vec<_> = (0..1000).map(|_| spawn(async {})).collect();
                for task in tasks {
                    task.await.expect("no panic");
                }
            }
        });
    });
    bench("a group of 1,000, joined", ROUNDS, || {
        on_a_core(runtime, async {
            for _ in 0..ROUNDS / 1000 {
                let mut group = TaskGroup::supervisor();
                for _ in 0..1000 {
                    group.spawn(async {}).await;
                }
                while group.join_next().await.is_some() {}
            }
        });
    });
}

fn wait_and_leave(token: &CancelToken) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(token.cancelled()).poll(&mut cx).is_pending());
}

/// One task on each core, with one token for all or one for each.
fn on_all_cores<F>(runtime: &Runtime, cores: usize, shared: bool, f: fn(CancelToken) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let token = CancelToken::new();
    let tasks: Vec<_> = (0..cores)
        .map(|core| {
            let token = if shared {
                token.clone()
            } else {
                CancelToken::new()
            };
            runtime.handle().spawn_on(core, f(token))
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}

/// Rows in pairs: the first with a token for each task, the second with one for all.
fn shared(runtime: &Runtime, cores: usize) {
    const ROUNDS: u64 = 200_000;
    const EXCHANGES: u64 = 50_000;
    for (shared, whose) in [(false, "a token each"), (true, "one token")] {
        let name = format!("wait and leave, {cores} cores, {whose}");
        bench(&name, ROUNDS, || {
            on_all_cores(runtime, cores, shared, |token| async move {
                for _ in 0..ROUNDS {
                    wait_and_leave(&token);
                }
            });
        });
        let name = format!("select of a receive, {cores} cores, {whose}");
        bench(&name, EXCHANGES, || {
            on_all_cores(runtime, cores, shared, |token| exchange(token, EXCHANGES));
        });
    }
}

/// Two tasks on one core pass a value to and fro; each waits for it or the token.
async fn exchange(token: CancelToken, rounds: u64) {
    let (there, inbox) = channel(0);
    let (back, outbox) = channel(0);
    let core = ringspun::current_core().expect("on a worker");
    let other = ringspun::Handle::current().spawn_on(core, {
        let token = token.clone();
        async move {
            loop {
                let value: Option<u64> = select! {
                    value = inbox.recv() => value,
                    () = token.cancelled() => return,
                };
                let Some(value) = value else { return };
                back.send(value).await.expect("the other receives");
            }
        }
    });
    for round in 0..rounds {
        there.send(round).await.expect("the other receives");
        select! {
            value = outbox.recv() => assert_eq!(value, Some(round)),
            () = token.cancelled() => return,
        }
    }
    drop(there);
    other.await.expect("no panic");
}

/// How long it takes until 10,000 tasks that wait for one token have all been woken, and have ended.
fn storm(runtime: &Runtime, cores: usize) {
    const WAITERS: usize = 10_000;
    let mut least = [Duration::MAX; 2];
    for _ in 0..10 {
        let token = CancelToken::new();
        let tasks: Vec<_> = (0..WAITERS)
            .map(|n| {
                let token = token.clone();
                runtime.handle().spawn_on(n % cores, async move {
                    token.cancelled().await;
                })
            })
            .collect();
        runtime.block_on(time::sleep(Duration::from_millis(20)));
        let start = Instant::now();
        token.cancel();
        let told = start.elapsed();
        runtime.block_on(async {
            for task in tasks {
                task.await.expect("no panic");
            }
        });
        least = [least[0].min(told), least[1].min(start.elapsed())];
    }
    println!(
        "{WAITERS} waiters, {cores} cores: {:?} until all are woken, {:?} until all have ended",
        least[0], least[1]
    );
}
