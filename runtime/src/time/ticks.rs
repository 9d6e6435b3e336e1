//! Ticks: a clock so cheap that the scheduler reads it before every task.
//!
//! On x86-64 with a time-stamp counter that the kernel itself trusts, a reading costs 9 ns instead of 25.
//! Elsewhere a tick is a nanosecond of the monotonic clock. Ticks measure how long things take; deadlines
//! are the [`Clock`](super::clock::Clock)'s.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How ticks are read, and how many make a microsecond.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticks {
    counter: bool,
    per_us: u64,
    /// Nanoseconds of a tick, times 2^32: a multiplication is cheaper than a division.
    ns_32: u64,
    start: Instant,
}

impl Ticks {
    /// The process's; measured once.
    pub(crate) fn get() -> Self {
        static TICKS: OnceLock<Ticks> = OnceLock::new();
        *TICKS.get_or_init(Self::measure)
    }

    /// The time now; never 0.
    #[inline(always)]
    pub(crate) fn now(self) -> u64 {
        if self.counter {
            return counter();
        }
        self.monotonic()
    }

    /// `duration` in ticks; saturates.
    pub(crate) fn of(self, duration: Duration) -> u64 {
        let ticks = duration.as_nanos().saturating_mul(u128::from(self.per_us)) / 1000;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    pub(crate) fn ns(self, ticks: u64) -> u64 {
        u64::try_from((u128::from(ticks) * u128::from(self.ns_32)) >> 32).unwrap_or(u64::MAX)
    }

    fn monotonic(self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX) + 1
    }

    fn measure() -> Self {
        let start = Instant::now();
        let nanoseconds = Self {
            counter: false,
            per_us: 1000,
            ns_32: 1 << 32,
            start,
        };
        if !kernel_trusts_counter() {
            return nanoseconds;
        }
        // 200 µs against two readings of 25 ns each: right to about 0.05 %.
        let (first, from) = both();
        while from.elapsed() < Duration::from_micros(200) {}
        let (last, to) = both();
        let elapsed = to.duration_since(from);
        let ticks = u128::from(last.wrapping_sub(first));
        match u64::try_from(ticks * 1000 / elapsed.as_nanos()) {
            Ok(per_us) if per_us > 0 => Self {
                counter: true,
                per_us,
                ns_32: (1000 << 32) / per_us,
                start,
            },
            _ => nanoseconds,
        }
    }
}

/// The counter and the clock at one time: the closest of some pairs, since the thread may lose its CPU
/// between the two readings.
fn both() -> (u64, Instant) {
    let pair = || {
        let before = counter();
        let now = Instant::now();
        let apart = counter().wrapping_sub(before);
        (apart, (before.wrapping_add(apart / 2), now))
    };
    let closest = (0..8).map(|_| pair()).min_by_key(|(apart, _)| *apart);
    closest.expect("eight pairs").1
}

#[cfg(all(target_arch = "x86_64", not(loom)))]
#[inline(always)]
fn counter() -> u64 {
    // SAFETY: every x86-64 has the instruction, and it touches no memory.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(not(all(target_arch = "x86_64", not(loom))))]
fn counter() -> u64 {
    0
}

/// The kernel uses the counter as its own clock only where it is constant and equal on all CPUs.
fn kernel_trusts_counter() -> bool {
    const FILE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    cfg!(all(target_arch = "x86_64", not(loom)))
        && std::fs::read_to_string(FILE).is_ok_and(|name| name.trim() == "tsc")
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_measurement_is_close() {
        let right = Ticks::measure().per_us;
        // Also where the thread is interrupted meanwhile; before, one in some thousands was off.
        for _ in 0..500 {
            let per_us = Ticks::measure().per_us;
            let off = per_us.abs_diff(right) as f64 / right as f64;
            assert!(off < 0.02, "{per_us} and {right}");
        }
    }

    #[test]
    fn ticks_agree_with_the_clock() {
        let ticks = Ticks::get();
        let (first, start) = (ticks.now(), Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let (last, elapsed) = (ticks.now(), start.elapsed());
        let measured = Duration::from_nanos(ticks.ns(last - first));
        assert!(
            measured > elapsed / 2 && measured < elapsed * 2,
            "{measured:?} for {elapsed:?}"
        );
        assert_eq!(ticks.of(Duration::MAX), u64::MAX);
        let one = ticks.ns(ticks.of(Duration::from_millis(1)));
        assert!((900_000..=1_100_000).contains(&one), "{one}");
    }
}
