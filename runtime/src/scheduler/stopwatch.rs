//! When the polls of a core's tasks begin, and how long they take.
//!
//! A look at the clock costs 10 ns, a tenth of a short task's poll with all that is around it. So while polls
//! are short, up to [`SHARED`] of them share one: the later ones are said to begin one tick after the
//! other, which still tells them apart.
//!
//! What that means for those who ask:
//! - *Is the core stuck?* A poll seems to have begun earlier than it has, by the length of the few before it,
//!   which were short; one that was not, against expectation, is itself what they look for.
//! - *Is it time for the reactor, the timers, the inject queue?* That is seen after up to three polls more. The
//!   first look at the clock that finds polls long ends the sharing, until they have been short for some time.
//! - *How long did a poll take?* Those that shared a look took the time between two looks together. If that is
//!   more than such polls take on average, one of them took the rest ([`Laps::longest`]).
//! - *How long did a task wait for its turn?* Where that is to be recorded the clock is looked at.
//!
//! Without a watchdog nothing is shared: a long poll's task would be known by nothing else.

use std::panic::Location;

/// The most polls that share a look at the clock. Of 8, each would save a nanosecond more.
const SHARED: usize = 4;

/// One for each core, used by its worker. All times are in ticks.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    /// The last look at the clock for a poll.
    looked: u64,
    /// When the present poll began: `looked`, and a tick for each poll since. 0 outside of tasks.
    began: u64,
    /// How many polls may still begin without a look.
    left: usize,
    /// What a poll takes, an exponential mean over about eight looks.
    mean: u64,
    /// Polls that take less on average share looks.
    short: u64,
    /// Where the tasks were spawned whose polls share the look.
    locations: [&'static Location<'static>; SHARED],
}

/// Polls between two looks at the clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Laps {
    /// When the first one began.
    pub(crate) start: u64,
    pub(crate) count: u64,
    /// What all but the longest took, each.
    pub(crate) usual: u64,
    /// What the longest took.
    pub(crate) longest: u64,
}

impl Stopwatch {
    pub(crate) fn new(mean: u64, short: u64) -> Self {
        Self {
            looked: 0,
            began: 0,
            left: 0,
            mean,
            short,
            locations: [Location::caller(); SHARED],
        }
    }

    /// A poll begins that needs no look of its own: when, if it can share the last one.
    #[inline]
    pub(crate) fn share(&mut self, location: &'static Location<'static>) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        self.began += 1;
        self.locations[(self.began - self.looked) as usize % SHARED] = location;
        Some(self.began)
    }

    /// A poll begins at `now`. Those before have been [ended](Self::stop).
    #[inline]
    pub(crate) fn start(&mut self, now: u64, location: &'static Location<'static>) {
        (self.looked, self.began) = (now, now);
        self.left = if self.mean < self.short {
            SHARED - 1
        } else {
            0
        };
        self.locations[0] = location;
    }

    /// The last poll is over; `None` if there was none.
    #[inline]
    pub(crate) fn stop(&mut self, now: u64) -> Option<Laps> {
        if self.began == 0 {
            return None;
        }
        let count = self.began - self.looked + 1;
        let took = now.saturating_sub(self.looked);
        let each = if count == 1 { took } else { took / count };
        let usual = each.min(self.mean);
        self.mean = self.mean - self.mean / 8 + each / 8;
        (self.began, self.left) = (0, 0);
        Some(Laps {
            start: self.looked,
            count,
            usual,
            longest: took - usual * (count - 1),
        })
    }

    /// The worker is in no poll, and what it has not timed is forgotten.
    pub(crate) fn reset(&mut self) {
        (self.began, self.left) = (0, 0);
    }

    /// When the present poll began, or seems to have; 0 outside of tasks.
    #[inline]
    pub(crate) fn began(&self) -> u64 {
        self.began
    }

    #[inline]
    pub(crate) fn mean(&self) -> u64 {
        self.mean
    }

    /// Where the task was spawned whose poll of the last [`Laps`] was the `place`th.
    pub(crate) fn location(&self, place: u64) -> &'static Location<'static> {
        self.locations[place as usize % SHARED]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// One poll after another, each as long as told; what was timed.
    fn run(watch: &mut Stopwatch, polls: &[u64]) -> Vec<Laps> {
        let (mut now, mut all) = (1_000_000, Vec::new());
        for poll in polls {
            if watch.share(Location::caller()).is_none() {
                all.extend(watch.stop(now));
                watch.start(now, Location::caller());
            }
            now += poll;
        }
        all.extend(watch.stop(now));
        all
    }

    #[test]
    fn short_polls_share_a_look_and_long_ones_do_not() {
        let mut watch = Stopwatch::new(10_000, 1000);
        let laps = run(&mut watch, &[100; 200]);
        assert!(laps.len() < 90, "{}", laps.len());
        assert_eq!(laps.iter().map(|laps| laps.count).sum::<u64>(), 200);
        assert_eq!(laps[laps.len() - 2].count, 4);
        let laps = run(&mut watch, &[100_000; 40]);
        assert_eq!(laps.len(), 37);
        assert!(laps[1..].iter().all(|laps| laps.count == 1));
    }

    #[test]
    fn without_a_limit_each_poll_has_its_own_look() {
        let laps = run(&mut Stopwatch::new(0, 0), &[1; 20]);
        assert_eq!(laps.len(), 20);
    }

    #[test]
    fn a_long_poll_among_short_ones_is_timed_as_such() {
        let mut watch = Stopwatch::new(100, 1000);
        let laps = run(&mut watch, &[100, 100, 50_000, 100]);
        assert_eq!(laps.len(), 1);
        assert_eq!(
            (laps[0].count, laps[0].usual, laps[0].longest),
            (4, 100, 50_000)
        );
        let laps = run(&mut Stopwatch::new(400, 1000), &[100, 300, 100, 100]);
        assert_eq!((laps[0].usual, laps[0].longest), (150, 150));
    }

    #[test]
    fn each_poll_begins_at_a_time_of_its_own() {
        let mut watch = Stopwatch::new(100, 1000);
        watch.start(50, Location::caller());
        let starts: Vec<_> = std::iter::from_fn(|| watch.share(Location::caller())).collect();
        assert_eq!(starts, [51, 52, 53]);
        assert_eq!(watch.began(), 53);
        assert_eq!(watch.stop(60).map(|laps| laps.start), Some(50));
        assert!(watch.share(Location::caller()).is_none());
        assert!(watch.stop(70).is_none());
    }
}
