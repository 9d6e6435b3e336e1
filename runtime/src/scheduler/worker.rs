//! The loop of a worker: find a task, run it, look at the reactor now and then, sleep.
//!
//! ```text
//!        +--> turn due (61 looks at the clock, 200 µs)? own reactor, timers, one of inbox, inject and yields
//!        |            |
//!        |            v
//!        |    LIFO slot, ring ----------------- task --> run --+--> the core was taken away:
//!        |            | nothing                                |    wait for one as a spare
//!        |            v                                        |
//!        |    inbox, inject queue (a fair share) ------ task --+
//!        |            v                                        |
//!        |    tasks that yielded (behind the reactor) -- task --+
//!        |            v                                        |
//!        |    own reactor, if that paid last time ----- task --+
//!        |            v                                        |
//!        |    search: half of another core's ring,             |
//!        |            everything of a stuck core ------ task --+
//!        |            v                                        |
//!        |    park in the own reactor until the next timer,    |
//!        |         watching over stuck cores (adoption)        |
//!        |            |                                        |
//!        +------------+----------------------------------------+
//! ```
//!
//! **A batch is published before any of it runs**: a poll of the reactor wakes all its tasks into the
//! ring, where others can take them; then one decision is made whether to wake a worker.
//!
//! **Parking never trusts a non-blocking poll.** A zero from `epoll_wait(0)` may be false while another
//! thread scans the set (H3); the worker sleeps only in a blocking wait, which sees every pending edge.
//!
//! **A core may be gone after every task**, and after every batch of wakers, which are user code too:
//! functions that run either return [`Held`].

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use super::adopt::Adopted;
use super::core::{Core, Pushed};
use super::idle::Searching;
use super::lease::Token;
use super::locals::Own;
use super::shared::{Remote, Shared};
use super::spares::Desk;
use super::{shutdown, stall, steal};
use crate::contain::contain;
use crate::handle::Handle;
use crate::task::{Header, Notified};
use crate::time::clock::NEVER;
use crate::{budget, context, slice};

/// The most events of one poll; the kernel's ready list is the better overflow queue.
const MAX_EVENTS: usize = 64;
/// One worker: a thread and what it knows.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) desk: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) handle: Handle,
    /// The core that it holds, or held last.
    pub(super) core: Cell<usize>,
    /// Its lease of that core.
    pub(super) token: Token,
    pub(super) tid: Cell<i32>,
    /// The tasks that stay with this thread and can run.
    pub(crate) own: Own,
}

/// The core was taken away, and another worker holds it now.
#[derive(Debug)]
pub(crate) struct Lost;

pub(super) type Held<T = Box<Core>> = Result<T, Lost>;

impl Worker {
    pub(crate) fn new(desk: usize, handle: Handle) -> Self {
        Self {
            desk,
            shared: handle.shared_arc(),
            handle,
            core: Cell::new(0),
            token: Cell::new(0),
            tid: Cell::new(0),
            own: Own::default(),
        }
    }

    /// The thread's whole life.
    pub(crate) fn run(self, core: Box<Core>) {
        self.tid.set(stall::current_tid());
        self.desk().tid.store(self.tid.get(), Relaxed);
        slice::ask_for(slice::WORKER);
        context::enter_worker(&self, || {
            let mut next = Some(core);
            while let Some(core) = next {
                next = match self.serve(core) {
                    Ok(core) => {
                        shutdown::worker(&self.shared, core);
                        None
                    }
                    Err(Lost) => {
                        let core = self.shared.spares.wait(&self);
                        self.ask_no_more();
                        core
                    }
                };
            }
            // A spare that ends before has none left, and its desk may serve another thread.
            if self.shared.is_closed() {
                self.own.close(&self.desk().locals);
            }
        });
    }

    /// The core that this worker holds.
    pub(crate) fn core(&self) -> Option<usize> {
        let core = self.core.get();
        let held = self.shared.remotes[core].lease.is_held(&self.token);
        held.then_some(core)
    }

    /// See [`context::with_core`].
    #[inline]
    pub(crate) fn with_core<R>(&self, f: impl FnOnce(&mut Core) -> R) -> Option<R> {
        let lease = &self.shared.remotes[self.core.get()].lease;
        lease.with(&self.desk().busy, &self.token, |core| f(core))
    }

