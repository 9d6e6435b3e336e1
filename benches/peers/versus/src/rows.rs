//! The benchmarks, each written once for all runtimes.

use std::future::{self, Future};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use peer_common::pause;

use crate::cost::{Cost, Watch};
use crate::peer::{Peer, Ringspun, Tokio};
use crate::signal::Signal;

/// One benchmark: it does `operations` of something and says what one of them cost.
#[derive(Debug)]
pub(crate) struct Row {
    /// What it is called, in the table and by Go's counterpart.
    pub(crate) name: &'static str,
    pub(crate) operations: u64,
    pub(crate) ringspun: fn(&Ringspun, u64) -> Cost,
    pub(crate) tokio: fn(&Tokio, u64) -> Cost,
    /// Whether Go has it too.
    pub(crate) go: bool,
}

macro_rules! rows {
    ($($name:literal, $operations:literal, $run:ident, $go:literal;)*) => {
        &[$(Row {
            name: $name,
            operations: $operations,
            ringspun: $run::<Ringspun>,
            tokio: $run::<Tokio>,
            go: $go,
        },)*]
    };
}

pub(crate) const ROWS: &[Row] = rows! {
    "spawn+join", 100_000, spawn_and_join, true;
    "spawn-1000", 100_000, spawn_batch, true;
    "yield-one", 300_000, yield_one, true;
    "yield-1000", 300_000, yield_many, true;
    "wake-same-core", 100_000, wake_same_core, true;
    "wake-from-outside", 3_000, wake_from_outside, false;
    "wake-by-a-burner", 200, wake_by_a_burner, true;
    "timer-set+cancel", 100_000, timer_set_and_cancel, true;
    "timer-reset", 100_000, timer_reset, false;
    "tcp-echo", 20_000, tcp_echo, false;
    "tasks-of-50us", 10_000, tasks_of_50_micros, true;
};

/// Each awaited before the next.
fn spawn_and_join<P: Peer>(peer: &P, operations: u64) -> Cost {
    peer.run(async move {
        let watch = Watch::start();
        for _ in 0..operations {
            P::spawn(async {}).await.expect("no panic");
        }
        watch.stop(operations)
    })
}

fn spawn_batch<P: Peer>(peer: &P, operations: u64) -> Cost {
    peer.run(async move {
        let watch = Watch::start();
        for _ in 0..operations / 1000 {
            let tasks: Vec<_> = (0..1000).map(|_| P::spawn(async {})).collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        }
        watch.stop(operations)
    })
}

fn yield_one<P: Peer>(peer: &P, operations: u64) -> Cost {
    peer.run(async move {
        let watch = Watch::start();
        for _ in 0..operations {
            P::yield_now().await;
        }
        watch.stop(operations)
    })
}

