//! Periodic time.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::{Sleep, clock, now, sleep_until};

/// Ticks every `period`, the first time at once.
///
/// ```
/// # use ringspun_runtime::{Builder, time};
/// # use std::time::Duration;
/// # Builder::new().cores(1).test_clock(true).build().unwrap().block_on(async {
/// let mut interval = time::interval(Duration::from_secs(1));
/// let first = interval.tick().await;
/// let second = interval.tick().await;
/// assert_eq!(second - first, Duration::from_secs(1));
/// # });
/// ```
///
/// # Panics
///
/// If `period` is zero.
pub fn interval(period: Duration) -> Interval {
    interval_at(now(), period)
}

/// Ticks every `period`, the first time at `start`. See [`interval`].
///
/// # Panics
///
/// If `period` is zero.
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval needs a period above zero");
    Interval {
        sleep: sleep_until(start),
        period,
        missed: MissedTick::Burst,
    }
}

/// What an [`Interval`] does about ticks that nobody waited for in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTick {
    /// Catch up: tick at once until the schedule is met again.
    #[default]
    Burst,
    /// Start over: the next tick is one period after the late one.
    Delay,
    /// Leave the missed ones out: the next tick is the next one of the schedule.
    Skip,
}

/// The source of ticks made by [`interval`].
#[derive(Debug)]
pub struct Interval {
    /// Ends at the next tick.
    sleep: Sleep,
    period: Duration,
    missed: MissedTick,
}

impl Interval {
    /// Waits for the next tick and returns when it was due.
    ///
    /// # Cancel safety
    ///
    /// No tick is lost when the future is dropped.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// The poll behind [`tick`](Self::tick).
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let due = self.sleep.deadline();
        self.sleep.reset(self.next_after(due));
        Poll::Ready(due)
    }

    /// Chooses what happens to missed ticks; [`MissedTick::Burst`] unless set.
    pub fn set_missed_tick(&mut self, missed: MissedTick) {
        self.missed = missed;
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Lets the next tick come one period from now.
    pub fn reset(&mut self) {
        self.sleep.reset(super::after(self.period));
    }

    fn next_after(&self, due: Instant) -> Instant {
        let next = clock::add(due, self.period);
        let now = now();
        if next > now {
            return next;
        }
        match self.missed {
            MissedTick::Burst => next,
            MissedTick::Delay => clock::add(now, self.period),
            MissedTick::Skip => {
                let late = now.saturating_duration_since(due).as_nanos();
                let into = late % self.period.as_nanos();
                let rest = self.period.as_nanos() - into;
                clock::add(
                    now,
                    Duration::from_nanos(u64::try_from(rest).unwrap_or(u64::MAX)),
                )
            }
        }
    }
}
