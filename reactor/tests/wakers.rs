//! Wakers are the user's code: they are never called by a poll, never under a lock, and they are
//! dropped with what stores them.
#![cfg(not(loom))]

mod support;

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use ringspun_reactor::{Direction, Reactor, Registration, Trigger};

use self::support::{Counter, LIMIT, Poller, is_pending};

fn source(reactor: &Arc<Reactor>) -> (Registration, UnixStream, UnixStream) {
    let (socket, peer) = UnixStream::pair().unwrap();
    let source = reactor.register(socket.as_fd(), Trigger::Edge).unwrap();
    (source, socket, peer)
}

#[test]
fn a_poll_collects_and_does_not_wake() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (source, _socket, mut peer) = source(&reactor);
    let mut poller = Poller::new();
    poller.drain(&reactor);
    let (counter, waker) = Counter::new();
    let mut cx = Context::from_waker(&waker);
    assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
    peer.write_all(b"x").unwrap();
    let Poller { events, wakers } = &mut poller;
    let polled = reactor.poll(events, 64, Some(LIMIT), wakers).unwrap();
    assert_eq!((polled.events, wakers.len(), counter.wakes()), (1, 1, 0));
    wakers.wake_all();
    assert_eq!(counter.wakes(), 1);
}

/// A3: what stores a waker drops it when it goes, and drops it once.
#[test]
fn a3_dropping_a_registration_drops_its_wakers() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (source, socket, _peer) = source(&reactor);
    let (counter, waker) = Counter::new();
    let mut cx = Context::from_waker(&waker);
    assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
    source.consume(Direction::Write);
    assert!(source.poll_ready(&mut cx, Direction::Write).is_pending());
    drop(waker);
    assert_eq!(Arc::strong_count(&counter), 3);
    drop(source);
    assert_eq!(Arc::strong_count(&counter), 1);
    assert_eq!(counter.wakes(), 0);
    drop(socket);
}

/// A3: a runtime that shuts down lets go of the wakers of tasks that still wait.
#[test]
fn a3_a_reactor_lets_go_of_all_wakers() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (counter, waker) = Counter::new();
    let mut cx = Context::from_waker(&waker);
    let sources: Vec<_> = (0..300).map(|_| source(&reactor)).collect();
    for (source, ..) in &sources {
        assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
    }
    drop(waker);
    assert_eq!(Arc::strong_count(&counter), 301);
    assert_eq!(reactor.drop_wakers(), 300);
    assert_eq!(Arc::strong_count(&counter), 1);
    drop(sources);
    assert_eq!(reactor.sources(), 0);
}

#[test]
fn another_waker_replaces_the_one_before() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (source, _socket, mut peer) = source(&reactor);
    let mut poller = Poller::new();
    poller.drain(&reactor);
    let ((first, first_waker), (second, second_waker)) = (Counter::new(), Counter::new());
    for waker in [first_waker, second_waker] {
        let mut cx = Context::from_waker(&waker);
        assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
    }
    assert_eq!(Arc::strong_count(&first), 1);
    peer.write_all(b"x").unwrap();
    poller.poll(&reactor, LIMIT);
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert_eq!(Arc::strong_count(&second), 1);
}

/// What a waker of [`Reentrant`] has to do its mischief with.
struct Tools {
    reactor: Arc<Reactor>,
    own: Mutex<Option<Registration>>,
    extra: UnixStream,
    kept: Mutex<Vec<Registration>>,
}

/// A waker that uses the reactor for everything it can, when woken and when dropped.
struct Reentrant(Arc<Tools>);

impl Reentrant {
    fn mischief(&self) {
        let tools = &self.0;
        tools.reactor.wake();
        let own = tools.own.lock().unwrap().take();
        if let Some(own) = own {
            own.consume(Direction::Read);
            assert!(is_pending(&own, Direction::Read));
            own.restore(Direction::Write);
            drop(own);
            let extra = tools.extra.as_fd();
            let extra = tools.reactor.register(extra, Trigger::Edge).unwrap();
            tools.kept.lock().unwrap().push(extra);
        }
        tools.reactor.drop_wakers();
        assert!(tools.reactor.sources() >= 1);
        let mut poller = Poller::new();
        poller.poll(&tools.reactor, Duration::ZERO);
    }
}

impl Wake for Reentrant {
    fn wake(self: Arc<Self>) {
        self.mischief();
    }
}

impl Drop for Reentrant {
    fn drop(&mut self) {
        self.mischief();
    }
}

/// The waker deregisters its own source, registers another, polls: a lock held meanwhile would
/// hang the test, a cell in use would crash it.
fn reentrant(trigger: Trigger, act: impl FnOnce(&Arc<Tools>, UnixStream)) {
    let reactor = Arc::new(Reactor::new().unwrap());
    let (socket, peer) = UnixStream::pair().unwrap();
    let (extra, _extra_peer) = UnixStream::pair().unwrap();
    let own = reactor.register(socket.as_fd(), trigger).unwrap();
    Poller::new().drain(&reactor);
    let tools = Arc::new(Tools {
        reactor: reactor.clone(),
        own: Mutex::new(None),
        extra,
        kept: Mutex::default(),
    });
    let waker = Waker::from(Arc::new(Reentrant(tools.clone())));
    let mut cx = Context::from_waker(&waker);
    assert!(own.poll_ready(&mut cx, Direction::Read).is_pending());
    *tools.own.lock().unwrap() = Some(own);
    // The stored waker is the last reference: dropping it runs the destructor.
    drop(waker);
    act(&tools, peer);
    assert_eq!(tools.kept.lock().unwrap().len(), 1, "the waker did not run");
    tools.kept.lock().unwrap().clear();
    assert_eq!(reactor.sources(), 0);
}

#[test]
fn wakers_may_use_the_reactor_when_woken() {
    for trigger in [Trigger::Edge, Trigger::Level] {
        reentrant(trigger, |tools, mut peer| {
            peer.write_all(b"x").unwrap();
            let mut poller = Poller::new();
            poller.poll_until(&tools.reactor, || !tools.kept.lock().unwrap().is_empty());
        });
    }
}

#[test]
fn wakers_may_use_the_reactor_when_dropped() {
    reentrant(Trigger::Edge, |tools, _peer| {
        tools.reactor.drop_wakers();
    });
    for trigger in [Trigger::Edge, Trigger::Level] {
        reentrant(trigger, |tools, _peer| {
            // Replaced by another waker: the old one is dropped with the source in use.
            let own = tools.own.lock().unwrap().take().unwrap();
            assert!(is_pending(&own, Direction::Read));
            drop(own);
            let extra = tools.extra.as_fd();
            let again = tools.reactor.register(extra, trigger).unwrap();
            tools.kept.lock().unwrap().push(again);
        });
    }
}

#[test]
fn deregistering_may_drop_a_waker_that_uses_the_reactor() {
    for trigger in [Trigger::Edge, Trigger::Level] {
        reentrant(trigger, |tools, _peer| {
            let own = tools.own.lock().unwrap().take();
            // Keeps the assertion inside the waker that something is registered.
            let extra = tools.extra.as_fd();
            let again = tools.reactor.register(extra, Trigger::Edge).unwrap();
            tools.kept.lock().unwrap().push(again);
            drop(own);
        });
    }
}

/// The memory of a reactor goes when its last user goes.
#[test]
fn a_reactor_lives_as_long_as_its_registrations() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let weak = Arc::downgrade(&reactor);
    let (source, ..) = source(&reactor);
    drop(reactor);
    assert!(weak.upgrade().is_some());
    drop(source);
    assert!(weak.upgrade().is_none());
}
