//! What an operation costs.

use std::thread::{self, ThreadId};
use std::time::Instant;

use crate::allocations;

/// Of one operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) nanos: f64,
    /// Allocations, where they can be counted: on one core, unless it changed its thread.
    pub(crate) allocations: Option<f64>,
}

impl Cost {
    /// Of each the lesser: noise only ever adds.
    pub(crate) fn min(self, other: Self) -> Self {
        Self {
            nanos: self.nanos.min(other.nanos),
            allocations: match self.allocations.zip(other.allocations) {
                Some((a, b)) => Some(a.min(b)),
                None => self.allocations.or(other.allocations),
            },
        }
    }
}

/// Looks at the clock, and at the allocations of the thread it is on.
#[derive(Debug)]
pub(crate) struct Watch {
    thread: ThreadId,
    allocations: u64,
    start: Instant,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self {
            thread: thread::current().id(),
            allocations: allocations::of_this_thread(),
            start: Instant::now(),
        }
    }

    /// After so many operations.
    pub(crate) fn stop(self, operations: u64) -> Cost {
        let nanos = self.start.elapsed().as_nanos() as f64;
        let allocations = (self.thread == thread::current().id())
            .then(|| allocations::of_this_thread() - self.allocations);
        Cost {
            nanos: nanos / operations as f64,
            allocations: allocations.map(|count| count as f64 / operations as f64),
        }
    }
}
