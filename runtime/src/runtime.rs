//! The owner of the threads.

use std::fmt;
use std::future::Future;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::blocking::pool;
use crate::builder::Builder;
use crate::context;
use crate::handle::Handle;
use crate::scheduler::shutdown;
use crate::time::clock;

/// A running runtime. Dropping it shuts it down: every task is cancelled at its next await point, every
/// thread is joined.
///
/// ```
/// let runtime = ringspun_runtime::Runtime::new_default()?;
/// let answer = runtime.block_on(async {
///     ringspun_runtime::spawn(async { 42 }).await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// Jobs of [`spawn_blocking`](crate::spawn_blocking) that have not begun are cancelled too; those that run
/// are waited for.
///
/// What goes on elsewhere ends with it: a task still running meanwhile sees tasks that it joins
/// cancelled; a thread outside that waits for a timer of this runtime panics; a socket that outlives its
/// runtime never becomes ready again.
///
/// # Panics
///
/// When dropped on one of its own threads (in a task, or in a blocking job), which would wait for itself.
/// It is shut down all the same; its threads end by themselves.
pub struct Runtime {
    handle: Handle,
    /// Everything that dropping does has been done.
    is_down: bool,
}

impl Runtime {
    /// A runtime with the [`Builder`]'s defaults.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new_default() -> io::Result<Self> {
        Builder::new().build()
    }

    pub(crate) fn new(handle: Handle) -> Self {
        Self {
            handle,
            is_down: false,
        }
    }

    /// A handle to spawn from other threads.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a future on this thread until it is done; its tasks run on the workers meanwhile. The
    /// future need not be `Send` or `'static`.
    ///
    /// The future itself is not a task: this thread is not a core, so sockets and timers it uses
    /// directly are served by the workers and cost a switch of threads each time. Work in tasks.
    ///
    /// # Panics
    ///
    /// If called on a worker's thread, or when the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Shuts down as dropping does, but leaves threads alone that are still in a task's poll or in a
    /// blocking job after `limit`; a warning says how many, and where these jobs were spawned. True if
    /// all were joined.
    ///
    /// # Panics
    ///
    /// On one of the runtime's own threads, as dropping.
    pub fn shutdown_timeout(mut self, limit: Duration) -> bool {
        self.begin_shutdown();
        self.is_down = true;
        let shared = self.handle.shared_arc();
        let deadline = clock::add(Instant::now(), limit);
        let mut threads = Vec::new();
        let mut finished_workers = false;
        loop {
            // Also those that were started meanwhile.
            threads.append(&mut shared.spares.take_threads());
            let (finished, running) = threads.into_iter().partition(|t| t.is_finished());
            threads = running;
            join(finished);
            if threads.is_empty() && !finished_workers {
                shutdown::finish(&shared);
                finished_workers = true;
            }
            let blocking = shared.blocking.join_finished();
            if threads.is_empty() && blocking == 0 {
                return true;
            }
            if Instant::now() >= deadline {
                shutdown::name_the_stuck(&shared, threads.len(), blocking);
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn begin_shutdown(&self) {
        // Before the assertion: the workers end by themselves also where nobody can join them.
        self.handle.shared().close();
        assert!(
            !self.is_own_thread(),
            "a Runtime was dropped inside one of its own tasks or jobs, which would wait for itself: \
             drop it on the thread that made it"
        );
    }

    fn is_own_thread(&self) -> bool {
        let shared = self.handle.shared();
        context::is_worker_of(shared) || pool::is_thread_of(shared)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if self.is_down {
            return;
        }
        if thread::panicking() && self.is_own_thread() {
            // A second panic would abort; the workers end by themselves.
            self.handle.shared().close();
            return;
        }
        self.begin_shutdown();
        // A thread that is joined may have started another one before.
        loop {
            let threads = self.handle.shared().spares.take_threads();
            if threads.is_empty() {
                break;
            }
            join(threads);
        }
        shutdown::finish(self.handle.shared());
        // After that: a job may wait for what the steps before end.
        self.handle.shared().blocking.join();
    }
}

fn join(threads: Vec<thread::JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a worker thread panicked outside a task");
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("cores", &self.handle.cores())
            .finish_non_exhaustive()
    }
}
