//! `spawn_blocking` of ringspun beside that of tokio, in turns in one process: jobs that do nothing, each
//! awaited by a task that then submits the next.
//!
//! `cargo run --release -p peer-blocking`. A line for each number of jobs in flight: wall time and CPU time
//! of a job for both, the median of the rounds, and ringspun's as a ratio to tokio's. (Not the least: how
//! often a thread must be woken depends on where the kernel runs it, so rounds differ by their nature.)

use std::time::{Duration, Instant};

const ROUNDS: usize = 15;
const JOBS: usize = 20_000;

fn main() {
    let ringspun = ringspun::Builder::new()
        .cores(1)
        .build()
        .expect("a runtime");
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("a runtime");
    println!("in flight   ringspun wall, CPU      tokio wall, CPU      ratio wall, CPU");
    for in_flight in [1, 8, 100] {
        let mut rounds = [Rounds::default(), Rounds::default()];
        for _ in 0..ROUNDS {
            rounds[0].add(|| on_ringspun(&ringspun, in_flight));
            rounds[1].add(|| on_tokio(&tokio, in_flight));
        }
        let [ours, theirs] = rounds.map(Rounds::medians);
        println!(
            "{in_flight:>9}   {:>8.0} ns {:>7.0} ns   {:>8.0} ns {:>7.0} ns   {:>10.2} {:>6.2}",
            ours.0,
            ours.1,
            theirs.0,
            theirs.1,
            ours.0 / theirs.0,
            ours.1 / theirs.1,
        );
    }
}

fn on_ringspun(runtime: &ringspun::Runtime, in_flight: usize) {
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            runtime.handle().spawn(async move {
                for _ in 0..JOBS / in_flight {
                    ringspun::spawn_blocking(|| ()).await.expect("no panic");
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}

fn on_tokio(runtime: &tokio::runtime::Runtime, in_flight: usize) {
    let tasks: Vec<_> = (0..in_flight)
        .map(|_| {
            runtime.spawn(async move {
                for _ in 0..JOBS / in_flight {
                    tokio::task::spawn_blocking(|| ()).await.expect("no panic");
                }
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}

/// What each round took.
#[derive(Default)]
struct Rounds {
    wall: Vec<Duration>,
    cpu: Vec<Duration>,
}

impl Rounds {
    fn add(&mut self, round: impl FnOnce()) {
        let (wall, cpu) = (Instant::now(), cpu_time());
        round();
        self.wall.push(wall.elapsed());
        self.cpu.push(cpu_time() - cpu);
    }

    /// Wall and CPU time of a job in ns.
    fn medians(self) -> (f64, f64) {
        (median(self.wall), median(self.cpu))
    }
}

/// What all threads of this process have used.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel writes the one `timespec` it is given.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "every Linux has this clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(mut rounds: Vec<Duration>) -> f64 {
    rounds.sort_unstable();
    rounds[ROUNDS / 2].as_nanos() as f64 / JOBS as f64
}
