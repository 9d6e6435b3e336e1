//! A task that keeps its thread does not keep the others: adoption, hand-off, `block_in_place`.

mod support;

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringspun::net::TcpListener;
use ringspun::time;
use ringspun::{Builder, Handle, Runtime, block_in_place, spawn};

use support::{becomes, count, within_limit};

const STALL: Duration = Duration::from_millis(50);

fn runtime(cores: usize) -> Runtime {
    Builder::new().cores(cores).build().unwrap()
}

/// Ticks every millisecond while `stall` runs again and again in another task, and returns the median of
/// the longest gap in each stall: one that the host makes does not count.
fn longest_gap(runtime: &Runtime, stalls: usize, stall: fn()) -> Duration {
    let gaps = runtime.block_on(async {
        spawn(async move {
            let mut gaps = Vec::new();
            for _ in 0..stalls {
                let done = Arc::new(AtomicBool::new(false));
                let end = done.clone();
                // The ticks go on before the stall begins.
                time::sleep(Duration::from_millis(2)).await;
                let mut last = Instant::now();
                let task = spawn(async move {
                    stall();
                    end.store(true, Ordering::Release);
                });
                let mut gap = Duration::ZERO;
                while !done.load(Ordering::Acquire) {
                    time::sleep(Duration::from_millis(1)).await;
                    gap = gap.max(last.elapsed());
                    last = Instant::now();
                }
                task.await.unwrap();
                gaps.push(gap);
            }
            gaps.sort();
            gaps
        })
        .await
        .unwrap()
    });
    println!("gaps {gaps:?}");
    gaps[gaps.len() / 2]
}

fn hand_offs(runtime: &Runtime) -> u64 {
    runtime.handle().metrics().total().hand_offs
}

fn sleep() {
    thread::sleep(STALL);
}

fn burn() {
    let start = Instant::now();
    while start.elapsed() < STALL {
        std::hint::spin_loop();
    }
}

fn announced() {
    block_in_place(sleep);
}

#[test]
fn a_core_is_handed_off_when_its_thread_sleeps_or_burns() {
    within_limit(|| {
        for stall in [sleep, burn] {
            let runtime = runtime(1);
            let stalls = count(5, 20);
            let gap = longest_gap(&runtime, stalls, stall);
            assert!(gap < STALL / 2, "{gap:?}");
            let offs = hand_offs(&runtime);
            assert!(offs >= stalls as u64 / 2, "{offs}");
        }
    });
}

#[test]
fn without_the_monitor_everybody_waits() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).hand_off_after(None).build();
        let runtime = runtime.unwrap();
        let gap = longest_gap(&runtime, 3, sleep);
        assert!(gap >= STALL, "{gap:?}");
        assert_eq!(hand_offs(&runtime), 0);
    });
}

#[test]
fn block_in_place_gives_the_core_away_at_once() {
    within_limit(|| {
        // No watchdog: nobody but the call itself does it.
        let runtime = Builder::new().cores(1).watchdog(Duration::ZERO).build();
        let runtime = runtime.unwrap();
        let stalls = count(5, 20);
        let gap = longest_gap(&runtime, stalls, announced);
        assert!(gap < STALL / 2, "{gap:?}");
        assert_eq!(hand_offs(&runtime), stalls as u64);
    });
}

#[test]
fn without_a_spare_block_in_place_still_runs() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).spare_threads(0).build().unwrap();
        let answer = runtime.block_on(async { spawn(async { block_in_place(|| 42) }).await });
        assert_eq!(answer.unwrap(), 42);
        assert_eq!(hand_offs(&runtime), 0);
        assert_eq!(block_in_place(|| 7), 7, "outside of a runtime too");
    });
}

/// H11, H12, H13 and the inbox: a timer, a spawned task, a task placed there, and a new connection of a
/// core that is stuck are served by the other one.
#[test]
fn an_idle_core_adopts_a_stuck_one() {
    within_limit(|| {
        let runtime = Builder::new().cores(2).hand_off_after(None).build();
        let runtime = runtime.unwrap();
        for _ in 0..count(20, 1000) {
            adopt_once(runtime.handle());
        }
        let total = runtime.handle().metrics().total();
        println!("{total:?}");
        assert!(total.adoptions > 0);
        assert_eq!(total.hand_offs, 0);
    });
}

