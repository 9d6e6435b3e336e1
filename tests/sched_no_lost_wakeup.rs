//! Whoever wakes a task from wherever: it runs. S3 and X1 of the reliability list.

mod support;

use std::future::poll_fn;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use ringspun::Builder;
use support::{count, within_limit};

/// S3: every worker sleeps when a thread outside submits one task after another.
#[test]
fn a_task_submitted_from_outside_to_sleeping_workers_runs() {
    for cores in [1, 2, 4] {
        within_limit(move || {
            let runtime = Builder::new().cores(cores).build().unwrap();
            let (ran, done) = mpsc::channel();
            for i in 0..count(5_000, 350_000) {
                let ran = ran.clone();
                runtime.handle().spawn(async move { ran.send(i).unwrap() });
                // Not before the last one ran and its worker is on its way to sleep.
                assert_eq!(done.recv().unwrap(), i);
            }
        });
    }
}

/// A place where one task waits and many threads wake it.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Bell {
    async fn wait(&self) {
        poll_fn(|cx| {
            *self.waker.lock().unwrap() = Some(cx.waker().clone());
            if self.rung.swap(false, AcqRel) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn ring(&self) {
        self.rung.store(true, Release);
        let waker = self.waker.lock().unwrap().clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// X1: foreign threads ring bells as fast as they can; each ring is answered before the next.
#[test]
fn wakes_from_foreign_threads_all_arrive() {
    for cores in [1, 2, 3] {
        within_limit(move || {
            // No watchdog, which could come to the rescue of a task whose wake-up was lost.
            let builder = Builder::new().cores(cores).watchdog(Duration::ZERO);
            let runtime = builder.build().unwrap();
            let rounds = count(10_000, 1_000_000);
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let bell = Arc::new(Bell::default());
                    let answered = Arc::new(AtomicUsize::new(0));
                    let task = runtime.handle().spawn({
                        let (bell, answered) = (bell.clone(), answered.clone());
                        async move {
                            for _ in 0..rounds {
                                bell.wait().await;
                                answered.fetch_add(1, AcqRel);
                            }
                        }
                    });
                    let ringer = thread::spawn(move || {
                        for round in 1..=rounds {
                            bell.ring();
                            while answered.load(Acquire) < round {
                                thread::yield_now();
                            }
                        }
                    });
                    (task, ringer)
                })
                .collect();
            for (task, ringer) in threads {
                ringer.join().unwrap();
                runtime.block_on(task).unwrap();
            }
        });
    }
}

/// X1, as fast as threads can: bursts of wake-ups, most of which find the task woken already. After each
/// burst the task must have seen the last one.
#[test]
fn storms_of_wakes_from_foreign_threads_end_with_the_last_one_seen() {
    const THREADS: usize = 3;
    within_limit(|| {
        let builder = Builder::new().cores(2).watchdog(Duration::ZERO);
        let runtime = builder.build().unwrap();
        let total = count(3_000_000, 100_000_000);
        let start = Instant::now();
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (sent, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
                let (give, waker) = mpsc::channel::<Waker>();
                let task = runtime.handle().spawn({
                    let (sent, seen) = (sent.clone(), seen.clone());
                    let mut give = Some(give);
                    poll_fn(move |cx| {
                        if let Some(give) = give.take() {
                            give.send(cx.waker().clone()).unwrap();
                        }
                        let now = sent.load(Acquire);
                        seen.store(now, Release);
                        if now == usize::MAX {
                            Poll::Ready(())
                        } else {
                            Poll::<()>::Pending
                        }
                    })
                });
                let storm = thread::spawn(move || {
                    let waker = waker.recv().unwrap();
                    let wake = |number| {
                        sent.store(number, Release);
                        waker.wake_by_ref();
                    };
                    let mut number = 0;
                    while number < total / THREADS {
                        // Bursts of 1 to 4,096.
                        for _ in 0..1 << ((number + thread) % 13) {
                            number += 1;
                            wake(number);
                        }
                        while seen.load(Acquire) < number {
                            thread::yield_now();
                        }
                    }
                    wake(usize::MAX);
                    number
                });
                (task, storm)
            })
            .collect();
        let mut wakes = 0;
        for (task, storm) in threads {
            wakes += storm.join().unwrap();
            runtime.block_on(task).unwrap();
        }
        let rate = wakes as f64 / start.elapsed().as_secs_f64();
        println!("X1: {wakes} wake-ups, {rate:.1e} a second, none lost");
    });
}

/// Tasks on different cores wake each other in a ring: one token goes round.
#[test]
fn a_token_between_cores_is_never_lost() {
    within_limit(|| {
        let cores = 4;
        let runtime = Builder::new().cores(cores).build().unwrap();
        let rounds = count(5_000, 200_000);
        let bells: Vec<_> = (0..cores).map(|_| Arc::new(Bell::default())).collect();
        let tasks: Vec<_> = (0..cores)
            .map(|core| {
                let (mine, next) = (bells[core].clone(), bells[(core + 1) % cores].clone());
                runtime.handle().spawn_on(core, async move {
                    for _ in 0..rounds {
                        mine.wait().await;
                        next.ring();
                    }
                })
            })
            .collect();
        bells[0].ring();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
    });
}

/// More tasks than the ring holds, from one task: the overflow comes back, in full.
#[test]
fn more_tasks_than_a_ring_holds_all_run() {
    within_limit(|| {
        for cores in [1, 3] {
            // The core stays with its thread, or its next one would empty the ring beside the parent.
            let builder = Builder::new().cores(cores).hand_off_after(None);
            let runtime = builder.build().unwrap();
            let ran = Arc::new(AtomicUsize::new(0));
            let total = 20_000;
            let counter = ran.clone();
            runtime.block_on(async move {
                let parent = ringspun::spawn(async move {
                    let children: Vec<_> = (0..total)
                        .map(|_| {
                            let ran = counter.clone();
                            ringspun::spawn(async move {
                                ran.fetch_add(1, AcqRel);
                            })
                        })
                        .collect();
                    for child in children {
                        child.await.unwrap();
                    }
                });
                parent.await.unwrap();
            });
            assert_eq!(ran.load(Acquire), total);
            // With others to steal from it the ring may never be full.
            assert!(cores > 1 || runtime.handle().metrics().total().overflows > 0);
        }
    });
}
