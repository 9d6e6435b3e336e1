//! What the reactor's steps cost, in nanoseconds: `cargo bench -p ringspun-reactor`.
//!
//! Each figure is the best and the median of several rounds. The system's own share is measured
//! beside it (`epoll_wait` without the reactor), so that what is left is the reactor's. These
//! guard against regressions; they say nothing about users.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use ringspun_reactor::{Direction, Events, Reactor, Registration, Trigger, WakeList};

const ROUNDS: usize = 15;
const BATCH: usize = 64;

/// Runs `step` in rounds of `count` and prints nanoseconds per step.
fn measure(name: &str, count: u32, mut step: impl FnMut()) {
    measure_part(name, count, || {
        let start = Instant::now();
        for _ in 0..count {
            step();
        }
        start.elapsed()
    });
}

/// As `measure`, but `round` says itself how long the part in question took.
fn measure_part(name: &str, count: u32, mut round: impl FnMut() -> Duration) {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| round().as_secs_f64() * 1e9 / f64::from(count))
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "{name:44} {:8.1} ns   (median {:.1})",
        times[0],
        times[ROUNDS / 2]
    );
}

/// A waker like a task's: one counted allocation.
struct Task;

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

fn eventfd() -> File {
    // SAFETY: eventfd takes two integers and touches no memory.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    assert!(fd >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the kernel has just returned this descriptor, and nobody else knows of it.
    File::from(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn ring(files: &mut [File]) {
    for file in files {
        file.write_all(&1_u64.to_ne_bytes()).unwrap();
    }
}

/// What the measurements share.
struct Bench {
    reactor: Arc<Reactor>,
    events: Events,
    wakers: WakeList,
    waker: Waker,
    files: Vec<File>,
    sources: Vec<Registration>,
}

impl Bench {
    fn new() -> io::Result<Self> {
        let reactor = Arc::new(Reactor::new()?);
        let files: Vec<File> = (0..BATCH).map(|_| eventfd()).collect();
        let sources = files
            .iter()
            .map(|file| reactor.register(file.as_fd(), Trigger::Edge))
            .collect::<io::Result<_>>()?;
        let mut bench = Self {
            reactor,
            events: Events::new(),
            wakers: WakeList::new(),
            waker: Waker::from(Arc::new(Task)),
            files,
            sources,
        };
        while bench.poll() > 0 {}
        Ok(bench)
    }

    fn poll(&mut self) -> usize {
        let timeout = Some(Duration::ZERO);
        let polled = self
            .reactor
            .poll(&mut self.events, BATCH, timeout, &mut self.wakers);
        polled.expect("a poll does not fail").events
    }

    fn registration(&self) {
        let file = eventfd();
        measure("register, drop", 10_000, || {
            drop(self.reactor.register(file.as_fd(), Trigger::Edge));
        });
    }

    fn readiness(&self) {
        let source = &self.sources[0];
        let mut cx = Context::from_waker(&self.waker);
        source.restore(Direction::Read);
        measure("poll_ready, ready", 1_000_000, || {
            let _ = black_box(source.poll_ready(&mut cx, Direction::Read));
        });
        measure("consume and restore", 1_000_000, || {
            black_box(source.consume(Direction::Read));
            source.restore(Direction::Read);
        });
        source.consume(Direction::Read);
        measure("poll_ready, pending, the same waker", 1_000_000, || {
            let _ = black_box(source.poll_ready(&mut cx, Direction::Read));
        });
        let others = [Waker::from(Arc::new(Task)), Waker::from(Arc::new(Task))];
        let mut turn = 0;
        measure("poll_ready, pending, another waker", 1_000_000, || {
            turn ^= 1;
            let mut cx = Context::from_waker(&others[turn]);
            let _ = black_box(source.poll_ready(&mut cx, Direction::Read));
        });
        self.reactor.drop_wakers();
    }

    fn polls(&mut self) {
        measure("poll, nothing ready", 10_000, || {
            black_box(self.poll());
        });
        measure_part("poll, 64 events, nobody waits: an event", 64, || {
            ring(&mut self.files);
            let start = Instant::now();
            assert_eq!(self.poll(), BATCH);
            start.elapsed()
        });
        measure_part("poll, 64 events, 64 tasks wait: an event", 64, || {
            let mut cx = Context::from_waker(&self.waker);
            for source in &self.sources {
                source.consume(Direction::Read);
                assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
            }
            ring(&mut self.files);
            let start = Instant::now();
            assert_eq!(self.poll(), BATCH);
            let time = start.elapsed();
            self.wakers.wake_all();
            time
        });
    }

    /// The same calls without the reactor.
    fn system(&mut self) {
        let epoll = self.reactor.selector_fd().expect("epoll has one");
        let epoll = epoll.as_raw_fd();
        let mut buffer = [libc::epoll_event { events: 0, u64: 0 }; BATCH];
        let mut wait = || {
            // SAFETY: the buffer has room for as many events as the call is told.
            unsafe { libc::epoll_wait(epoll, buffer.as_mut_ptr(), BATCH as i32, 0) }
        };
        measure_part("epoll_wait alone, 64 events: an event", 64, || {
            ring(&mut self.files);
            let start = Instant::now();
            assert_eq!(wait(), BATCH as i32);
            start.elapsed()
        });
        measure("epoll_wait alone, nothing ready", 10_000, || {
            black_box(wait());
        });
    }

    fn waking(&mut self) {
        measure("wake, poll", 10_000, || {
            self.reactor.wake();
            black_box(self.poll());
        });
        self.reactor.wake();
        measure("wake, one under way", 1_000_000, || self.reactor.wake());
    }
}

fn main() -> io::Result<()> {
    let mut bench = Bench::new()?;
    bench.registration();
    bench.readiness();
    bench.polls();
    bench.system();
    bench.waking();
    Ok(())
}