fn adopt_once(handle: &Handle) {
    let served = Arc::new(AtomicUsize::new(0));
    let (address, told) = std::sync::mpsc::channel();
    let stop = Arc::new(AtomicBool::new(false));
    let (mine, until) = (served.clone(), stop.clone());
    let stuck = handle.spawn_on(0, async move {
        let mut listener = TcpListener::bind("127.0.0.1:0").unwrap();
        address.send(listener.local_addr().unwrap()).unwrap();
        let count = |served: &Arc<AtomicUsize>| {
            let served = served.clone();
            move || served.fetch_add(1, Ordering::AcqRel)
        };
        let (timer, lifo, accepted) = (count(&mine), count(&mine), count(&mine));
        let waits = spawn(async move {
            time::sleep(Duration::from_millis(1)).await;
            timer();
        });
        let accepts = spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            stream.read_exact(&mut byte).await.unwrap();
            stream.write_all(&byte).await.unwrap();
            accepted();
        });
        // They register and wait.
        ringspun::task::yield_now().await;
        time::sleep(Duration::from_micros(100)).await;
        let spawned = spawn(async move {
            lifo();
        });
        let end = Instant::now() + Duration::from_secs(60);
        while !until.load(Ordering::Acquire) && Instant::now() < end {
            std::hint::spin_loop();
        }
        for task in [waits, accepts, spawned] {
            task.await.unwrap();
        }
    });
    let address = told.recv().unwrap();
    let placed = served.clone();
    let inbox = handle.spawn_on(0, async move {
        placed.fetch_add(1, Ordering::AcqRel);
    });
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(50)))
        .unwrap();
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    becomes(4, || served.load(Ordering::Acquire));
    assert!(!stuck.is_finished());
    stop.store(true, Ordering::Release);
    handle.block_on(async {
        stuck.await.unwrap();
        inbox.await.unwrap();
    });
}

/// Whoever has adopted a stuck core looks after it by itself: the watchdog need not call again.
#[test]
fn the_watchdog_is_quiet_while_a_core_is_adopted() {
    within_limit(|| {
        let runtime = runtime(2);
        let stall = runtime
            .handle()
            .spawn(async { thread::sleep(Duration::from_millis(300)) });
        runtime.block_on(stall).unwrap();
        let total = runtime.handle().metrics().total();
        println!("{total:?}");
        assert!(total.adoptions > 0);
        // One to begin with. With an alarm for each period it was 230.
        assert!(total.watchdog_fires < 60, "{}", total.watchdog_fires);
    });
}

/// Hand-offs by the hundred, while everything else goes on: no task is lost, and the threads go.
#[test]
fn no_task_is_lost_in_many_hand_offs() {
    within_limit(|| {
        let runtime = Builder::new()
            .cores(2)
            .watchdog(Duration::from_micros(100))
            .hand_off_after(Duration::from_micros(100))
            .build()
            .unwrap();
        let done = Arc::new(AtomicUsize::new(0));
        let total = count(300, 810_000);
        runtime.block_on(async {
            let tasks: Vec<_> = (0..total)
                .map(|i| {
                    let done = done.clone();
                    spawn(async move {
                        for round in 0..4 {
                            match (i + round) % 4 {
                                0 => block_in_place(|| thread::sleep(Duration::from_micros(50))),
                                1 => thread::sleep(Duration::from_micros(400)),
                                2 => time::sleep(Duration::from_micros(100)).await,
                                _ => ringspun::task::yield_now().await,
                            }
                        }
                        done.fetch_add(1, Ordering::AcqRel);
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
        assert_eq!(done.load(Ordering::Acquire), total);
        println!("{} hand-offs", hand_offs(&runtime));
        assert!(hand_offs(&runtime) >= total as u64 / 2);
    });
}

#[test]
fn shutdown_ends_in_time_while_a_thread_is_stuck() {
    within_limit(|| {
        for cores in [1, 2] {
            let runtime = runtime(cores);
            let (begun, has_begun) = std::sync::mpsc::channel();
            let go = Arc::new(AtomicBool::new(false));
            let until = go.clone();
            runtime.handle().spawn(async move {
                begun.send(()).unwrap();
                while !until.load(Ordering::Acquire) {
                    thread::sleep(Duration::from_millis(1));
                }
            });
            has_begun.recv().unwrap();
            let start = Instant::now();
            assert!(!runtime.shutdown_timeout(Duration::from_millis(20)));
            assert!(start.elapsed() < Duration::from_secs(30));
            go.store(true, Ordering::Release);
        }
    });
}
