//! The operating system's side of a reactor, and the contract every selector meets.
//!
//! A selector is a set of descriptors, each with a word (a [`Token`]) that comes back with its
//! events, and one notification that is not a descriptor of the caller. Every backend is one file
//! in this folder and keeps these promises; the layers above know no backend.
//!
//! 1. **Add.** `add(fd, token, trigger)` watches `fd` from now on. If something is ready already
//!    the first event comes at once. A second `add` of the same descriptor fails (`EEXIST`), as
//!    does one of something that cannot be watched (`EPERM`) or is not open (`EBADF`). A failed
//!    `add` changes nothing.
//! 2. **Edge.** `Trigger::Edge` watches both directions, the peer's half-close and errors. Each
//!    change to ready yields an event; nothing is yielded twice without a change. An event may
//!    report directions that have not changed.
//! 3. **Level.** `Trigger::Level` watches reading. Every `wait` that has room yields an event for
//!    as long as something is there. After `arm(fd, token, false)` it yields none, whatever
//!    happens to the descriptor; after `arm(fd, token, true)` it does again, at once if something
//!    is there.
//! 4. **Delete.** After `delete(fd)` has returned, no `wait` that begins yields an event of it.
//!    One that runs meanwhile in another thread may still hold one in its buffer: the generation
//!    in the token is for those.
//! 5. **Wait.** `wait(events, max, timeout)` yields at least one and at most `max` events
//!    (1..=64), or none when the time is up. Zero does not block. `None`, and any time too long
//!    for the system's clock, mean for ever. A wait never ends before its time without an event,
//!    with two exceptions: a signal (an empty result, not an error), and a system without a
//!    fine-grained wait, where it ends after 24.8 days at the latest. It never ends late by more
//!    than the system's granularity.
//! 6. **Sharing.** Any number of threads may wait at once, each with its own buffer. An edge goes
//!    to one of them. **Zero events from a wait that does not block prove nothing**: they may be
//!    in another thread's hands for a moment.
//! 7. **Notify.** `notify()` makes one `wait` yield [`Token::NOTIFY`], once per call or once for
//!    several calls; it is remembered if nobody waits. It never blocks and never fails.
//! 8. **Alarm.** `watch(fd)` adds a timer's descriptor that many selectors share. An expiry makes
//!    one blocking `wait`, of one of these selectors, yield [`Token::ALARM`]; selectors in which
//!    nobody waits yield it at their next `wait`, if the timer was not set again before.
//! 9. **Threads.** Everything takes `&self` and is safe at any time from any thread.
//!
//! io_uring fits below this line too: a poll-add per descriptor, the token as user data.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::interest::Trigger;
use crate::token::Token;

pub(crate) mod epoll;
mod eventfd;
pub(crate) mod poll;
pub(crate) mod script;
pub(crate) mod timerfd;

use self::epoll::Epoll;
pub(crate) use self::epoll::Event;
use self::script::Script;

/// The most events that one wait yields.
pub(crate) const MAX_EVENTS: usize = 64;

/// The selector of a reactor: the system's, or the scripted one of tests.
#[derive(Debug)]
pub(crate) enum Selector {
    /// epoll.
    #[cfg_attr(
        loom,
        expect(dead_code, reason = "models run on the scripted selector")
    )]
    Epoll(Epoll),
    /// The scripted selector, which makes no system call.
    Script(Box<Script>),
}

impl Selector {
    /// The system's selector.
    #[cfg(not(loom))]
    pub(crate) fn new() -> io::Result<Self> {
        Epoll::new().map(Self::Epoll)
    }

    /// Models have no system below them.
    #[cfg(loom)]
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self::scripted())
    }

    /// A scripted selector.
    pub(crate) fn scripted() -> Self {
        Self::Script(Box::new(Script::new()))
    }

    pub(crate) fn add(&self, fd: RawFd, token: Token, trigger: Trigger) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => epoll.add(fd, token, trigger),
            Self::Script(script) => script.add(fd, token, trigger),
        }
    }

    pub(crate) fn watch(&self, alarm: RawFd) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => epoll.watch(alarm),
            // A script has no clock: nothing ever expires.
            Self::Script(_) => Ok(()),
        }
    }

    pub(crate) fn arm(&self, fd: RawFd, token: Token, on: bool) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => epoll.arm(fd, token, on),
            Self::Script(script) => script.arm(fd, token, on),
        }
    }

    pub(crate) fn delete(&self, fd: RawFd) -> io::Result<()> {
        match self {
            Self::Epoll(epoll) => epoll.delete(fd),
            Self::Script(script) => script.delete(fd),
        }
    }

    pub(crate) fn wait(
        &self,
        events: &mut Events,
        max: usize,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let buffer = &mut events.buffer[..max.min(MAX_EVENTS)];
        // Nothing of an earlier poll is left should this one fail.
        events.filled = 0;
        events.filled = match self {
            Self::Epoll(epoll) => epoll.wait(buffer, timeout)?,
            Self::Script(script) => script.wait(buffer, timeout),
        };
        Ok(())
    }

    pub(crate) fn notify(&self) {
        match self {
            Self::Epoll(epoll) => epoll.notify(),
            Self::Script(script) => script.notify(),
        }
    }
}

/// The buffer that a poll fills with events; each thread that polls owns one.
#[derive(Debug)]
pub struct Events {
    /// Room for the events of one wait.
    buffer: Box<[Event; MAX_EVENTS]>,
    /// How many of them the last wait has filled.
    filled: usize,
}

impl Events {
    /// A buffer of 64 events.
    pub fn new() -> Self {
        Self {
            buffer: Box::new([Event::EMPTY; MAX_EVENTS]),
            filled: 0,
        }
    }

    /// The events of the last wait.
    pub(crate) fn as_slice(&self) -> &[Event] {
        &self.buffer[..self.filled]
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}
