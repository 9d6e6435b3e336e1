//! How often a cleanup is tried, and when again.

use std::time::Duration;

use crate::rng::Rng;

/// The back-off of cleanups that fail: the pause doubles each time, up to a longest one, and a random part is
/// taken off, so that those that failed together do not come back together.
///
/// ```
/// use ringspun_runtime::scope::Retry;
/// use std::time::Duration;
///
/// let retry = Retry::new()
///     .attempts(5)
///     .first_pause(Duration::from_millis(100))
///     .longest_pause(Duration::from_secs(2))
///     .jitter(0.2);
/// # let _ = retry;
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    longest: Duration,
    jitter: f64,
}

impl Retry {
    /// 8 attempts, pauses of 50 ms to 10 s, of which up to one half is taken off: about 6 s in all.
    pub fn new() -> Self {
        Self {
            attempts: 8,
            first: Duration::from_millis(50),
            longest: Duration::from_secs(10),
            jitter: 0.5,
        }
    }

    /// How often a cleanup is tried before it is given up.
    ///
    /// # Panics
    ///
    /// If it is 0.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        assert!(attempts > 0, "a cleanup is tried at least once");
        self.attempts = attempts;
        self
    }

    /// The pause after the first failure.
    #[must_use]
    pub fn first_pause(mut self, first: Duration) -> Self {
        self.first = first;
        self
    }

    /// No pause is longer.
    #[must_use]
    pub fn longest_pause(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// The largest part of a pause that is taken off at random.
    ///
    /// # Panics
    ///
    /// If it is not between 0 and 1.
    #[must_use]
    pub fn jitter(mut self, part: f64) -> Self {
        assert!((0.0..=1.0).contains(&part), "a part is between 0 and 1");
        self.jitter = part;
        self
    }

    /// The pause after `failed` attempts; `None` if there were enough.
    pub(super) fn pause(&self, failed: u32, rng: &mut Rng) -> Option<Duration> {
        const PARTS: u32 = 1 << 16;
        if failed >= self.attempts {
            return None;
        }
        let doubled = 1_u32.checked_shl(failed - 1).unwrap_or(u32::MAX);
        let pause = self.first.saturating_mul(doubled).min(self.longest);
        let part = f64::from(rng.below(PARTS)) / f64::from(PARTS);
        Some(pause.mul_f64(1.0 - self.jitter * part))
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_less_the_jitter() {
        let retry = Retry::new()
            .attempts(u32::MAX)
            .first_pause(Duration::from_millis(100))
            .longest_pause(Duration::from_secs(1))
            .jitter(0.25);
        let mut rng = Rng::new(1);
        for failed in [1, 2, 3, 4, 5, 31, 32, 33, 1000] {
            let full =
                Duration::from_millis(100 << (failed - 1).min(4)).min(Duration::from_secs(1));
            let pauses: Vec<_> = (0..1000)
                .map(|_| retry.pause(failed, &mut rng).unwrap())
                .collect();
            let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
            assert!(*most <= full && *least >= full.mul_f64(0.75), "{failed}");
            assert!(*most > full.mul_f64(0.98) && *least < full.mul_f64(0.77));
        }
    }

    #[test]
    fn the_attempts_are_bounded() {
        let retry = Retry::new().attempts(3);
        let mut rng = Rng::new(1);
        assert!(retry.pause(2, &mut rng).is_some());
        assert!(retry.pause(3, &mut rng).is_none());
    }
}
