//! Worker threads: those that hold a core, and the spares that wait for one.
//!
//! Every worker has a *desk* for its life, with the flags that others read. There are as many desks as
//! cores and spares allowed. A core to be handed off goes to the spare that fell idle last, or to a new
//! thread; [`Spares::reserve`] makes sure of either before a core is taken away from anybody. A thread
//! whose core was taken becomes a spare when it comes back, waits a while, and ends.
//!
//! A core whose new thread cannot be started lies with the *orphans*, which every thread that becomes a
//! spare takes first: the thread that lost the core, at the latest.

use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::core::Core;
use super::lease::Busy;
use super::locals::Locals;
use super::shared::{Home, Shared};
use super::worker::Worker;
use crate::around::Around;
use crate::cpus;
use crate::handle::Handle;
use crate::loom::Mutex;
use crate::loom::atomic::AtomicI32;

/// What others see of a worker.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) busy: Busy,
    /// Where the task that it runs was spawned; null outside of tasks. Written by the worker.
    task: AtomicPtr<Location<'static>>,
    /// The kernel's number of the thread; 0 before it starts. For its CPU clock.
    pub(crate) tid: AtomicI32,
    /// The tasks that stay with the thread.
    pub(crate) locals: Locals,
    /// The thread, and a core that was handed to it while it waited.
    mail: Mutex<(Option<Thread>, Option<Box<Core>>)>,
}

/// How threads are made.
#[derive(Debug, Clone)]
pub(crate) struct ThreadConfig {
    pub(crate) name: String,
    pub(crate) stack_size: Option<usize>,
    /// The CPUs to pin to, if any.
    pub(crate) cpus: Option<Arc<[usize]>>,
    /// What is done around the life of each thread.
    pub(crate) around: Around,
}

#[derive(Debug)]
pub(crate) struct Spares {
    state: Mutex<State>,
    config: ThreadConfig,
}

#[derive(Debug, Default)]
struct State {
    /// Desks of spares that wait, the last one on top.
    idle: Vec<usize>,
    /// Desks without a thread.
    free: Vec<usize>,
    #[expect(clippy::vec_box, reason = "cores travel in their boxes")]
    orphans: Vec<Box<Core>>,
    threads: Vec<JoinHandle<()>>,
    closed: bool,
}

/// The promise of a thread for a core.
#[derive(Debug)]
#[must_use = "give it a core, or cancel it"]
pub(crate) enum Reservation {
    Idle(usize),
    New(usize),
}

/// A spare waits so long for a core, then its thread ends.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            busy: Busy::new(),
            task: AtomicPtr::new(ptr::null_mut()),
            tid: AtomicI32::new(0),
            locals: Locals::new(),
            mail: Mutex::new((None, None)),
        }
    }
}

impl Desk {
    /// The worker begins a task, or rests.
    #[inline]
    pub(crate) fn set_task(&self, location: Option<&'static Location<'static>>) {
        let location = location.map_or(ptr::null(), ptr::from_ref);
        // Relaxed: locations live for ever, and nothing else is read through it.
        self.task.store(location.cast_mut(), Relaxed);
    }

    /// Wakes the thread, if it waits as a spare.
    pub(crate) fn unpark(&self) {
        let thread = self.mail.lock().0.clone();
        thread.inspect(Thread::unpark);
    }

    /// Where the task that its worker is in was spawned.
    pub(crate) fn task(&self) -> Option<&'static Location<'static>> {
        // SAFETY: null, or from a `&'static` in `set_task`.
        unsafe { self.task.load(Relaxed).as_ref() }
    }
}

impl Spares {
    pub(crate) fn new(desks: usize, config: ThreadConfig) -> Self {
        let state = State {
            free: (0..desks).rev().collect(),
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            config,
        }
    }

    /// A thread for a core, if there is one left.
    pub(crate) fn reserve(&self) -> Option<Reservation> {
        let mut state = self.state.lock();
        if state.closed {
            return None;
        }
        let idle = state.idle.pop().map(Reservation::Idle);
        idle.or_else(|| state.free.pop().map(Reservation::New))
    }

    pub(crate) fn cancel(&self, reservation: Reservation) {
        let mut state = self.state.lock();
        match reservation {
            Reservation::Idle(desk) => state.idle.push(desk),
            Reservation::New(desk) => state.free.push(desk),
        }
    }

    /// Gives a core, which nobody holds, to the thread reserved. An error says that no thread could be
    /// started; the core waits for the next spare then.
    pub(crate) fn give(
        &self,
        shared: &Arc<Shared>,
        reservation: Reservation,
        core: Box<Core>,
    ) -> std::io::Result<()> {
        match reservation {
            Reservation::Idle(desk) => {
                let thread = {
                    let mut mail = shared.desks[desk].mail.lock();
                    mail.1 = Some(core);
                    mail.0.clone()
                };
                thread.expect("a spare has left its thread").unpark();
                Ok(())
            }
            Reservation::New(desk) => self.start(shared, desk, core),
        }
    }

