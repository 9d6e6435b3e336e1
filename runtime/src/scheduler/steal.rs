//! Taking work from others: in which order, and when.
//!
//! From a healthy core only what it will not come to soon: half of a ring that holds two tasks or more
//! and takes longer than a wake-up costs; a single task is one that its owner is about to run, and
//! stealing it does harm (tokio reverted its theft of LIFO slots after a loss of 30 %). From a core
//! that is stuck in one task everything: rings, LIFO slot (H11), inbox, due timers (H12), and ready
//! events (H13: a listener's among them), which are all published to the thief's ring before the first
//! one runs (H9). A descriptor stays in the reactor of its core.

use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

use super::core::Core;
use super::shared::Shared;
use crate::task::Notified;

/// The most events taken from a stuck core at a time: a thief that gets stuck itself holds no more.
const MAX_STOLEN_EVENTS: usize = 16;

/// A fair share of what lies in the inbox and the inject queue, into the ring; one comes back to run.
#[inline]
pub(crate) fn from_inject(core: &mut Core, shared: &Shared) -> Option<Notified> {
    let (inbox, cores) = (&core.remote(shared).inbox, shared.remotes.len());
    // Looked at before each task that yielded, and empty mostly.
    if inbox.is_empty() && shared.inject.is_empty() {
        return None;
    }
    for (queue, sharers) in [(inbox, 1), (&shared.inject, cores)] {
        let share = (queue.len() / sharers + 1).min(core.ring_free() / 2 + 1);
        let mut first = None;
        queue.pop_batch(share, |task| match &first {
            None => first = Some(task),
            Some(_) => core
                .ring()
                .push(task)
                .expect("the share fits into the ring"),
        });
        if first.is_some() {
            return first;
        }
    }
    None
}

/// Half of a ring of another core, the first that is worth it; one task comes back to run.
///
/// The walk begins anywhere and goes on in steps of its own, so that thieves spread, also over a few busy cores
/// side by side, and passes over cores that sleep: theirs are empty.
pub(crate) fn from_rings(core: &mut Core, shared: &Shared) -> Option<Notified> {
    for victim in walk(core, shared) {
        if victim == core.index || !shared.worth_stealing(victim) {
            continue;
        }
        let remote = &shared.remotes[victim];
        for ring in [&remote.ring, &remote.yields] {
            if let Some((task, count)) = ring.steal_into(core.ring()) {
                let counters = &core.remote(shared).counters;
                counters.steals.add(1);
                counters.stolen_tasks.add(count as u64);
                return Some(task);
            }
        }
    }
    core.remote(shared).counters.empty_searches.add(1);
    None
}

/// Takes what waits for core `victim`, which has been in one task since `start`: tasks into the ring, the
/// wakers of events and timers into `core.wakers` and `core.due`, for the caller to wake. True if the
/// watchdog's alarm was found on the way.
pub(crate) fn from_stuck(core: &mut Core, shared: &Shared, victim: usize, start: u64) -> bool {
    let remote = &shared.remotes[victim];
    let mut tasks = 0;
    for ring in [&remote.ring, &remote.yields] {
        if let Some((task, count)) = ring.steal_into(core.ring()) {
            core.push_back(task, shared);
            tasks += count;
        }
    }
    if let Some(task) = rob_lifo(shared, victim) {
        core.push_back(task, shared);
        tasks += 1;
    }
    let room = core.ring_free();
    tasks += remote.inbox.pop_batch(room, |task| {
        core.ring().push(task).expect("no more than there is room");
    });
    let counters = &core.remote(shared).counters;
    if tasks > 0 {
        counters.steals.add(1);
        counters.stolen_tasks.add(tasks as u64);
    }
    if !shared.limits.steal_readiness {
        return false;
    }
    let now = shared.clock.now();
    if remote.timers.next() <= now {
        let before = core.due.len();
        remote.timers.take_due(now, &mut core.due);
        counters.stolen_timers.add((core.due.len() - before) as u64);
    }
    let max = MAX_STOLEN_EVENTS.min(core.ring_free());
    let Core { events, wakers, .. } = core;
    let polled = remote
        .reactor
        .poll(events, max, Some(Duration::ZERO), wakers);
    let Ok(polled) = polled else {
        // The owner will see the same error, and say so.
        return false;
    };
    counters.stolen_events.add(polled.events as u64);
    // H6: a notification taken from a core that is in its task still is in the word of its park state,
    // which the owner reads before it sleeps; one that may have gone to sleep meanwhile is told again.
    if polled.notified && remote.task_start.load(Acquire) != start {
        remote.reactor.wake();
    }
    polled.alarm
}

/// The task in a stuck core's LIFO slot, unless that core is just used.
fn rob_lifo(shared: &Shared, victim: usize) -> Option<Notified> {
    let remote = &shared.remotes[victim];
    let (holder, word) = remote.lease.holder()?;
    let busy = &shared.desks[holder].busy;
    remote.lifo.rob(|| remote.lease.is_left_alone(word, busy))
}

/// The cores that are awake, from anywhere on, in steps of any odd number: it has no divisor in common with the
/// 64 cores of a word.
pub(crate) fn walk<'a>(
    core: &mut Core,
    shared: &'a Shared,
) -> impl Iterator<Item = usize> + use<'a> {
    let start = core.rng.below(shared.remotes.len() as u32) as usize;
    let stride = 2 * core.rng.below(32) + 1;
    shared.idle.awake_walk(start, stride)
}
