//! An edge-triggered source on real sockets: the initial state, the protocol of consume and
//! restore, the flags of a half-close, and that no edge is lost under load.
#![cfg(not(loom))]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::thread;

use ringspun_reactor::{Direction, Reactor, Ready, Registration, Trigger};

use self::support::{Counter, LIMIT, Poller, is_pending, wait_ready};

fn unix_pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (a, b)
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let a = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (b, _) = listener.accept().unwrap();
    a.set_nonblocking(true).unwrap();
    b.set_nonblocking(true).unwrap();
    (a, b)
}

fn register(reactor: &Arc<Reactor>, socket: impl AsFd) -> Registration {
    reactor.register(socket.as_fd(), Trigger::Edge).unwrap()
}

#[test]
fn a_new_source_may_be_written_and_not_read() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (a, _b) = unix_pair();
    let source = register(&reactor, &a);
    assert_eq!(reactor.sources(), 1);
    assert_eq!(source.ready(Direction::Write), Ready::WRITABLE);
    assert_eq!(source.ready(Direction::Read), Ready::EMPTY);
    assert!(is_pending(&source, Direction::Read));
    assert!(!is_pending(&source, Direction::Write));
    drop(source);
    assert_eq!(reactor.sources(), 0);
}

#[test]
fn what_was_there_before_registering_is_reported() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (a, mut b) = unix_pair();
    b.write_all(b"early").unwrap();
    let source = register(&reactor, &a);
    assert_eq!(Poller::new().poll(&reactor, LIMIT).events, 1);
    assert!(source.ready(Direction::Read).is_readable());
}

#[test]
fn an_edge_wakes_once_and_readiness_stays_until_consumed() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (mut a, mut b) = unix_pair();
    let source = register(&reactor, &a);
    let mut poller = Poller::new();
    poller.drain(&reactor);
    let (counter, waker) = Counter::new();
    let mut cx = Context::from_waker(&waker);
    for round in 1..=100 {
        assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
        // Once more with the same waker: stored already.
        assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
        b.write_all(b"x").unwrap();
        assert_eq!(poller.poll(&reactor, LIMIT).events, 1);
        assert_eq!(counter.wakes(), round);
        assert_eq!(poller.drain(&reactor), 0);
        for _ in 0..3 {
            assert!(source.poll_ready(&mut cx, Direction::Read).is_ready());
        }
        assert_eq!(source.consume(Direction::Read), Ready::READABLE);
        assert_eq!(a.read(&mut [0; 16]).unwrap(), 1);
    }
    // Nothing of this concerned writing.
    assert!(source.ready(Direction::Write).is_writable());
}

#[test]
fn an_edge_between_consume_and_attempt_is_kept() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (mut a, mut b) = unix_pair();
    let source = register(&reactor, &a);
    let mut poller = Poller::new();
    b.write_all(b"one").unwrap();
    poller.drain(&reactor);
    source.consume(Direction::Read);
    b.write_all(b"two").unwrap();
    poller.drain(&reactor);
    assert_eq!(a.read(&mut [0; 3]).unwrap(), 3);
    // Three bytes are left, and no edge will come for them: the one that came is still noted.
    assert!(!is_pending(&source, Direction::Read));
}

#[test]
fn restore_after_a_full_read() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (mut a, mut b) = unix_pair();
    let source = register(&reactor, &a);
    b.write_all(&[7; 100]).unwrap();
    Poller::new().drain(&reactor);
    let mut got = 0;
    while !is_pending(&source, Direction::Read) {
        source.consume(Direction::Read);
        let n = a.read(&mut [0; 30]).unwrap();
        got += n;
        if n == 30 {
            source.restore(Direction::Read);
        }
    }
    assert_eq!(got, 100);
}

#[test]
fn room_to_write_is_an_edge() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (mut a, mut b) = unix_pair();
    let source = register(&reactor, &a);
    let mut poller = Poller::new();
    poller.drain(&reactor);
    source.consume(Direction::Write);
    let full = a.write_all(&[0; 16 << 20]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    assert!(is_pending(&source, Direction::Write));
    assert_eq!(poller.drain(&reactor), 0);
    let mut sink = vec![0; 1 << 20];
    while b.read(&mut sink).is_ok() {}
    poller.poll_until(&reactor, || !is_pending(&source, Direction::Write));
    assert!(is_pending(&source, Direction::Read));
}

#[test]
fn a_half_close_is_announced_and_sticky_and_hides_no_data() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (mut a, mut b) = tcp_pair();
    let source = register(&reactor, &a);
    let mut poller = Poller::new();
    poller.drain(&reactor);
    b.write_all(b"0123456789").unwrap();
    b.shutdown(Shutdown::Write).unwrap();
    poller.poll_until(&reactor, || source.has_closed(Direction::Read));
    assert!(!source.has_closed(Direction::Write));

    let ready = source.consume(Direction::Read);
    assert!(ready.is_readable() && ready.is_read_closed() && !ready.is_error());
    assert_eq!(a.read(&mut [0; 100]).unwrap(), 10);
    // A short read, but not drained: the end is still to be read and no event will come for it.
    poller.drain(&reactor);
    assert!(source.has_closed(Direction::Read), "sticky");
    source.restore(Direction::Read);
    assert!(!is_pending(&source, Direction::Read));
    source.consume(Direction::Read);
    assert_eq!(a.read(&mut [0; 100]).unwrap(), 0);
    // The other direction goes on.
    a.write_all(b"still here").unwrap();
    poller.poll_until(&reactor, || b.read(&mut [0; 100]).is_ok());
    assert!(!source.has_closed(Direction::Write));
}

