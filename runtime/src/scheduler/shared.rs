//! What all workers share, and how a task reaches a queue.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

use ringspun_reactor::Reactor;

use super::idle::Idle;
use super::inject::Inject;
use super::lease::Lease;
use super::lifo::LifoSlot;
use super::limits::Limits;
use super::monitor::Monitor;
use super::park::Unparker;
use super::queue::Steal;
use super::spares::{Desk, Spares, ThreadConfig};
use super::stall::{Reported, Sample};
use super::watchdog::Watchdog;
use crate::blocking::pool::{Config, Pool};
use crate::context;
use crate::loom::atomic::Ordering::{Acquire, Relaxed, Release};
use crate::loom::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use crate::loom::{CachePadded, Mutex};
use crate::metrics::{Counter, Counters, Metrics};
use crate::task::list::Registry;
use crate::task::{Header, JoinHandle, Notified, Schedule, WokenBy, new_task};
use crate::time::clock::Clock;
use crate::time::timers::Timers;
use crate::trace::Trace;

/// One runtime. Reached by every worker, handle and task.
#[derive(Debug)]
pub(crate) struct Shared {
    /// One for each core.
    pub(crate) remotes: Box<[Remote]>,
    /// One for each worker there may be.
    pub(crate) desks: Box<[Desk]>,
    pub(crate) spares: Spares,
    pub(crate) inject: Inject,
    pub(crate) idle: Idle,
    pub(crate) limits: Limits,
    pub(crate) watchdog: Option<Watchdog>,
    pub(crate) monitor: Option<Monitor>,
    pub(crate) reported: Reported,
    pub(crate) trace: Trace,
    pub(crate) tasks: Registry,
    pub(crate) clock: Arc<Clock>,
    /// The threads for blocking code.
    pub(crate) blocking: Pool,
    /// Reasons why a virtual clock must stand still: threads outside that are about to run a future.
    pub(crate) clock_holds: AtomicUsize,
    /// Set once, at shutdown; workers look before each task.
    closed: AtomicBool,
    /// Which core serves the next thread that has none.
    turn: AtomicUsize,
    foreign_pushes: Counter,
    /// Wake-ups of local tasks that had to wait for their thread.
    pub(crate) local_stalls: Counter,
}

/// What others may reach of a core.
#[derive(Debug)]
pub(crate) struct Remote {
    /// The present task's start in ticks, 0 outside of tasks. Written by the holder, read by those who
    /// look for stuck cores; on a line with the LIFO slot, which a thief takes in the same breath.
    pub(crate) task_start: CachePadded<AtomicU64>,
    /// The task that the running one has just woken or spawned: it runs next, while what the two share
    /// is still in the cache.
    pub(crate) lifo: LifoSlot,
    pub(crate) lease: Lease,
    /// The thief's ends of the rings.
    pub(crate) ring: Steal,
    pub(crate) yields: Steal,
    /// The holder's mean poll time in ticks, for thieves.
    pub(crate) mean_poll: AtomicU64,
    pub(crate) stall: Mutex<Sample>,
    /// Tasks placed on this core by others; its worker looks before it sleeps.
    pub(crate) inbox: Inject,
    pub(crate) unparker: Arc<Unparker>,
    /// When its worker was woken to help, in ticks; 0 if it has noted that.
    pub(crate) notified_at: AtomicU64,
    /// One more than the desk of a thread that lost this core and has tasks that cannot move with it.
    pub(crate) wanted: AtomicUsize,
    pub(crate) reactor: Arc<Reactor>,
    pub(crate) timers: Arc<Timers>,
    pub(crate) counters: CachePadded<Counters>,
}

/// A way to [`Shared`] whose count is used by one core: tasks hold one of these, so that spawning and
/// dropping them touches no count that all cores share.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) shared: Arc<Shared>,
    /// The registry shard for tasks spawned from here; `None` spreads them by their ids.
    pub(crate) core: Option<usize>,
}

