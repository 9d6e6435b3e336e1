//! What every task of a runtime does now, and which ones can never go on.
//!
//! **The leak rule.** A task is *leaked* if it waits, nobody has asked it to stop, and its reference
//! count says that only the registry and perhaps its [`JoinHandle`](crate::JoinHandle) hold it: no waker
//! is left. One load of the state word tells it, and it is never a false alarm: a waker is made from
//! another waker or inside a poll, so once there is none, nothing but an abort or the shutdown moves the
//! task again. What was true of any value the word has had stays true, however old the value read is.
//!
//! The rule errs on the quiet side where a reference need not be a waker: an
//! [`AbortHandle`](crate::task::AbortHandle), a join handle that is just being dropped; and a waker that
//! cannot be reached any more still counts, as in memory that was forgotten, or that the future itself
//! owns.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::scheduler::shared::Shared;
use crate::task::{Header, Id, WokenBy};
use crate::time::ticks::Ticks;

/// The tasks of a runtime at one time. Made by [`Handle::dump`](crate::Handle::dump).
///
/// Shown, it is a table, the leaked tasks first, then those that run, that are queued and that wait.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    tasks: Vec<TaskDump>,
}

/// One task in a [`Dump`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TaskDump {
    /// The task's id.
    pub id: Id,
    /// Where it was spawned.
    pub location: &'static Location<'static>,
    /// What it does.
    pub state: TaskState,
    /// How long ago it was spawned.
    pub age: Duration,
    /// How long ago its last poll began: for a running task how long it has been running. `None`: it was
    /// never polled.
    pub since_poll: Option<Duration>,
    /// Who woke it last.
    pub woken_by: WokenBy,
}

/// What a task does. The order is that of a [`Dump`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TaskState {
    /// It waits, and no waker of it is left: only an abort or the shutdown ends it.
    Leaked,
    /// A thread polls it, or drops its future.
    Running,
    /// It can run and waits for its turn.
    Queued,
    /// It waits for an event, a timer or another task.
    Waiting,
}

impl Dump {
    /// Takes the lock of one shard of the registry after the other, and runs no user code under it.
    pub(crate) fn take(shared: &Shared) -> Self {
        Self::collect(shared, |_| true)
    }

    /// As [`take`](Self::take), of the leaked tasks only.
    pub(crate) fn leaks(shared: &Shared) -> Self {
        Self::collect(shared, |state| state == TaskState::Leaked)
    }

    fn collect(shared: &Shared, keep: impl Fn(TaskState) -> bool) -> Self {
        let mut tasks = Vec::new();
        let ticks = shared.limits.ticks;
        let now = ticks.now();
        let mut add = |header: &Header| {
            let state = TaskState::of(header).filter(|state| keep(*state));
            tasks.extend(state.map(|state| TaskDump::of(header, state, ticks, now)));
        };
        for registry in shared.registries() {
            registry.for_each(&mut add);
        }
        // Queued or running, never waiting: a job is polled once.
        shared.blocking.jobs.for_each(&mut add);
        tasks.sort_unstable_by_key(|task| (task.state, task.id));
        Self { tasks }
    }

    /// The tasks, ordered by state and id.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.tasks
    }

    /// How many tasks are in this state.
    pub fn count(&self, state: TaskState) -> usize {
        self.tasks.iter().filter(|task| task.state == state).count()
    }

    pub(crate) fn into_tasks(self) -> Vec<TaskDump> {
        self.tasks
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} tasks: {} leaked, {} running, {} queued, {} waiting",
            self.tasks.len(),
            self.count(TaskState::Leaked),
            self.count(TaskState::Running),
            self.count(TaskState::Queued),
            self.count(TaskState::Waiting),
        )?;
        for task in &self.tasks {
            write!(f, "\n{task}")?;
        }
        Ok(())
    }
}

impl TaskDump {
    fn of(header: &Header, state: TaskState, ticks: Ticks, now: u64) -> Self {
        let trail = &header.trail;
        let since = |at| Duration::from_nanos(ticks.ns(now.saturating_sub(at)));
        let polled_at = trail.polled_at();
        Self {
            id: header.id,
            location: header.location,
            state,
            age: since(trail.spawned_at),
            since_poll: (polled_at != 0).then(|| since(polled_at)),
            woken_by: trail.woken_by(),
        }
    }
}

impl fmt::Display for TaskDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, state, .. } = self;
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let age = milliseconds(self.age);
        write!(f, "{id:>8}  {state:<7}  age {age:>9.1} ms  polled ")?;
        match self.since_poll {
            Some(since) => write!(f, "{:>9.1} ms ago", milliseconds(since))?,
            None => write!(f, "        never")?,
        }
        write!(f, "  {}  woken by ", self.location)?;
        match self.woken_by {
            WokenBy::Nobody => f.write_str("nobody"),
            WokenBy::Event => f.write_str("an event"),
            WokenBy::Outside => f.write_str("another thread"),
            WokenBy::Task(location) => write!(f, "the task of {location}"),
        }
    }
}

impl TaskState {
    /// `None` if the task is done and about to leave the registry.
    pub(crate) fn of(header: &Header) -> Option<Self> {
        let snapshot = header.state.load();
        if snapshot.is_complete() {
            None
        } else if snapshot.is_running() {
            Some(Self::Running)
        } else if snapshot.is_scheduled() {
            Some(Self::Queued)
        } else if snapshot.is_leaked() {
            Some(Self::Leaked)
        } else {
            Some(Self::Waiting)
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Leaked => "leaked",
            Self::Running => "running",
            Self::Queued => "queued",
            Self::Waiting => "waiting",
        })
    }
}
