//! How long is long: the thresholds of the scheduler, in ticks.

use std::time::Duration;

use crate::loom::atomic::AtomicU64;
use crate::loom::atomic::Ordering::Relaxed;
use crate::time::ticks::Ticks;
use crate::{budget, cpus};

/// What the builder was told of stalls, and what follows from it.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) ticks: Ticks,
    /// Longest time between two looks at the own reactor while tasks run.
    pub(crate) turn: u64,
    /// The same before a task that yielded: those go behind everything that an event woke.
    pub(crate) yield_turn: u64,
    /// A poll ends at its next leaf operation when it takes longer.
    pub(crate) poll: u64,
    /// A core is stuck when one poll takes longer: anything may be taken from it.
    pub(crate) stuck: u64,
    /// Polls that take less may share a look at the clock; 0 where nobody would know the one that took long.
    pub(crate) short: u64,
    /// A backlog that takes less is neither worth a wake-up nor a theft.
    pub(crate) worth: Worth,
    /// A poll that takes longer makes the watchdog keep its period.
    pub(crate) alert: u64,
    /// A poll that takes longer is reported.
    pub(crate) slow: u64,
    /// Period of the watchdog; zero: there is none.
    pub(crate) watchdog: Duration,
    /// The monitor hands a core off when one poll takes longer; `None`: never.
    pub(crate) hand_off: Option<u64>,
    /// Whether events and timers are taken from stuck cores.
    pub(crate) steal_readiness: bool,
}

/// What it costs to get another worker to run something: the time from its wake-up until it runs, measured
/// as wake-ups happen. In ticks; hints, relaxed.
#[derive(Debug)]
pub(crate) struct Worth {
    cost: AtomicU64,
    least: u64,
    most: u64,
}

impl Worth {
    /// Begins with the 20 µs that a wake-up takes on an ordinary machine.
    fn new(us: impl Fn(u64) -> u64) -> Self {
        Self {
            cost: AtomicU64::new(us(20)),
            least: us(5),
            most: us(60),
        }
    }

    #[inline]
    pub(crate) fn cost(&self) -> u64 {
        self.cost.load(Relaxed)
    }

    /// A worker ran `took` after somebody had woken it. An exponential mean over about 16 wake-ups; one
    /// that had to wait for a CPU counts as the most.
    pub(crate) fn measured(&self, took: u64) {
        let (cost, took) = (self.cost(), took.clamp(self.least, self.most));
        self.cost.store(cost - cost / 16 + took / 16, Relaxed);
    }
}

/// A poll that takes longer than this is worth a line in the log.
const SLOW: Duration = Duration::from_millis(10);

impl Limits {
    pub(crate) fn new(
        cores: usize,
        watchdog: Duration,
        hand_off: Option<Duration>,
        steal_readiness: bool,
    ) -> Self {
        let ticks = Ticks::get();
        let us = |us| ticks.of(Duration::from_micros(us));
        // With more threads than CPUs a poll lasts longer than its work: the thread waits for a CPU, and
        // helping it would only keep it from one.
        let crowd = cores.div_ceil(cpus::available()).max(1);
        let crowd = u32::try_from(crowd).unwrap_or(u32::MAX);
        let crowded = |duration: Duration| duration.saturating_mul(crowd * crowd);
        let watchdog = crowded(watchdog);
        let watched = !watchdog.is_zero() && (cores > 1 || hand_off.is_some());
        Self {
            ticks,
            turn: us(200),
            yield_turn: us(50),
            poll: budget::longest(ticks),
            stuck: ticks.of(crowded(Duration::from_micros(50))),
            // A look costs a hundredth of that.
            short: if watched { us(1) } else { 0 },
            worth: Worth::new(us),
            alert: ticks.of(watchdog.clamp(Duration::from_micros(100), SLOW)),
            slow: ticks.of(SLOW),
            watchdog,
            hand_off: hand_off.map(|after| ticks.of(crowded(after))),
            steal_readiness,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_a_wake_up_follows_what_is_measured_within_bounds() {
        let worth = Worth::new(|us| us * 1000);
        assert_eq!(worth.cost(), 20_000);
        let settles_at = |took| {
            (0..200).for_each(|_| worth.measured(took));
            worth.cost()
        };
        // The mean is rounded down.
        assert!((9_900..=10_100).contains(&settles_at(10_000)));
        assert!((59_900..=60_100).contains(&settles_at(1_000_000)));
        assert!((4_900..=5_100).contains(&settles_at(0)));
    }
}
