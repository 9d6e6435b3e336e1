//! The watchdog: one alarm that keeps invariant W while cores are busy.
//!
//! **Invariant W.** While a core runs tasks, somebody will look at it within a period: the alarm is
//! armed, or whoever it woke is about to look, or a sleeper has adopted the core and looks at it by itself.
//! The alarm wakes one parked worker, which adopts a stuck core, or, when none is parked, the monitor,
//! which hands it off. An idle process arms nothing.
//!
//! ```text
//!   armed = 0 (idle) or the tick at which the alarm was set last
//!
//!   ensure    a worker's first task after its sleep; a
//!             worker parks while an awake core is not adopted 0 -> now, set the alarm
//!   push      a worker that has looked at all cores and seen
//!             none stuck but adopted ones, in its turn or as
//!             it parks                                        x -> now, set it again   (no wake-up)
//!   calm      a worker parks, and every awake core is adopted;
//!             or it is the last one, and load is sparse       x -> 0, clear the alarm
//!   fired     the alarm has woken somebody                    x -> 0; others awake? 0 -> now
//! ```
//!
//! Setting an alarm that comes before the next clock tick makes the kernel program the CPU's timer, which
//! in a virtual machine leaves the guest: 10 µs for 500 µs ahead, 0.6 µs for 8 ms. A fire costs that and
//! a wake-up of about 8 µs. So under steady load the alarm is pushed before it fires, and the more
//! rarely the longer no poll was slow ([`Pace`]); under sparse load it is cleared rather than left to
//! fire.
//!
//! **Why no busy core is left unwatched.** A worker counts itself as awake, a read-modify-write of the
//! idle word, before it asks in `ensure` whether the alarm is armed. `calm` and `fired` first make `armed`
//! 0 and then ask whether anybody is awake, a read-modify-write of the same word (hazard H4: asking first
//! and clearing then would lose it). One of the two comes first. If the worker does, they see it and arm.
//! If they do, the worker's acquires what they released: it reads the 0, or something newer, and arms.
//! A clear of `calm` may overtake the set of a concurrent `ensure`; it looks at `armed` again
//! afterwards and sets the alarm anew.
//!
//! **Why adopted cores need no alarm.** Their adopter, and only an adopter calls `calm` while somebody is
//! awake, sleeps a tick at most ([`adopt`](super::adopt)). Then it counts itself as awake, gives up the
//! adoption, and goes on to a task, or parks again: `ensure`, unless it looks at all cores and adopts once
//! more. So an alarm that is missing, for whatever reason, is missing for a tick.
//!
//! `calm` asks "is every awake core adopted?" by numbers: it counts the awake ones, and *then* the adopted
//! ones that are in a task ([`unwatched`]). A core that had parked before the first count shows no task, or
//! one that began after it: then its worker has seen the 0 in its `ensure`, before that task, and armed. A
//! core whose adopter gives up meanwhile is counted too much only while that one is awake as well, or is
//! about to see the 0.
//!
//! Model: `loom_watchdog` (M3).

use std::io;
use std::time::Duration;

use ringspun_reactor::{Alarm, Reactor};

use super::idle::Idle;
use crate::loom::CachePadded;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::loom::atomic::{AtomicBool, AtomicU32, AtomicU64};
use crate::time::ticks::Ticks;

#[derive(Debug)]
pub(crate) struct Watchdog {
    alarm: Alarm,
    armed: Armed,
    pace: Pace,
    period: Duration,
}

/// How far ahead the alarm is set: one period, or up to eight while load is steady and polls are short.
/// Steady load is what makes that harmless: the other workers wake often and look for themselves.
/// All of it hints, relaxed.
#[derive(Debug)]
struct Pace {
    /// The alarm is set 2^level periods ahead.
    level: AtomicU32,
    /// The level stays 0 until then.
    alert_until: AtomicU64,
    /// So long after a slow poll.
    alert: u64,
}

/// 4 ms with the default period.
const MAX_LEVEL: u32 = 3;
/// How long a slow poll makes the next one likely.
const ALERT: Duration = Duration::from_millis(250);

/// The word, apart from the alarm: what the model checks.
#[derive(Debug)]
pub(crate) struct Armed {
    /// See the head of the file.
    at: CachePadded<AtomicU64>,
    /// When it was armed or pushed last, and whether load is sparse: the last two were more than a
    /// period apart. Hints, relaxed.
    last: AtomicU64,
    sparse: AtomicBool,
    period: u64,
}

/// Whether a core is awake that nobody has adopted. `adopted` counts those cores that are, and are in a
/// task. It may say so of one that has armed the alarm: see the head of the file.
pub(crate) fn unwatched(idle: &Idle, adopted: impl FnOnce() -> usize) -> bool {
    let awake = idle.awake();
    awake > adopted()
}

impl Watchdog {
    pub(crate) fn new(period: Duration, ticks: Ticks) -> io::Result<Self> {
        Ok(Self {
            alarm: Alarm::new()?,
            armed: Armed::new(ticks.of(period)),
            pace: Pace::new(ticks.of(ALERT)),
            period,
        })
    }

