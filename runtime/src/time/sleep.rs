//! A timer as a future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::queue::Key;
use super::timers::Timers;
use crate::{budget, context};

/// Waits until `duration` has passed. `Duration::MAX` means for ever.
///
/// ```
/// # use ringspun_runtime::{Builder, time};
/// # use std::time::Duration;
/// # Builder::new().cores(1).build().unwrap().block_on(async {
/// let start = time::now();
/// time::sleep(Duration::from_millis(2)).await;
/// assert!(time::now() - start >= Duration::from_millis(2));
/// # });
/// ```
///
/// # Cancel safety
///
/// Dropping the future cancels the timer.
///
/// # Panics
///
/// When polled outside a runtime, or after its runtime has been shut down.
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new(super::after(duration))
}

/// Waits until `deadline`. See [`sleep`].
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new(deadline)
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// The timer lives in the core that first polls it, and may be polled, moved and dropped elsewhere.
#[must_use = "a future does nothing unless awaited"]
pub struct Sleep {
    deadline: Instant,
    timer: Timer,
}

enum Timer {
    /// Not polled yet.
    Unset,
    /// In a core's queue, or fired.
    Set(Arc<Timers>, Key),
    Elapsed,
}

impl Sleep {
    fn new(deadline: Instant) -> Self {
        Self {
            deadline,
            timer: Timer::Unset,
        }
    }

    /// When the sleep ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it has ended, as far as its polls have seen.
    pub fn is_elapsed(&self) -> bool {
        matches!(self.timer, Timer::Elapsed)
    }

    /// Sets a new deadline, also after the sleep has ended. Moving a deadline later is cheap: the
    /// timer stays where it is in the queue.
    ///
    /// The task is woken at the new deadline only if it polls again or has been waiting already.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        let kept = match &self.timer {
            Timer::Set(timers, key) => timers.reset(*key, timers.clock.ns(deadline)),
            Timer::Unset | Timer::Elapsed => false,
        };
        if !kept {
            self.timer = Timer::Unset;
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = ready!(budget::poll_proceed(cx));
        let elapsed = match &self.timer {
            Timer::Elapsed => Ok(true),
            Timer::Set(timers, key) => timers.poll_fired(*key, cx.waker()),
            Timer::Unset => {
                let timers = context::timers();
                let deadline = timers.clock.ns(self.deadline);
                if deadline <= timers.clock.now() {
                    Ok(true)
                } else {
                    timers.insert(deadline, cx.waker()).map(|key| {
                        self.timer = Timer::Set(timers, key);
                        false
                    })
                }
            }
        };
        let Ok(elapsed) = elapsed else {
            panic!("the runtime of this timer has been shut down: its clock will never fire it");
        };
        if !elapsed {
            return Poll::Pending;
        }
        proceed.made_progress();
        self.timer = Timer::Elapsed;
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Timer::Set(timers, key) = &self.timer {
            timers.cancel(*key);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Sleep");
        debug.field("deadline", &self.deadline);
        if let Timer::Set(timers, _) = &self.timer {
            debug.field("core", &timers.core());
        }
        debug.field("elapsed", &self.is_elapsed()).finish()
    }
}
