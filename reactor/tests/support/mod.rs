//! What the tests of the reactor share. Each test binary uses a part of it.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use ringspun_reactor::{Direction, Events, Polled, Reactor, Ready, Registration, WakeList};

/// How long a wait may take before the test counts as hung. Generous: the machine may be busy.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A thread's own means of polling.
pub(crate) struct Poller {
    pub(crate) events: Events,
    pub(crate) wakers: WakeList,
}

impl Poller {
    pub(crate) fn new() -> Self {
        Self {
            events: Events::new(),
            wakers: WakeList::new(),
        }
    }

    /// Polls once and wakes.
    pub(crate) fn poll(&mut self, reactor: &Reactor, timeout: Duration) -> Polled {
        let polled = reactor
            .poll(&mut self.events, 64, Some(timeout), &mut self.wakers)
            .expect("a poll does not fail");
        self.wakers.wake_all();
        polled
    }

    /// Takes whatever is there now, until nothing comes any more; returns the number of events.
    pub(crate) fn drain(&mut self, reactor: &Reactor) -> usize {
        let mut sum = 0;
        loop {
            match self.poll(reactor, Duration::ZERO).events {
                0 => return sum,
                more => sum += more,
            }
        }
    }

    /// Polls until `done` says so; panics when that takes too long.
    pub(crate) fn poll_until(&mut self, reactor: &Reactor, mut done: impl FnMut() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < LIMIT, "waited in vain");
            self.poll(reactor, Duration::from_millis(100));
        }
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Counter {
    wakes: AtomicUsize,
}

impl Counter {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        let waker = Waker::from(counter.clone());
        (counter, waker)
    }

    pub(crate) fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
}

/// A waker that unparks a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks the thread, as a task would wait, until the direction is ready.
pub(crate) fn wait_ready(registration: &Registration, direction: Direction) -> Ready {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let start = Instant::now();
    loop {
        if let Poll::Ready(ready) = registration.poll_ready(&mut cx, direction) {
            return ready;
        }
        assert!(start.elapsed() < LIMIT, "readiness never came");
        thread::park_timeout(LIMIT);
    }
}

/// Polls readiness once with a waker that does nothing.
pub(crate) fn is_pending(registration: &Registration, direction: Direction) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    registration.poll_ready(&mut cx, direction).is_pending()
}

/// `small`, or `full` if `RINGSPUN_FULL=1` asks for the long run.
pub(crate) fn rounds(small: usize, full: usize) -> usize {
    match std::env::var("RINGSPUN_FULL") {
        Ok(value) if value == "1" => full,
        _ => small,
    }
}