#[test]
fn a_full_close_ends_both_directions() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (a, b) = unix_pair();
    let source = register(&reactor, &a);
    let (read, read_waker) = Counter::new();
    let mut cx = Context::from_waker(&read_waker);
    assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
    drop(b);
    let mut poller = Poller::new();
    poller.poll_until(&reactor, || source.has_closed(Direction::Write));
    assert_eq!(read.wakes(), 1);
    assert!(source.ready(Direction::Write).is_write_closed());
    assert!(source.ready(Direction::Read).is_read_closed());
}

#[test]
fn a_reset_is_an_error_of_both_directions() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (mut a, b) = tcp_pair();
    let source = register(&reactor, &a);
    a.write_all(b"never read").unwrap();
    let mut poller = Poller::new();
    // Closing with unread bytes resets the connection; they must have arrived.
    poller.poll_until(&reactor, || matches!(b.peek(&mut [0; 1]), Ok(1)));
    drop(b);
    poller.poll_until(&reactor, || source.ready(Direction::Write).is_error());
    assert!(source.ready(Direction::Read).is_error());
    assert!(source.has_closed(Direction::Read) && source.has_closed(Direction::Write));
    source.consume(Direction::Read);
    let error = a.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

/// Reads to the end as a stream would, following the protocol; returns the sum of the bytes.
fn read_all(socket: &mut TcpStream, source: &Registration) -> u64 {
    let mut buffer = [0; 1500];
    let mut sum = 0;
    loop {
        wait_ready(source, Direction::Read);
        source.consume(Direction::Read);
        match socket.read(&mut buffer) {
            Ok(0) => return sum,
            Ok(n) => {
                sum += buffer[..n].iter().map(|&b| u64::from(b)).sum::<u64>();
                if n == buffer.len() || source.has_closed(Direction::Read) {
                    source.restore(Direction::Read);
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Writes everything as a stream would; returns the sum of the bytes.
fn write_all(socket: &mut TcpStream, source: &Registration, total: usize) -> u64 {
    let data: Vec<u8> = (0..70_001).map(|i: u32| (i % 251) as u8).collect();
    let (mut sum, mut left, mut size) = (0, total, 1);
    while left > 0 {
        wait_ready(source, Direction::Write);
        source.consume(Direction::Write);
        size = size * 7 % data.len();
        let chunk = &data[..size.clamp(1, left)];
        match socket.write(chunk) {
            Ok(n) => {
                sum += chunk[..n].iter().map(|&b| u64::from(b)).sum::<u64>();
                left -= n;
                source.restore(Direction::Write);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
    socket.shutdown(Shutdown::Write).unwrap();
    sum
}

/// Four streams each way at once, two threads polling: every byte arrives, nobody is left waiting.
#[test]
fn no_edge_is_lost_under_load() {
    const TOTAL: usize = 4 << 20;
    let reactor = Arc::new(Reactor::new().unwrap());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut poller = Poller::new();
                while !stop.load(Ordering::Acquire) {
                    poller.poll(&reactor, LIMIT);
                }
                reactor.wake();
            });
        }
        let streams: Vec<_> = (0..4)
            .map(|_| {
                let (mut a, mut b) = tcp_pair();
                let (source_a, source_b) = (register(&reactor, &a), register(&reactor, &b));
                let writer = scope.spawn(move || write_all(&mut a, &source_a, TOTAL));
                let reader = scope.spawn(move || read_all(&mut b, &source_b));
                (writer, reader)
            })
            .collect();
        for (writer, reader) in streams {
            assert_eq!(writer.join().unwrap(), reader.join().unwrap());
        }
        stop.store(true, Ordering::Release);
        reactor.wake();
    });
    assert_eq!(reactor.sources(), 0);
}

/// R2: 2^17 events between the look at readiness and its clearing. A counter of fewer bits that
/// the clear compares would have come round to its old value.
#[test]
fn r2_many_events_before_the_clear() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (mut a, mut b) = unix_pair();
    let source = register(&reactor, &a);
    let mut poller = Poller::new();
    poller.drain(&reactor);
    b.write_all(b"x").unwrap();
    poller.drain(&reactor);
    assert!(!is_pending(&source, Direction::Read));
    let mut events = 0;
    for _ in 0..1 << 17 {
        a.read_exact(&mut [0]).unwrap();
        b.write_all(b"x").unwrap();
        events += poller.drain(&reactor);
    }
    source.consume(Direction::Read);
    assert_eq!(a.read(&mut [0; 8]).unwrap(), 1);
    let (counter, waker) = Counter::new();
    let mut cx = Context::from_waker(&waker);
    assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
    b.write_all(b"y").unwrap();
    poller.poll(&reactor, LIMIT);
    assert_eq!(counter.wakes(), 1, "hung");
    assert_eq!(events, 1 << 17);
    println!("R2: {events} events between look and clear, 0 hangs");
}
