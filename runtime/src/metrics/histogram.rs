//! A histogram of times in powers of two.
//!
//! Bucket *i* counts the values of *i* significant bits: 0; 1; 2 and 3; 4 to 7; and so on. The last one
//! takes all that are longer. One thread records, any thread reads.

use std::fmt;

use super::Counter;
use crate::loom::atomic::AtomicU64;
use crate::loom::atomic::Ordering::Relaxed;

const BUCKETS: usize = 64;

/// The side that records: of one core, written by its worker only.
#[derive(Debug)]
pub(crate) struct Recorder {
    buckets: [Counter; BUCKETS],
    sum: Counter,
    max: AtomicU64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| Counter::default()),
            sum: Counter::default(),
            max: AtomicU64::new(0),
        }
    }
}

impl Recorder {
    /// Counts a value.
    #[inline]
    pub(crate) fn record(&self, ns: u64) {
        self.record_many(1, ns);
    }

    /// Counts a value so many times. No locked instruction: only the worker of the core writes.
    #[inline]
    pub(crate) fn record_many(&self, count: u64, ns: u64) {
        self.buckets[bucket(ns)].add(count);
        self.sum.add(count * ns);
        // Relaxed: a statistic orders nothing.
        if ns > self.max.load(Relaxed) {
            self.max.store(ns, Relaxed);
        }
    }

    pub(crate) fn read(&self) -> Histogram {
        Histogram {
            buckets: std::array::from_fn(|i| self.buckets[i].get()),
            sum: self.sum.get(),
            max: self.max.load(Relaxed),
        }
    }
}

/// How often values of each magnitude were seen. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
    sum: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [0; BUCKETS],
            sum: 0,
            max: 0,
        }
    }
}

impl Histogram {
    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Their sum; wraps.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// The largest value, exactly; 0 without any.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The value that the share `q` (0 to 1) of all values does not exceed, interpolated inside its
    /// power of two: wrong by less than a factor of two. 0 without any value.
    pub fn quantile(&self, q: f64) -> u64 {
        let count = self.count();
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut below = 0;
        for (i, &here) in self.buckets.iter().enumerate() {
            if below + here >= rank {
                let (low, high) = bounds(i);
                let high = high.min(self.max).max(low);
                let share = (rank - below) as f64 / here as f64;
                return (low + ((high - low) as f64 * share) as u64).min(high);
            }
            below += here;
        }
        0
    }

    /// Adds what another histogram has counted.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(other.buckets) {
            *mine = mine.wrapping_add(theirs);
        }
        self.sum = self.sum.wrapping_add(other.sum);
        self.max = self.max.max(other.max);
    }
}

impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "count={} p50={}ns p99={}ns max={}ns",
            self.count(),
            self.quantile(0.5),
            self.quantile(0.99),
            self.max
        )
    }
}

fn bucket(value: u64) -> usize {
    ((u64::BITS - value.leading_zeros()) as usize).min(BUCKETS - 1)
}

/// The smallest and the largest value of a bucket.
fn bounds(bucket: usize) -> (u64, u64) {
    match bucket {
        0 => (0, 0),
        last if last == BUCKETS - 1 => (1 << (last - 1), u64::MAX),
        i => (1 << (i - 1), (1 << i) - 1),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_within_the_bounds_of_its_bucket() {
        let edges = (0..64).flat_map(|i| [(1u64 << i) - 1, 1 << i, (1 << i) + 1]);
        for value in edges.chain([u64::MAX]) {
            let (low, high) = bounds(bucket(value));
            assert!((low..=high).contains(&value), "{value}: {low} to {high}");
        }
    }

    #[test]
    fn quantiles_are_right_to_a_factor_of_two() {
        let recorder = Recorder::default();
        assert_eq!(recorder.read(), Histogram::default());
        assert_eq!(recorder.read().quantile(0.5), 0);
        (1..=1000).for_each(|value| recorder.record(value));
        let read = recorder.read();
        assert_eq!(
            (read.count(), read.sum(), read.max()),
            (1000, 500_500, 1000)
        );
        for percent in 1..=100 {
            let (exact, got) = (percent * 10, read.quantile(percent as f64 / 100.0));
            assert!(got <= 2 * exact && exact <= 2 * got, "{got} for {exact}");
        }
        assert_eq!(read.quantile(1.0), 1000);
    }

    #[test]
    fn merged_histograms_are_those_of_all_values() {
        let (a, b, both) = (
            Recorder::default(),
            Recorder::default(),
            Recorder::default(),
        );
        for value in [0, 3, 70, u64::MAX / 2] {
            a.record(value);
            both.record(value);
        }
        for value in [5, 1 << 40] {
            b.record(value);
            both.record(value);
        }
        let mut merged = a.read();
        merged.merge(&b.read());
        assert_eq!(merged, both.read());
        assert!(merged.to_string().starts_with("count=6 p50="), "{merged}");
    }
}
