//! Steals where there is nothing to gain.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use peer_common::pause;

use crate::options::Options;
use crate::peer::{Peer, Ringspun};

/// Cores, and tasks on each: enough that no core runs dry.
const CORES: usize = 2;
const TASKS: usize = 32;
/// As long as a task computes before it yields.
const BURN: Duration = Duration::from_micros(20);

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let runtime = Ringspun::new(CORES).map_err(|e| format!("a runtime: {e}"))?;
    let handle = runtime.handle();
    let stop = Arc::new(AtomicBool::new(false));
    for core in 0..CORES {
        for _ in 0..TASKS {
            let stop = stop.clone();
            handle.spawn_on(core, async move {
                while !stop.load(Ordering::Relaxed) {
                    pause::burn(BURN);
                    ringspun::task::yield_now().await;
                }
            });
        }
    }
    let (before, start) = (handle.metrics().total(), Instant::now());
    thread::sleep(options.seconds);
    let (after, elapsed) = (handle.metrics().total(), start.elapsed().as_secs_f64());
    stop.store(true, Ordering::Relaxed);
    println!("{CORES} cores, {TASKS} tasks on each that burn {BURN:?} and yield, per second:");
    for (name, count) in [
        ("polls", after.polls - before.polls),
        ("steals", after.steals - before.steals),
        ("stolen tasks", after.stolen_tasks - before.stolen_tasks),
        ("wake-ups sent", after.wakes_sent - before.wakes_sent),
        (
            "searches for nothing",
            after.empty_searches - before.empty_searches,
        ),
    ] {
        println!("{name:<22} {:>12.1}", count as f64 / elapsed);
    }
    Ok(())
}
