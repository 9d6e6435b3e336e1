//! Timers: none early, none lost, none left. M1 to M3 of the reliability list; the queue itself is
//! tested against a model beside its code.

mod support;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::time::{Duration, Instant};

use ringspun::time::{self, MissedTick};
use ringspun::{Builder, Handle, budget, spawn, task};
use support::{count, within_limit};

#[ringspun::test(virtual_time)]
async fn a_sleep_ends_at_its_deadline_to_the_nanosecond() {
    for ns in [1, 999, 1_000_000, 1_234_567_891, u64::from(u32::MAX)] {
        let start = time::now();
        time::sleep(Duration::from_nanos(ns)).await;
        assert_eq!(time::now() - start, Duration::from_nanos(ns));
    }
}

/// M2: the durations at which others overflowed: 24.9 and 49.8 days in milliseconds, 2^63 ns.
#[ringspun::test(virtual_time)]
async fn extreme_durations_neither_overflow_nor_fire_early() {
    time::sleep(Duration::ZERO).await;
    time::sleep_until(time::now() - Duration::from_nanos(1)).await;
    for days in [24.9, 25.0, 49.8, 50.0, 36_500.0] {
        let start = time::now();
        time::sleep(Duration::from_secs_f64(days * 86_400.0)).await;
        assert_eq!(
            time::now() - start,
            Duration::from_secs_f64(days * 86_400.0)
        );
    }
    for never in [Duration::MAX, Duration::from_nanos(1 << 63) * 1000] {
        let waited = time::timeout(Duration::from_secs(86_400 * 365 * 50), time::sleep(never));
        assert!(waited.await.is_err());
    }
}

#[ringspun::test(virtual_time)]
async fn a_timeout_lets_a_ready_future_win() {
    assert_eq!(time::timeout(Duration::ZERO, async { 1 }).await, Ok(1));
    let error = time::timeout(Duration::from_secs(5), std::future::pending::<()>()).await;
    assert_eq!(error.unwrap_err().to_string(), "the deadline has passed");
    let error = std::io::Error::from(
        time::timeout_at(time::now(), std::future::pending::<()>())
            .await
            .unwrap_err(),
    );
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
}

/// A future that spends its whole budget at each poll still meets its deadline.
#[ringspun::test]
async fn a_timeout_is_seen_though_the_future_never_rests() {
    let task = spawn(time::timeout(Duration::from_millis(5), async {
        loop {
            task::yield_now().await;
        }
    }));
    assert!(task.await.unwrap().is_err());
}

#[ringspun::test(virtual_time)]
async fn a_sleep_can_be_moved_both_ways_and_used_again() {
    let start = time::now();
    let second = Duration::from_secs(1);
    let mut sleep = Box::pin(time::sleep(10 * second));
    assert!(time::timeout(second, sleep.as_mut()).await.is_err());
    sleep.as_mut().get_mut().reset(start + 20 * second);
    assert!(time::timeout(18 * second, sleep.as_mut()).await.is_err());
    sleep.as_mut().await;
    assert_eq!(time::now() - start, 20 * second);
    assert!(sleep.is_elapsed());
    sleep.as_mut().get_mut().reset(start + 30 * second);
    assert!(!sleep.is_elapsed());
    assert!(time::timeout(second, sleep.as_mut()).await.is_err());
    sleep.as_mut().get_mut().reset(start + 22 * second);
    sleep.as_mut().await;
    assert_eq!(time::now() - start, 22 * second);
}

#[ringspun::test(virtual_time)]
async fn intervals_treat_missed_ticks_as_told() {
    let second = Duration::from_secs(1);
    for (missed, expected) in [
        (MissedTick::Burst, [0, 1, 2, 3, 4]),
        (MissedTick::Delay, [0, 1, 4, 5, 6]),
        (MissedTick::Skip, [0, 1, 4, 5, 6]),
    ] {
        let start = time::now();
        let mut interval = time::interval(second);
        interval.set_missed_tick(missed);
        let mut due = Vec::new();
        for tick in 0..5 {
            if tick == 1 {
                // Late for the tick at 1, 2 and 3.
                time::sleep(3 * second + second / 2).await;
            }
            due.push((interval.tick().await - start).as_millis());
        }
        let expected: Vec<_> = expected
            .iter()
            .enumerate()
            .map(|(tick, seconds)| {
                let half = if missed == MissedTick::Delay && tick > 1 {
                    500
                } else {
                    0
                };
                seconds * 1000 + half
            })
            .collect();
        assert_eq!(due, expected, "{missed:?}");
    }
}

