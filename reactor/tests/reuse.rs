//! Descriptors and slots that are used again at once: events of the old owner never reach the new.
#![cfg(not(loom))]

mod support;

use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Context;
use std::thread;
use std::time::Duration;

use ringspun_reactor::{Direction, Reactor, Ready, Registration, Trigger};

use self::support::{Counter, LIMIT, Poller, is_pending, rounds};

/// R1: one thread closes and opens with events pending, another polls. The new source has had no
/// event of its own to read: readiness on it is an event of a wrong generation.
#[test]
fn r1_no_event_reaches_a_reused_slot() {
    no_event_reaches_a_reused_slot(|source| source);
}

/// The same when it is the close that takes the descriptor out of the selector.
#[test]
fn r1_no_event_reaches_a_slot_left_by_close() {
    no_event_reaches_a_reused_slot(Registration::left_by_close);
}

fn no_event_reaches_a_reused_slot(leave: fn(Registration) -> Registration) {
    let cycles = rounds(100_000, 1_000_000);
    let reactor = Arc::new(Reactor::new().unwrap());
    let stop = AtomicBool::new(false);
    let (events, mut wrong, mut reused) = (AtomicUsize::new(0), 0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut poller = Poller::new();
            while !stop.load(Ordering::Acquire) {
                let polled = poller.poll(&reactor, Duration::from_micros(200));
                events.fetch_add(polled.events, Ordering::Relaxed);
            }
        });
        let (counter, waker) = Counter::new();
        let mut cx = Context::from_waker(&waker);
        for _ in 0..cycles {
            let (hot, mut peer) = UnixStream::pair().unwrap();
            let source = leave(reactor.register(hot.as_fd(), Trigger::Edge).unwrap());
            peer.write_all(b"pending").unwrap();
            let old = hot.as_raw_fd();
            drop(source);
            drop((hot, peer));

            let (cold, _peer) = UnixStream::pair().unwrap();
            reused += usize::from(cold.as_raw_fd() == old);
            let source = reactor.register(cold.as_fd(), Trigger::Edge).unwrap();
            wrong += usize::from(source.poll_ready(&mut cx, Direction::Read).is_ready());
            wrong += usize::from(source.ready(Direction::Read) != Ready::EMPTY);
            wrong += usize::from(source.has_closed(Direction::Write));
            drop(leave(source));
        }
        wrong += counter.wakes();
        stop.store(true, Ordering::Release);
    });
    let events = events.into_inner();
    println!("R1: {cycles} cycles, {reused} numbers reused, {events} events, {wrong} wrong");
    assert_eq!(wrong, 0);
    assert!(reused > cycles / 2, "the test did not reuse descriptors");
    assert!(events > 0, "the test had no events pending");
    assert_eq!(reactor.sources(), 0);
}

/// R1 in one thread, where the order is certain: an event that is pending when its source is
/// deregistered never comes, and the next owner of the slot starts with nothing.
#[test]
fn r1_a_pending_event_goes_with_its_source() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let mut poller = Poller::new();
    for _ in 0..1000 {
        let (hot, mut peer) = UnixStream::pair().unwrap();
        let source = reactor.register(hot.as_fd(), Trigger::Edge).unwrap();
        peer.write_all(b"pending").unwrap();
        drop((source, hot));
        assert_eq!(poller.poll(&reactor, Duration::ZERO).events, 0);
        let (cold, _peer) = UnixStream::pair().unwrap();
        let source = reactor.register(cold.as_fd(), Trigger::Edge).unwrap();
        poller.drain(&reactor);
        assert!(is_pending(&source, Direction::Read));
    }
}

/// R3: a duplicate keeps the open file, and with it the kernel's entry, alive after the parent has
/// dropped its registration and its descriptor. Removing it explicitly is what helps.
#[test]
fn r3_a_duplicate_lives_on() {
    const CYCLES: usize = 10_000;
    let reactor = Arc::new(Reactor::new().unwrap());
    let mut poller = Poller::new();
    let mut duplicates = Vec::new();
    let mut stray = 0;
    for cycle in 0..CYCLES {
        let (socket, peer) = UnixStream::pair().unwrap();
        let source = reactor
            .register(socket.as_fd(), Trigger::Edge)
            .unwrap_or_else(|error| panic!("cycle {cycle}: {error}"));
        // The event of registering, that there is room to write.
        assert_eq!(poller.poll(&reactor, LIMIT).events, 1);
        duplicates.push((socket.try_clone().unwrap(), peer));
        drop(source);
        drop(socket);
        // The duplicates are very much alive, and none of our business.
        for (_, peer) in &mut duplicates {
            peer.write_all(b"x").unwrap();
        }
        stray += poller.drain(&reactor);
        if duplicates.len() == 4 {
            duplicates.clear();
        }
    }
    println!("R3: {CYCLES} cycles, 0 EEXIST, {stray} events");
    assert_eq!(stray, 0);
}

/// A duplicate that nobody was told of outlives a source left by close: what the kernel reports for it
/// wakes nobody and stains no new source.
#[test]
fn r3_events_of_a_forgotten_duplicate_are_dropped() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let mut poller = Poller::new();
    let (socket, mut peer) = UnixStream::pair().unwrap();
    let source = reactor
        .register(socket.as_fd(), Trigger::Edge)
        .unwrap()
        .left_by_close();
    assert_eq!(poller.poll(&reactor, LIMIT).events, 1);
    let _duplicate = socket.try_clone().unwrap();
    drop(source);
    drop(socket);
    let (cold, _peer) = UnixStream::pair().unwrap();
    let source = reactor.register(cold.as_fd(), Trigger::Edge).unwrap();
    peer.write_all(b"x").unwrap();
    assert!(
        poller.drain(&reactor) > 0,
        "the kernel reports for the duplicate"
    );
    assert!(is_pending(&source, Direction::Read));
    assert_eq!(reactor.sources(), 1);
}
