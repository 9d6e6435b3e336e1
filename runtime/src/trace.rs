//! One line for each period, of what the scheduler does: Go's `GODEBUG=schedtrace`.
//!
//! A thread of its own, so that it also speaks while every worker is stuck; there is none unless asked for.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::loom::{Condvar, Mutex};
use crate::metrics::CoreMetrics;
use crate::scheduler::shared::{Remote, Shared};
use crate::time::clock;

/// Ends the thread's sleep.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    ended: Mutex<bool>,
    end: Condvar,
}

impl Trace {
    /// No more lines.
    pub(crate) fn end(&self) {
        *self.ended.lock() = true;
        self.end.notify_one();
    }

    /// True at the end, false after `period`.
    fn wait(&self, period: Duration) -> bool {
        let until = clock::add(Instant::now(), period);
        let mut ended = self.ended.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if *ended || left.is_zero() {
                return *ended;
            }
            ended = self.end.wait_timeout(ended, left);
        }
    }
}

/// Starts the thread; it ends with the runtime.
pub(crate) fn start(shared: &Arc<Shared>, period: Duration) -> io::Result<()> {
    let mine = shared.clone();
    let name = format!("{}-trace", shared.spares.config().name);
    let thread = thread::Builder::new()
        .name(name)
        .spawn(move || run(&mine, period));
    let thread = thread.map_err(|error| {
        let text = format!("cannot start the thread of the scheduler's trace: {error}");
        io::Error::new(error.kind(), text)
    })?;
    shared.spares.add_thread(thread);
    Ok(())
}

fn run(shared: &Shared, period: Duration) {
    let start = Instant::now();
    while !shared.trace.wait(period) {
        let line = Line::take(shared, start.elapsed());
        // A closed standard error is no reason to end a server.
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// What one line tells.
#[derive(Debug)]
struct Line {
    since: Duration,
    idle: usize,
    searching: usize,
    threads: usize,
    inject: usize,
    /// By core: tasks in its rings.
    rings: Vec<usize>,
    tasks: usize,
    total: CoreMetrics,
}

impl Line {
    fn take(shared: &Shared, since: Duration) -> Self {
        let mut total = CoreMetrics::default();
        for remote in &shared.remotes {
            total += remote.counters.read();
        }
        let waiting = |remote: &Remote| {
            remote.ring.len() + remote.yields.len() + usize::from(!remote.lifo.is_empty())
        };
        Self {
            since,
            idle: shared.idle.parked(),
            searching: shared.idle.searching(),
            threads: shared.spares.threads(),
            inject: shared.inject.len(),
            rings: shared.remotes.iter().map(waiting).collect(),
            tasks: shared.live_tasks(),
            total,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = &self.total;
        write!(
            f,
            "SCHED {}ms: cores={} idle={} searching={} threads={} inject={} rings={:?} tasks={} \
             hand_offs={} adoptions={} steals={} polls={}",
            self.since.as_millis(),
            self.rings.len(),
            self.idle,
            self.searching,
            self.threads,
            self.inject,
            self.rings,
            self.tasks,
            total.hand_offs,
            total.adoptions,
            total.steals,
            total.polls,
        )
    }
}
