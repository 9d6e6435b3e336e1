//! What several tests need: a deadline for things that could hang, counts for CI or by hand.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]

pub mod by_hand;
pub mod child;
pub mod rng;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// `ci`, or `full` when `RINGSPUN_FULL` is set: the counts of a release run.
pub fn count(ci: usize, full: usize) -> usize {
    if std::env::var_os("RINGSPUN_FULL").is_some() {
        full
    } else {
        ci
    }
}

/// Runs `f` on a thread of its own; panics if it is not done within `limit`, a generous bound on a
/// hang, and passes on its panic.
pub fn within<T: Send + 'static>(limit: Duration, f: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    let name = thread::current().name().unwrap_or("test").to_owned();
    let worker = thread::Builder::new()
        .name(name.clone())
        .spawn(move || {
            let _ = done.send(f());
        })
        .expect("a thread for the test");
    match result.recv_timeout(limit) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name} hangs: not done within {limit:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(worker.join().expect_err("it sent nothing, so it panicked"))
        }
    }
}

/// [`within`] two minutes; with the full counts within two hours.
pub fn within_limit<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    within(Duration::from_secs(count(120, 7200) as u64), f)
}

/// Runs a task to its end within the limit, on a runtime of one core and on one of two.
pub fn on_one_and_two_cores<F>(task: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for cores in [1, 2] {
        let task = task();
        within_limit(move || {
            let runtime = ringspun::Builder::new().cores(cores).build();
            let runtime = runtime.expect("a runtime");
            let ended = runtime.block_on(runtime.handle().spawn(task));
            if let Err(error) = ended {
                std::panic::resume_unwind(error.into_panic());
            }
        });
    }
}

/// Held by tests that count descriptors or threads of the process, or set its panic hook: one at a time.
pub fn alone() -> impl Drop {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Open descriptors of this process.
pub fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs").count()
}

/// Worker threads of this process: those with the default name, the monitor left out. (The test harness has threads of its own
/// that come and go.)
pub fn workers() -> usize {
    std::fs::read_dir("/proc/self/task")
        .expect("procfs")
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("ringspun-") && !name.starts_with("ringspun-monito"))
        .count()
}

/// Calls a function when it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Waits until `value` gives `expected`: procfs shows a joined thread for a moment longer.
pub fn becomes<T: PartialEq + std::fmt::Debug>(expected: T, value: impl Fn() -> T) {
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while value() != expected {
        assert!(
            std::time::Instant::now() < end,
            "{:?} instead of {expected:?}",
            value()
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// A `Name: number` line of `/proc/self/status`.
pub fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .expect("a line of that name");
    let number = line.split_ascii_whitespace().nth(1).expect("a value");
    number.parse().expect("a number")
}

/// The CPUs in this thread's affinity mask.
pub fn allowed_cpus() -> Vec<usize> {
    let text = std::fs::read_to_string("/proc/thread-self/status").expect("procfs");
    let list = text
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .expect("a line of that name");
    list.trim()
        .split(',')
        .flat_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.parse::<usize>().expect("a number");
            number(first)..=number(last)
        })
        .collect()
}

/// The first CPU that this thread may use.
pub fn first_cpu() -> usize {
    allowed_cpus()[0]
}
