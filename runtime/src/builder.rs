//! Configuration of a runtime.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ringspun_reactor::Reactor;

use crate::around::Around;
use crate::blocking::pool::{Config, MAX_THREADS};
use crate::handle::Handle;
use crate::loom::atomic::{AtomicU64, AtomicUsize};
use crate::loom::{CachePadded, Mutex};
use crate::metrics::Counters;
use crate::runtime::Runtime;
use crate::scheduler::core::Core;
use crate::scheduler::fence::Fence;
use crate::scheduler::idle::MAX_WORKERS;
use crate::scheduler::inject::Inject;
use crate::scheduler::lease::{Lease, MAX_HOLDERS};
use crate::scheduler::lifo::LifoSlot;
use crate::scheduler::limits::Limits;
use crate::scheduler::monitor;
use crate::scheduler::park::Unparker;
use crate::scheduler::queue::{CAPACITY, YIELDS, ring};
use crate::scheduler::shared::{Home, Remote, Shared};
use crate::scheduler::spares::ThreadConfig;
use crate::scheduler::stopwatch::Stopwatch;
use crate::time::clock::Clock;
use crate::time::timers::Timers;
use crate::{cpus, descriptors, trace};

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
    many_descriptors: bool,
    watchdog: Duration,
    hand_off: Option<Duration>,
    spare_threads: Option<usize>,
    steal_readiness: bool,
    schedtrace: Option<Duration>,
    blocking_threads: usize,
    blocking_keep_alive: Duration,
    blocking_stack_size: Option<usize>,
    around: Around,
    #[cfg(feature = "tokio")]
    tokio: Option<tokio::runtime::Handle>,
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
            many_descriptors: true,
            watchdog: WATCHDOG,
            hand_off: Some(HAND_OFF),
            spare_threads: None,
            steal_readiness: true,
            schedtrace: None,
            blocking_threads: 512,
            blocking_keep_alive: Duration::from_secs(10),
            blocking_stack_size: None,
            around: Around::default(),
            #[cfg(feature = "tokio")]
            tokio: None,
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
    /// a warning is logged, and the worker runs unpinned.
    ///
    /// Threads for blocking code keep the whole mask. Threads that a task starts itself inherit the pin.
    #[must_use]
    pub fn pin_cores(mut self, on: bool) -> Self {
        self.pin_cores = on;
        self
    }

    /// Whether to make room for as many descriptors as the system allows: the soft limit (`ulimit -Sn`)
    /// is raised to the hard one, and the kernel's table is sized at once instead of growing under
    /// load, which stalls threads. On unless it is turned off; concerns the whole process, once.
    ///
    /// Programs that this one starts inherit the limit. Those that use `select` want the old one.
    #[must_use]
    pub fn many_descriptors(mut self, on: bool) -> Self {
        self.many_descriptors = on;
        self
    }

    /// How soon an idle worker looks after cores that are stuck in one task, and serves what waits for
    /// them: 500 µs unless set. 200 µs suits services that want a short tail more than a few wake-ups;
    /// [`Duration::ZERO`] turns this off, and [`hand_off_after`](Self::hand_off_after) with it. Under steady
    /// load without slow polls, where the workers look for themselves, up to eight periods. An idle
    /// process pays nothing. With more cores than CPUs the time is longer by the square of the ratio.
    #[must_use]
    pub fn watchdog(mut self, period: Duration) -> Self {
        self.watchdog = period;
        self
    }

    /// How long one poll of a task may keep a core while other work waits for it and no worker is idle;
    /// then another thread gets the core: 1 ms unless set, `None` for never. The resolution is the
    /// [`watchdog`](Self::watchdog)'s period.
    #[must_use]
    pub fn hand_off_after(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.hand_off = time.into();
        self
    }

    /// The most threads beside one for each core, for cores whose threads are stuck or in
    /// [`block_in_place`](crate::block_in_place): 4 for each core and at least 32 unless set. They are
    /// started when needed, and end after 10 s without use.
    #[must_use]
    pub fn spare_threads(mut self, threads: usize) -> Self {
        self.spare_threads = Some(threads);
        self
    }

    /// Whether idle workers take ready events and due timers from stuck cores, beside tasks: on unless
    /// set. For comparison.
    #[must_use]
    pub fn steal_readiness(mut self, on: bool) -> Self {
        self.steal_readiness = on;
        self
    }

    /// Prints a line about the scheduler to standard error each `period`: milliseconds since the start,
    /// cores, idle and searching workers, threads, tasks in the inject queue and in each core's rings,
    /// living tasks, hand-offs, adoptions, steals and polls so far. Off unless set here or, in
    /// milliseconds, by `RINGSPUN_SCHEDTRACE`. [`Duration::ZERO`] turns it off against the variable.
    #[must_use]
    pub fn schedtrace(mut self, period: Duration) -> Self {
        self.schedtrace = Some(period);
        self
    }

    /// The most threads for blocking code ([`spawn_blocking`](crate::spawn_blocking)), at least 1; 512
    /// unless set. They are started when needed.
    #[must_use]
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = threads;
        self
    }

    /// How long a thread for blocking code waits for the next job before it ends; 10 s unless set.
    #[must_use]
    pub fn blocking_keep_alive(mut self, time: Duration) -> Self {
        self.blocking_keep_alive = time;
        self
    }

    /// The stack of each thread for blocking code in bytes; as
    /// [`thread_stack_size`](Self::thread_stack_size) unless set.
    #[must_use]
    pub fn blocking_stack_size(mut self, bytes: usize) -> Self {
        self.blocking_stack_size = Some(bytes);
        self
    }

    /// Runs `hook` around the life of each thread of the runtime (workers, spares, threads for blocking
    /// code) and around each [`block_on`](crate::Handle::block_on): what it holds while it calls its
    /// argument, the thread holds for its life.
    ///
    /// Several hooks nest, the first one outermost. A hook that panics, or does not call its argument, is
    /// passed over: the thread does its work without it.
    ///
    /// ```
    /// # use ringspun_runtime::Builder;
    /// # use std::cell::Cell;
    /// thread_local! { static PREPARED: Cell<bool> = const { Cell::new(false) }; }
    ///
    /// let runtime = Builder::new()
    ///     .cores(1)
    ///     .around_threads(|life| {
    ///         PREPARED.set(true);
    ///         life();
    ///         PREPARED.set(false);
    ///     })
    ///     .build()?;
    /// let task = runtime.handle().spawn(async { PREPARED.get() });
    /// assert!(runtime.block_on(task).unwrap());
    /// # Ok::<_, std::io::Error>(())
    /// ```
    #[must_use]
    pub fn around_threads(
        mut self,
        hook: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static,
    ) -> Self {
        self.around.push(hook);
        self
    }

    /// The tokio runtime whose context every thread holds, so that `tokio::spawn`, `tokio::time`, tokio's
    /// sockets and all that is built on them work inside tasks. Needs the feature `tokio`.
    ///
    /// Unset: the one that [`build`](Self::build) is called in (under `#[tokio::main]`), else one of the
    /// process with a single thread, which is started when it is first needed.
    ///
    /// What tokio drives, such as the timers behind `tokio::time::sleep`, is driven by the threads of that
    /// runtime. Its clock is not [`test_clock`](Self::test_clock)'s. Once it has been shut down, what needs
    /// it panics.
    #[cfg(feature = "tokio")]
    #[must_use]
    pub fn tokio(mut self, handle: tokio::runtime::Handle) -> Self {
        self.tokio = Some(handle);
        self
    }

    /// A virtual clock for tests: it stands still while any task can run, and jumps to the next timer
    /// when all wait, so that no test of a timeout sleeps. Needs `cores(1)`, the default then.
    ///
    /// It stands still while a blocking job is queued or runs. Threads of your own are not seen by the
    /// clock: do not let tasks wait for them.
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
    ///   clock; `RINGSPUN_CORES` or `RINGSPUN_SCHEDTRACE` is not a number; a zero byte in the threads'
    ///   name; 0 threads for blocking code, or more than 65,535.
    /// - what the system says when it has no descriptor (two for each core) or no thread left. Nothing
    ///   stays behind then, except tokio's runtime of the process, with the feature `tokio`.
    pub fn build(self) -> io::Result<Runtime> {
        let cores = self.count_cores()?;
        let schedtrace = self.trace_period()?;
        if self.thread_name.contains('\0') {
            return Err(invalid(format!("thread name {:?}", self.thread_name)));
        }
        if self.blocking_threads == 0 || self.blocking_threads > MAX_THREADS {
            return Err(invalid(format!(
                "{} threads for blocking code: choose 1 to {MAX_THREADS}",
                self.blocking_threads
            )));
        }
        if self.many_descriptors {
            // Before there are threads.
            descriptors::make_room();
        }
        let clock = Arc::new(Clock::new(self.test_clock));
        let limits = Limits::new(cores, self.watchdog, self.hand_off, self.steal_readiness);
        let fence = Fence::best();
        let (remotes, locals): (Vec<_>, Vec<_>) = (0..cores)
            .map(|index| new_core(index, &clock, fence, &limits))
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
        let spares = self.spare_threads.unwrap_or_else(|| (4 * cores).max(32));
        let desks = cores.saturating_add(spares).min(MAX_HOLDERS);
        let cpus = self.cpus_to_pin();
        let threads = ThreadConfig {
            name: self.thread_name.clone(),
            stack_size: self.stack_size,
            cpus: cpus.clone(),
            around: self.around()?,
        };
        let shared = Shared::new(
            remotes.into(),
            desks,
            threads,
            self.blocking(cpus),
            clock,
            limits,
        )
        .map(Arc::new)
        .map_err(|error| {
            let text = format!("cannot set up the watchdog (timerfd, epoll): {error}");
            io::Error::new(error.kind(), text)
        })?;
        let handle = Handle::new(Home {
            shared: shared.clone(),
            core: None,
        });
        // From here on a failure drops the runtime, which ends and joins what was started.
        let runtime = Runtime::new(handle);
        for core in locals {
            let reservation = shared.spares.reserve().expect("a desk for each core");
            shared.spares.give(&shared, reservation, core)?;
        }
        monitor::start(&shared)?;
        if let Some(period) = schedtrace {
            trace::start(&shared, period)?;
        }
        Ok(runtime)
    }

    fn around(&self) -> io::Result<Around> {
        #[cfg_attr(
            not(feature = "tokio"),
            expect(unused_mut, reason = "one hook is a feature's")
        )]
        let mut around = self.around.clone();
        #[cfg(feature = "tokio")]
        around.push(crate::bridge::hook(self.tokio.as_ref())?);
        Ok(around)
    }

    fn blocking(&self, cpus: Option<Arc<[usize]>>) -> Config {
        Config {
            threads: self.blocking_threads,
            keep_alive: self.blocking_keep_alive,
            thread_name: self.thread_name.clone(),
            stack_size: self.blocking_stack_size.or(self.stack_size),
            cpus,
        }
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

    fn trace_period(&self) -> io::Result<Option<Duration>> {
        let period = match (self.schedtrace, std::env::var("RINGSPUN_SCHEDTRACE")) {
            (Some(period), _) => period,
            (None, Ok(text)) => text
                .trim()
                .parse()
                .map(Duration::from_millis)
                .map_err(|_| {
                    invalid(format!(
                        "RINGSPUN_SCHEDTRACE is {text:?}: set it to milliseconds, or not"
                    ))
                })?,
            (None, Err(_)) => Duration::ZERO,
        };
        Ok((!period.is_zero()).then_some(period))
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

/// The watchdog's period: a stall costs others a quarter of a millisecond on average.
const WATCHDOG: Duration = Duration::from_micros(500);
/// A thousand times what a poll should take, and far below what a person sees.
const HAND_OFF: Duration = Duration::from_millis(1);

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn new_core(
    index: usize,
    clock: &Arc<Clock>,
    fence: Fence,
    limits: &Limits,
) -> io::Result<(Remote, Box<Core>)> {
    let reactor = Arc::new(Reactor::new().map_err(|error| {
        let text = format!("cannot make the reactor of core {index} (epoll and eventfd): {error}");
        io::Error::new(error.kind(), text)
    })?);
    let unparker = Arc::new(Unparker::new(reactor.clone()));
    let (local, steal) = ring(CAPACITY);
    let (local_yields, yields) = ring(YIELDS);
    // Until it is known better: a request.
    let mean_poll = limits.ticks.of(Duration::from_micros(5));
    let remote = Remote {
        task_start: CachePadded(AtomicU64::new(0)),
        lifo: LifoSlot::new(),
        lease: Lease::new(fence),
        ring: steal,
        yields,
        mean_poll: AtomicU64::new(mean_poll),
        stall: Mutex::default(),
        inbox: Inject::new(),
        timers: Arc::new(Timers::new(index, unparker.clone(), clock.clone())),
        unparker,
        notified_at: AtomicU64::new(0),
        wanted: AtomicUsize::new(0),
        reactor,
        counters: CachePadded(Counters::default()),
    };
    let watch = Stopwatch::new(mean_poll, limits.short);
    let core = Core::new(index, local, local_yields, watch);
    Ok((remote, Box::new(core)))
}
