//! What an operation costs.

use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::allocations;

/// Of one operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// By the clock on the wall.
    pub(crate) nanos: f64,
    /// Time of CPUs, of all threads together.
    pub(crate) cpu: f64,
    /// Allocations, where they can be counted: on one core, unless it changed its thread.
    pub(crate) allocations: Option<f64>,
}

impl Cost {
    /// What is known by the clock alone.
    pub(crate) fn of(time: Duration, operations: u64) -> Self {
        let nanos = time.as_nanos() as f64 / operations as f64;
        Self {
            nanos,
            cpu: nanos,
            allocations: None,
        }
    }

    /// Nanoseconds: of CPUs, or on the wall.
    pub(crate) fn time(self, cpu: bool) -> f64 {
        if cpu { self.cpu } else { self.nanos }
    }

    /// Of each the lesser: noise only ever adds.
    pub(crate) fn min(self, other: Self) -> Self {
        Self {
            nanos: self.nanos.min(other.nanos),
            cpu: self.cpu.min(other.cpu),
            allocations: match self.allocations.zip(other.allocations) {
                Some((a, b)) => Some(a.min(b)),
                None => self.allocations.or(other.allocations),
            },
        }
    }
}

/// Looks at the clocks, and at the allocations of the thread it is on.
#[derive(Debug)]
pub(crate) struct Watch {
    thread: ThreadId,
    allocations: u64,
    cpu: Duration,
    start: Instant,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self {
            thread: thread::current().id(),
            allocations: allocations::of_this_thread(),
            cpu: cpu_time(),
            start: Instant::now(),
        }
    }

    /// After so many operations.
    pub(crate) fn stop(self, operations: u64) -> Cost {
        let each = |time: Duration| time.as_nanos() as f64 / operations as f64;
        let nanos = each(self.start.elapsed());
        let cpu = each(cpu_time() - self.cpu);
        let allocations = (self.thread == thread::current().id())
            .then(|| allocations::of_this_thread() - self.allocations);
        Cost {
            nanos,
            cpu,
            allocations: allocations.map(|count| count as f64 / operations as f64),
        }
    }
}

/// What the process has used.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is there to be written to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "this clock is always there");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
