//! Refusing work while there is too much of it.
//!
//! Under overload every request waits longer than the one before, until all of them are answered
//! too late. It is better to answer some in time and to tell the others at once. What counts is
//! how long a request has to wait for the core, not how many there are; and a short burst is no
//! overload. So requests are refused on a core whose queue has stood above the target for a whole
//! interval, until it falls below it once (the idea of CoDel, RFC 8289, for a run queue).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringspun_runtime::time::coarse_now;
use ringspun_runtime::{backlog, current_core};

/// See the module's text.
pub(super) struct Admission {
    target: Duration,
    start: Instant,
    /// Of each core: since when its queue stands above the target, in milliseconds after `start`,
    /// plus one; 0 if it does not. Of more cores than these several share one.
    above: Box<[AtomicU64]>,
}

impl Admission {
    pub(super) fn new(target: Duration, cores: usize) -> Self {
        Self {
            target,
            start: coarse_now(),
            above: (0..cores.max(1)).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Whether a request that has come on this core is served.
    pub(super) fn admits(&self) -> bool {
        let core = current_core().unwrap_or_default();
        // Relaxed: written by the thread of the core only, but for moments of adoption.
        let above = &self.above[core % self.above.len()];
        if backlog() <= self.target {
            if above.load(Ordering::Relaxed) != 0 {
                above.store(0, Ordering::Relaxed);
            }
            return true;
        }
        let elapsed = coarse_now().saturating_duration_since(self.start);
        let now = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX - 1) + 1;
        match above.load(Ordering::Relaxed) {
            0 => {
                above.store(now, Ordering::Relaxed);
                true
            }
            since => now.saturating_sub(since) < INTERVAL,
        }
    }
}

/// A queue that stands for so long is no burst, in milliseconds (RFC 8289 4.3).
const INTERVAL: u64 = 100;
