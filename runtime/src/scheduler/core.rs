//! What one CPU needs to serve: the owner's side.
//!
//! A worker holds its core in hand between tasks, and in its [lease](super::lease) while it polls one.
//! What others may reach of a core is its [`Remote`](super::shared::Remote).

use std::panic::Location;
use std::task::Waker;

use ringspun_reactor::{Events, WakeList};

use super::lifo::LifoSlot;
use super::limits::Limits;
use super::queue::Local;
use super::shared::{Remote, Shared};
use super::stopwatch::Stopwatch;
use crate::context;
use crate::rng::Rng;
use crate::task::{Notified, WokenBy};
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
    /// Tasks that yielded or woke themselves: they go behind everything that an event woke.
    yields: Local,
    /// Runs from the LIFO slot since the ring's last turn.
    lifo_runs: u8,
    /// While the worker itself wakes what the reactor or a timer made ready: those go to the tail.
    pub(crate) dispatching: bool,
    /// Counts tasks.
    pub(crate) tick: u32,
    /// The clock when the worker last looked, in nanoseconds.
    pub(crate) now: u64,
    /// When the present task began.
    pub(crate) watch: Stopwatch,
    /// Where it was spawned.
    location: &'static Location<'static>,
    /// When the reactor was last polled, in ticks.
    pub(crate) last_poll: u64,
    /// Looks at the clock for tasks since then.
    pub(crate) looks: u32,
    /// The next turn is due.
    pub(crate) turn_due: bool,
    /// Whether this core has seen to the watchdog since it last slept.
    pub(crate) watched: bool,
    /// Whether the last look into the reactor paid: look before searching next time.
    pub(crate) poll_pays: bool,
    /// Scratch for the reactor: the kernel's buffer, and the wakers it found.
    pub(crate) events: Events,
    pub(crate) wakers: WakeList,
    /// Scratch for timers that are due.
    pub(crate) due: Vec<Waker>,
    pub(crate) rng: Rng,
}

/// A look at the clock for every push would cost as much as the push.
const STAMP_EVERY: u32 = 16;

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
    pub(crate) fn new(index: usize, ring: Local, yields: Local, watch: Stopwatch) -> Self {
        Self {
            index,
            ring,
            yields,
            lifo_runs: 0,
            dispatching: false,
            tick: 0,
            now: 0,
            watch,
            location: Location::caller(),
            last_poll: 0,
            looks: 0,
            turn_due: false,
            watched: false,
            poll_pays: false,
            events: Events::new(),
            wakers: WakeList::new(),
            due: Vec::new(),
            rng: Rng::new(index as u64 + 1),
        }
    }

    /// Another thread got this core while its last one was in a task: what that one had in its own
    /// hands is made anew.
    pub(crate) fn change_hands(&mut self, clock: &Clock) {
        self.look_at(clock);
        self.dispatching = false;
        self.watch.reset();
        self.watched = false;
    }

    /// Looks at the clock, also for those on this thread who set deadlines.
    pub(crate) fn look_at(&mut self, clock: &Clock) {
        let (now, instant) = clock.read();
        self.now = now;
        context::set_tick(instant);
    }

    /// A task comes into a queue here. Some note when: those pushed during every 16th poll.
    #[inline]
    fn leave_trail(&self, task: &Notified, shared: &Shared) {
        let trail = &task.header().trail;
        trail.woken(if self.dispatching {
            WokenBy::Event
        } else {
            WokenBy::Task(self.location)
        });
        if self.tick.is_multiple_of(STAMP_EVERY) {
            trail.queued(shared.limits.ticks.now());
        }
    }

    /// A task that another one woke or spawned: to the LIFO slot, and what was there goes to the ring; or to
    /// the ring by itself, if its waker is in no hurry. `remote` is this core's.
    #[inline]
    pub(crate) fn push_next(&mut self, task: Notified, remote: &Remote, shared: &Shared) -> Pushed {
        self.leave_trail(&task, shared);
        if self.dispatching {
            self.push_back(task, shared);
            // One decision follows the whole batch.
            return Pushed::Next;
        }
        let evicted = match context::wakes_behind() {
            true => Some(task),
            false => remote.lifo.replace(task),
        };
        remote.unparker.tell_adopter();
        match evicted {
            Some(evicted) => self.push_evicted(evicted, shared),
            None => Pushed::Next,
        }
    }

    /// Not into the code of every wake-up: most find the slot empty.
    #[inline(never)]
    fn push_evicted(&mut self, task: Notified, shared: &Shared) -> Pushed {
        self.push_back(task, shared);
        if self.worth_a_wake(&shared.limits) {
            Pushed::Surplus
        } else {
            Pushed::Next
        }
    }

    /// To the tail of the ring; a full ring leaves it to the inject queue.
    #[inline(never)]
    pub(crate) fn push_back(&mut self, task: Notified, shared: &Shared) {
        if let Err(task) = self.ring.push(task) {
            self.overflow(task, shared);
        }
    }

    /// A task that yielded.
    pub(crate) fn push_yield(&mut self, task: Notified, shared: &Shared) {
        self.leave_trail(&task, shared);
        self.remote(shared).counters.yields.add(1);
        if let Err(task) = self.yields.push(task) {
            // The oldest makes room: the inject queue is looked at before this ring.
            if let Some(oldest) = self.yields.pop() {
                self.overflow(oldest, shared);
            }
            // A thief may still be at the slot.
            if let Err(task) = self.yields.push(task) {
                self.overflow(task, shared);
            }
        }
    }

    #[cold]
    fn overflow(&mut self, task: Notified, shared: &Shared) {
        self.remote(shared).counters.overflows.add(1);
        shared.inject.push(task);
    }

    /// The next task of this core, whose slot `lifo` is; tasks that yielded left out.
    #[inline]
    pub(crate) fn pop(&mut self, lifo: &LifoSlot) -> Option<Notified> {
        if !lifo.is_empty() {
            if self.lifo_runs < MAX_LIFO_RUNS || self.ring.is_empty() {
                self.lifo_runs = self.lifo_runs.saturating_add(1);
                // Nothing there if a thief was faster.
                if let Some(task) = lifo.take() {
                    return Some(task);
                }
            } else if let Some(task) = lifo.take()
                && let Err(task) = self.ring.push(task)
            {
                // The slot had its share: its task waits behind the ring. A full ring: the slot stays as it
                // was, for only the owner fills it.
                let before = lifo.replace(task);
                debug_assert!(before.is_none());
            }
        }
        self.lifo_runs = 0;
        self.ring.pop()
    }

    pub(crate) fn pop_yield(&mut self) -> Option<Notified> {
        self.yields.pop()
    }

    pub(crate) fn has_yields(&self) -> bool {
        !self.yields.is_empty()
    }

    /// A task begins.
    #[inline]
    pub(crate) fn begin_task(&mut self, location: &'static Location<'static>) {
        self.tick = self.tick.wrapping_add(1);
        self.location = location;
    }

    /// In ticks: how long what is queued here will take.
    pub(crate) fn backlog(&self) -> u64 {
        (self.ring.len() + self.yields.len()) as u64 * self.watch.mean()
    }

    /// Whether there is so much to run that another core should help.
    pub(crate) fn worth_a_wake(&self, limits: &Limits) -> bool {
        let surplus = self.ring.len() + self.yields.len();
        surplus >= 2 && surplus as u64 * self.watch.mean() > limits.worth.cost()
    }

    /// Whether this core has a task to run.
    pub(crate) fn has_work(&self, shared: &Shared) -> bool {
        !self.remote(shared).lifo.is_empty() || !self.ring.is_empty() || self.has_yields()
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
