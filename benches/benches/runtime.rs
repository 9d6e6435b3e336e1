//! What tasks, timers and the in-memory transport cost.
//!
//! `cargo bench -p ringspun-bench --bench runtime [-- NAME]`, in ns for each operation, the least of
//! seven rounds. NUMBERS to compare with come from the same machine in the same hour only.

use std::time::Duration;

use ringspun::net::mem;
use ringspun::{Builder, Runtime, spawn, task, time};
use ringspun_bench::bench;

/// Runs a future as a task, so that what it does happens on a core.
fn on_a_core<T: Send + 'static>(
    runtime: &Runtime,
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    runtime
        .block_on(runtime.handle().spawn(future))
        .expect("no panic")
}

fn main() {
    for cores in [1, 2] {
        let runtime = Builder::new().cores(cores).build().expect("a runtime");
        spawning(&runtime, cores);
        yielding(&runtime, cores);
        timers(&runtime, cores);
        echo(&runtime, cores);
    }
}

fn spawning(runtime: &Runtime, cores: usize) {
    bench(&format!("spawn and join, {cores} cores"), 100_000, || {
        on_a_core(runtime, async {
            for _ in 0..100_000 {
                spawn(async {}).await.expect("no panic");
            }
        });
    });
    bench(
        &format!("spawn 1,000 and join them, {cores} cores"),
        100_000,
        || {
            on_a_core(runtime, async {
                for _ in 0..100 {
                    let tasks: Vec<_> = (0..1000).map(|_| spawn(async {})).collect();
                    for task in tasks {
                        task.await.expect("no panic");
                    }
                }
            });
        },
    );
    bench(
        &format!("spawn from outside and join, {cores} cores"),
        10_000,
        || {
            for _ in 0..10 {
                let tasks: Vec<_> = (0..1000)
                    .map(|_| runtime.handle().spawn(async {}))
                    .collect();
                runtime.block_on(async {
                    for task in tasks {
                        task.await.expect("no panic");
                    }
                });
            }
        },
    );
}

fn yielding(runtime: &Runtime, cores: usize) {
    bench(
        &format!("yield, one task, {cores} cores"),
        1_000_000,
        || {
            on_a_core(runtime, async {
                for _ in 0..1_000_000 {
                    task::yield_now().await;
                }
            });
        },
    );
    bench(
        &format!("yield, 1,000 tasks, {cores} cores"),
        1_000_000,
        || {
            on_a_core(runtime, async {
                let tasks: Vec<_> = (0..1000)
                    .map(|_| {
                        spawn(async {
                            for _ in 0..1000 {
                                task::yield_now().await;
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.expect("no panic");
                }
            });
        },
    );
}

fn timers(runtime: &Runtime, cores: usize) {
    let others = runtime.handle().spawn(async {
        let mut sleeps: Vec<_> = (0..100_000)
            .map(|i| Box::pin(time::sleep(Duration::from_secs(3600 + i))))
            .collect();
        for sleep in &mut sleeps {
            let _ = time::timeout(Duration::ZERO, sleep.as_mut()).await;
        }
        std::future::pending::<()>().await;
    });
    while runtime.handle().metrics().timers < 100_000 {
        std::thread::sleep(Duration::from_millis(1));
    }
    bench(
        &format!("timer set and cancel, {cores} cores"),
        100_000,
        || {
            on_a_core(runtime, async {
                for i in 0..100_000 {
                    let sleep = time::sleep(Duration::from_secs(10 + i % 7));
                    let mut sleep = std::pin::pin!(sleep);
                    std::future::poll_fn(|cx| {
                        assert!(sleep.as_mut().poll(cx).is_pending());
                        std::task::Poll::Ready(())
                    })
                    .await;
                    if i % 100 == 0 {
                        task::yield_now().await;
                    }
                }
            });
        },
    );
    others.abort();
    let _ = runtime.block_on(others);
}

fn echo(runtime: &Runtime, cores: usize) {
    bench(
        &format!("echo of 64 B in memory, {cores} cores"),
        100_000,
        || {
            on_a_core(runtime, async {
                let (mut client, mut server) = mem::pair(4096);
                let echo = spawn(async move {
                    let mut buffer = [0; 64];
                    while server.read_exact(&mut buffer).await.is_ok() {
                        server.write_all(&buffer).await.expect("the client reads");
                    }
                });
                let mut buffer = [7; 64];
                for _ in 0..100_000 {
                    client.write_all(&buffer).await.expect("the server reads");
                    client
                        .read_exact(&mut buffer)
                        .await
                        .expect("the server answers");
                }
                drop(client);
                echo.await.expect("no panic");
            });
        },
    );
}