    pub(crate) fn watched_by(&self, reactor: &Reactor) -> io::Result<()> {
        reactor.watch(&self.alarm)
    }

    /// A worker begins to run tasks; it is counted as awake.
    #[inline]
    pub(crate) fn ensure(&self, now: u64) {
        if self.armed.ensure(now) {
            if self.armed.sparse.load(Relaxed) {
                self.pace.reset();
            }
            self.set_alarm();
        }
    }

    /// Whether it is time for a [`push`](Self::push).
    #[inline]
    pub(crate) fn is_old(&self, now: u64) -> bool {
        self.armed.is_old(now, self.pace.level())
    }

    /// No core is stuck: the alarm may come later.
    pub(crate) fn push(&self, now: u64) {
        if self.armed.push(now) {
            self.pace.slow_down(now);
            self.set_alarm();
        }
    }

    /// A poll has taken, or takes, longer than a period: the alarm must not be late for the next one.
    #[cold]
    pub(crate) fn alert(&self, now: u64) {
        self.pace.alert(now);
    }

    fn set_alarm(&self) {
        self.alarm.set(self.period * (1 << self.pace.level()));
    }

    /// Whether polls have been rare of late.
    pub(crate) fn is_sparse(&self) -> bool {
        self.armed.sparse.load(Relaxed)
    }

    /// The caller is counted as parked, and it seems that nobody is awake but on adopted cores.
    pub(crate) fn calm(&self, now: u64, unwatched: impl FnOnce() -> bool) {
        if !self.armed.disarm() {
            return;
        }
        self.alarm.clear();
        if self.armed.rearm(unwatched(), now) {
            self.set_alarm();
        }
    }

    /// The alarm has woken the caller. `own` is 1 if the caller is counted as awake itself.
    pub(crate) fn fired(&self, idle: &Idle, own: usize, now: u64) {
        // An event that lay in a busy core's queue while somebody else dealt with it.
        if self.armed.is_fresh(now) {
            return;
        }
        self.armed.disarm();
        if self.armed.rearm(idle.awake() > own, now) {
            self.set_alarm();
        }
    }
}

impl Pace {
    fn new(alert: u64) -> Self {
        Self {
            level: AtomicU32::new(0),
            alert_until: AtomicU64::new(0),
            alert,
        }
    }

    fn level(&self) -> u32 {
        self.level.load(Relaxed)
    }

    fn reset(&self) {
        self.level.store(0, Relaxed);
    }

    fn slow_down(&self, now: u64) {
        let level = self.level();
        if level < MAX_LEVEL && now > self.alert_until.load(Relaxed) {
            self.level.store(level + 1, Relaxed);
        }
    }

    fn alert(&self, now: u64) {
        self.alert_until.store(now + self.alert, Relaxed);
        self.reset();
    }
}

impl Armed {
    pub(crate) fn new(period: u64) -> Self {
        Self {
            at: CachePadded(AtomicU64::new(0)),
            last: AtomicU64::new(0),
            sparse: AtomicBool::new(true),
            period,
        }
    }

    /// True if the caller sets the alarm.
    #[inline]
    pub(crate) fn ensure(&self, now: u64) -> bool {
        // Relaxed: the idle word orders it, see the proof.
        self.at.load(Relaxed) == 0 && self.arm(now)
    }

    #[cold]
    fn arm(&self, now: u64) -> bool {
        if self.at.compare_exchange(0, now, AcqRel, Relaxed).is_err() {
            return false;
        }
        let last = self.last.swap(now, Relaxed);
        self.sparse
            .store(now.saturating_sub(last) > self.period, Relaxed);
        true
    }

    #[cfg(all(test, loom))]
    pub(crate) fn is_armed(&self) -> bool {
        self.at.load(Acquire) != 0
    }

    fn is_old(&self, now: u64, level: u32) -> bool {
        let at = self.at.load(Relaxed);
        at != 0 && now.saturating_sub(at) > (self.period << level) / 2
    }

    fn is_fresh(&self, now: u64) -> bool {
        let at = self.at.load(Acquire);
        at != 0 && now.saturating_sub(at) < self.period / 2
    }

    fn push(&self, now: u64) -> bool {
        let at = self.at.load(Relaxed);
        let pushed = at != 0 && self.at.compare_exchange(at, now, AcqRel, Relaxed).is_ok();
        if pushed {
            self.last.store(now, Relaxed);
            self.sparse.store(false, Relaxed);
        }
        pushed
    }

    /// True if it was armed. [`rearm`](Self::rearm) follows.
    pub(crate) fn disarm(&self) -> bool {
        self.at.swap(0, AcqRel) != 0
    }

    /// True if the caller sets the alarm: somebody is awake, or has armed it since.
    pub(crate) fn rearm(&self, anybody_awake: bool, now: u64) -> bool {
        if anybody_awake {
            // Whoever is first; that it is armed is what counts.
            let _ = self.at.compare_exchange(0, now, AcqRel, Relaxed);
        }
        self.at.load(Acquire) != 0
    }
}
