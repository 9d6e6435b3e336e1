//! The runtime's clock: nanoseconds since its start, real or virtual.

use std::time::{Duration, Instant};

use crate::loom::atomic::AtomicU64;
use crate::loom::atomic::Ordering::{Acquire, Release};

/// A deadline that never comes: 584 years after the start.
pub(crate) const NEVER: u64 = u64::MAX;

/// Reads the time.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// Set if the clock is virtual: the nanoseconds it shows. Written by the one worker of a runtime
    /// with a test clock.
    virtual_ns: Option<AtomicU64>,
}

impl Clock {
    pub(crate) fn new(is_virtual: bool) -> Self {
        Self {
            start: Instant::now(),
            virtual_ns: is_virtual.then(|| AtomicU64::new(0)),
        }
    }

    pub(crate) fn is_virtual(&self) -> bool {
        self.virtual_ns.is_some()
    }

    /// Nanoseconds since the start; never goes back.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        match &self.virtual_ns {
            None => saturating_ns(self.start.elapsed()),
            Some(ns) => ns.load(Acquire),
        }
    }

    /// The time in both forms, for one look at the clock.
    #[inline]
    pub(crate) fn read(&self) -> (u64, Instant) {
        if self.is_virtual() {
            let ns = self.now();
            return (ns, self.instant(ns));
        }
        let instant = Instant::now();
        (self.ns(instant), instant)
    }

    /// Moves a virtual clock forward to `ns`.
    pub(crate) fn advance_to(&self, ns: u64) {
        let clock = self
            .virtual_ns
            .as_ref()
            .expect("only a virtual clock can be moved");
        // Release: whoever sees the new time sees what happened before.
        clock.store(ns.max(clock.load(Acquire)), Release);
    }

    /// The instant `ns` after the start; saturates far in the future.
    pub(crate) fn instant(&self, ns: u64) -> Instant {
        add(self.start, Duration::from_nanos(ns))
    }

    /// Nanoseconds from the start to `instant`: 0 for the past, [`NEVER`] for the far future.
    pub(crate) fn ns(&self, instant: Instant) -> u64 {
        saturating_ns(instant.saturating_duration_since(self.start))
    }
}

/// `instant + duration`, or an instant so far away that it counts as never.
pub(crate) fn add(instant: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(200 * 365 * 24 * 60 * 60);
    instant.checked_add(duration).unwrap_or_else(|| {
        instant
            .checked_add(FAR)
            .expect("the platform's clock has room for 200 years")
    })
}

fn saturating_ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn conversions_saturate() {
        let clock = Clock::new(false);
        assert_eq!(clock.ns(clock.start), 0);
        assert_eq!(clock.ns(clock.instant(5)), 5);
        assert!(clock.ns(add(clock.start, Duration::MAX)) > 100 * 365 * 86_400 * 1_000_000_000);
        assert!(clock.instant(NEVER) > clock.start);
    }

    #[test]
    fn a_virtual_clock_moves_only_by_hand() {
        let clock = Clock::new(true);
        assert_eq!(clock.now(), 0);
        clock.advance_to(7);
        clock.advance_to(3);
        assert_eq!(clock.now(), 7);
    }
}
