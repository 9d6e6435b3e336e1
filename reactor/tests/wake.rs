//! Ending a poll: from other threads, once per sleep, and by time, whatever the length.
#![cfg(not(loom))]

mod support;

use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use ringspun_reactor::{Polled, Reactor};

use self::support::{LIMIT, Poller, rounds};

#[test]
fn a_wake_before_the_poll_ends_it() {
    let reactor = Reactor::new().unwrap();
    reactor.wake();
    let polled = Poller::new().poll(&reactor, LIMIT);
    let expected = Polled {
        events: 0,
        notified: true,
        alarm: false,
    };
    assert_eq!(polled, expected);
}

/// Every piece of work handed over with a wake is seen by a poller that sleeps between looks.
#[test]
fn no_wake_is_lost_from_other_threads() {
    const THREADS: usize = 3;
    let each = rounds(20_000, 1_000_000);
    let reactor = Reactor::new().unwrap();
    let (given, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for round in 0..each {
                    given.fetch_add(1, Ordering::Relaxed);
                    reactor.wake();
                    // Now and then let the poller fall asleep.
                    while round % 64 == 0 && taken.load(Ordering::Relaxed) == 0 {
                        thread::yield_now();
                    }
                }
            });
        }
        let mut poller = Poller::new();
        let mut seen = 0;
        while seen < THREADS * each {
            assert!(poller.poll(&reactor, LIMIT).notified, "a wake-up was lost");
            seen = given.load(Ordering::Relaxed);
            taken.store(seen, Ordering::Relaxed);
        }
    });
}

/// A thief that polls all the time does not swallow the owner's notifications.
#[test]
fn a_thief_does_not_swallow_wakes() {
    let reactor = Reactor::new().unwrap();
    let (work, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    const ROUNDS: usize = 2000;
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut poller = Poller::new();
            while done.load(Ordering::Acquire) < ROUNDS {
                let Poller { events, wakers } = &mut poller;
                reactor.steal(events, 16, wakers).unwrap();
                thread::yield_now();
            }
        });
        scope.spawn(|| {
            let mut poller = Poller::new();
            loop {
                let seen = work.load(Ordering::Acquire);
                done.store(seen, Ordering::Release);
                if seen == ROUNDS {
                    break;
                }
                assert!(poller.poll(&reactor, LIMIT).notified, "swallowed");
            }
        });
        for round in 1..=ROUNDS {
            work.store(round, Ordering::Release);
            reactor.wake();
            let start = Instant::now();
            while done.load(Ordering::Acquire) < round {
                assert!(start.elapsed() < LIMIT, "the owner sleeps on");
                thread::yield_now();
            }
        }
    });
}

#[test]
fn short_times_are_waited_for() {
    let reactor = Reactor::new().unwrap();
    let mut poller = Poller::new();
    for nanoseconds in [0, 1, 1_000, 1_000_000, 2_500_000] {
        let time = Duration::from_nanos(nanoseconds);
        let start = Instant::now();
        assert_eq!(poller.poll(&reactor, time), Polled::default());
        assert!(start.elapsed() >= time, "{time:?} ended early");
    }
}

/// 24.9 and 49.8 days are where milliseconds in 32 bits become negative and wrap.
#[test]
fn long_times_neither_wrap_nor_fail() {
    let day = Duration::from_secs(24 * 60 * 60);
    let times = [
        Some(day * 249 / 10),
        Some(day * 498 / 10),
        Some(Duration::from_nanos(1 << 63)),
        Some(Duration::from_secs(u64::MAX)),
        Some(Duration::MAX),
        None,
    ];
    for time in times {
        let reactor = Reactor::new().unwrap();
        thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            scope.spawn({
                let reactor = &reactor;
                move || {
                    let Poller {
                        mut events,
                        mut wakers,
                    } = Poller::new();
                    let _ = tell.send(reactor.poll(&mut events, 64, time, &mut wakers).unwrap());
                }
            });
            let early = told.recv_timeout(Duration::from_millis(20));
            assert_eq!(early, Err(RecvTimeoutError::Timeout), "{time:?}");
            reactor.wake();
            assert!(told.recv_timeout(LIMIT).unwrap().notified);
        });
    }
}

#[test]
fn a_poll_without_room_returns_at_once() {
    let reactor = Reactor::new().unwrap();
    reactor.wake();
    let mut poller = Poller::new();
    let Poller { events, wakers } = &mut poller;
    let polled = reactor.poll(events, 0, None, wakers).unwrap();
    assert_eq!(polled, Polled::default());
    while wakers.room() > 1 {
        wakers.push(std::task::Waker::noop().clone());
    }
    let polled = reactor.poll(events, 64, None, wakers).unwrap();
    assert_eq!(polled, Polled::default());
    wakers.wake_all();
    assert!(reactor.poll(events, 1, None, wakers).unwrap().notified);
}

#[test]
fn the_selector_is_closed_on_exec() {
    let reactor = Reactor::new().unwrap();
    let fd = reactor.selector_fd().unwrap().as_raw_fd();
    // SAFETY: F_GETFD takes no pointer.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
}

#[test]
fn a_scripted_reactor_behaves_alike() {
    let reactor = Reactor::scripted();
    let script = reactor.script().unwrap();
    let mut poller = Poller::new();
    reactor.wake();
    reactor.wake();
    script.false_zeros(1);
    assert!(!poller.poll(&reactor, Duration::ZERO).notified);
    assert!(poller.poll(&reactor, LIMIT).notified);
    assert_eq!(script.notifications(), 1);
    let start = Instant::now();
    let time = Duration::from_millis(2);
    assert_eq!(poller.poll(&reactor, time), Polled::default());
    assert!(start.elapsed() >= time);
    assert!(reactor.selector_fd().is_none());
}
