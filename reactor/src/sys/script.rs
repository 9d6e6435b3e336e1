//! `Script`: a selector without a system below it.
//!
//! Tests and models say what happens to the descriptors, and this selector reports it with the same
//! promises as the system's (see the list in `sys/mod.rs`). It is a mutex, a condition variable and
//! a queue: nothing here is fast, everything is visible to loom.
//!
//! - Descriptors are only names: any number will do, nothing is opened or checked.
//! - [`Script::trigger`] is the arrival of bytes, of room, of the end, of an error. An edge-triggered
//!   descriptor reports it once; a level-triggered one until [`Script::calm`].
//! - [`Script::false_zeros`] makes the next polls that do not block return nothing although
//!   something is there. Kernels do that while another thread scans the same set.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use super::Event;
use crate::interest::Trigger;
use crate::loom::{Condvar, Mutex, MutexGuard, lock};
use crate::ready::Ready;
use crate::token::Token;

/// The world as a script tells it to a reactor; see [`Reactor::scripted`](crate::Reactor::scripted).
#[derive(Debug)]
pub struct Script {
    /// What is registered, what has happened, who is told next.
    state: Mutex<State>,
    /// Signalled when there may be something for a waiting poll.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The registered descriptors.
    entries: BTreeMap<RawFd, Entry>,
    /// Descriptors with something to report, each once, first come first served.
    queue: VecDeque<RawFd>,
    /// A notification nobody has been told of.
    notified: bool,
    /// How many notifications there have been.
    notifications: usize,
    /// How many more polls that do not block tell a lie.
    false_zeros: usize,
    /// How many calls have added, modified or removed a descriptor.
    controls: usize,
    /// The error of the next `add`.
    refusal: Option<i32>,
}

#[derive(Debug)]
struct Entry {
    token: Token,
    trigger: Trigger,
    armed: bool,
    /// What has happened and was not reported (edge), or is the case (level).
    ready: Ready,
    /// Whether the descriptor is in the queue.
    queued: bool,
}

impl Script {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        }
    }

    /// Something happens to a descriptor. Nothing is remembered for one that is not registered.
    pub fn trigger(&self, fd: RawFd, ready: Ready) {
        let mut state = lock(&self.state);
        if let Some(entry) = state.entries.get_mut(&fd) {
            entry.ready |= ready;
            state.enqueue(fd);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// A level-triggered descriptor has nothing to report any more.
    pub fn calm(&self, fd: RawFd) {
        if let Some(entry) = lock(&self.state).entries.get_mut(&fd) {
            entry.ready = Ready::EMPTY;
        }
    }

    /// The next `count` polls that do not block find nothing, even if something is there.
    pub fn false_zeros(&self, count: usize) {
        lock(&self.state).false_zeros = count;
    }

    /// The next registration fails with this error number.
    pub fn refuse(&self, errno: i32) {
        lock(&self.state).refusal = Some(errno);
    }

    /// How many notifications there have been: each would be a system call.
    pub fn notifications(&self) -> usize {
        lock(&self.state).notifications
    }

    /// How many times descriptors were added, modified or removed: each would be a system call.
    pub fn controls(&self) -> usize {
        lock(&self.state).controls
    }

    pub(super) fn add(&self, fd: RawFd, token: Token, trigger: Trigger) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.controls += 1;
        if let Some(errno) = state.refusal.take() {
            return Err(io::Error::from_raw_os_error(errno));
        }
        if state.entries.contains_key(&fd) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let entry = Entry {
            token,
            trigger,
            armed: true,
            ready: Ready::EMPTY,
            queued: false,
        };
        state.entries.insert(fd, entry);
        Ok(())
    }

    pub(super) fn arm(&self, fd: RawFd, token: Token, on: bool) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.controls += 1;
        let entry = state.entries.get_mut(&fd).ok_or_else(unknown)?;
        entry.armed = on;
        entry.token = token;
        state.enqueue(fd);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    pub(super) fn delete(&self, fd: RawFd) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.controls += 1;
        let entry = state.entries.remove(&fd).ok_or_else(unknown)?;
        if entry.queued {
            state.queue.retain(|&queued| queued != fd);
        }
        Ok(())
    }

    pub(super) fn notify(&self) {
        let mut state = lock(&self.state);
        state.notified = true;
        state.notifications += 1;
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn wait(&self, buffer: &mut [Event], timeout: Option<Duration>) -> usize {
        let mut state = lock(&self.state);
        if timeout == Some(Duration::ZERO) {
            if state.false_zeros > 0 {
                state.false_zeros -= 1;
                return 0;
            }
            return state.report(buffer);
        }
        let deadline = Deadline::new(timeout);
        loop {
            let filled = state.report(buffer);
            if filled > 0 || deadline.is_over() {
                return filled;
            }
            state = deadline.wait(&self.changed, state);
        }
    }
}

impl State {
    /// Puts a descriptor that has something to report at the end of the queue.
    fn enqueue(&mut self, fd: RawFd) {
        if let Some(entry) = self.entries.get_mut(&fd)
            && entry.armed
            && !entry.queued
            && !entry.ready.is_empty()
        {
            entry.queued = true;
            self.queue.push_back(fd);
        }
    }

    /// Moves what there is to report into `buffer`; returns how many events that makes.
    fn report(&mut self, buffer: &mut [Event]) -> usize {
        let mut filled = 0;
        if self.notified && !buffer.is_empty() {
            self.notified = false;
            buffer[0] = Event::new(Token::NOTIFY, Ready::READABLE);
            filled = 1;
        }
        // Level-triggered descriptors go back to the end of the queue: each is looked at once.
        for _ in 0..self.queue.len() {
            if filled == buffer.len() {
                break;
            }
            let Some(fd) = self.queue.pop_front() else {
                break;
            };
            if let Some(event) = self.take(fd) {
                buffer[filled] = event;
                filled += 1;
            }
        }
        filled
    }

    /// The event of a descriptor that has just left the queue.
    fn take(&mut self, fd: RawFd) -> Option<Event> {
        let entry = self.entries.get_mut(&fd)?;
        entry.queued = false;
        if !entry.armed || entry.ready.is_empty() {
            return None;
        }
        let event = Event::new(entry.token, entry.ready);
        match entry.trigger {
            Trigger::Edge => entry.ready = Ready::EMPTY,
            Trigger::Level => self.enqueue(fd),
        }
        Some(event)
    }
}

/// When a wait is over.
struct Deadline(#[cfg_attr(loom, expect(dead_code))] Option<std::time::Instant>);

impl Deadline {
    fn new(timeout: Option<Duration>) -> Self {
        let now = std::time::Instant::now();
        Self(timeout.and_then(|timeout| now.checked_add(timeout)))
    }

    #[cfg(not(loom))]
    fn is_over(&self) -> bool {
        self.0.is_some_and(|end| end <= std::time::Instant::now())
    }

    /// Models have no clock: a wait with a limit is one without.
    #[cfg(loom)]
    fn is_over(&self) -> bool {
        false
    }

    #[cfg(not(loom))]
    fn wait<'a>(&self, changed: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(end) = self.0 else {
            return changed.wait(state).unwrap_or_else(|p| p.into_inner());
        };
        let left = end.saturating_duration_since(std::time::Instant::now());
        let waited = changed.wait_timeout(state, left);
        waited.unwrap_or_else(|p| p.into_inner()).0
    }

    #[cfg(loom)]
    fn wait<'a>(&self, changed: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        changed.wait(state).unwrap_or_else(|p| p.into_inner())
    }
}

fn unknown() -> io::Error {
    io::Error::from_raw_os_error(libc::ENOENT)
}
