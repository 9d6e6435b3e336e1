//! Time: sleeping, deadlines, periods. Each core keeps its own timers, exact to the nanosecond the
//! kernel's wait allows; none fires early.
//!
//! Under [`Builder::test_clock`](crate::Builder::test_clock) the clock is virtual: it stands still
//! while any task can run, and jumps to the next deadline when all wait.

pub(crate) mod clock;
mod interval;
#[cfg(all(test, loom))]
mod loom_timers;
pub(crate) mod queue;
mod sleep;
pub(crate) mod ticks;
mod timeout;
pub(crate) mod timers;

use std::time::{Duration, Instant};

pub use self::interval::{Interval, MissedTick, interval, interval_at};
pub use self::sleep::{Sleep, sleep, sleep_until};
pub use self::timeout::{Elapsed, Timeout, timeout, timeout_at};

use crate::context;

/// The time now, by the clock of the current runtime: virtual in tests that ask for it.
pub fn now() -> Instant {
    context::with_shared(|shared| {
        let shared = shared?;
        shared
            .clock
            .is_virtual()
            .then(|| shared.clock.instant(shared.clock.now()))
    })
    .unwrap_or_else(Instant::now)
}

/// The time when this core last looked at the clock: at most one turn of its loop ago, and without
/// reading the clock. The same as [`now`] on a thread that is not a worker.
///
/// Right for deadlines of seconds that are set again and again, such as the idle timeout of a
/// connection.
pub fn coarse_now() -> Instant {
    context::coarse_now().unwrap_or_else(now)
}

/// `now() + duration`, saturating far in the future.
pub(crate) fn after(duration: Duration) -> Instant {
    clock::add(now(), duration)
}