impl Shared {
    pub(crate) fn new(
        remotes: Box<[Remote]>,
        desks: usize,
        threads: ThreadConfig,
        blocking: Config,
        clock: Arc<Clock>,
        limits: Limits,
    ) -> io::Result<Self> {
        let cores = remotes.len();
        let watched = !limits.watchdog.is_zero() && !clock.is_virtual();
        let monitored = watched && limits.hand_off.is_some();
        let shared = Self {
            remotes,
            desks: (0..desks).map(|_| Desk::new()).collect(),
            spares: Spares::new(desks, threads),
            inject: Inject::new(),
            idle: Idle::new(cores),
            // Alone and without a monitor there is nobody to wake.
            watchdog: (watched && (cores > 1 || monitored))
                .then(|| Watchdog::new(limits.watchdog, limits.ticks))
                .transpose()?,
            monitor: monitored.then(Monitor::new).transpose()?,
            limits,
            reported: Reported::default(),
            trace: Trace::default(),
            tasks: Registry::new(cores.next_power_of_two()),
            clock,
            blocking: Pool::new(blocking, cores),
            clock_holds: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            foreign_pushes: Counter::default(),
            local_stalls: Counter::default(),
        };
        if let Some(watchdog) = &shared.watchdog {
            for remote in &shared.remotes {
                watchdog.watched_by(&remote.reactor)?;
            }
            // The last one: it is told only when no worker waits.
            if let Some(monitor) = &shared.monitor {
                watchdog.watched_by(monitor.reactor())?;
            }
        }
        Ok(shared)
    }

    /// The remote of core `core`.
    ///
    /// # Panics
    ///
    /// If there is no such core.
    pub(crate) fn remote(&self, core: usize) -> &Remote {
        let cores = self.remotes.len();
        self.remotes
            .get(core)
            .unwrap_or_else(|| panic!("no core {core}: this runtime has cores 0 to {}", cores - 1))
    }

    /// A core for a thread that has none, each in turn.
    pub(crate) fn next_core(&self) -> usize {
        // Relaxed: only a spread is wanted.
        self.turn.fetch_add(1, Relaxed) % self.remotes.len()
    }

    /// A task was woken, spawned or aborted: to the current core if this is a worker's thread, else to
    /// the inject queue.
    #[inline]
    pub(crate) fn schedule(&self, task: Notified) {
        if let Err(task) = context::schedule_here(self, task) {
            self.schedule_foreign(task);
        }
    }

    /// Places a task on core `core`.
    pub(crate) fn schedule_on(&self, core: usize, task: Notified) {
        let remote = self.remote(core);
        if context::with_core(self, |current| current.index) == Some(core) {
            return self.schedule(task);
        }
        self.leave_trail(&task);
        if remote.inbox.push(task) {
            remote.unparker.unpark();
        }
    }

    #[cold]
    pub(crate) fn schedule_foreign(&self, task: Notified) {
        self.foreign_pushes.add_shared(1);
        self.leave_trail(&task);
        if self.inject.push(task) {
            self.notify_one();
        }
    }

    /// A task comes into a queue that is not its pusher's core's.
    pub(crate) fn leave_trail(&self, task: &Notified) {
        let trail = &task.header().trail;
        trail.woken(context::current_task(self).map_or(WokenBy::Outside, WokenBy::Task));
        trail.queued(self.limits.ticks.now());
    }

    /// There is work for one more worker: wakes one, unless somebody searches already.
    pub(crate) fn notify_one(&self) {
        if let Some(worker) = self.idle.worker_to_notify() {
            let remote = &self.remotes[worker];
            remote.counters.wakes_sent.add_shared(1);
            // Relaxed: for a statistic; the notification orders it.
            remote.notified_at.store(self.limits.ticks.now(), Relaxed);
            remote.unparker.unpark();
        }
    }

    /// Whether a worker that is about to sleep should look again.
    pub(crate) fn has_work_for(&self, core: usize) -> bool {
        !self.inject.is_empty()
            || !self.remotes[core].inbox.is_empty()
            || self
                .idle
                .awake_from(core)
                .any(|other| other != core && self.worth_stealing(other))
    }

