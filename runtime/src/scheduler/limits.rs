//! How long is long: the thresholds of the scheduler, in ticks.

use std::time::Duration;

use crate::time::ticks::Ticks;
use crate::{budget, cpus};

/// What the builder was told of stalls, and what follows from it.
#[derive(Debug, Clone)]
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
    /// A backlog that takes less is neither worth a wake-up nor a theft: 6.5 µs for the waker, 20 µs
    /// until the other one runs.
    pub(crate) worth: u64,
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
        Self {
            ticks,
            turn: us(200),
            yield_turn: us(50),
            poll: budget::longest(ticks),
            stuck: ticks.of(crowded(Duration::from_micros(50))),
            worth: us(20),
            alert: ticks.of(watchdog.clamp(Duration::from_micros(100), SLOW)),
            slow: ticks.of(SLOW),
            watchdog,
            hand_off: hand_off.map(|after| ticks.of(crowded(after))),
            steal_readiness,
        }
    }
}
