//! Configuration of a runtime.

use std::io;
use std::sync::Arc;
use std::thread;

use ringspun_reactor::Reactor;

use crate::cpus;
use crate::handle::Handle;
use crate::loom::CachePadded;
use crate::metrics::Counters;
use crate::runtime::Runtime;
use crate::scheduler::core::Core;
use crate::scheduler::idle::MAX_WORKERS;
use crate::scheduler::inject::Inject;
use crate::scheduler::park::Unparker;
use crate::scheduler::queue::ring;
use crate::scheduler::shared::{Home, Remote, Shared};
use crate::scheduler::worker::Worker;
use crate::time::clock::Clock;
use crate::time::timers::Timers;

/// Makes a [`Runtime`] to measure.
///
/// ```
/// # use ringspun_runtime::Builder;
/// let runtime = Builder::new().cores(2).thread_name("web").build()?;
/// assert_eq!(runtime.handle().cores(), 2);
/// # Ok::<_, std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    cores: Option<usize>,
    thread_name: String,
    stack_size: Option<usize>,
    test_clock: bool,
    pin_cores: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// The defaults: one core for each CPU that this process may use.
    pub fn new() -> Self {
        Self {
            cores: None,
            thread_name: "ringspun".to_owned(),
            stack_size: None,
            test_clock: false,
            pin_cores: false,
        }
    }

    /// How many cores, each with its thread and its reactor.
    ///
    /// Unset: the environment variable `RINGSPUN_CORES`, else the CPUs that this process may use: those of
    /// the affinity mask, or the CPU quota of its cgroups, rounded up, if that is less.
    #[must_use]
    pub fn cores(mut self, cores: usize) -> Self {
        self.cores = Some(cores);
        self
    }

    /// What the threads are called: `name-0`, `name-1`, ... The kernel shows the first 15 bytes.
    #[must_use]
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// The stack of each thread in bytes; std's default (2 MiB) unless set.
    #[must_use]
    pub fn thread_stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// Pins the worker of core *i* to the *i*-th CPU of the affinity mask of the thread that builds the
    /// runtime, counted round if there are more cores than CPUs. Off unless set. Where the system refuses,
    /// a warning is logged, and the worker runs unpinned. Threads that a task starts inherit the pin.
    #[must_use]
    pub fn pin_cores(mut self, on: bool) -> Self {
        self.pin_cores = on;
        self
    }

    /// A virtual clock for tests: it stands still while any task can run, and jumps to the next timer
    /// when all wait, so that no test of a timeout sleeps. Needs `cores(1)`, the default then.
    ///
    /// Threads of your own are not seen by the clock: do not let tasks wait for them.
    #[must_use]
    pub fn test_clock(mut self, on: bool) -> Self {
        self.test_clock = on;
        self
    }

    /// Starts the runtime.
    ///
    /// # Errors
    ///
    /// - [`io::ErrorKind::InvalidInput`]: 0 cores, more than 65,535, or more than one with a test
    ///   clock; `RINGSPUN_CORES` is not a number; a zero byte in the threads' name.
    /// - what the system says when it has no descriptor (two for each core) or no thread left. Nothing
    ///   stays behind then.
    pub fn build(self) -> io::Result<Runtime> {
        let cores = self.count_cores()?;
        if self.thread_name.contains('\0') {
            return Err(invalid(format!("thread name {:?}", self.thread_name)));
        }
        let cpus = self.cpus_to_pin();
        let clock = Arc::new(Clock::new(self.test_clock));
        let (remotes, locals): (Vec<_>, Vec<_>) = (0..cores)
            .map(|index| new_core(index, &clock))
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
        let shared = Arc::new(Shared::new(remotes.into(), clock));
        let handle = Handle::new(Home {
            shared: shared.clone(),
            core: None,
        });
        // From here on a failure drops the runtime, which ends and joins what was started.
        let mut runtime = Runtime::new(handle);
        for core in locals {
            let thread = self.spawn_worker(&shared, core, cpus.clone())?;
            runtime.add_thread(thread);
        }
        Ok(runtime)
    }

    fn spawn_worker(
        &self,
        shared: &Arc<Shared>,
        core: Box<Core>,
        cpus: Option<Arc<[usize]>>,
    ) -> io::Result<thread::JoinHandle<()>> {
        let name = format!("{}-{}", self.thread_name, core.index);
        let home = Home {
            shared: shared.clone(),
            core: Some(core.index),
        };
        let mut builder = thread::Builder::new().name(name.clone());
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        builder
            .spawn(move || {
                if let Some(cpus) = cpus {
                    cpus::pin_current(core.index, &cpus);
                }
                Worker::new(core.index, Handle::new(home)).run(core);
            })
            .map_err(|error| {
                let text = format!("cannot start worker thread {name}: {error}");
                io::Error::new(error.kind(), text)
            })
    }

    /// The CPUs for [`pin_cores`](Self::pin_cores), in order of the cores.
    fn cpus_to_pin(&self) -> Option<Arc<[usize]>> {
        if !self.pin_cores {
            return None;
        }
        match cpus::allowed() {
            Ok(cpus) => Some(cpus.into()),
            Err(error) => {
                tracing::warn!(%error, "cannot read the affinity mask: no core is pinned");
                None
            }
        }
    }

    fn count_cores(&self) -> io::Result<usize> {
        let cores = match (self.cores, std::env::var("RINGSPUN_CORES")) {
            (Some(cores), _) => cores,
            (None, _) if self.test_clock => 1,
            (None, Ok(text)) => text.trim().parse().map_err(|_| {
                invalid(format!(
                    "RINGSPUN_CORES is {text:?}: set it to a number of cores, or not"
                ))
            })?,
            (None, Err(_)) => cpus::available(),
        };
        if self.test_clock && cores != 1 {
            return Err(invalid(format!(
                "a test clock needs one core, not {cores}: set cores(1)"
            )));
        }
        if cores == 0 || cores > MAX_WORKERS {
            return Err(invalid(format!("{cores} cores: choose 1 to {MAX_WORKERS}")));
        }
        Ok(cores)
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn new_core(index: usize, clock: &Arc<Clock>) -> io::Result<(Remote, Box<Core>)> {
    let reactor = Arc::new(Reactor::new().map_err(|error| {
        let text = format!("cannot make the reactor of core {index} (epoll and eventfd): {error}");
        io::Error::new(error.kind(), text)
    })?);
    let unparker = Arc::new(Unparker::new(reactor.clone()));
    let (local, steal) = ring();
    let remote = Remote {
        ring: steal,
        inbox: Inject::new(),
        timers: Arc::new(Timers::new(index, unparker.clone(), clock.clone())),
        unparker,
        reactor,
        counters: CachePadded(Counters::default()),
    };
    Ok((remote, Box::new(Core::new(index, local))))
}