fn yield_many<P: Peer>(peer: &P, operations: u64) -> Cost {
    peer.run(async move {
        let watch = Watch::start();
        let tasks: Vec<_> = (0..1000)
            .map(|_| {
                P::spawn(async move {
                    for _ in 0..operations / 1000 {
                        P::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        watch.stop(operations)
    })
}

/// Two tasks wake each other; an operation is one wake-up.
fn wake_same_core<P: Peer>(peer: &P, operations: u64) -> Cost {
    peer.run(async move {
        let signals = Arc::new([Signal::default(), Signal::default()]);
        let watch = Watch::start();
        let other = P::spawn({
            let signals = signals.clone();
            async move {
                for _ in 0..operations / 2 {
                    signals[0].wait().await;
                    signals[1].set();
                }
            }
        });
        for _ in 0..operations / 2 {
            signals[0].set();
            signals[1].wait().await;
        }
        other.await.expect("no panic");
        watch.stop(operations)
    })
}

/// A thread wakes a task and spins until that has run: mostly the price of a sleeping worker.
fn wake_from_outside<P: Peer>(peer: &P, operations: u64) -> Cost {
    let signal = Arc::new(Signal::default());
    let count = Arc::new(AtomicU64::new(0));
    let waker = std::thread::spawn({
        let (signal, count) = (signal.clone(), count.clone());
        move || {
            let watch = Watch::start();
            for number in 1..=operations {
                signal.set();
                while count.load(Ordering::Acquire) < number {
                    std::hint::spin_loop();
                }
            }
            watch.stop(operations)
        }
    });
    peer.run(async move {
        for _ in 0..operations {
            signal.wait().await;
            count.fetch_add(1, Ordering::Release);
        }
    });
    waker.join().expect("no panic")
}

/// A task wakes another and computes for 100 µs; how long does the other wait for a core?
fn wake_by_a_burner<P: Peer>(peer: &P, operations: u64) -> Cost {
    peer.run(async move {
        let start = Instant::now();
        let since = move || start.elapsed().as_nanos() as u64;
        let shared = Arc::new((Signal::default(), Signal::default(), AtomicU64::new(0)));
        let other = P::spawn({
            let shared = shared.clone();
            async move {
                let (asked, answered, at) = &*shared;
                let mut waited = 0;
                for _ in 0..operations {
                    asked.wait().await;
                    waited += since() - at.load(Ordering::Acquire);
                    answered.set();
                }
                Cost::of(Duration::from_nanos(waited), operations)
            }
        });
        for _ in 0..operations {
            let (asked, answered, at) = &*shared;
            at.store(since(), Ordering::Release);
            asked.set();
            pause::burn(Duration::from_micros(100));
            answered.wait().await;
        }
        other.await.expect("no panic")
    })
}

/// With 100,000 others that are set.
fn timer_set_and_cancel<P: Peer>(peer: &P, operations: u64) -> Cost {
    peer.run(async move {
        let mut others: Vec<Pin<Box<P::Sleep>>> = (0..100_000)
            .map(|i| Box::pin(P::sleep(Duration::from_secs(3600 + i))))
            .collect();
        for other in &mut others {
            assert!(is_pending(other.as_mut()).await);
        }
        let watch = Watch::start();
        for i in 0..operations {
            let sleep = pin!(P::sleep(Duration::from_secs(10 + i % 7)));
            assert!(is_pending(sleep).await);
            if i % 100 == 0 {
                P::yield_now().await;
            }
        }
        watch.stop(operations)
    })
}

/// The deadline of one that is set moves away, as that of a connection does with each request.
fn timer_reset<P: Peer>(peer: &P, operations: u64) -> Cost {
    peer.run(async move {
        let mut sleep = Box::pin(P::sleep(Duration::from_secs(1000)));
        assert!(is_pending(sleep.as_mut()).await);
        let first = Instant::now() + Duration::from_secs(1000);
        let watch = Watch::start();
        for i in 0..operations {
            P::reset(sleep.as_mut(), first + Duration::from_micros(i));
            assert!(is_pending(sleep.as_mut()).await);
            if i % 100 == 0 {
                P::yield_now().await;
            }
        }
        watch.stop(operations)
    })
}

/// Two tasks, a connection: an operation is a message there and back, four system calls and the
/// reactor's.
fn tcp_echo<P: Peer>(peer: &P, operations: u64) -> Cost {
    let addr = peer.serve_echo().expect("a free port");
    peer.run(async move {
        let mut client = P::connect(addr).await.expect("it listens");
        let watch = Watch::start();
        for _ in 0..operations {
            P::ask(&mut client).await.expect("it echoes");
        }
        watch.stop(operations)
    })
}

/// Polls once.
async fn is_pending(mut sleep: Pin<&mut impl Future>) -> bool {
    future::poll_fn(|cx| Poll::Ready(sleep.as_mut().poll(cx).is_pending())).await
}

/// Spawned by one task, so that they all begin on its core.
fn tasks_of_50_micros<P: Peer>(peer: &P, operations: u64) -> Cost {
    peer.run(async move {
        let watch = Watch::start();
        let burn = || async { pause::burn(Duration::from_micros(50)) };
        let tasks: Vec<_> = (0..operations).map(|_| P::spawn(burn())).collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        watch.stop(operations)
    })
}
