//! Counters of the scheduler: plain integers of each core, summed when read.

mod histogram;

use std::fmt;

use crate::blocking::BlockingMetrics;
use crate::loom::atomic::AtomicU64;
use crate::loom::atomic::Ordering::Relaxed;

pub use self::histogram::Histogram;
use self::histogram::Recorder;

/// A number that one thread writes and others read.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds without a locked instruction: only the worker of the core writes.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // Relaxed: a statistic orders nothing.
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Adds from any thread.
    pub(crate) fn add_shared(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one core, written by its worker.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
            pub(crate) poll_time: Recorder,
            pub(crate) run_delay: Recorder,
        }

        /// What one core has done since its runtime started.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct CoreMetrics {
            $($(#[$doc])* pub $name: u64,)*
            /// How long polls of tasks took; those that ended after their core was taken away are missing. While
            /// polls take less than 1 µs on average they are timed up to four at a time.
            pub poll_time: Histogram,
            /// How long tasks that could run waited for their turn: of those that a worker made ready about every
            /// 16th, of those that came from elsewhere each.
            pub run_delay: Histogram,
        }

        impl Counters {
            pub(crate) fn read(&self) -> CoreMetrics {
                CoreMetrics {
                    $($name: self.$name.get(),)*
                    poll_time: self.poll_time.read(),
                    run_delay: self.run_delay.read(),
                }
            }
        }

        impl std::ops::AddAssign for CoreMetrics {
            fn add_assign(&mut self, other: Self) {
                $(self.$name = self.$name.wrapping_add(other.$name);)*
                self.poll_time.merge(&other.poll_time);
                self.run_delay.merge(&other.run_delay);
            }
        }
    };
}

counters! {
    /// Polls of tasks.
    polls,
    /// Tasks taken from other cores' queues.
    stolen_tasks,
    /// Successful looks into other cores' queues.
    steals,
    /// Searches of all other cores that found nothing.
    empty_searches,
    /// Sleeping workers woken because there was work for one more.
    wakes_sent,
    /// Sleepers' looks after a stuck core: the times one began to watch over it.
    adoptions,
    /// Times this core was taken from a thread that was stuck in a task, or gave it away
    /// ([`block_in_place`](crate::block_in_place)), and went to another thread.
    hand_offs,
    /// Times a stuck core stayed with its thread because no spare thread was left.
    spares_missing,
    /// Events taken from the reactors of stuck cores.
    stolen_events,
    /// Timers taken from stuck cores.
    stolen_timers,
    /// Tasks that yielded or woke themselves.
    yields,
    /// Polls of tasks that took longer than 10 ms.
    slow_polls,
    /// Times the watchdog woke this core's worker.
    watchdog_fires,
    /// Times the worker slept in its reactor.
    parks,
    /// Tasks put into the inject queue because the ring was full.
    overflows,
    /// Waits of the reactor, blocking or not.
    reactor_waits,
    /// Events that the reactor delivered.
    reactor_events,
    /// Timers that fired.
    timers_fired,
}

/// A reading of a runtime's counters. Made by [`Handle::metrics`](crate::Handle::metrics).
///
/// The cores go on while they are read, so the numbers may be a few operations apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// One entry for each core.
    pub cores: Vec<CoreMetrics>,
    /// Tasks that live now.
    pub live_tasks: usize,
    /// Tasks in the inject queue now.
    pub inject_len: usize,
    /// Tasks pushed to the inject queue from threads outside the runtime.
    pub foreign_pushes: u64,
    /// Wake-ups of [local tasks](crate::spawn_local) that had to wait, because their thread was stuck in
    /// a task.
    pub local_stalls: u64,
    /// Threads of the runtime now: workers, spares and the monitor.
    pub threads: usize,
    /// Workers asleep now.
    pub parked: usize,
    /// Workers searching now.
    pub searching: usize,
    /// Timers set now.
    pub timers: usize,
    /// Descriptors registered in the reactors now.
    pub sources: usize,
    /// The threads for blocking code.
    pub blocking: BlockingMetrics,
}

impl Metrics {
    /// The sum over all cores.
    pub fn total(&self) -> CoreMetrics {
        let mut total = CoreMetrics::default();
        for core in &self.cores {
            total += *core;
        }
        total
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total();
        write!(
            f,
            "cores={} parked={} searching={} tasks={} inject={} timers={} sources={} polls={} steals={} \
             parks={} wakes={} waits={} events={} blocking={}/{}+{}",
            self.cores.len(),
            self.parked,
            self.searching,
            self.live_tasks,
            self.inject_len,
            self.timers,
            self.sources,
            total.polls,
            total.steals,
            total.parks,
            total.wakes_sent,
            total.reactor_waits,
            total.reactor_events,
            self.blocking.idle,
            self.blocking.threads,
            self.blocking.queued,
        )
    }
}
