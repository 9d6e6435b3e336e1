//! The tasks of one thread: those of `spawn_local`, whose futures no other thread may touch.
//!
//! They belong to a worker, not to a core: they stay when the core is handed off. Their thread runs them
//! between the core's tasks while it holds a core, and alone while it is a spare, which it stays as long
//! as one of them lives. Nobody steals them.
//!
//! **Waking.** On their thread a wake-up is a push to [`Own`], which only that thread sees. From
//! elsewhere the task goes to [`Locals`]; then the waker reads, under a lock, where the thread is to be
//! woken: at the core that it holds, or as a spare. The thread says under the same lock where it goes,
//! and fetches tasks after that, before it sleeps there. So either it finds the task, or the waker reads
//! the new seat and wakes it there: by the park protocol of the core (park.rs) or by the token of
//! [`Thread::unpark`](std::thread::Thread::unpark), each of which remembers a wake-up that comes between
//! the fetch and the sleep.
//!
//! **Why only their thread touches them.** The future of a task is polled, cancelled and dropped by
//! whoever runs its queue entry, or takes it out of its registry at shutdown. Entries are in `Own` and in
//! `Locals` only, and their thread alone takes them out; the registry is the thread's own as well, and
//! that thread alone closes it. A thread ends after that, or when none of its tasks is left. Whoever
//! drops the last reference elsewhere finds the future gone: the registry's reference goes last.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::Arc;

use super::core::Core;
use super::inject::{Inject, List};
use super::shared::{Home, Shared};
use super::worker::{Held, Lost, Worker};
use crate::loom::Mutex;
use crate::loom::atomic::Ordering::Relaxed;
use crate::task::list::Registry;
use crate::task::{Header, JoinHandle, Notified, Schedule, new_task};
use crate::{budget, context};

/// What others may reach: one for each desk.
#[derive(Debug)]
pub(crate) struct Locals {
    /// Tasks that others have woken.
    woken: Inject,
    /// Where the thread is to be woken: at this core, which it holds or has lost without knowing it yet;
    /// or, without one, as a spare.
    seat: Mutex<Option<usize>>,
    /// The thread's tasks that live.
    pub(crate) tasks: Registry,
}

/// The thread's side.
#[derive(Debug, Default)]
pub(crate) struct Own {
    queue: RefCell<List>,
    /// Whether a task of the core ran last: they take turns.
    turn: Cell<bool>,
}

impl Locals {
    pub(crate) fn new() -> Self {
        Self {
            woken: Inject::new(),
            seat: Mutex::new(None),
            tasks: Registry::new(1),
        }
    }

    /// The thread goes to a core, or among the spares. It fetches tasks before it sleeps.
    pub(crate) fn sit(&self, seat: Option<usize>) {
        *self.seat.lock() = seat;
    }
}

impl Own {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    pub(crate) fn push(&self, task: Notified) {
        self.queue.borrow_mut().push(task);
    }

    /// The next task, if it is the thread's turn and not the core's.
    #[inline]
    pub(crate) fn pop_in_turn(&self) -> Option<Notified> {
        if self.is_empty() || !self.turn.replace(!self.turn.get()) {
            return None;
        }
        self.pop()
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<Notified> {
        if self.is_empty() {
            return None;
        }
        self.queue.borrow_mut().pop()
    }

    /// Fetches what others have woken.
    pub(crate) fn fetch(&self, locals: &Locals) {
        locals.woken.pop_batch(usize::MAX, |task| self.push(task));
    }

    /// The end of the thread: cancels and drops all its tasks, here.
    pub(crate) fn close(&self, locals: &Locals) {
        locals.tasks.close_and_shutdown(0);
        locals.woken.close();
        self.fetch(locals);
        // Entries of cancelled tasks.
        while self.pop().is_some() {}
    }
}

impl Worker {
    /// Spawns a task that stays with this thread.
    pub(crate) fn spawn_local<F>(
        &self,
        future: F,
        location: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let bound = Bound {
            home: self.handle.home().clone(),
            desk: self.desk,
        };
        let (task, entry, handle) = new_task(future, bound, 0, location);
        let tasks = &self.desk().locals.tasks;
        tasks.admit(task, entry, |entry| self.own.push(entry));
        handle
    }