    /// Whether core `core`, healthy, has so much to run that a thief helps: at least two tasks, so
    /// that none is taken that the owner is about to run, and more time than a wake-up costs.
    pub(crate) fn worth_stealing(&self, core: usize) -> bool {
        let remote = &self.remotes[core];
        let backlog = remote.ring.len() + remote.yields.len();
        // Relaxed: an estimate.
        backlog >= 2 && backlog as u64 * remote.mean_poll.load(Relaxed) > self.limits.worth.cost()
    }

    /// Since when core `core` has been in one task, if that is too long.
    pub(crate) fn stuck_since(&self, core: usize, now: u64) -> Option<u64> {
        // Acquire: pairs with the store as the task began; what the core did before is seen.
        let start = self.remotes[core].task_start.load(Acquire);
        (start != 0 && now.saturating_sub(start) > self.limits.stuck).then_some(start)
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: see what was done before the shutdown began.
        self.closed.load(Acquire)
    }

    /// Begins the shutdown; true the first time. See `shutdown.rs`.
    pub(crate) fn close(&self) -> bool {
        // The queue before the flag: a worker that sees the flag empties the queue, and that is the last
        // time anybody does.
        if !self.inject.close() {
            return false;
        }
        // Release: who sees the flag sees the queue closed.
        self.closed.store(true, Release);
        self.spares.close(&self.desks);
        self.trace.end();
        if let Some(monitor) = &self.monitor {
            monitor.wake();
        }
        for remote in &self.remotes {
            remote.unparker.unpark();
        }
        self.blocking.close();
        true
    }

    /// Where all tasks are listed: those of the cores, and those of each thread.
    pub(crate) fn registries(&self) -> impl Iterator<Item = &Registry> {
        let locals = self.desks.iter().map(|desk| &desk.locals.tasks);
        std::iter::once(&self.tasks).chain(locals)
    }

    pub(crate) fn live_tasks(&self) -> usize {
        self.registries().map(Registry::len).sum()
    }

    pub(crate) fn metrics(&self) -> Metrics {
        Metrics {
            cores: self
                .remotes
                .iter()
                .map(|remote| remote.counters.read())
                .collect(),
            live_tasks: self.live_tasks(),
            inject_len: self.inject.len(),
            foreign_pushes: self.foreign_pushes.get(),
            local_stalls: self.local_stalls.get(),
            threads: self.spares.threads(),
            parked: self.idle.parked(),
            searching: self.idle.searching(),
            timers: self.remotes.iter().map(|remote| remote.timers.len()).sum(),
            sources: self
                .remotes
                .iter()
                .map(|remote| remote.reactor.sources())
                .sum(),
            blocking: self.blocking.metrics(),
        }
    }
}

impl Remote {
    /// Whether the core has tasks to run, as far as one can tell from outside.
    pub(crate) fn has_tasks(&self) -> bool {
        !self.lifo.is_empty()
            || self.ring.len() > 0
            || self.yields.len() > 0
            || !self.inbox.is_empty()
    }
}

impl Home {
    /// Spawns a task; on core `on`, or on the current one.
    #[inline]
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        future: F,
        on: Option<usize>,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let shards = self.shared.tasks.shards();
        let shard = self.core.unwrap_or_else(|| self.shared.next_core()) % shards;
        let (task, entry, handle) = new_task(future, self.clone(), shard as u32, location);
        self.shared.tasks.admit(task, entry, |entry| match on {
            Some(core) => self.shared.schedule_on(core, entry),
            None => self.shared.schedule(entry),
        });
        handle
    }
}

impl Schedule for Arc<Home> {
    fn schedule(&self, task: Notified) {
        self.shared.schedule(task);
    }

    #[inline]
    unsafe fn schedule_here(this: NonNull<Self>, task: Notified) -> Result<(), Notified> {
        // SAFETY: the task is in no queue yet, so its cell lives.
        let home = unsafe { this.as_ref() };
        let shared = Arc::as_ptr(&home.shared);
        context::schedule_here(shared, task)
    }

    fn release(&self, task: &Header) -> bool {
        self.shared.tasks.remove(task)
    }
}
