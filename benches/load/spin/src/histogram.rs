//! Latencies, counted in buckets that are at most 1.6 % wide.

/// Counts of nanoseconds: exact below 64, then 64 buckets for each power of two.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; index(u64::MAX) + 1],
            total: 0,
            sum: 0,
            max: 0,
        }
    }

    pub(crate) fn add(&mut self, value: u64, count: u64) {
        self.counts[index(value)] += count;
        self.total += count;
        self.sum += value * count;
        self.max = self.max.max(value);
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The largest value, exactly.
    pub(crate) fn max(&self) -> u64 {
        self.max
    }

    /// The mean of the values, exactly; 0 of none.
    pub(crate) fn mean(&self) -> f64 {
        self.sum as f64 / self.total.max(1) as f64
    }

    /// The upper end of the bucket below which the given share of the values lies, at most the
    /// largest value.
    pub(crate) fn quantile(&self, share: f64) -> u64 {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return upper(index).min(self.max);
            }
        }
        0
    }
}

const BITS: u32 = 6;

fn index(value: u64) -> usize {
    let shift = (64 - BITS - 1).saturating_sub(value.leading_zeros());
    ((shift as usize) << BITS) + (value >> shift) as usize
}

fn upper(index: usize) -> u64 {
    let shift = (index >> BITS).saturating_sub(1);
    let mantissa = (index - (shift << BITS)) as u64;
    (mantissa << shift) + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_and_hold_their_values() {
        let mut last = 0;
        for exponent in 0..64 {
            for offset in [0, 1, 12_345] {
                let value = (1_u64 << exponent).saturating_add(offset);
                let top = upper(index(value));
                assert!(top >= value, "{value} above its bucket {top}");
                assert!(
                    top - value <= value / 64 + 1,
                    "{value} in a wide bucket {top}"
                );
            }
            assert!(index(1 << exponent) >= last);
            last = index(1 << exponent);
        }
        for i in 0..index(u64::MAX) {
            assert_eq!(index(upper(i)), i);
            assert_eq!(index(upper(i) + 1), i + 1);
        }
    }

    #[test]
    fn quantiles() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.5), 0);
        (1..=60).for_each(|value| histogram.add(value, 1));
        histogram.add(1_000_000, 40);
        assert_eq!(histogram.quantile(0.5), 50);
        assert_eq!(histogram.quantile(0.6), 60);
        let top = histogram.quantile(0.99);
        assert_eq!(top, 1_000_000, "no more than the largest");
        assert_eq!((histogram.total(), histogram.max()), (100, 1_000_000));
        assert_eq!(histogram.mean(), 400_018.3);
    }
}
