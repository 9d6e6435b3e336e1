//! Adoption: a worker without work looks after cores that are stuck in a task.
//!
//! Before it searches any further it takes what waits for such a core ([`steal::from_stuck`]). As it parks, it
//! adopts those that are stuck: it sleeps on their reactors as on its own, for a tick at most, and relieves
//! them when it wakes. Each core has one adopter. An adoption ends with the sleep; the next one is decided
//! anew, so that a core whose owner is back, and in another long task (H5), is seen.
//!
//! What the watchdog's alarm has to do with it: [`watchdog`].

use std::sync::atomic::Ordering::Acquire;
use std::time::Duration;

use ringspun_reactor::{Reactor, wait_any};

use super::core::Core;
use super::worker::{Held, Worker};
use super::{stall, steal, watchdog};

/// The most stuck cores that one sleeper watches over.
const MAX_ADOPTED: usize = 8;
/// A sleeper that watches over stuck cores looks at them that often even if nothing happens there: a task
/// may have been pushed there unseen, or its thread may be back.
const ADOPTION_TICK: Duration = Duration::from_millis(1);

/// Stuck cores that a sleeper watches over: index, and since when they are stuck.
#[derive(Default)]
pub(super) struct Adopted {
    cores: [(usize, u64); MAX_ADOPTED],
    pub(super) len: usize,
}

impl Worker {
    /// If the watchdog's alarm is near and no core needs it, the alarm may come later.
    pub(super) fn look_after_others(&self, own: usize) {
        let Some(watchdog) = &self.shared.watchdog else {
            return;
        };
        let now = self.shared.limits.ticks.now();
        if watchdog.is_old(now) && !self.anybody_stuck(own, now) {
            watchdog.push(now);
        }
    }

    /// Whether a core other than `own` is in one task for long, and nobody has adopted it.
    fn anybody_stuck(&self, own: usize, now: u64) -> bool {
        // Those that sleep are in no task.
        self.shared.idle.awake_from(own).any(|core| {
            core != own
                && self.shared.stuck_since(core, now).is_some()
                && !self.shared.remotes[core].unparker.is_adopted()
        })
    }

    /// Takes what waits for the first stuck core that has something. Not without a watchdog: what is taken
    /// makes this core a stuck one perhaps, and nobody would look after it then.
    pub(super) fn relieve_any(&self, mut core: Box<Core>) -> Held {
        if self.shared.watchdog.is_none() {
            return Ok(core);
        }
        let now = self.shared.limits.ticks.now();
        for victim in steal::walk(&mut core, &self.shared) {
            if victim == core.index {
                continue;
            }
            if let Some(start) = self.shared.stuck_since(victim, now) {
                core = self.relieve(core, victim, start)?;
                if self.has_work(&core) {
                    break;
                }
            }
        }
        Ok(core)
    }

    /// Takes what waits for a stuck core, all of it into the own ring.
    pub(super) fn relieve(&self, mut core: Box<Core>, victim: usize, start: u64) -> Held {
        let now = self.shared.limits.ticks.now();
        stall::sample(&self.shared, victim, start, now);
        if steal::from_stuck(&mut core, &self.shared, victim, start) {
            self.alarm(now);
        }
        self.wake_all(core)
    }

    /// Step (d) of parking: looks at every other core's task; begins to watch over those that are stuck,
    /// and sees to the watchdog. `last`: everybody else sleeps.
    pub(super) fn adopt(&self, own: usize, last: bool) -> Adopted {
        let mut adopted = Adopted::default();
        let Some(watchdog) = &self.shared.watchdog else {
            return adopted;
        };
        let now = self.shared.limits.ticks.now();
        if last {
            if watchdog.is_sparse() {
                watchdog.calm(now, || self.shared.idle.awake() > 0);
            }
            return adopted;
        }
        let mut any_adopted = false;
        for core in self.shared.idle.awake_from(own) {
            let Some(start) = self.shared.stuck_since(core, now).filter(|_| core != own) else {
                continue;
            };
            let unparker = &self.shared.remotes[core].unparker;
            if adopted.len < MAX_ADOPTED && unparker.adopt() {
                adopted.cores[adopted.len] = (core, start);
                adopted.len += 1;
                self.remote().counters.adoptions.add(1);
            }
            any_adopted |= unparker.is_adopted();
            if now.saturating_sub(start) > self.shared.limits.alert {
                watchdog.alert(now);
            }
        }
        if any_adopted && !self.unwatched(own) {
            if adopted.len > 0 {
                watchdog.calm(now, || self.unwatched(own));
            }
        } else if watchdog.is_old(now) && !self.anybody_stuck(own, now) {
            watchdog.push(now);
        } else {
            watchdog.ensure(now);
        }
        adopted
    }

    /// Whether a core is awake that nobody has adopted. See [`watchdog::unwatched`].
    fn unwatched(&self, own: usize) -> bool {
        watchdog::unwatched(&self.shared.idle, || {
            let remotes = self.shared.remotes.iter().enumerate();
            let adopted = remotes.filter(|(core, remote)| {
                // Acquire: pairs with the store as a task began; its worker has armed the alarm before.
                *core != own && remote.unparker.is_adopted() && remote.task_start.load(Acquire) != 0
            });
            adopted.count()
        })
    }

    /// Waits for an event of the own reactor or of those of the stuck cores, and takes none.
    pub(super) fn wait_with(&self, adopted: &Adopted, timeout: Option<Duration>) {
        let own: &Reactor = &self.remote().reactor;
        let mut reactors = [own; MAX_ADOPTED + 1];
        for ((victim, _), slot) in adopted.cores().iter().zip(&mut reactors[1..]) {
            *slot = &self.shared.remotes[*victim].reactor;
        }
        let limit = timeout.map_or(ADOPTION_TICK, |timeout| timeout.min(ADOPTION_TICK));
        let watched = if self.shared.limits.steal_readiness {
            adopted.len + 1
        } else {
            1
        };
        if let Err(error) = wait_any(&reactors[..watched], Some(limit)) {
            panic!("core {} cannot wait: {error}", self.core.get());
        }
    }

    /// The watchdog's alarm was found here, by a worker that is awake or about to be counted as such.
    #[cold]
    pub(super) fn alarm(&self, now: u64) {
        if let Some(watchdog) = &self.shared.watchdog {
            // Counted or not, there is one more than others that are awake at most.
            watchdog.fired(&self.shared.idle, 0, now);
        }
    }
}

impl Adopted {
    pub(super) fn cores(&self) -> &[(usize, u64)] {
        &self.cores[..self.len]
    }
}
