//! The pool: queues of jobs, and the threads that run them.
//!
//! **Queues.** Several, each with a lock of its own, in turn for every submitter and for every thread: two
//! threads rarely meet at one. Jobs begin about in the order of their submission; none is passed over,
//! because every thread goes round all queues.
//!
//! **Threads** are started by the submitter that finds nobody asleep, and end after their keep-alive time.
//! The one that ends joins the one that ended before it, so at most one thread is left for the shutdown to
//! join besides those that live.
//!
//! **Shutdown.** (`Runtime::drop`)
//! 1. `Pool::close`: the word is closed: no thread starts, begins a job or falls asleep any more. The
//!    registry cancels every job that has not begun. The queues are closed and emptied.
//! 2. The workers end, the timers are closed: a job that waits for one of these in `block_on` is told.
//! 3. `Pool::join`: threads still in a job are waited for.
//!
//! A thread is started under its slot's lock, after a look at the word, and `join` takes the lock after the
//! word was closed: it sees every thread there is. Lock order: a slot's threads, then `ended`.

use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;
use std::{io, ptr};

use super::refuse;
pub(crate) use super::sleepers::MAX_THREADS;
use super::sleepers::{Sleepers, Slept, Vacancy};
use crate::contain::contain;
use crate::cpus;
use crate::handle::Handle;
use crate::loom::{CachePadded, Mutex};
use crate::scheduler::inject::Inject;
use crate::scheduler::shared::{Home, Shared};
use crate::task::Notified;
use crate::task::list::Registry;

/// What the builder decides.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The most threads.
    pub(crate) threads: usize,
    /// How long a thread stays without a job.
    pub(crate) keep_alive: Duration,
    pub(crate) thread_name: String,
    pub(crate) stack_size: Option<usize>,
    /// The CPUs a thread may use, where its starter's are not the process's: workers are pinned.
    pub(crate) cpus: Option<Arc<[usize]>>,
}

/// The threads for code that blocks.
#[derive(Debug)]
pub(crate) struct Pool {
    config: Config,
    queues: Box<[CachePadded<Inject>]>,
    /// Jobs queued and running.
    pub(crate) jobs: Registry,
    sleepers: Sleepers,
    /// The thread that ended last; the next one joins it.
    ended: Mutex<Option<thread::JoinHandle<()>>>,
}

/// What the threads for blocking code have done and do now. Part of [`Metrics`](crate::Metrics).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockingMetrics {
    /// Threads that live now.
    pub threads: usize,
    /// Of these, threads that wait for a job.
    pub idle: usize,
    /// Jobs in the queues now, aborted ones included.
    pub queued: usize,
    /// Jobs that threads have taken from the queues and are done with: run to the end, panicked, or found
    /// aborted.
    pub done: u64,
}

thread_local! {
    /// The queue for this thread's next job.
    static TURN: Cell<usize> = Cell::new({
        // Threads begin apart. Relaxed: only a spread is wanted.
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        THREADS.fetch_add(1, Relaxed)
    });
    /// The runtime whose pool this thread belongs to; compared, never followed.
    static POOL_OF: Cell<*const Shared> = const { Cell::new(ptr::null()) };
}

/// Whether this thread belongs to the pool of `shared`.
pub(crate) fn is_thread_of(shared: &Shared) -> bool {
    POOL_OF.try_with(|pool| ptr::eq(pool.get(), shared)) == Ok(true)
}

impl Pool {
    /// The pool of a runtime with `cores` cores.
    pub(crate) fn new(config: Config, cores: usize) -> Self {
        // As many threads meet as run at once: those that have a CPU.
        let shards = (2 * cores)
            .clamp(4, 64)
            .min(config.threads)
            .next_power_of_two();
        Self {
            queues: (0..shards).map(|_| CachePadded(Inject::new())).collect(),
            jobs: Registry::new(shards),
            sleepers: Sleepers::new(config.threads),
            ended: Mutex::new(None),
            config,
        }
    }

    /// The queue, and the shard of the registry, for a job of this thread.
    pub(super) fn next_shard(&self) -> usize {
        let turn = TURN.try_with(|turn| {
            let this = turn.get();
            turn.set(this.wrapping_add(1));
            this
        });
        turn.unwrap_or(0) & (self.queues.len() - 1)
    }

    /// Queues a job, and sees to it that somebody runs it.
    pub(super) fn submit(&self, shared: &Arc<Shared>, shard: usize, job: Notified) {
        // Not queued: shut down meanwhile, and the registry has cancelled the job.
        if self.queues[shard].push(job)
            && let Some(vacancy) = self.sleepers.notify()
        {
            self.start(shared, vacancy);
        }
    }

    /// Starts a thread in the vacancy. If that is refused and no thread lives, every queued job ends here:
    /// nobody else would run it.
    #[cold]
    fn start(&self, shared: &Arc<Shared>, vacancy: Vacancy) {
        let Err(error) = self.try_start(shared, vacancy.0) else {
            return;
        };
        if !self.sleepers.give_back(vacancy) {
            if !self.sleepers.is_closed() {
                tracing::warn!(%error, "no further thread for blocking jobs: they wait for the others");
            }
            return;
        }
        let mut cursor = 0;
        // Until somebody else has got a thread: it looks into the queues after that.
        while self.sleepers.alive() == 0
            && let Some(job) = self.take(&mut cursor)
        {
            refuse(
                job,
                format!("no thread could be started for this blocking job: {error}"),
            );
        }
    }

