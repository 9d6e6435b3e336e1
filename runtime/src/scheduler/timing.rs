//! What a worker notes of time: when tasks begin, how long they take and wait, and which of them are slow.

use std::panic::Location;
use std::sync::atomic::Ordering::{Relaxed, Release};

use super::core::Core;
use super::stall;
use super::stopwatch::Laps;
use super::worker::{Lost, Worker};

/// Looks at the clock between two looks at the reactor and the inject queue: as many as there are tasks, or a
/// quarter where those are so short that a look at the reactor would cost as much as several. A prime, as
/// in Go, so that it beats with no period of the load.
const TURN: u32 = 61;

impl Worker {
    /// A task begins that shares no look at the clock with the one before; what the time says of that one, and
    /// of how long the task had to wait since `queued`, is noted.
    #[inline]
    pub(super) fn look_at_clock(
        &self,
        core: &mut Core,
        queued: Option<u64>,
        location: &'static Location<'static>,
    ) -> u64 {
        let ticks = self.shared.limits.ticks;
        let now = ticks.now();
        self.end_task(core, now);
        core.watch.start(now, location);
        core.looks += 1;
        let since = now.saturating_sub(core.last_poll);
        core.turn_due = core.looks >= TURN || since >= self.shared.limits.turn;
        if let Some(queued) = queued {
            let delay = ticks.ns(now.saturating_sub(queued));
            self.remote().counters.run_delay.record(delay);
        }
        if !core.watched {
            self.begin_watch(core, now);
        }
        now
    }

    #[cold]
    fn begin_watch(&self, core: &mut Core, now: u64) {
        core.watched = true;
        if let Some(watchdog) = &self.shared.watchdog {
            watchdog.ensure(now);
        }
    }

    /// The tasks before, if there were any, have ended.
    #[inline]
    fn end_task(&self, core: &mut Core, now: u64) {
        let Some(laps) = core.watch.stop(now) else {
            return;
        };
        let ticks = self.shared.limits.ticks;
        let times = &self.remote().counters.poll_time;
        if laps.count > 1 {
            times.record_many(laps.count - 1, ticks.ns(laps.usual));
        }
        times.record(ticks.ns(laps.longest));
        if laps.longest > self.shared.limits.alert {
            self.one_was_slow(core, laps, now);
        }
    }

    /// Of polls that shared a look at the clock one was slow. Which, they know who looked at it meanwhile;
    /// with nobody there it is taken to be the last one.
    #[cold]
    fn one_was_slow(&self, core: &Core, laps: Laps, now: u64) {
        let last = laps.count - 1;
        let seen = stall::seen(&self.shared, core.index).checked_sub(laps.start);
        let place = seen.filter(|seen| *seen < last).unwrap_or(last);
        let when = (laps.start + place, now);
        self.was_slow(core.index, when, core.watch.location(place));
    }

    /// The core was taken away during a task.
    #[cold]
    pub(super) fn lost(&self, start: u64, location: &'static Location<'static>) -> Lost {
        let now = self.shared.limits.ticks.now();
        self.desk().set_task(None);
        self.look_at_time(self.core.get(), (start, now), location);
        Lost
    }

    /// A poll took from `when.0` to `when.1`.
    #[inline]
    pub(super) fn look_at_time(
        &self,
        core: usize,
        when: (u64, u64),
        location: &'static Location<'static>,
    ) {
        if when.1.saturating_sub(when.0) > self.shared.limits.alert {
            self.was_slow(core, when, location);
        }
    }

    #[cold]
    fn was_slow(&self, core: usize, when: (u64, u64), location: &'static Location<'static>) {
        if let Some(watchdog) = &self.shared.watchdog {
            watchdog.alert(when.1);
        }
        if when.1.saturating_sub(when.0) > self.shared.limits.slow {
            stall::report(&self.shared, core, self.tid.get(), when, location);
        }
    }

    /// The worker is in no task.
    pub(super) fn rest(&self, core: &mut Core) {
        if core.watch.began() != 0 {
            let now = self.shared.limits.ticks.now();
            self.end_task(core, now);
        }
        self.desk().set_task(None);
        self.remote().task_start.store(0, Release);
    }

    /// How long it took from the notification until now.
    pub(super) fn note_wake_up(&self, now: u64) {
        let notified = self.remote().notified_at.swap(0, Relaxed);
        if notified != 0 {
            let worth = &self.shared.limits.worth;
            worth.measured(now.saturating_sub(notified));
        }
    }
}
