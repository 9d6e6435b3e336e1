//! A connection's one timer, re-armed lazily.
//!
//! A connection moves its deadline with every request, but a timer of 75 s nearly never fires.
//! So the hot path stores the new deadline and leaves the timer where it is; when it fires too
//! early it is moved to the deadline of that time.
//!
//! Invariant: while there is a deadline and the task sleeps, the timer is set to the deadline or
//! earlier.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ringspun_runtime::budget;
use ringspun_runtime::time::{Sleep, coarse_now, sleep_until};

/// See the module's text.
#[derive(Default)]
pub(crate) struct Alarm {
    /// Made at the first wait.
    timer: Option<Sleep>,
}

impl Alarm {
    /// Whether the deadline has passed. If not, the task is woken then at the latest.
    pub(crate) fn is_due(&mut self, deadline: Instant, cx: &mut Context<'_>) -> bool {
        let now = coarse_now();
        if now >= deadline {
            return true;
        }
        match &mut self.timer {
            None => self.timer = Some(sleep_until(deadline)),
            Some(timer) if timer.deadline() > deadline => timer.reset(deadline),
            Some(timer) if now + SLACK < timer.deadline() => return false,
            Some(timer) => {
                let is_early = timer.deadline() < deadline;
                if !self.arm(cx) {
                    return false;
                }
                if !is_early {
                    return true;
                }
                self.timer.as_mut().expect("it was there").reset(deadline);
            }
        }
        self.arm(cx)
    }

    /// Registers the timer. It must not be put off by a spent budget: then nothing would be set.
    #[cold]
    fn arm(&mut self, cx: &mut Context<'_>) -> bool {
        self.timer
            .as_mut()
            .is_some_and(|timer| budget::unlimited(|| Pin::new(timer).poll(cx)) != Poll::Pending)
    }
}

/// The deadline of a wait that begins in this turn of the core. Saturates far in the future.
pub(crate) fn after(wait: Duration) -> Instant {
    let now = coarse_now();
    now.checked_add(wait).unwrap_or_else(|| now + CENTURY)
}

/// Longer than any connection.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// This close to its end the timer itself is asked: the coarse clock of the core that runs the
/// task may be behind that of the core that keeps the timer.
const SLACK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use ringspun_runtime::{Builder, time};
    use std::future::poll_fn;

    use super::*;

    #[test]
    fn a_deadline_may_move_both_ways() {
        let runtime = Builder::new().cores(1).test_clock(true).build().unwrap();
        runtime.block_on(async {
            let start = time::now();
            let second = Duration::from_secs(1);
            let (mut alarm, mut polls) = (Alarm::default(), 0);
            let mut deadline = start + 75 * second;
            poll_fn(|cx| {
                polls += 1;
                match polls {
                    1 => assert!(!alarm.is_due(deadline, cx)),
                    // Earlier: the timer is moved.
                    2 => {
                        deadline = start + 10 * second;
                    }
                    _ => {}
                }
                if polls < 3 {
                    cx.waker().wake_by_ref();
                }
                if alarm.is_due(deadline, cx) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            assert_eq!(time::now() - start, 10 * second);

            // Later: the timer fires at the old time, and once more at the new one.
            let (mut alarm, mut polls) = (Alarm::default(), 0);
            let start = time::now();
            let mut deadline = start + second;
            poll_fn(|cx| {
                polls += 1;
                if polls == 1 {
                    assert!(!alarm.is_due(deadline, cx));
                    deadline = start + 5 * second;
                }
                if alarm.is_due(deadline, cx) {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            assert_eq!((time::now() - start, polls), (5 * second, 3));
        });
    }
}