    fn start(&self, shared: &Arc<Shared>, desk: usize, core: Box<Core>) -> std::io::Result<()> {
        let name = format!("{}-{desk}", self.config.name);
        let home = Home {
            shared: shared.clone(),
            core: Some(core.index),
        };
        // In the mail, so that a thread that does not start leaves the core here.
        shared.desks[desk].mail.lock().1 = Some(core);
        let mut builder = thread::Builder::new().name(name.clone());
        if let Some(bytes) = self.config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let started = builder.spawn(move || {
            let shared = home.shared.clone();
            shared.spares.config.around.run(|| {
                let worker = Worker::new(desk, Handle::new(home));
                let core = worker.shared.desks[desk].mail.lock().1.take();
                worker.run(core.expect("started for this core"));
            });
        });
        let mut state = self.state.lock();
        match started {
            Ok(thread) => {
                state.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                let core = shared.desks[desk].mail.lock().1.take();
                state.orphans.extend(core);
                state.free.push(desk);
                let text = format!("cannot start worker thread {name}: {error}");
                Err(std::io::Error::new(error.kind(), text))
            }
        }
    }

    /// The worker has no core: waits for one, and runs its own tasks meanwhile. `None`: the thread shall
    /// end.
    pub(crate) fn wait(&self, worker: &Worker) -> Option<Box<Core>> {
        let (shared, desk) = (&worker.shared, worker.desk);
        let Desk { mail, locals, .. } = &shared.desks[desk];
        mail.lock().0 = Some(thread::current());
        locals.sit(None);
        if let Some(end) = self.join(desk) {
            return end;
        }
        worker.ask_for_core();
        let mut end = Instant::now() + KEEP_ALIVE;
        loop {
            if let Some(core) = mail.lock().1.take() {
                return Some(core);
            }
            if worker.has_local() && !shared.is_closed() && self.leave(desk) {
                worker.run_local();
                if let Some(end) = self.join(desk) {
                    return end;
                }
                continue;
            }
            if locals.tasks.len() > 0 {
                end = Instant::now() + KEEP_ALIVE;
            }
            let left = end.saturating_duration_since(Instant::now());
            if (left.is_zero() || shared.is_closed()) && self.retire(desk) {
                return None;
            }
            // Reserved already where it could not leave or retire: the core is on its way.
            thread::park_timeout(left.max(Duration::from_millis(1)));
        }
    }

    /// Waits among the idle ones from now on. Or has a core at once, or shall end.
    #[expect(clippy::option_option, reason = "what `wait` returns, if it does")]
    fn join(&self, desk: usize) -> Option<Option<Box<Core>>> {
        let mut state = self.state.lock();
        if let Some(core) = state.orphans.pop() {
            return Some(Some(core));
        }
        if state.closed {
            return Some(None);
        }
        state.idle.push(desk);
        None
    }

    /// True if nobody has reserved the spare; it is not among the idle ones any more then: no core is
    /// given to a thread that is in a task.
    fn leave(&self, desk: usize) -> bool {
        let mut state = self.state.lock();
        let at = state.idle.iter().position(|idle| *idle == desk);
        at.map(|at| state.idle.remove(at)).is_some()
    }

    /// That very spare, if it waits and nobody has reserved it.
    pub(crate) fn reserve_spare(&self, desk: usize) -> Option<Reservation> {
        self.leave(desk).then_some(Reservation::Idle(desk))
    }

    /// True if nobody has reserved the spare.
    fn retire(&self, desk: usize) -> bool {
        if !self.leave(desk) {
            return false;
        }
        let mut state = self.state.lock();
        state.free.push(desk);
        let (ended, living) = std::mem::take(&mut state.threads)
            .into_iter()
            .partition::<Vec<_>, _>(JoinHandle::is_finished);
        state.threads = living;
        drop(state);
        // Ended threads: joining them takes no time.
        ended.into_iter().for_each(|thread| drop(thread.join()));
        true
    }

    /// The CPUs that the worker of core `core` shall run on.
    pub(crate) fn pin(&self, core: usize) {
        if let Some(cpus) = &self.config.cpus {
            cpus::pin_current(core, cpus);
        }
    }

    /// Adds a thread that is joined at the end.
    pub(crate) fn add_thread(&self, thread: JoinHandle<()>) {
        self.state.lock().threads.push(thread);
    }

    pub(crate) fn take_threads(&self) -> Vec<JoinHandle<()>> {
        std::mem::take(&mut self.state.lock().threads)
    }

    /// No more cores are handed off; spares that wait end.
    pub(crate) fn close(&self, desks: &[Desk]) {
        let idle = {
            let mut state = self.state.lock();
            state.closed = true;
            state.idle.clone()
        };
        for desk in idle {
            desks[desk].unpark();
        }
    }

    /// Cores that nobody came for, at the end.
    #[expect(clippy::vec_box, reason = "cores travel in their boxes")]
    pub(crate) fn orphans(&self) -> Vec<Box<Core>> {
        std::mem::take(&mut self.state.lock().orphans)
    }

    /// Threads that live: workers, spares and the monitor.
    pub(crate) fn threads(&self) -> usize {
        let state = self.state.lock();
        state.threads.iter().filter(|t| !t.is_finished()).count()
    }

    pub(crate) fn config(&self) -> &ThreadConfig {
        &self.config
    }
}
