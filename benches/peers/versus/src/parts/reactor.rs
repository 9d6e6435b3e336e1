//! Events from the kernel to wakers, and descriptors registered.
//!
//! Each round writes to 64 sockets, which is not counted, and lets the reactor find them. All sources have
//! a task that waits; a task is a counter, so that what is measured is the reactor.

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use ringspun_reactor::{Direction, Events, Reactor, Trigger, WakeList};

use crate::cost::{Cost, Watch};

use super::{Part, watched};

pub(crate) const PARTS: &[Part] = &[
    // An event found, its waker taken and woken.
    Part {
        name: "reactor-dispatch",
        operations: 128_000,
        contenders: &[
            watched("ringspun", true, dispatch),
            watched("mio+slab", true, dispatch_by_mio),
            watched("polling+slab", true, dispatch_by_polling),
        ],
    },
    // A descriptor registered and taken out again.
    Part {
        name: "reactor-register",
        operations: 50_000,
        contenders: &[
            watched("ringspun", true, register),
            watched("mio+slab", true, register_with_mio),
            watched("polling+slab", true, register_with_polling),
        ],
    },
];

/// Events of one look.
const BATCH: usize = 64;

/// A task that counts how often it was woken.
#[derive(Default)]
struct Counted(AtomicU64);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn pairs(count: usize) -> (Vec<UnixStream>, Vec<UnixStream>) {
    let pair = || {
        let (here, there) = UnixStream::pair().expect("descriptors");
        here.set_nonblocking(true).expect("a socket");
        (here, there)
    };
    (0..count).map(|_| pair()).unzip()
}

/// Rounds of: `arm`, a byte to each socket, `turn` (which is what counts), the bytes read again.
fn rounds(
    n: u64,
    sockets: (&[UnixStream], &[UnixStream]),
    arm: impl Fn(),
    mut turn: impl FnMut(),
) -> Cost {
    let (mut nanos, mut cpu) = (0.0, 0.0);
    let rounds = n / BATCH as u64;
    for _ in 0..rounds {
        arm();
        for mut there in sockets.1 {
            there.write_all(b"x").expect("it is open");
        }
        let watch = Watch::start();
        turn();
        let cost = watch.stop(BATCH as u64);
        (nanos, cpu) = (nanos + cost.nanos, cpu + cost.cpu);
        for mut here in sockets.0 {
            here.read_exact(&mut [0]).expect("it was written");
        }
    }
    Cost {
        nanos: nanos / rounds as f64,
        cpu: cpu / rounds as f64,
        allocations: None,
    }
}

fn dispatch(n: u64) -> Cost {
    let reactor = Arc::new(Reactor::new().expect("descriptors"));
    let (here, there) = pairs(BATCH);
    let register = |socket: &UnixStream| reactor.register(socket.as_fd(), Trigger::Edge);
    let sources: Vec<_> = here
        .iter()
        .map(|socket| register(socket).expect("room"))
        .collect();
    let counted = Arc::new(Counted::default());
    let waker = Waker::from(counted.clone());
    let (mut events, mut wakers) = (Events::new(), WakeList::new());
    // The edges of the beginning: sockets can be written to.
    reactor
        .poll(&mut events, BATCH, Some(Duration::ZERO), &mut wakers)
        .expect("epoll");
    let arm = || {
        for source in &sources {
            source.consume(Direction::Read);
            let mut cx = Context::from_waker(&waker);
            assert!(source.poll_ready(&mut cx, Direction::Read).is_pending());
        }
    };
    let cost = rounds(n, (&here, &there), arm, || {
        let polled = reactor.poll(&mut events, BATCH, Some(Duration::ZERO), &mut wakers);
        assert_eq!(polled.expect("epoll").events, BATCH);
        wakers.wake_all();
    });
    assert_eq!(counted.0.load(Ordering::Relaxed), n);
    cost
}

/// The least that a runtime over a poller of events needs: a waker for each key.
struct Wakers(slab::Slab<Mutex<Option<Waker>>>);

impl Wakers {
    fn new() -> Self {
        Self((0..BATCH).map(|key| (key, Mutex::new(None))).collect())
    }

    fn arm(&self, waker: &Waker) {
        for (_, slot) in &self.0 {
            *slot.lock().expect("no panic") = Some(waker.clone());
        }
    }

