//! The loop of a worker: find a task, run it, look at the reactor now and then, sleep.
//!
//! ```text
//!        +--> turn due (61 tasks, 200 µs)? own reactor, timers, one look at inbox and inject
//!        |            |
//!        |            v
//!        |    LIFO slot, ring ----------------- task --> run --+
//!        |            | nothing                                |
//!        |            v                                        |
//!        |    inbox, inject queue (a fair share) ------ task --+
//!        |            v                                        |
//!        |    own reactor, if that paid last time ----- task --+
//!        |            v                                        |
//!        |    search: half of another core's ring ----- task --+
//!        |            v                                        |
//!        |    park in the own reactor until the next timer     |
//!        |            |                                        |
//!        +------------+----------------------------------------+
//! ```
//!
//! **A batch is published before any of it runs**: a poll of the reactor wakes all its tasks into the
//! ring, where others can take them; then one decision is made whether to wake a worker.
//!
//! **Parking never trusts a non-blocking poll.** A zero from `epoll_wait(0)` may be false while another
//! thread scans the set; the worker sleeps only in a blocking wait, which sees every pending edge.

use std::sync::Arc;
use std::time::Duration;

use super::core::Core;
use super::idle::Searching;
use super::lease::Lease;
use super::park::Unparker;
use super::shared::{Remote, Shared};
use super::{shutdown, steal};
use crate::contain::contain;
use crate::handle::Handle;
use crate::task::Notified;
use crate::time::clock::NEVER;
use crate::{budget, context};

/// Tasks between two looks at the reactor and the inject queue: a prime, as in Go, so that it beats
/// with no period of the load.
const TURN: u32 = 61;
/// The same in time, for tasks that take long.
const TURN_NS: u64 = 200_000;
/// Tasks between two looks at the clock, which costs 25 ns: with requests of 10 µs it is due every 120 µs.
const CLOCK_TICKS: u32 = 12;
/// The most events of one poll; the kernel's ready list is the better overflow queue.
const MAX_EVENTS: usize = 64;
/// What waking a worker costs the two of them (6.5 µs for the waker, 20 µs until it runs): a backlog
/// below that is not worth it.
const WAKE_COST_NS: u64 = 20_000;

/// One worker: a thread and what it knows.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) handle: Handle,
    pub(crate) lease: Lease,
}

impl Worker {
    pub(crate) fn new(index: usize, handle: Handle) -> Self {
        Self {
            index,
            shared: handle.shared_arc(),
            handle,
            lease: Lease::default(),
        }
    }

    /// The thread's whole life.
    pub(crate) fn run(self, mut core: Box<Core>) {
        context::enter_worker(&self, || {
            let mut found = None;
            while !self.shared.is_closed() {
                if self.turn_due(&mut core) {
                    core = self.turn(core);
                }
                let task = found
                    .take()
                    .or_else(|| core.pop())
                    .or_else(|| steal::from_inject(&mut core, &self.shared));
                match task {
                    Some(task) => core = self.run_task(task, core),
                    None => (core, found) = self.find_or_park(core),
                }
            }
            // A found task is in the registry: the shutdown cancels it, and this entry only goes.
            drop(found);
            shutdown::worker(&self.shared, core);
        });
    }

    fn remote(&self) -> &Remote {
        &self.shared.remotes[self.index]
    }

    pub(crate) fn unparker(&self) -> &Arc<Unparker> {
        &self.remote().unparker
    }

    #[inline]
    fn run_task(&self, task: Notified, mut core: Box<Core>) -> Box<Core> {
        core.tick = core.tick.wrapping_add(1);
        self.remote().counters.polls.add(1);
        self.lease.lend(core);
        budget::with_budget(|| task.run());
        self.lease.take_back().expect("nobody revokes a lease")
    }

    #[inline]
    fn turn_due(&self, core: &mut Core) -> bool {
        let ticks = core.tick.wrapping_sub(core.last_poll_tick);
        if ticks >= TURN {
            return true;
        }
        if ticks > 0 && ticks.is_multiple_of(CLOCK_TICKS) {
            core.look_at(&self.shared.clock);
            return core.now - core.last_poll >= TURN_NS;
        }
        false
    }

    /// The regular look at everything that waits while tasks run.
    #[cold]
    fn turn(&self, mut core: Box<Core>) -> Box<Core> {
        // One of each goes before what the ring holds: a busy ring never runs empty.
        for queue in [&self.remote().inbox, &self.shared.inject] {
            if let Some(task) = queue.pop() {
                core = self.run_task(task, core);
            }
        }
        self.poll_reactor(core).0
    }

    /// Nothing to run here: look elsewhere, then sleep.
    fn find_or_park(&self, mut core: Box<Core>) -> (Box<Core>, Option<Notified>) {
        let alone = self.shared.remotes.len() == 1;
        if core.poll_pays && !alone {
            let events;
            (core, events) = self.poll_reactor(core);
            core.poll_pays = events > 0;
            if core.has_work() {
                return (core, None);
            }
        }
        let mut searching = None;
        if !alone {
            searching = self.shared.idle.try_search();
            if searching.is_some()
                && let Some(task) = steal::from_rings(&mut core, &self.shared)
            {
                self.stop_searching(searching);
                return (core, Some(task));
            }
        }
        self.park(core, searching)
    }