    /// Puts a task into a queue of the core, if this worker holds one: the LIFO slot, mostly.
    #[inline]
    pub(crate) fn schedule(&self, task: Notified) -> Result<(), Notified> {
        let mut task = Some(task);
        let pushed = self.with_core(|core| {
            let task = task.take().expect("taken once");
            core.push_next(task, self.remote(), &self.shared)
        });
        match pushed {
            Some(Pushed::Next) => Ok(()),
            Some(Pushed::Surplus) => {
                // Not needed for safety: the core will come to it, and the watchdog looks after the core.
                if self.shared.idle.may_notify() {
                    self.shared.notify_one();
                }
                Ok(())
            }
            None => Err(task.expect("not taken without a core")),
        }
    }

    /// Gives the core away, from within a task: this thread is about to block.
    pub(crate) fn hand_off(&self) {
        let remote = &self.shared.remotes[self.core.get()];
        if self.core().is_none() || self.shared.clock.is_virtual() {
            return;
        }
        let Some(core) = remote.lease.take_back(&self.desk().busy, &self.token) else {
            return;
        };
        let Some(spare) = self.shared.spares.reserve() else {
            remote.counters.spares_missing.add(1);
            return remote.lease.lend(&self.desk().busy, core);
        };
        remote.counters.hand_offs.add(1);
        remote.task_start.store(0, Release);
        remote.lease.release(&self.desk().busy, &self.token);
        if let Err(error) = self.shared.spares.give(&self.shared, spare, core) {
            tracing::warn!(%error, "a core waits until its thread is back");
        }
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.shared.desks[self.desk]
    }

    pub(super) fn remote(&self) -> &Remote {
        &self.shared.remotes[self.core.get()]
    }

    /// Runs what there is for a core, until the end of the runtime or of the lease.
    fn serve(&self, mut core: Box<Core>) -> Held {
        self.core.set(core.index);
        let Remote { lease, lifo, .. } = self.remote();
        lease.hold(self.desk, &self.desk().busy, &self.token);
        self.desk().locals.sit(Some(core.index));
        core.change_hands(&self.shared.clock);
        self.shared.spares.pin(core.index);
        let mut found: Option<Notified> = None;
        while !self.shared.is_closed() {
            // What was found is in no queue, so it goes before everything else.
            if found.is_none() && core.turn_due {
                core = self.turn(core)?;
            }
            let task = found
                .take()
                .or_else(|| self.own.pop_in_turn())
                .or_else(|| core.pop(lifo))
                .or_else(|| self.own.pop())
                .or_else(|| steal::from_inject(&mut core, &self.shared));
            match task {
                Some(task) => core = self.run_task(task, core)?,
                None if core.has_yields() => core = self.run_yield(core)?,
                None => (core, found) = self.find_or_park(core)?,
            }
        }
        // A found task is in the registry: the shutdown cancels it, and this entry only goes.
        drop(found);
        Ok(core)
    }

    #[inline]
    fn run_task(&self, task: Notified, mut core: Box<Core>) -> Held {
        let (remote, desk, limits) = (self.remote(), self.desk(), &self.shared.limits);
        let Header {
            trail, location, ..
        } = task.header();
        let (queued, location) = (trail.take_queued(), *location);
        let shared = match queued {
            None => core.watch.share(location),
            Some(_) => None,
        };
        let now = shared.unwrap_or_else(|| self.look_at_clock(&mut core, queued, location));
        core.begin_task(location);
        remote.counters.polls.add(1);
        trail.polled(now);
        desk.set_task(Some(location));
        // Release: who sees a core in this task sees what it did before.
        remote.task_start.store(now, Release);
        remote.lease.lend(&desk.busy, core);
        let again = budget::with_budget(now.saturating_add(limits.poll), || task.run());
        let mut core = remote.lease.take_back(&desk.busy, &self.token);
        if let Some(task) = again {
            self.run_again(task, core.as_deref_mut());
        }
        core.ok_or_else(|| self.lost(now, location))
    }

    /// A task that woke itself goes behind the others.
    #[inline]
    fn run_again(&self, task: Notified, core: Option<&mut Core>) {
        match core {
            _ if task.header().is_local => self.own.push(task),
            Some(core) => core.push_yield(task, &self.shared),
            None => self.shared.schedule_foreign(task),
        }
    }

    /// Runs a task that yielded, unless an event comes first.
    fn run_yield(&self, mut core: Box<Core>) -> Held {
        if core.watch.began().saturating_sub(core.last_poll) >= self.shared.limits.yield_turn {
            core = self.poll_reactor(core)?.0;
            // An event's tasks go first.
            if !core.ring().is_empty() || !self.own.is_empty() {
                return Ok(core);
            }
        }
        match core.pop_yield() {
            Some(task) => self.run_task(task, core),
            None => Ok(core),
        }
    }