    fn try_start(&self, shared: &Arc<Shared>, index: usize) -> io::Result<()> {
        let mut threads = self.sleepers.slot(index).threads.lock();
        if self.sleepers.is_closed() {
            return Err(io::Error::other("the runtime has been shut down"));
        }
        let name = format!("{}-b{index}", self.config.thread_name);
        let mut builder = thread::Builder::new().name(name);
        if let Some(bytes) = self.config.stack_size {
            builder = builder.stack_size(bytes);
        }
        let shared = shared.clone();
        threads.push(builder.spawn(move || run(shared, index))?);
        Ok(())
    }

    /// The next job, from the queue at `cursor` or the first one after it that has any.
    fn take(&self, cursor: &mut usize) -> Option<Notified> {
        (0..self.queues.len()).find_map(|_| {
            let queue = &self.queues[*cursor & (self.queues.len() - 1)];
            *cursor = cursor.wrapping_add(1);
            queue.pop()
        })
    }

    fn has_jobs(&self) -> bool {
        self.queues.iter().any(|queue| !queue.is_empty())
    }

    /// Step 1 of the shutdown.
    pub(crate) fn close(&self) {
        self.sleepers.close();
        self.jobs.close_and_shutdown(0);
        for queue in &self.queues {
            queue.close();
            while queue.pop().is_some() {}
        }
    }

    /// Step 3: waits for all threads.
    pub(crate) fn join(&self) {
        for slot in self.sleepers.used() {
            let threads = std::mem::take(&mut *slot.threads.lock());
            threads.into_iter().for_each(join);
        }
        // Last: each of these has joined the one before it.
        let ended = self.ended.lock().take();
        ended.into_iter().for_each(join);
    }

    /// As [`join`](Self::join), but only those that have ended. Returns how many have not.
    pub(crate) fn join_finished(&self) -> usize {
        let mut running = 0;
        for slot in self.sleepers.used() {
            let mut threads = slot.threads.lock();
            let finished: Vec<_> = threads
                .extract_if(.., |thread| thread.is_finished())
                .collect();
            running += threads.len();
            drop(threads);
            finished.into_iter().for_each(join);
        }
        let mut ended = self.ended.lock();
        let finished = ended.take_if(|thread| thread.is_finished());
        running += usize::from(ended.is_some());
        drop(ended);
        finished.into_iter().for_each(join);
        running
    }

    /// Where the jobs that run now were spawned.
    pub(crate) fn running(&self) -> Vec<&'static Location<'static>> {
        self.sleepers
            .used()
            .filter_map(|slot| slot.running())
            .collect()
    }

    pub(crate) fn metrics(&self) -> BlockingMetrics {
        BlockingMetrics {
            threads: self.sleepers.alive(),
            idle: self.sleepers.used().filter(|slot| slot.is_idle()).count(),
            queued: self.queues.iter().map(|queue| queue.len()).sum(),
            done: self.sleepers.used().map(|slot| slot.done.get()).sum(),
        }
    }

    /// The thread that calls this, in slot `index`, is about to end.
    fn leave(&self, index: usize) {
        let me = thread::current().id();
        let mut threads = self.sleepers.slot(index).threads.lock();
        let own = threads.iter().position(|thread| thread.thread().id() == me);
        // Not there: a shutdown joins this thread.
        let Some(own) = own.map(|at| threads.swap_remove(at)) else {
            return;
        };
        // Under both locks: a shutdown that finds this slot empty finds the thread in `ended`.
        let before = self.ended.lock().replace(own);
        drop(threads);
        before.into_iter().for_each(join);
    }
}

/// The life of a thread of the pool.
fn run(shared: Arc<Shared>, index: usize) {
    let around = &shared.spares.config().around;
    around.run(|| work(&shared, index));
    shared.blocking.leave(index);
}

fn work(shared: &Arc<Shared>, index: usize) {
    let pool = &shared.blocking;
    if let Some(cpus) = &pool.config.cpus {
        cpus::allow_current(cpus);
    }
    POOL_OF.set(Arc::as_ptr(shared));
    let handle = Handle::new(Home {
        shared: shared.clone(),
        core: None,
    });
    let _entered = handle.enter();
    let slot = pool.sleepers.slot(index);
    let mut cursor = index;
    loop {
        while !pool.sleepers.is_closed()
            && let Some(job) = pool.take(&mut cursor)
        {
            slot.begin(job.header().location);
            // Panics of the job are the handle's; this is for what the last reference drops. One poll ends it.
            contain(|| drop(job.run()));
            slot.done.add(1);
        }
        let slept = pool.sleepers.sleep(index, pool.config.keep_alive, || {
            if pool.has_jobs()
                && let Some(vacancy) = pool.sleepers.notify_sleeper()
            {
                pool.start(shared, vacancy);
            }
        });
        match slept {
            Slept::Woken => {}
            Slept::Closed => break,
            Slept::Ended => {
                if pool.has_jobs()
                    && let Some(vacancy) = pool.sleepers.notify()
                {
                    pool.start(shared, vacancy);
                }
                break;
            }
        }
    }
}

fn join(thread: thread::JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread for blocking jobs panicked outside a job");
    }
}