    /// Sleeps in the own reactor until an event, the next timer or a notification. The order of the
    /// steps is the proof in `idle.rs` and `park.rs`.
    fn park(
        &self,
        mut core: Box<Core>,
        searching: Option<Searching>,
    ) -> (Box<Core>, Option<Notified>) {
        let remote = self.remote();
        self.shared.idle.park(self.index, searching);
        let mut timeout = Some(Duration::ZERO);
        if remote.unparker.state.prepare() && !self.shared.has_work_for(self.index) {
            timeout = self.park_timeout();
        }
        remote.counters.parks.add(1);
        let events;
        (core, events) = self.wait(core, timeout);
        remote.unparker.state.finish();
        // Awake before the batch is published: else the worker to wake for it might be this one, which
        // lies on top of the sleepers.
        let searching = self.shared.idle.unpark(self.index);
        core = self.publish(core);
        core.poll_pays = events > 1;
        if events == 0 {
            self.advance_virtual_clock(&mut core);
        }
        if searching.is_none() && core.has_work() {
            return (core, None);
        }
        // Woken for the others' sake, or by chance: search before sleeping again.
        let task = steal::from_inject(&mut core, &self.shared)
            .or_else(|| steal::from_rings(&mut core, &self.shared));
        self.stop_searching(searching);
        (core, task)
    }

    fn stop_searching(&self, searching: Option<Searching>) {
        if let Some(proof) = searching
            && self.shared.idle.stop_searching(proof)
            && self.shared.has_work_for(self.index)
        {
            // The last one to stop: what is left needs somebody.
            self.shared.notify_one();
        }
    }

    fn park_timeout(&self) -> Option<Duration> {
        let next = self.remote().timers.next();
        if next == NEVER {
            return None;
        }
        if self.shared.clock.is_virtual() {
            // The clock will jump there, unless somebody outside is about to run.
            return self.clock_may_jump().then_some(Duration::ZERO);
        }
        Some(Duration::from_nanos(
            next.saturating_sub(self.shared.clock.now()),
        ))
    }

    /// Looks into the own reactor without waiting. Returns how many events there were.
    fn poll_reactor(&self, core: Box<Core>) -> (Box<Core>, usize) {
        let (core, events) = self.wait(core, Some(Duration::ZERO));
        (self.publish(core), events)
    }

    /// Waits in the own reactor and collects the wakers of what is ready; [`publish`](Self::publish)
    /// follows. Returns how many events there were.
    fn wait(&self, mut core: Box<Core>, timeout: Option<Duration>) -> (Box<Core>, usize) {
        let remote = self.remote();
        self.measure(&mut core);
        let max = MAX_EVENTS.min(core.ring_free()).max(1);
        let Core { events, wakers, .. } = &mut *core;
        let polled = match remote.reactor.poll(events, max, timeout, wakers) {
            Ok(polled) => polled,
            // Only a bad descriptor or bad memory gets here: a defect, not a condition.
            Err(error) => panic!("the reactor of core {} cannot wait: {error}", self.index),
        };
        remote.counters.reactor_waits.add(1);
        remote.counters.reactor_events.add(polled.events as u64);
        core.look_at(&self.shared.clock);
        core.last_poll = core.now;
        (core, polled.events)
    }

    /// Wakes what is ready and due into the ring, and decides whether a worker should be woken for it.
    fn publish(&self, core: Box<Core>) -> Box<Core> {
        let core = self.dispatch(core);
        if self.worth_a_wake(&core) {
            self.shared.notify_one();
        }
        core
    }

    /// Wakes what the reactor and the timers made ready; all of it goes to the ring's tail.
    fn dispatch(&self, mut core: Box<Core>) -> Box<Core> {
        let remote = self.remote();
        if remote.timers.next() <= core.now {
            let now = core.now;
            remote.timers.take_due(now, &mut core.due);
            remote.counters.timers_fired.add(core.due.len() as u64);
        }
        if core.wakers.is_empty() && core.due.is_empty() {
            return core;
        }
        let mut wakers = std::mem::take(&mut core.wakers);
        let mut due = std::mem::take(&mut core.due);
        core.dispatching = true;
        self.lease.lend(core);
        // A foreign future's waker may be any code, and may panic: the worker goes on. Each by itself:
        // a second panic while the first one unwinds would end the process.
        for waker in wakers.drain().chain(due.drain(..)) {
            contain(|| waker.wake());
        }
        let mut core = self.lease.take_back().expect("nobody revokes a lease");
        core.dispatching = false;
        core.wakers = wakers;
        core.due = due;
        core
    }

    /// Learns how long a poll takes, from the time and the tasks since the last look.
    fn measure(&self, core: &mut Core) {
        let tasks = u64::from(core.tick.wrapping_sub(core.last_poll_tick));
        core.last_poll_tick = core.tick;
        if tasks > 0 && self.shared.remotes.len() > 1 {
            let mean = (self.shared.clock.now() - core.last_poll) / tasks;
            core.mean_poll = (7 * core.mean_poll + mean) / 8;
        }
    }

    fn worth_a_wake(&self, core: &Core) -> bool {
        let surplus = core.ring_len();
        surplus >= 2 && surplus as u64 * core.mean_poll > WAKE_COST_NS
    }

    fn clock_may_jump(&self) -> bool {
        use crate::loom::atomic::Ordering::Acquire;
        self.shared.clock_holds.load(Acquire) == 0
    }

    /// Under a test clock: every task waits, so time moves to the next timer.
    fn advance_virtual_clock(&self, core: &mut Core) {
        let next = self.remote().timers.next();
        let clock = &self.shared.clock;
        if next == NEVER || !clock.is_virtual() {
            return;
        }
        if self.clock_may_jump() && !core.has_work() && !self.shared.has_work_for(self.index) {
            clock.advance_to(next);
            core.look_at(clock);
            // The next turn of the loop parks again, finds the timer due, and fires it.
        }
    }
}