    fn wake(&self, key: usize) {
        let waker = self.0[key].lock().expect("no panic").take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn dispatch_by_mio(n: u64) -> Cost {
    let mut poll = mio::Poll::new().expect("descriptors");
    let (here, there) = pairs(BATCH);
    for (key, socket) in here.iter().enumerate() {
        let fd = socket.as_raw_fd();
        let mut source = mio::unix::SourceFd(&fd);
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        let registry = poll.registry();
        registry
            .register(&mut source, mio::Token(key), interest)
            .expect("room");
    }
    let counted = Arc::new(Counted::default());
    let (waker, wakers) = (Waker::from(counted.clone()), Wakers::new());
    let mut events = mio::Events::with_capacity(BATCH);
    poll.poll(&mut events, Some(Duration::ZERO)).expect("epoll");
    let cost = rounds(
        n,
        (&here, &there),
        || wakers.arm(&waker),
        || {
            poll.poll(&mut events, Some(Duration::ZERO)).expect("epoll");
            for event in &events {
                wakers.wake(event.token().0);
            }
        },
    );
    assert_eq!(counted.0.load(Ordering::Relaxed), n);
    cost
}

fn dispatch_by_polling(n: u64) -> Cost {
    let poller = polling::Poller::new().expect("descriptors");
    let (here, there) = pairs(BATCH);
    for (key, socket) in here.iter().enumerate() {
        // SAFETY: the sockets outlive the poller's use, and are taken out below.
        unsafe { poller.add_with_mode(socket, polling::Event::all(key), polling::PollMode::Edge) }
            .expect("room");
    }
    let counted = Arc::new(Counted::default());
    let (waker, wakers) = (Waker::from(counted.clone()), Wakers::new());
    let most = std::num::NonZeroUsize::new(BATCH).expect("not zero");
    let mut events = polling::Events::with_capacity(most);
    poller
        .wait(&mut events, Some(Duration::ZERO))
        .expect("epoll");
    let cost = rounds(
        n,
        (&here, &there),
        || wakers.arm(&waker),
        || {
            events.clear();
            poller
                .wait(&mut events, Some(Duration::ZERO))
                .expect("epoll");
            for event in events.iter() {
                wakers.wake(event.key);
            }
        },
    );
    assert_eq!(counted.0.load(Ordering::Relaxed), n);
    for socket in &here {
        poller.delete(socket).expect("it is there");
    }
    cost
}

fn register(n: u64) -> Cost {
    let reactor = Arc::new(Reactor::new().expect("descriptors"));
    let (here, _there) = UnixStream::pair().expect("descriptors");
    let watch = Watch::start();
    for _ in 0..n {
        drop(reactor.register(here.as_fd(), Trigger::Edge).expect("room"));
    }
    watch.stop(n)
}

fn register_with_mio(n: u64) -> Cost {
    let poll = mio::Poll::new().expect("descriptors");
    let (here, _there) = UnixStream::pair().expect("descriptors");
    let fd = here.as_raw_fd();
    let mut wakers: slab::Slab<Mutex<Option<Waker>>> = slab::Slab::new();
    let watch = Watch::start();
    for _ in 0..n {
        let key = wakers.insert(Mutex::new(None));
        let mut source = mio::unix::SourceFd(&fd);
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        let registry = poll.registry();
        registry
            .register(&mut source, mio::Token(key), interest)
            .expect("room");
        registry.deregister(&mut source).expect("it is there");
        wakers.remove(key);
    }
    watch.stop(n)
}

fn register_with_polling(n: u64) -> Cost {
    let poller = polling::Poller::new().expect("descriptors");
    let (here, _there) = UnixStream::pair().expect("descriptors");
    let mut wakers: slab::Slab<Mutex<Option<Waker>>> = slab::Slab::new();
    let watch = Watch::start();
    for _ in 0..n {
        let key = wakers.insert(Mutex::new(None));
        // SAFETY: the socket is open, and taken out at once.
        unsafe { poller.add_with_mode(&here, polling::Event::all(key), polling::PollMode::Edge) }
            .expect("room");
        poller.delete(&here).expect("it is there");
        wakers.remove(key);
    }
    watch.stop(n)
}
