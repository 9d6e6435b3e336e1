//! What locks, semaphores, notifications and the small channels cost where nobody waits, and from task to task.
//!
//! `cargo bench -p ringspun-bench --bench sync [-- NAME]`, in ns for each operation, the least of seven rounds.

use std::sync::Arc;

use ringspun::channel::{broadcast, oneshot, watch};
use ringspun::sync::{Mutex, Notify, RwLock, Semaphore};
use ringspun::{Builder, Runtime, spawn, task};
use ringspun_bench::bench;

const N: u64 = 200_000;

/// Runs a future as a task, so that what it does happens on a core.
fn on_a_core(runtime: &Runtime, future: impl Future<Output = ()> + Send + 'static) {
    let task = runtime.handle().spawn(future);
    runtime.block_on(task).expect("no panic");
}

fn main() {
    for cores in [1, 2] {
        let runtime = Builder::new().cores(cores).build().expect("a runtime");
        if cores == 1 {
            free(&runtime);
        }
        between_tasks(&runtime, cores);
    }
}

/// Nobody waits.
fn free(runtime: &Runtime) {
    bench("mutex: lock and unlock", N, || {
        on_a_core(runtime, async {
            let mutex = Mutex::new(0_u64);
            for _ in 0..N {
                *mutex.lock().await += 1;
            }
        });
    });
    bench("rwlock: read and unlock", N, || {
        on_a_core(runtime, async {
            let lock = RwLock::new(0_u64);
            for _ in 0..N {
                std::hint::black_box(*lock.read().await);
            }
        });
    });
    bench("semaphore: acquire and release", N, || {
        on_a_core(runtime, async {
            let semaphore = Semaphore::new(2);
            for _ in 0..N {
                drop(semaphore.acquire().await);
            }
        });
    });
    bench("notify: a permit stored and taken", N, || {
        on_a_core(runtime, async {
            let notify = Notify::new();
            for _ in 0..N {
                notify.notify_one();
                notify.notified().await;
            }
        });
    });
    bench("oneshot: send and receive", N, || {
        on_a_core(runtime, async {
            for i in 0..N {
                let (sender, receiver) = oneshot::channel();
                sender.send(i).expect("a receiver");
                std::hint::black_box(receiver.await.expect("a value"));
            }
        });
    });
    bench("watch: send and see", N, || {
        on_a_core(runtime, async {
            let (sender, mut receiver) = watch::channel(0);
            for i in 0..N {
                sender.send(i).expect("a receiver");
                receiver.changed().await.expect("a sender");
            }
        });
    });
    bench("broadcast: send and receive", N, || {
        on_a_core(runtime, async {
            let (sender, mut receiver) = broadcast::channel(16);
            for i in 0..N {
                sender.send(i).expect("a receiver");
                receiver.recv().await.expect("a value");
            }
        });
    });
}

fn between_tasks(runtime: &Runtime, cores: usize) {
    bench(
        &format!("oneshot: a task that replies, {cores} cores"),
        N,
        || {
            on_a_core(runtime, async {
                for i in 0..N {
                    let (sender, receiver) = oneshot::channel();
                    drop(spawn(async move { sender.send(i) }));
                    receiver.await.expect("a value");
                }
            });
        },
    );
    bench(
        &format!("mutex: two tasks that yield with it, {cores} cores"),
        N,
        || {
            on_a_core(runtime, async {
                let mutex = Arc::new(Mutex::new(0));
                let tasks = [(); 2].map(|()| {
                    let mutex = mutex.clone();
                    spawn(async move {
                        for _ in 0..N / 2 {
                            let mut value = mutex.lock().await;
                            task::yield_now().await;
                            *value += 1;
                        }
                    })
                });
                for task in tasks {
                    task.await.expect("no panic");
                }
            });
        },
    );
    bench(&format!("notify: ping-pong, {cores} cores"), N, || {
        on_a_core(runtime, async {
            let both = Arc::new((Notify::new(), Notify::new()));
            let own = both.clone();
            let pong = spawn(async move {
                for _ in 0..N {
                    own.0.notified().await;
                    own.1.notify_one();
                }
            });
            for _ in 0..N {
                both.0.notify_one();
                both.1.notified().await;
            }
            pong.await.expect("no panic");
        });
    });
}
