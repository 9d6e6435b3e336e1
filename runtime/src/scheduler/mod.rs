//! The scheduler: which task runs where and when.
//!
//! | word | what it is | Go's word |
//! |---|---|---|
//! | task | a spawned future | G |
//! | core | what one CPU needs to serve: ring, LIFO slot, reactor, timers, counters | P |
//! | worker | a thread; it runs tasks while it holds a core | M |
//! | lease | the right to use a core; lent out while a task is polled | |
//! | inject queue | where tasks go that no core's queue can take | global queue |
//! | inbox | tasks that others placed on a core | |
//! | searching | a worker without a task that looks for one | spinning |
//! | park / unpark | sleep in the own reactor / end that sleep | |
//!
//! **Submit** ([`shared::Shared::schedule`]). On a worker: the LIFO slot, and what was there goes to
//! the ring; what the reactor or a timer woke goes to the ring's tail; a full ring overflows to the
//! inject queue; a task that yields goes to a second ring, behind what events woke. Elsewhere: the inject
//! queue. A push makes no system call by itself: a sleeper is woken
//! only where a core has more than it can begin with, and nobody searches.
//!
//! **Park** ([`worker::Worker`], [`idle`], [`park`]). Three protocols keep every wake-up:
//! the counts of searching and awake workers (idle.rs) for work anybody may do; the park state
//! (park.rs) for work of one core (inbox, earlier timer, shutdown); the reactor's edge for I/O.
//!
//! **Shutdown** ([`shutdown`]). Numbered there.
//!
//! **Locks** of the runtime, none taken while another is held, but a desk's mail under the spares' when a
//! thread could not be started: a shard of the registry, the inject queue and inboxes, the sleepers, a
//! core's timers, the spares, a desk's mail, a thread's woken local tasks, a core's stall sample, the waiters
//! of a channel, the waits of a `sync` type, the ring of a broadcast channel, the seats of a mesh, a snapshot's
//! retired values, the listeners of a token. No user code runs under any of them.
//!
//! **Stuck cores.** A task that keeps its thread keeps nobody else. [`watchdog`] wakes an idle worker,
//! which adopts the core ([`adopt`], [`steal`]) until its owner is back; without an idle one [`monitor`]
//! takes the core through its [`lease`] and hands it to a thread of [`spares`]. [`stall`] says so.
//!
//! **Local tasks** ([`locals`]) belong to a thread and do not move with its core.
//!
//! Left to a later version: spinning before parking.

pub(crate) mod adopt;
pub(crate) mod core;
pub(crate) mod fence;
pub(crate) mod idle;
pub(crate) mod inject;
pub(crate) mod lease;
pub(crate) mod lifo;
pub(crate) mod limits;
pub(crate) mod locals;
pub(crate) mod monitor;
pub(crate) mod park;
pub(crate) mod queue;
pub(crate) mod shared;
pub(crate) mod shutdown;
pub(crate) mod spares;
pub(crate) mod stall;
pub(crate) mod steal;
pub(crate) mod stopwatch;
pub(crate) mod timing;
pub(crate) mod watchdog;
pub(crate) mod worker;

#[cfg(all(test, loom))]
mod loom_idle;
#[cfg(all(test, loom))]
mod loom_inject;
#[cfg(all(test, loom))]
mod loom_lease;
#[cfg(all(test, loom))]
mod loom_lifo;
#[cfg(all(test, loom))]
mod loom_park;
#[cfg(all(test, loom))]
mod loom_queue;
#[cfg(all(test, loom))]
mod loom_watchdog;