    /// Whether tasks of this thread can run.
    pub(crate) fn has_local(&self) -> bool {
        self.own.fetch(&self.desk().locals);
        !self.own.is_empty()
    }

    /// Runs those tasks without a core: each once at most.
    pub(crate) fn run_local(&self) {
        let limits = &self.shared.limits;
        let mut tasks = self.own.queue.take();
        while let Some(task) = tasks.pop() {
            let (start, location) = (limits.ticks.now(), task.header().location);
            task.header().trail.polled(start);
            self.desk().set_task(Some(location));
            let end = start.saturating_add(limits.poll);
            if let Some(again) = budget::with_budget(end, || task.run()) {
                self.own.push(again);
            }
            self.desk().set_task(None);
            let end = limits.ticks.now();
            self.look_at_time(self.core.get(), (start, end), location);
        }
    }

    /// This thread, now a spare, has tasks that did not move with its core: it asks for it.
    pub(crate) fn ask_for_core(&self) {
        if self.desk().locals.tasks.len() > 0 {
            // Relaxed: whoever sees it asks the spares, under their lock.
            self.remote().wanted.store(self.desk + 1, Relaxed);
            self.remote().unparker.unpark();
        }
    }

    /// It has got one, or ends.
    pub(crate) fn ask_no_more(&self) {
        let wanted = &self.remote().wanted;
        // It may have been overwritten by another thread's wish, or granted.
        let _ = wanted.compare_exchange(self.desk + 1, 0, Relaxed, Relaxed);
    }

    /// Gives the core back to the thread that asked for it, unless this one has tasks that would then be
    /// left without it.
    pub(super) fn give_back(&self, mut core: Box<Core>) -> Held {
        let remote = self.remote();
        let wanted = remote.wanted.load(Relaxed);
        if wanted == 0 {
            return Ok(core);
        }
        if self.desk().locals.tasks.len() > 0 {
            remote.wanted.store(0, Relaxed);
            return Ok(core);
        }
        // In the middle of a task, it gets the core a turn later.
        let Some(spare) = self.shared.spares.reserve_spare(wanted - 1) else {
            return Ok(core);
        };
        self.rest(&mut core);
        remote.lease.release(&self.desk().busy, &self.token);
        let given = self.shared.spares.give(&self.shared, spare, core);
        debug_assert!(given.is_ok(), "no thread has to be started");
        Err(Lost)
    }
}

/// The scheduler of a thread's tasks.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) home: Arc<Home>,
    pub(crate) desk: usize,
}

impl Schedule for Bound {
    const LOCAL: bool = true;

    fn schedule(&self, task: Notified) {
        let shared = &self.home.shared;
        if let Err(task) = context::push_local(Arc::as_ptr(shared), self.desk, task) {
            wake_elsewhere(shared, self.desk, task);
        }
    }

    unsafe fn schedule_here(this: NonNull<Self>, task: Notified) -> Result<(), Notified> {
        // SAFETY: the task is in no queue yet, so its cell lives.
        let Self { home, desk } = unsafe { this.as_ref() };
        context::push_local(Arc::as_ptr(&home.shared), *desk, task)
    }

    fn release(&self, task: &Header) -> bool {
        self.home.shared.desks[self.desk].locals.tasks.remove(task)
    }
}

/// A task of the thread at `desk` was woken on another thread.
#[cold]
fn wake_elsewhere(shared: &Shared, desk: usize, task: Notified) {
    shared.leave_trail(&task);
    let locals = &shared.desks[desk].locals;
    locals.woken.push(task);
    // Copied out: what follows takes other locks.
    let seat = *locals.seat.lock();
    let Some(core) = seat else {
        return shared.desks[desk].unpark();
    };
    let remote = &shared.remotes[core];
    let holder = remote.lease.holder().map(|(desk, _)| desk);
    let now = shared.limits.ticks.now();
    if holder.is_some_and(|holder| holder != desk) || shared.stuck_since(core, now).is_some() {
        shared.local_stalls.add_shared(1);
    }
    remote.unparker.unpark();
}
