//! What one CPU needs to serve: the owner's side.
//!
//! A worker holds its core in hand between tasks, and in its [lease](super::lease) while it polls one.
//! What others may reach of a core is its [`Remote`](super::shared::Remote).

use std::task::Waker;
use std::time::Instant;

use ringspun_reactor::{Events, WakeList};

use super::queue::Local;
use super::shared::{Remote, Shared};
use crate::rng::Rng;
use crate::task::Notified;
use crate::time::clock::Clock;

/// At most so many runs of the LIFO slot in a row; then the ring's turn comes. 3 as in tokio: enough for
/// a request and its answer between two tasks.
pub(crate) const MAX_LIFO_RUNS: u8 = 3;

/// The owner's side of a core.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) index: usize,
    /// Tasks to run, oldest first.
    ring: Local,
    /// The task that the running one has just woken or spawned: it runs next, while what the two share
    /// is still in the cache.
    lifo: Option<Notified>,
    /// Runs from the LIFO slot since the ring's last turn.
    lifo_runs: u8,
    /// While the worker itself wakes what the reactor or a timer made ready: those go to the tail.
    pub(crate) dispatching: bool,
    /// Counts tasks.
    pub(crate) tick: u32,
    /// The clock when the worker last looked, in nanoseconds.
    pub(crate) now: u64,
    /// The same as an instant, for those who set deadlines.
    pub(crate) instant: Instant,
    /// When the reactor was last polled.
    pub(crate) last_poll: u64,
    /// `tick` when the reactor was last polled.
    pub(crate) last_poll_tick: u32,
    /// Nanoseconds that a task's poll takes, on average of late.
    pub(crate) mean_poll: u64,
    /// Whether the last look into the reactor paid: look before searching next time.
    pub(crate) poll_pays: bool,
    /// Scratch for the reactor: the kernel's buffer, and the wakers it found.
    pub(crate) events: Events,
    pub(crate) wakers: WakeList,
    /// Scratch for timers that are due.
    pub(crate) due: Vec<Waker>,
    pub(crate) rng: Rng,
}

/// What a push asks of the pusher.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The owner will run it soon: nobody has to be woken.
    Next,
    /// The ring has a task more than the owner can begin with.
    Surplus,
}

impl Core {
    pub(crate) fn new(index: usize, ring: Local) -> Self {
        Self {
            index,
            ring,
            lifo: None,
            lifo_runs: 0,
            dispatching: false,
            tick: 0,
            now: 0,
            instant: Instant::now(),
            last_poll: 0,
            last_poll_tick: 0,
            mean_poll: 0,
            poll_pays: false,
            events: Events::new(),
            wakers: WakeList::new(),
            due: Vec::new(),
            rng: Rng::new(index as u64 + 1),
        }
    }

    /// Looks at the clock.
    pub(crate) fn look_at(&mut self, clock: &Clock) {
        (self.now, self.instant) = clock.read();
    }

    /// A task that another one woke or spawned: to the LIFO slot. What was there goes to the ring.
    pub(crate) fn push_next(&mut self, task: Notified, shared: &Shared) -> Pushed {
        if self.dispatching {
            self.push_back(task, shared);
            // One decision follows the whole batch.
            return Pushed::Next;
        }
        match self.lifo.replace(task) {
            Some(evicted) => {
                self.push_back(evicted, shared);
                Pushed::Surplus
            }
            None => Pushed::Next,
        }
    }

    /// To the tail of the ring; a full ring leaves it to the inject queue.
    pub(crate) fn push_back(&mut self, task: Notified, shared: &Shared) {
        if let Err(task) = self.ring.push(task) {
            self.overflow(task, shared);
        }
    }

    #[cold]
    fn overflow(&mut self, task: Notified, shared: &Shared) {
        self.remote(shared).counters.overflows.add(1);
        shared.inject.push(task);
    }

    /// The next task of this core.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Notified> {
        if self.lifo.is_some() {
            if self.lifo_runs < MAX_LIFO_RUNS || self.ring.is_empty() {
                self.lifo_runs = self.lifo_runs.saturating_add(1);
                return self.lifo.take();
            }
            // The slot had its share: its task waits behind the ring.
            if let Some(task) = self.lifo.take()
                && let Err(task) = self.ring.push(task)
            {
                // A full ring: exchange with its oldest.
                self.lifo = Some(task);
            }
        }
        self.lifo_runs = 0;
        self.ring.pop()
    }

    /// Whether this core has a task to run.
    pub(crate) fn has_work(&self) -> bool {
        self.lifo.is_some() || !self.ring.is_empty()
    }

    pub(crate) fn ring_len(&self) -> usize {
        self.ring.len()
    }

    pub(crate) fn ring_free(&self) -> usize {
        self.ring.free()
    }

    pub(crate) fn ring(&mut self) -> &mut Local {
        &mut self.ring
    }

    pub(crate) fn remote<'a>(&self, shared: &'a Shared) -> &'a Remote {
        &shared.remotes[self.index]
    }
}
