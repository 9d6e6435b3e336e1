//! Taking tasks from others: in which order, and when.

use super::core::Core;
use super::shared::Shared;
use crate::task::Notified;

/// A fair share of what lies in the inbox and the inject queue, into the ring; one comes back to run.
pub(crate) fn from_inject(core: &mut Core, shared: &Shared) -> Option<Notified> {
    let remote = core.remote(shared);
    let cores = shared.remotes.len();
    for (queue, sharers) in [(&remote.inbox, 1), (&shared.inject, cores)] {
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

/// Half of the ring of another core, the first that has one; one task comes back to run.
///
/// The walk begins anywhere and visits every core once, so that thieves spread.
pub(crate) fn from_rings(core: &mut Core, shared: &Shared) -> Option<Notified> {
    let cores = shared.remotes.len();
    let start = core.rng.below(cores as u32) as usize;
    for i in 0..cores {
        let victim = (start + i) % cores;
        if victim == core.index {
            continue;
        }
        if let Some((task, count)) = shared.remotes[victim].ring.steal_into(core.ring()) {
            let counters = &core.remote(shared).counters;
            counters.steals.add(1);
            counters.stolen_tasks.add(count as u64);
            return Some(task);
        }
    }
    core.remote(shared).counters.empty_searches.add(1);
    None
}