#[ringspun::test(virtual_time)]
async fn sleeps_end_in_the_order_of_their_deadlines() {
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..500_u64)
        .map(|i| {
            let (order, seconds) = (order.clone(), i * 7919 % 500);
            spawn(async move {
                time::sleep(Duration::from_secs(seconds)).await;
                order.lock().unwrap().push(seconds);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 500);
    assert!(order.is_sorted());
}

/// M3: cancelled timers leave no entry.
#[ringspun::test(cores = 2)]
async fn cancelled_timers_leave_nothing() {
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            spawn(async {
                for _ in 0..count(25_000, 250_000) {
                    let sleep = time::sleep(Duration::from_secs(3600));
                    assert!(time::timeout(Duration::ZERO, sleep).await.is_err());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(Handle::current().metrics().timers, 0);
}

/// M1 on real cores: set, moved and dropped from two cores; never early, never lost.
#[test]
fn random_timers_over_two_cores_are_neither_early_nor_lost() {
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        let fired = Arc::new(AtomicUsize::new(0));
        let total = count(3_000, 200_000);
        let tasks: Vec<_> = (0..total)
            .map(|i| {
                let fired = fired.clone();
                runtime.handle().spawn_on(i % 2, async move {
                    let start = Instant::now();
                    let micros = (i as u64).wrapping_mul(2_654_435_761) % 20_000;
                    let mut sleep = Box::pin(time::sleep(Duration::from_micros(micros)));
                    if i % 3 == 0 {
                        // Registered here, moved and awaited wherever the task is next.
                        let _ = time::timeout(Duration::ZERO, sleep.as_mut()).await;
                        task::yield_now().await;
                        sleep
                            .as_mut()
                            .get_mut()
                            .reset(start + Duration::from_micros(2 * micros));
                    }
                    if i % 5 == 0 {
                        drop(sleep);
                    } else {
                        let deadline = sleep.deadline();
                        sleep.await;
                        assert!(Instant::now() >= deadline, "early");
                    }
                    fired.fetch_add(1, SeqCst);
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
        assert_eq!(fired.load(SeqCst), total);
        assert_eq!(runtime.handle().metrics().timers, 0);
    });
}

/// S2: a timer that is set again with no delay lets the others run.
#[ringspun::test]
async fn timers_without_delay_starve_nobody() {
    let busy = spawn(async {
        loop {
            let soon = time::now() + Duration::from_nanos(1);
            time::sleep_until(soon).await;
        }
    });
    let other = spawn(async {
        for _ in 0..1000 {
            task::yield_now().await;
        }
    });
    other.await.unwrap();
    busy.abort();
    assert!(busy.await.unwrap_err().is_cancelled());
}

/// The root future of `block_on` keeps a virtual clock from running ahead of it.
#[ringspun::test(virtual_time)]
async fn a_virtual_clock_waits_for_the_root_future() {
    let start = time::now();
    let far = spawn(time::sleep(Duration::from_secs(100)));
    for second in 1..50 {
        time::sleep(Duration::from_secs(1)).await;
        // A thread outside the runtime that works for a while between two timers.
        std::thread::yield_now();
        assert_eq!(time::now() - start, Duration::from_secs(second));
    }
    far.await.unwrap();
    assert_eq!(time::now() - start, Duration::from_secs(100));
}

/// A wake-up that comes while `block_on` ends, or later, holds a virtual clock no longer.
#[test]
fn a_virtual_clock_goes_on_after_a_wake_that_nobody_waits_for() {
    within_limit(|| {
        let runtime = Builder::new().test_clock(true).build().unwrap();
        let mut late = None;
        runtime.block_on(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            late = Some(cx.waker().clone());
            Poll::Ready(())
        }));
        runtime.block_on(time::sleep(Duration::from_secs(1)));
        late.unwrap().wake();
        runtime.block_on(time::sleep(Duration::from_secs(1)));
    });
}

/// D12: timers are the task's own memory, and there may be very many of them in one.
#[ringspun::test(virtual_time)]
async fn a_task_has_room_for_a_million_timers() {
    let timers = count(100_000, 1_000_000);
    let start = time::now();
    // At four different times, so that the task is woken a few times only.
    let sleep = |at: usize| time::sleep_until(start + Duration::from_secs(1 + at as u64 % 4));
    let mut sleeps: Vec<_> = (0..timers).map(sleep).collect();
    let mut polls = 0;
    let waits = poll_fn(move |cx| {
        polls += 1;
        budget::unlimited(|| sleeps.retain_mut(|sleep| Pin::new(sleep).poll(cx).is_pending()));
        match sleeps.is_empty() {
            true => Poll::Ready(polls),
            false => Poll::Pending,
        }
    });
    let polls = spawn(waits).await.unwrap();
    assert_eq!(time::now() - start, Duration::from_secs(4));
    println!("D12 {timers} timers in one task, {polls} polls");
}
