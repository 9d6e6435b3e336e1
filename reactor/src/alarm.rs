//! `Alarm`: one timer that many reactors watch, and that ends the sleep of one of them.

use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use crate::sys::timerfd::TimerFd;

/// A one-shot timer. Reactors [watch](crate::Reactor::watch) it; when it expires, one thread that
/// waits in one of them learns of it ([`Polled::alarm`](crate::Polled::alarm)), and the reactors in
/// which nobody waits learn it at their next poll, unless it has been set again by then.
#[derive(Debug)]
pub struct Alarm(TimerFd);

impl Alarm {
    /// An alarm that is not set. It opens one descriptor, close-on-exec.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE` or `ENOMEM` if the system refuses the descriptor.
    pub fn new() -> io::Result<Self> {
        TimerFd::new().map(Self)
    }

    /// Expires once after `time` (of the monotonic clock), in place of what was set before. At once
    /// if that is zero.
    pub fn set(&self, time: Duration) {
        self.0.set(time.max(Duration::from_nanos(1)));
    }

    /// Does not expire, unless set again.
    pub fn clear(&self) {
        self.0.set(Duration::ZERO);
    }

    pub(crate) fn fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}
