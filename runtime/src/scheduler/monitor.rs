//! The monitor: hands off stuck cores when no worker is idle; asleep otherwise.
//!
//! It watches the same alarm as the cores, behind all of them: the kernel wakes it only when no worker
//! is parked. Then it looks at every core. One that has been in one poll for longer than the threshold
//! while work waits for it (runnable tasks, a due timer, ready events) is taken from its thread and
//! given to a spare. The stuck poll goes on where it is; when it returns, its thread finds the lease gone.

use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::{io, thread};

use ringspun_reactor::{Events, Reactor, WakeList};

use super::shared::Shared;
use super::stall;
use crate::slice;

/// The monitor's reactor, through which the shutdown wakes it.
#[derive(Debug)]
pub(crate) struct Monitor {
    reactor: Reactor,
}

impl Monitor {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            reactor: Reactor::new()?,
        })
    }

    pub(crate) fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    /// Ends the monitor's sleep.
    pub(crate) fn wake(&self) {
        self.reactor.wake();
    }
}

/// Starts the thread, if this runtime has a monitor.
pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<()> {
    if shared.monitor.is_none() {
        return Ok(());
    }
    let name = format!("{}-monitor", shared.spares.config().name);
    let mine = shared.clone();
    let thread = thread::Builder::new().name(name).spawn(move || run(&mine));
    let thread = thread.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot start the monitor thread: {error}"),
        )
    })?;
    shared.spares.add_thread(thread);
    Ok(())
}

fn run(shared: &Arc<Shared>) {
    slice::ask_for(slice::MONITOR);
    let monitor = shared.monitor.as_ref().expect("started with a monitor");
    let (mut events, mut wakers) = (Events::new(), WakeList::new());
    while !shared.is_closed() {
        let polled = monitor.reactor.poll(&mut events, 64, None, &mut wakers);
        match polled {
            Ok(polled) if polled.alarm => look(shared),
            Ok(_) => {}
            Err(error) => panic!("the monitor cannot wait: {error}"),
        }
    }
}

/// One look at all cores.
fn look(shared: &Arc<Shared>) {
    let (Some(watchdog), Some(threshold)) = (&shared.watchdog, shared.limits.hand_off) else {
        return;
    };
    let now = shared.limits.ticks.now();
    // The order that H4 asks for: first the flag, then the look.
    watchdog.fired(&shared.idle, 0, now);
    for core in 0..shared.remotes.len() {
        let remote = &shared.remotes[core];
        let start = remote.task_start.load(Acquire);
        if start == 0 {
            continue;
        }
        let age = now.saturating_sub(start);
        if age > shared.limits.stuck {
            stall::sample(shared, core, start, now);
        }
        if age < threshold || remote.unparker.is_adopted() || !work_waits(shared, core) {
            continue;
        }
        if shared.idle.parked() > 0 {
            // It will adopt the core.
            shared.notify_one();
        } else {
            hand_off(shared, core, start);
        }
    }
}

/// Whether something waits for this core. Takes nothing.
fn work_waits(shared: &Shared, core: usize) -> bool {
    let remote = &shared.remotes[core];
    remote.has_tasks()
        || !shared.inject.is_empty()
        || remote.timers.next() <= shared.clock.now()
        || remote.reactor.has_events()
}

/// Takes the core from the thread that has been in one task since `start`, and gives it to a spare.
fn hand_off(shared: &Arc<Shared>, core: usize, start: u64) {
    let remote = &shared.remotes[core];
    let Some((worker, word)) = remote.lease.holder() else {
        return;
    };
    let Some(spare) = shared.spares.reserve() else {
        remote.counters.spares_missing.add_shared(1);
        return;
    };
    let still = || remote.task_start.load(Acquire) == start;
    let busy = &shared.desks[worker].busy;
    let Some(taken) = remote.lease.revoke(word, busy, still) else {
        return shared.spares.cancel(spare);
    };
    remote
        .task_start
        .store(0, std::sync::atomic::Ordering::Release);
    remote.counters.hand_offs.add_shared(1);
    if let Err(error) = shared.spares.give(shared, spare, taken) {
        tracing::warn!(%error, core, "a stuck core waits for its own thread");
    }
}
