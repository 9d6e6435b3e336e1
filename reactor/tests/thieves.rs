//! Two threads that poll one reactor: each edge goes to one of them, and none is lost.
#![cfg(not(loom))]

mod support;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use ringspun_reactor::{Direction, Reactor, Registration, Trigger};

use self::support::{Counter, LIMIT, Poller, rounds};

struct Client {
    socket: UnixStream,
    peer: UnixStream,
    source: Registration,
    counter: Arc<Counter>,
    waker: Waker,
}

impl Client {
    fn new(reactor: &Arc<Reactor>) -> Self {
        let (socket, peer) = UnixStream::pair().unwrap();
        let source = reactor.register(socket.as_fd(), Trigger::Edge).unwrap();
        let (counter, waker) = Counter::new();
        Self {
            socket,
            peer,
            source,
            counter,
            waker,
        }
    }

    fn wait(&self) {
        let mut cx = Context::from_waker(&self.waker);
        assert!(
            self.source
                .poll_ready(&mut cx, Direction::Read)
                .is_pending()
        );
    }
}

#[test]
fn each_edge_goes_to_one_poller() {
    const CLIENTS: usize = 200;
    let batches = rounds(50, 2000);
    let reactor = Arc::new(Reactor::new().unwrap());
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| Client::new(&reactor)).collect();
    Poller::new().drain(&reactor);
    let taken = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let sum = || {
        taken
            .iter()
            .map(|n| n.load(Ordering::Acquire))
            .sum::<usize>()
    };
    let wanted = AtomicUsize::new(0);
    thread::scope(|scope| {
        for mine in &taken {
            scope.spawn(|| {
                let mut poller = Poller::new();
                let start = Instant::now();
                while wanted.load(Ordering::Acquire) < usize::MAX {
                    let Poller { events, wakers } = &mut poller;
                    let stolen = reactor.steal(events, 16, wakers).unwrap();
                    wakers.wake_all();
                    mine.fetch_add(stolen, Ordering::AcqRel);
                    assert!(start.elapsed() < 10 * LIMIT);
                    thread::yield_now();
                }
            });
        }
        for batch in 1..=batches {
            for client in &mut clients {
                client.wait();
                client.peer.write_all(b"x").unwrap();
            }
            let start = Instant::now();
            while sum() < batch * CLIENTS {
                assert!(start.elapsed() < LIMIT, "{} of {}", sum(), batch * CLIENTS);
                thread::yield_now();
            }
            for client in &mut clients {
                assert_eq!(client.counter.wakes(), batch);
                client.source.consume(Direction::Read);
                assert_eq!(client.socket.read(&mut [0; 4]).unwrap(), 1);
            }
        }
        wanted.store(usize::MAX, Ordering::Release);
    });
    assert_eq!(Poller::new().poll(&reactor, Duration::ZERO).events, 0);
    assert_eq!(sum(), batches * CLIENTS);
    println!("thieves: {} edges, {:?} a thread", sum(), taken);
}

#[test]
fn a_poll_takes_no_more_than_asked_for() {
    let reactor = Arc::new(Reactor::new().unwrap());
    let _clients: Vec<_> = (0..100).map(|_| Client::new(&reactor)).collect();
    let Poller {
        mut events,
        mut wakers,
    } = Poller::new();
    let mut poll = |max| {
        let polled = reactor.poll(&mut events, max, Some(Duration::ZERO), &mut wakers);
        polled.unwrap().events
    };
    assert_eq!(poll(1), 1);
    assert_eq!(poll(16), 16);
    assert_eq!(poll(1000), 64);
    assert_eq!(poll(64), 19);
    assert_eq!(poll(64), 0);
}
