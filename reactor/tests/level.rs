//! Level-triggered sources: a listener is reported for as long as connections wait, falls silent
//! when nobody takes them, and is armed again by the next task that waits.
#![cfg(not(loom))]

mod support;

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ringspun_reactor::{Direction, Reactor, Ready, Registration, Script, Trigger};

use self::support::{Counter, LIMIT, Poller, is_pending};

struct Listening {
    source: Registration,
    listener: TcpListener,
}

impl Listening {
    fn new(reactor: &Arc<Reactor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let source = reactor.register(listener.as_fd(), Trigger::Level).unwrap();
        Self { source, listener }
    }

    fn dial(&self) -> TcpStream {
        TcpStream::connect(self.listener.local_addr().unwrap()).unwrap()
    }

    /// One accept as a listener would make it, restoring nothing: the level brings the next event.
    fn accept(&self) -> bool {
        self.source.consume(Direction::Read);
        self.listener.accept().is_ok()
    }
}

#[test]
fn connections_left_behind_are_reported_again() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let listening = Listening::new(&reactor);
    let _clients: Vec<_> = (0..5).map(|_| listening.dial()).collect();
    let mut poller = Poller::new();
    for _ in 0..5 {
        poller.poll_until(&reactor, || !is_pending(&listening.source, Direction::Read));
        assert!(listening.accept());
    }
    assert!(is_pending(&listening.source, Direction::Read));
    assert_eq!(poller.poll(&reactor, Duration::ZERO).events, 0);
}

#[test]
fn a_listener_nobody_accepts_from_falls_silent_and_comes_back() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let listening = Listening::new(&reactor);
    let _first = listening.dial();
    let mut poller = Poller::new();
    let mut events = 0;
    for _ in 0..1000 {
        events += poller.poll(&reactor, Duration::ZERO).events;
    }
    assert!((2..=20).contains(&events), "{events} events in 1000 polls");
    // Silent also for a connection more, and for the whole length of a wait.
    let _second = listening.dial();
    assert_eq!(poller.poll(&reactor, Duration::from_millis(20)).events, 0);

    let mut accepted = 0;
    let (counter, waker) = Counter::new();
    let mut cx = Context::from_waker(&waker);
    while listening
        .source
        .poll_ready(&mut cx, Direction::Read)
        .is_ready()
    {
        accepted += usize::from(listening.accept());
    }
    while accepted < 2 {
        let woken = counter.wakes();
        poller.poll_until(&reactor, || counter.wakes() > woken);
        accepted += usize::from(listening.accept());
        let _ = listening.source.poll_ready(&mut cx, Direction::Read);
    }
    let woken = counter.wakes();
    assert!(
        listening
            .source
            .poll_ready(&mut cx, Direction::Read)
            .is_pending()
    );
    let _third = listening.dial();
    poller.poll_until(&reactor, || counter.wakes() > woken);
    assert!(listening.accept());
}

fn script(reactor: &Reactor) -> &Script {
    reactor.script().unwrap()
}

/// Registers a level-triggered source of a scripted reactor. Any descriptor will do as a name.
fn scripted(reactor: &Arc<Reactor>) -> (Registration, i32) {
    use std::os::fd::AsRawFd;
    let stdin = std::io::stdin();
    let source = reactor.register(stdin.as_fd(), Trigger::Level).unwrap();
    (source, stdin.as_raw_fd())
}

#[test]
fn a_listener_that_is_served_costs_one_control_call() {
    let reactor = Arc::new(Reactor::scripted());
    let (source, fd) = scripted(&reactor);
    let (counter, waker) = Counter::new();
    let mut cx = Context::from_waker(&waker);
    let mut poller = Poller::new();
    for round in 1..=1000 {
        assert_eq!(source.poll_ready(&mut cx, Direction::Read), Poll::Pending);
        script(&reactor).trigger(fd, Ready::READABLE);
        // The task is late: a few events find it woken already.
        for _ in 0..10 {
            assert_eq!(poller.poll(&reactor, LIMIT).events, 1);
        }
        assert_eq!(counter.wakes(), round);
        source.consume(Direction::Read);
        script(&reactor).calm(fd);
    }
    assert_eq!(script(&reactor).controls(), 1);
}

#[test]
fn disarming_and_arming_cost_one_control_call_each() {
    let reactor = Arc::new(Reactor::scripted());
    let (source, fd) = scripted(&reactor);
    let mut poller = Poller::new();
    script(&reactor).trigger(fd, Ready::READABLE);
    let events: usize = (0..1000)
        .map(|_| poller.poll(&reactor, Duration::ZERO).events)
        .sum();
    assert_eq!(events, 17, "one that was new and 16 unclaimed");
    assert_eq!(script(&reactor).controls(), 2);
    source.consume(Direction::Read);
    let (counter, waker) = Counter::new();
    let mut cx = Context::from_waker(&waker);
    assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
    assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
    assert_eq!(script(&reactor).controls(), 3);
    assert_eq!(poller.poll(&reactor, LIMIT).events, 1);
    assert_eq!(counter.wakes(), 1);
    drop(source);
    assert_eq!(script(&reactor).controls(), 4);
}
