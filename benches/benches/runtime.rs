//! What tasks, timers, channels and the in-memory transport cost.
//!
//! `cargo bench -p ringspun-bench --bench runtime [-- NAME]`, in ns for each operation, the least of
//! seven rounds. NUMBERS to compare with come from the same machine in the same hour only.

use std::time::Duration;

use ringspun::channel::{Select, channel};
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
        channels(&runtime, cores);
        selecting(&runtime, cores);
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

fn channels(runtime: &Runtime, cores: usize) {
    for capacity in [0, 1] {
        bench(
            &format!("channel({capacity}) there and back, {cores} cores"),
            50_000,
            || on_a_core(runtime, ping_pong(capacity, 50_000)),
        );
    }
    for (tasks, capacity) in [(1, 0), (1, 1), (1, 128), (4, 128)] {
        bench(
            &format!("channel({capacity}) {tasks} to {tasks} tasks, {cores} cores"),
            100_000,
            || on_a_core(runtime, one_way(tasks, capacity, 100_000)),
        );
    }
}

async fn ping_pong(capacity: usize, rounds: u64) {
    let (there, asked) = channel(capacity);
    let (back, answers) = channel(capacity);
    spawn(async move {
        while let Some(value) = asked.recv().await {
            back.send(value).await.expect("somebody waits for it");
        }
    });
    for value in 0..rounds {
        there.send(value).await.expect("the other task receives");
        assert_eq!(answers.recv().await, Some(value));
    }
}

/// As many tasks send as receive.
async fn one_way(tasks: u64, capacity: usize, values: u64) {
    let (tx, rx) = channel(capacity);
    let receivers: Vec<_> = (0..tasks)
        .map(|_| {
            let rx = rx.clone();
            spawn(async move {
                let mut received = 0;
                while rx.recv().await.is_some() {
                    received += 1;
                }
                received
            })
        })
        .collect();
    for _ in 0..tasks {
        let tx = tx.clone();
        spawn(async move {
            for value in 0..values / tasks {
                tx.send(value).await.expect("the receivers stay");
            }
        });
    }
    drop(tx);
    let mut received = 0;
    for receiver in receivers {
        received += receiver.await.expect("no panic");
    }
    assert_eq!(received, values);
}

fn selecting(runtime: &Runtime, cores: usize) {
    bench(
        &format!("select! of two that are ready, {cores} cores"),
        100_000,
        || {
            on_a_core(runtime, async {
                let (a, b) = (channel(1), channel(1));
                a.0.try_send(0).expect("there is room");
                b.0.try_send(0).expect("there is room");
                for value in 0..100_000 {
                    let tx = ringspun::select! {
                        _ = a.1.recv() => &a.0,
                        _ = b.1.recv() => &b.0,
                    };
                    tx.try_send(value).expect("there is room");
                }
            });
        },
    );
    bench(
        &format!("select! that waits for two, {cores} cores"),
        50_000,
        || {
            on_a_core(runtime, async {
                let (a, b) = (channel(1), channel(1));
                let (done, rounds) = channel(1);
                spawn(async move {
                    loop {
                        let value = ringspun::select! {
                            value = a.1.recv() => value,
                            value = b.1.recv() => value,
                        };
                        let Some(value) = value else {
                            break;
                        };
                        done.send(value).await.expect("somebody waits for it");
                    }
                });
                for value in 0..50_000 {
                    let tx = if value % 3 == 0 { &a.0 } else { &b.0 };
                    tx.send(value).await.expect("the other task receives");
                    assert_eq!(rounds.recv().await, Some(value));
                }
            });
        },
    );
    bench(
        &format!("Select that waits for 64, {cores} cores"),
        50_000,
        || on_a_core(runtime, select_of_many(64, 50_000)),
    );
}

async fn select_of_many(arms: usize, rounds: usize) {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..arms).map(|_| channel(1)).unzip();
    let (done, answers) = channel(1);
    spawn(async move {
        let mut select = Select::new();
        for rx in &receivers {
            select.recv(rx, |value| value);
        }
        for _ in 0..rounds {
            let (arm, _) = select.wait().await.expect("all arms stay");
            done.send(arm).await.expect("somebody waits for it");
        }
    });
    for round in 0..rounds {
        let arm = round * 37 % arms;
        senders[arm].send(round).await.expect("the arms stay");
        assert_eq!(answers.recv().await, Some(arm));
    }
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
