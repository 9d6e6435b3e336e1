//! The end of a runtime, in numbered steps.
//!
//! 1. `Shared::close`, once: the inject queue takes nothing more, then the flag is set, every worker is
//!    unparked. (`Runtime::drop`)
//!    The monitor ends, and so do spares that wait: from now on no core changes hands. Blocking jobs that
//!    have not begun are cancelled (`blocking/pool.rs` has the steps of the pool).
//! 2. Each worker that holds a core finishes the poll it is in, sees the flag and leaves its loop.
//! 3. Each worker closes the registry and cancels what it finds: futures are dropped, join handles are
//!    told. A task that another worker is polling is marked, and that worker cancels it at the end of
//!    the poll. A task spawned from now on is cancelled at once.
//! 4. Each worker closes its inbox and drops its queues: the entries are of cancelled tasks.
//! 5. The thread ends; `Runtime::drop` joins it. A thread whose core was taken away ends when its poll
//!    does; the tasks it left behind were cancelled in step 3 by others. A core that is still held by a
//!    stuck thread goes with that thread.
//! 6. Timers that somebody outside still waits for are closed, and the waiters told. Wakers that sources
//!    still hold are dropped: a socket that outlives its runtime would keep the task that waited for
//!    it. Reactors live until the last registration is gone.
//! 7. `Runtime::drop` joins the threads of blocking jobs: a job that waited for what ended in the steps
//!    before has been told.
//!
//! Destructors run in step 3 with no lock held and on a worker's thread that has lent out no core: what
//! they wake goes to the closed inject queue, which drops the entry.

use std::panic::Location;

use super::core::Core;
use super::shared::Shared;

/// Steps 3 and 4.
pub(crate) fn worker(shared: &Shared, core: Box<Core>) {
    shared.tasks.close_and_shutdown(core.index);
    let inbox = &core.remote(shared).inbox;
    inbox.close();
    while inbox.pop().is_some() {}
    while shared.inject.pop().is_some() {}
    // The slot lies with the remote, which the entry's task keeps alive.
    drop(core.remote(shared).lifo.take());
    drop(core);
}

/// Step 6, after all threads are joined.
pub(crate) fn finish(shared: &Shared) {
    for core in shared.spares.orphans() {
        worker(shared, core);
    }
    for remote in &shared.remotes {
        drop(remote.lifo.take());
        remote.timers.close();
        remote.reactor.drop_wakers();
    }
}

/// The deadline is over, and `workers` threads are still inside a task's poll, `blocking` ones in a job of
/// `spawn_blocking`: says which.
pub(crate) fn name_the_stuck(shared: &Shared, workers: usize, blocking: usize) {
    if workers > 0 {
        let tasks = shared.desks.iter().filter_map(|desk| desk.task());
        tracing::warn!(
            threads = workers,
            stuck = spawned_at(tasks),
            "shutdown: threads are still inside a task's poll and are left behind"
        );
    }
    if blocking > 0 {
        let jobs = shared.blocking.running();
        tracing::warn!(
            threads = blocking,
            jobs = jobs.len(),
            stuck = spawned_at(jobs.into_iter()),
            "shutdown: blocking jobs still run and are left behind"
        );
    }
}

/// A list for people: no more places than one would read.
fn spawned_at(places: impl Iterator<Item = &'static Location<'static>>) -> String {
    const MOST: usize = 16;
    let mut places: Vec<_> = places.map(|at| format!("spawned at {at}")).collect();
    if let Some(more @ 1..) = places.len().checked_sub(MOST) {
        places.truncate(MOST);
        places.push(format!("and {more} more"));
    }
    places.join(", ")
}