    /// The regular look at everything that waits while tasks run.
    #[cold]
    fn turn(&self, mut core: Box<Core>) -> Held {
        core = self.give_back(core)?;
        self.own.fetch(&self.desk().locals);
        // One of each goes before what the ring holds: a busy ring never runs empty.
        for queue in [&self.remote().inbox, &self.shared.inject] {
            if let Some(task) = queue.pop() {
                core = self.run_task(task, core)?;
            }
        }
        if let Some(task) = core.pop_yield() {
            core = self.run_task(task, core)?;
        }
        self.look_after_others(core.index);
        Ok(self.poll_reactor(core)?.0)
    }

    /// Nothing to run here: look elsewhere, then sleep.
    fn find_or_park(&self, mut core: Box<Core>) -> Held<(Box<Core>, Option<Notified>)> {
        if self.has_local() {
            return Ok((core, None));
        }
        core = self.give_back(core)?;
        let alone = self.shared.remotes.len() == 1;
        if core.poll_pays && !alone {
            let events;
            (core, events) = self.poll_reactor(core)?;
            core.poll_pays = events > 0;
            if self.has_work(&core) {
                return Ok((core, None));
            }
        }
        let mut searching = None;
        if !alone {
            searching = self.shared.idle.try_search();
            if searching.is_some() {
                self.rest(&mut core);
                if let Some(task) = steal::from_rings(&mut core, &self.shared) {
                    self.stop_searching(searching);
                    return Ok((core, Some(task)));
                }
                core = match self.relieve_any(core) {
                    Ok(core) if self.has_work(&core) => {
                        self.stop_searching(searching);
                        return Ok((core, None));
                    }
                    Ok(core) => core,
                    Err(Lost) => {
                        self.stop_searching(searching);
                        return Err(Lost);
                    }
                };
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
    ) -> Held<(Box<Core>, Option<Notified>)> {
        let remote = self.remote();
        self.rest(&mut core);
        core.watched = false;
        let last = self.shared.idle.park(core.index, searching);
        let mut timeout = Some(Duration::ZERO);
        let mut adopted = Adopted::default();
        if remote.unparker.state.prepare() && !self.shared.has_work_for(core.index) {
            adopted = self.adopt(core.index, last);
            timeout = self.park_timeout(&adopted);
        }
        remote.counters.parks.add(1);
        if adopted.len > 0 {
            self.wait_with(&adopted, timeout);
            timeout = Some(Duration::ZERO);
        }
        let events;
        (core, events) = self.wait(core, timeout);
        remote.unparker.state.finish();
        // Awake before the batch is published: else the worker to wake for it might be this one, which is
        // still among the sleepers.
        let searching = self.shared.idle.unpark(core.index);
        if searching.is_some() {
            self.note_wake_up(core.last_poll);
        }
        let woken = self.after_sleep(core, events, &adopted);
        let Ok(mut core) = woken else {
            self.stop_searching(searching);
            return Err(Lost);
        };
        if searching.is_none() && self.has_work(&core) {
            return Ok((core, None));
        }
        // Woken for the others' sake, or by chance: search before sleeping again.
        let task = steal::from_inject(&mut core, &self.shared)
            .or_else(|| steal::from_rings(&mut core, &self.shared));
        self.stop_searching(searching);
        Ok((core, task))
    }

    /// What has come during the sleep, here and at the cores watched over.
    fn after_sleep(&self, core: Box<Core>, events: usize, adopted: &Adopted) -> Held {
        for (victim, _) in adopted.cores() {
            self.shared.remotes[*victim].unparker.end_adoption();
        }
        let mut core = self.publish(core)?;
        core.poll_pays = events > 1;
        if events == 0 {
            self.advance_virtual_clock(&mut core);
        }
        for (victim, start) in adopted.cores() {
            if self.shared.remotes[*victim].task_start.load(Acquire) == *start {
                core = self.relieve(core, *victim, *start)?;
            }
        }
        Ok(core)
    }

    fn stop_searching(&self, searching: Option<Searching>) {
        if let Some(proof) = searching
            && self.shared.idle.stop_searching(proof)
            && self.shared.has_work_for(self.core.get())
        {
            // The last one to stop: what is left needs somebody.
            self.shared.notify_one();
        }
    }

    fn park_timeout(&self, adopted: &Adopted) -> Option<Duration> {
        let mut next = self.remote().timers.next();
        for (victim, _) in adopted.cores() {
            let remote = &self.shared.remotes[*victim];
            if remote.has_tasks() {
                return Some(Duration::ZERO);
            }
            if self.shared.limits.steal_readiness {
                next = next.min(remote.timers.next());
            }
        }
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
    fn poll_reactor(&self, core: Box<Core>) -> Held<(Box<Core>, usize)> {
        let (core, events) = self.wait(core, Some(Duration::ZERO));
        Ok((self.publish(core)?, events))
    }

    /// Waits in the own reactor and collects the wakers of what is ready; [`publish`](Self::publish)
    /// follows. Returns how many events there were.
    fn wait(&self, mut core: Box<Core>, timeout: Option<Duration>) -> (Box<Core>, usize) {
        let remote = self.remote();
        self.rest(&mut core);
        // Relaxed: an estimate for thieves.
        remote.mean_poll.store(core.watch.mean(), Relaxed);
        let max = MAX_EVENTS.min(core.ring_free()).max(1);
        let Core { events, wakers, .. } = &mut *core;
        let polled = match remote.reactor.poll(events, max, timeout, wakers) {
            Ok(polled) => polled,
            // Only a bad descriptor or bad memory gets here: a defect, not a condition.
            Err(error) => panic!("the reactor of core {} cannot wait: {error}", core.index),
        };
        remote.counters.reactor_waits.add(1);
        remote.counters.reactor_events.add(polled.events as u64);
        core.look_at(&self.shared.clock);
        core.last_poll = self.shared.limits.ticks.now();
        (core.looks, core.turn_due) = (0, false);
        if polled.alarm {
            remote.counters.watchdog_fires.add(1);
            self.alarm(core.last_poll);
        }
        (core, polled.events)
    }

    /// Wakes what is ready and due into the ring, and decides whether a worker should be woken for it.
    fn publish(&self, core: Box<Core>) -> Held {
        let core = self.dispatch(core)?;
        if core.worth_a_wake(&self.shared.limits) && self.shared.idle.may_notify() {
            self.shared.notify_one();
        }
        Ok(core)
    }

    /// Wakes what the reactor and the timers made ready; all of it goes to the ring's tail.
    fn dispatch(&self, mut core: Box<Core>) -> Held {
        let remote = self.remote();
        if remote.timers.next() <= core.now {
            let now = core.now;
            remote.timers.take_due(now, &mut core.due);
            remote.counters.timers_fired.add(core.due.len() as u64);
        }
        self.wake_all(core)
    }

    /// Wakes the wakers collected in the core.
    pub(super) fn wake_all(&self, mut core: Box<Core>) -> Held {
        if core.wakers.is_empty() && core.due.is_empty() {
            return Ok(core);
        }
        let remote = self.remote();
        let mut wakers = std::mem::take(&mut core.wakers);
        let mut due = std::mem::take(&mut core.due);
        core.dispatching = true;
        remote.lease.lend(&self.desk().busy, core);
        // A foreign future's waker may be any code, and may panic: the worker goes on. Each by itself:
        // a second panic while the first one unwinds would end the process.
        for waker in wakers.drain().chain(due.drain(..)) {
            contain(|| waker.wake());
        }
        let core = remote.lease.take_back(&self.desk().busy, &self.token);
        let mut core = core.ok_or(Lost)?;
        core.dispatching = false;
        core.wakers = wakers;
        core.due = due;
        Ok(core)
    }

    /// Whether there is a task to run, of the core or of the thread.
    pub(super) fn has_work(&self, core: &Core) -> bool {
        core.has_work(&self.shared) || self.has_local()
    }

    fn clock_may_jump(&self) -> bool {
        self.shared.clock_holds.load(Acquire) == 0
    }

    /// Under a test clock: every task waits, so time moves to the next timer.
    fn advance_virtual_clock(&self, core: &mut Core) {
        let clock = &self.shared.clock;
        if !clock.is_virtual() {
            return;
        }
        if !self.clock_may_jump() || self.has_work(core) || self.shared.has_work_for(core.index) {
            return;
        }
        // Not before it is known that nobody outside runs: who did may have set the earliest.
        let next = self.remote().timers.next();
        if next != NEVER {
            clock.advance_to(next);
            core.look_at(clock);
            // The next turn of the loop parks again, finds the timer due, and fires it.
        }
    }
}
