//! What is said about polls that take too long.
//!
//! Whoever watches a stuck core notes the CPU time of its thread; when the poll is over, the worker
//! compares: a thread that has used CPU time since was burning, else it was blocked in a system call
//! or on a lock. One warning for each spawn location.

use std::collections::HashSet;
use std::panic::Location;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::shared::Shared;
use crate::loom::Mutex;

/// The CPU time of a thread while it was stuck.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// The start of the poll that it belongs to.
    start: u64,
    at: u64,
    cpu: Duration,
}

/// Spawn locations that were reported.
#[derive(Debug, Default)]
pub(crate) struct Reported(Mutex<HashSet<usize>>);

/// Notes the CPU time of the thread that is stuck on `core`, once for each poll.
pub(crate) fn sample(shared: &Shared, core: usize, start: u64, now: u64) {
    let remote = &shared.remotes[core];
    let mut sample = remote.stall.lock();
    if sample.start == start {
        return;
    }
    let cpu = remote.lease.holder().and_then(|(worker, _)| {
        let tid = shared.desks[worker].tid.load(Relaxed);
        thread_cpu_time(tid)
    });
    if let Some(cpu) = cpu {
        *sample = Sample {
            start,
            at: now,
            cpu,
        };
    }
}

/// When the poll began, as far as is known, whose thread's time was noted last on `core`.
pub(crate) fn seen(shared: &Shared, core: usize) -> u64 {
    shared.remotes[core].stall.lock().start
}

/// A poll has taken longer than the limit. Called on its thread, when it is over.
#[cold]
pub(crate) fn report(
    shared: &Shared,
    core: usize,
    tid: i32,
    (start, end): (u64, u64),
    location: &'static Location<'static>,
) {
    shared.remotes[core].counters.slow_polls.add_shared(1);
    let new = shared
        .reported
        .0
        .lock()
        .insert(std::ptr::from_ref(location).addr());
    if !new {
        return;
    }
    let sample = *shared.remotes[core].stall.lock();
    let ticks = shared.limits.ticks;
    let what = match thread_cpu_time(tid) {
        Some(cpu) if sample.start == start => {
            let used = cpu.saturating_sub(sample.cpu);
            let passed = Duration::from_nanos(ticks.ns(end.saturating_sub(sample.at)));
            if used * 2 > passed {
                "burning CPU"
            } else {
                "blocked"
            }
        }
        _ => "unknown: nobody was watching",
    };
    tracing::warn!(
        spawned_at = %location,
        milliseconds = ticks.ns(end.saturating_sub(start)) / 1_000_000,
        what,
        "one poll of a task took long: use spawn_blocking or block_in_place, or yield (reported once)"
    );
}

/// The number of this thread.
pub(crate) fn current_tid() -> i32 {
    // SAFETY: gettid takes nothing and cannot fail.
    unsafe { libc::gettid() }
}

/// The CPU time of a thread of this process; `None` when it has ended.
fn thread_cpu_time(tid: i32) -> Option<Duration> {
    // include/linux/posix-timers.h: CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED.
    let clock: libc::clockid_t = (!tid << 3) | 6;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` lives until the call returns; a bad clock is refused.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if tid == 0 || result != 0 {
        return None;
    }
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).ok()?);
    Some(seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).ok()?))
}
