//! How fast a client takes what it is sent.
//!
//! Two limits: it must take something within `write_timeout`, and `write_rate` on average over each
//! `write_window`. Both count only while there is output that the transport does not accept: a
//! response that goes out in one write is never looked at.
//!
//! Taken is what the client has acknowledged, not what the transport has accepted. A socket with
//! megabytes in its buffer says that there is room again only when a third of them is gone; a client
//! that is slow but honest can need minutes for that, in which nothing is accepted.
//!
//! ```text
//! taken in this window = backlog when it began + accepted since - backlog now
//! ```

use std::time::Instant;

use super::alarm::after;
use super::config::Limits;
use super::strikes::Limit;

/// See the module's text.
#[derive(Default)]
pub(super) struct Pace {
    /// When something must have been taken; `None` while nothing waits, or if something was just
    /// accepted.
    stall_end: Option<Instant>,
    /// When the window ends; `None` while nothing waits.
    window_end: Option<Instant>,
    /// Bytes that the transport has accepted since the window began.
    accepted: u64,
    /// Bytes that it had accepted before, and the client had not taken by then.
    backlog: u64,
    /// What was taken in this window by the time that `stall_end` counts from.
    seen: u64,
}

impl Pace {
    /// The transport has accepted so many bytes.
    pub(super) fn accept(&mut self, count: usize) {
        self.accepted += count as u64;
        self.stall_end = None;
    }

    /// Nothing is there to be sent.
    pub(super) fn rest(&mut self) {
        (self.stall_end, self.window_end) = (None, None);
    }

    /// The output waits. `backlog` says what the transport holds; gives the first deadline.
    pub(super) fn wait(&mut self, limits: &Limits, backlog: impl FnOnce() -> usize) -> Instant {
        if let (Some(stall), Some(window)) = (self.stall_end, self.window_end) {
            return stall.min(window);
        }
        let backlog = backlog() as u64;
        let window = match self.window_end {
            Some(window) => window,
            None => self.begin(limits, backlog),
        };
        self.seen = self.taken(backlog);
        let stall = after(limits.write_timeout);
        self.stall_end = Some(stall);
        stall.min(window)
    }

    /// Looks at the deadlines; the limit that the client has broken is the error.
    pub(super) fn check(
        &mut self,
        now: Instant,
        limits: &Limits,
        backlog: impl FnOnce() -> usize,
    ) -> Result<(), Limit> {
        let is_past = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
        let (stalls, ends) = (is_past(self.stall_end), is_past(self.window_end));
        if !stalls && !ends {
            return Ok(());
        }
        let backlog = backlog() as u64;
        let taken = self.taken(backlog);
        if stalls {
            if taken <= self.seen {
                return Err(Limit::WriteTimeout);
            }
            self.seen = taken;
            self.stall_end = Some(after(limits.write_timeout));
        }
        if ends {
            if taken < limits.write_window_bytes() {
                return Err(Limit::WriteRate);
            }
            self.begin(limits, backlog);
            self.seen = 0;
        }
        Ok(())
    }

    fn begin(&mut self, limits: &Limits, backlog: u64) -> Instant {
        (self.accepted, self.backlog) = (0, backlog);
        *self.window_end.insert(after(limits.write_window))
    }

    fn taken(&self, backlog: u64) -> u64 {
        (self.backlog + self.accepted).saturating_sub(backlog)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ringspun_runtime::{Builder, time};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Runs with a clock that jumps: 240 bytes/s over 30 s, 10 s without any.
    fn run(test: impl AsyncFnOnce(Limits)) {
        let limits = Limits {
            write_timeout: 10 * SECOND,
            ..Limits::default()
        };
        let runtime = Builder::new().cores(1).test_clock(true).build().unwrap();
        runtime.block_on(test(limits));
    }

    /// A client that takes so much each second of a backlog: when which limit strikes.
    async fn strikes(limits: &Limits, rate: usize, seconds: u64) -> Option<(u64, Limit)> {
        let (mut pace, mut backlog) = (Pace::default(), 1_000_000);
        for second in 1..=seconds {
            pace.wait(limits, || backlog);
            time::sleep(SECOND).await;
            backlog -= rate;
            if let Err(limit) = pace.check(time::now(), limits, || backlog) {
                return Some((second, limit));
            }
        }
        None
    }

    #[test]
    fn what_counts_is_what_the_client_takes_of_the_backlog() {
        run(async |limits| {
            assert_eq!(
                strikes(&limits, 0, 100).await,
                Some((10, Limit::WriteTimeout))
            );
            assert_eq!(strikes(&limits, 1, 100).await, Some((30, Limit::WriteRate)));
            assert_eq!(
                strikes(&limits, 239, 100).await,
                Some((30, Limit::WriteRate))
            );
            assert_eq!(strikes(&limits, 240, 200).await, None);
        });
    }

    #[test]
    fn what_is_accepted_counts_once_it_is_taken() {
        run(async |limits| {
            // The transport has no backlog of its own: accepted is taken.
            let mut pace = Pace::default();
            for _ in 0..100 {
                pace.wait(&limits, || 0);
                time::sleep(5 * SECOND).await;
                pace.accept(1200);
                assert_eq!(pace.check(time::now(), &limits, || 0), Ok(()));
            }
            // All that is accepted stays in the backlog.
            let (mut pace, mut struck) = (Pace::default(), None);
            for backlog in (0..).step_by(1200) {
                pace.wait(&limits, || backlog);
                time::sleep(5 * SECOND).await;
                pace.accept(1200);
                if let Err(limit) = pace.check(time::now(), &limits, || backlog + 1200) {
                    struck = Some(limit);
                    break;
                }
            }
            assert_eq!(struck, Some(Limit::WriteRate));
        });
    }

    #[test]
    fn silence_without_output_is_nobodys_fault() {
        run(async |limits| {
            let mut pace = Pace::default();
            pace.wait(&limits, || 0);
            pace.accept(10);
            pace.rest();
            time::sleep(100 * SECOND).await;
            assert_eq!(pace.check(time::now(), &limits, || 0), Ok(()));
        });
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        run(async |mut limits| {
            limits.write_rate = 0;
            assert_eq!(strikes(&limits, 1, 200).await, None);
        });
    }
}
