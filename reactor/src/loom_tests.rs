//! Models of the lock-free parts: every interleaving of a few threads, up to the preemption bound.
//!
//! ```text
//! RUSTFLAGS="--cfg loom -C debug-assertions" LOOM_MAX_PREEMPTIONS=2 \
//!     cargo test -p ringspun-reactor --release --lib loom_
//! ```
//!
//! A lost wake-up shows as a deadlock. Each model says which changes of the code were seen to make
//! it fail; a model that no change can break proves nothing. Generations are 2 bits wide here and
//! start at the last one, so that every second registration runs over the wrap.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize as StdUsize;
use std::task::{Context, Poll, Wake, Waker};

use loom::future::block_on;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use crate::interest::{Direction, Trigger};
use crate::reactor::Reactor;
use crate::ready::Ready;
use crate::registration::Registration;
use crate::source::{Edge, Source};
use crate::sys::{Event, Events};
use crate::token::GENERATION_MAX;
use crate::wake_list::WakeList;

/// A waker whose references and calls are counted.
struct Counted {
    wakes: StdUsize,
}

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
}

/// References that no code under test owns: a reference dropped twice does not free the counter.
const SPARE: usize = 4;

fn counted() -> (Waker, Vec<Arc<Counted>>) {
    let counter = Arc::new(Counted {
        wakes: StdUsize::new(0),
    });
    (Waker::from(counter.clone()), vec![counter; SPARE])
}

fn wakes(spare: &[Arc<Counted>]) -> usize {
    spare[0].wakes.load(Ordering::SeqCst)
}

/// No reference is left behind and none was dropped twice.
fn assert_balanced(spare: &[Arc<Counted>]) {
    assert_eq!(Arc::strong_count(&spare[0]), SPARE);
}

/// An event as a dispatcher handles it: set, then wake.
fn edge(source: &Source, direction: Direction) {
    if let Edge::Wake(waker) = source.side(direction).set(GENERATION_MAX, 0) {
        waker.wake();
    }
}

/// Passes a poll's result on. A task that found the cell taken has woken itself and would spin: it
/// lets the other threads go first, as a run queue would.
fn fairly<T>(polled: Poll<T>) -> Poll<T> {
    if polled.is_pending() {
        thread::yield_now();
    }
    polled
}

/// Waits for readiness, then takes what is there; repeats until `wanted` were taken.
async fn read(source: &Source, socket: &AtomicUsize, wanted: usize) {
    let side = source.side(Direction::Read);
    let mut got = 0;
    while got < wanted {
        poll_fn(|cx| fairly(side.poll(cx.waker()))).await;
        side.consume();
        got += socket.swap(0, Ordering::AcqRel);
    }
}

/// M6, L3: two edges against a task that consumes, attempts and registers.
///
/// Seen to fail when
/// - `hand_over` stores WAITING without looking at READY (deadlock),
/// - `set` leaves WAITING to others (deadlock),
/// - `consume` comes after the attempt (deadlock),
/// - `change` is Relaxed (the dispatcher sees an empty cell).
#[test]
fn loom_no_edge_is_lost() {
    loom::model(|| {
        let source = Arc::new(Source::new(GENERATION_MAX));
        let socket = Arc::new(AtomicUsize::new(0));
        let kernels: Vec<_> = (0..2)
            .map(|_| {
                let (source, socket) = (source.clone(), socket.clone());
                thread::spawn(move || {
                    socket.fetch_add(1, Ordering::AcqRel);
                    edge(&source, Direction::Read);
                })
            })
            .collect();
        block_on(read(&source, &socket, 2));
        for kernel in kernels {
            kernel.join().unwrap();
        }
        drop(source.retire());
    });
}

/// A reset is not lost on a task that waits for it and leaves what there is to read, while more
/// comes; and readiness is not lost on it either.
///
/// Seen to fail when
/// - `hand_over` stores WAITING without looking at the awaited flag (deadlock),
/// - `set` leaves WAITING to others where READY stands already (deadlock).
#[test]
fn loom_a_reset_is_seen_beside_unread_bytes() {
    loom::model(|| {
        let source = Arc::new(Source::new(GENERATION_MAX));
        edge(&source, Direction::Read);
        let kernels: Vec<_> = [0, crate::source::read_flags(Ready::ERROR).unwrap()]
            .into_iter()
            .map(|flags| {
                let source = source.clone();
                thread::spawn(move || {
                    let side = source.side(Direction::Read);
                    if let Edge::Wake(waker) = side.set(GENERATION_MAX, flags) {
                        waker.wake();
                    }
                })
            })
            .collect();
        let side = source.side(Direction::Read);
        block_on(poll_fn(|cx| fairly(side.poll_error(cx.waker()))));
        assert!(side.load().is_ready());
        for kernel in kernels {
            kernel.join().unwrap();
        }
        drop(source.retire());
    });
}

/// L3: the two directions share nothing. A task that waits to read is not woken by events of the
/// other direction, and each direction's own event is not lost.
///
/// Seen to fail when
/// - `side` gives out the same side for both directions,
/// - `hand_over` stores WAITING without looking at READY (deadlock).
#[test]
fn loom_directions_are_apart() {
    loom::model(|| {
        let source = Arc::new(Source::new(GENERATION_MAX));
        let socket = Arc::new(AtomicUsize::new(0));
        let room = Arc::new(AtomicBool::new(false));
        let reader = {
            let (source, socket) = (source.clone(), socket.clone());
            thread::spawn(move || block_on(read(&source, &socket, 1)))
        };
        let kernel = {
            let (source, socket, room) = (source.clone(), socket.clone(), room.clone());
            thread::spawn(move || {
                room.store(true, Ordering::Release);
                edge(&source, Direction::Write);
                assert!(!source.side(Direction::Read).load().is_ready());
                socket.fetch_add(1, Ordering::AcqRel);
                edge(&source, Direction::Read);
            })
        };
        let side = source.side(Direction::Write);
        block_on(async {
            poll_fn(|cx| fairly(side.poll(cx.waker()))).await;
            side.consume();
            assert!(room.load(Ordering::Acquire));
        });
        reader.join().unwrap();
        kernel.join().unwrap();
        assert!(!side.load().is_ready());
    });
}

/// M6: a task that is polled again with another waker while an edge comes, and that consumes and
/// waits once more if it sees the edge. No reference leaks, none is dropped twice.
///
/// Seen to fail when
/// - `set` does not set TAKING, or `move_out` clears it before the waker is out (the second waker
///   is taken for the first),
/// - `store_waker` takes the cell without looking for TAKING,
/// - `store_waker` does not take the old waker out (a reference is left),
/// - `poll` believes what is in the cell without having seen WAITING.
#[test]
fn loom_waker_is_replaced() {
    loom::model(|| {
        let source = Arc::new(Source::new(GENERATION_MAX));
        let ((first, first_count), (second, second_count)) = (counted(), counted());
        let side = source.side(Direction::Read);
        assert!(side.poll(&first).is_pending());
        let kernel = {
            let source = source.clone();
            thread::spawn(move || edge(&source, Direction::Read))
        };
        let seen = side.poll(&second).is_ready();
        if seen {
            side.consume();
            assert!(side.poll(&second).is_pending());
        }
        kernel.join().unwrap();
        assert_ne!(side.load().is_ready(), seen);
        // Seen or woken: the one that was stored, or the second by itself.
        assert!(seen || wakes(&first_count) + wakes(&second_count) >= 1);
        // Waiting again: what is stored now is the second.
        side.consume();
        assert!(side.poll(&second).is_pending());
        drop((first, second));
        let left = side.take_waker();
        assert_eq!(Arc::strong_count(&first_count[0]), SPARE);
        assert_eq!(Arc::strong_count(&second_count[0]), SPARE + 1);
        drop(left);
        assert_balanced(&second_count);
    });
}

/// M6: the edge's flags and a poll from the task against a second dispatcher: both dispatchers set
/// flags, one of them takes the waker, the sticky flags of both stay.
///
/// Seen to fail when `set` writes its flags by a store instead of a compare-exchange.
#[test]
fn loom_two_dispatchers() {
    loom::model(|| {
        let reactor = Arc::new(Reactor::scripted());
        let registration = reactor.register_raw(7, Trigger::Edge).unwrap();
        let (waker, count) = counted();
        let mut cx = Context::from_waker(&waker);
        assert!(
            registration
                .poll_ready(&mut cx, Direction::Read)
                .is_pending()
        );
        let token = registration.token();
        let other = {
            let reactor = reactor.clone();
            thread::spawn(move || {
                dispatch(&reactor, Event::new(token, Ready::READABLE | Ready::ERROR));
            })
        };
        dispatch(&reactor, Event::new(token, Ready::READ_CLOSED));
        other.join().unwrap();
        let ready = registration.consume(Direction::Read);
        assert!(ready.is_readable() && ready.is_read_closed() && ready.is_error());
        assert_eq!(wakes(&count), 1);
        drop((registration, waker));
        assert_balanced(&count);
    });
}

/// Handles one event as a poll does.
fn dispatch(reactor: &Reactor, event: Event) {
    let mut wakers = WakeList::new();
    reactor.dispatch(&event, &mut wakers);
    wakers.wake_all();
}

/// M8: a dispatcher holds an event whose descriptor is deregistered meanwhile and whose slot is
/// given to another one, over the wrap of the generation.
///
/// Seen to fail when
/// - `retire` keeps the generation, or `set` does not compare it (the new source is ready),
/// - `retire` clears a TAKING that is not its own, or does not take the waker (references).
#[test]
fn loom_stale_event_after_reuse() {
    loom::model(|| {
        let reactor = Arc::new(Reactor::scripted());
        let old = reactor.register_raw(1, Trigger::Edge).unwrap();
        let (old_waker, old_count) = counted();
        let (new_waker, new_count) = counted();
        let mut cx = Context::from_waker(&old_waker);
        assert!(old.poll_ready(&mut cx, Direction::Read).is_pending());
        let token = old.token();
        let thief = {
            let reactor = reactor.clone();
            thread::spawn(move || {
                dispatch(
                    &reactor,
                    Event::new(token, Ready::READABLE | Ready::READ_CLOSED),
                );
            })
        };
        drop(old);
        let new = reactor.register_raw(2, Trigger::Edge).unwrap();
        assert_eq!(new.token().index(), token.index());
        let mut cx = Context::from_waker(&new_waker);
        assert!(new.poll_ready(&mut cx, Direction::Read).is_pending());
        thief.join().unwrap();
        assert_eq!(new.ready(Direction::Read), Ready::EMPTY);
        assert!(!new.has_closed(Direction::Read));
        // The old task may be woken for nothing; the new one only by itself, to poll again.
        assert!(wakes(&old_count) <= 1 && wakes(&new_count) <= 1);
        let left = reactor.drop_wakers();
        assert_eq!(left + wakes(&new_count), 1);
        drop((new, old_waker, new_waker));
        assert_balanced(&old_count);
        assert_balanced(&new_count);
        assert_eq!(reactor.sources(), 0);
    });
}

/// M8: registering and deregistering from two threads never give one slot to both, and an event
/// for the one never reaches the other.
///
/// Seen to fail when `deregister` gives the slot back before it retires it.
#[test]
fn loom_register_and_deregister() {
    loom::model(|| {
        let reactor = Arc::new(Reactor::scripted());
        let first = reactor.register_raw(1, Trigger::Edge).unwrap();
        let other = {
            let reactor = reactor.clone();
            thread::spawn(move || {
                let second = reactor.register_raw(2, Trigger::Edge).unwrap();
                assert_eq!(second.ready(Direction::Write), Ready::WRITABLE);
                assert_eq!(second.ready(Direction::Read), Ready::EMPTY);
                second.token()
            })
        };
        drop(first);
        other.join().unwrap();
        assert_eq!(reactor.sources(), 0);
        let third = reactor.register_raw(3, Trigger::Edge).unwrap();
        assert_eq!(third.ready(Direction::Read), Ready::EMPTY);
        assert_eq!(third.ready(Direction::Write), Ready::WRITABLE);
    });
}

/// M6 through the whole reactor: the selector's lock, the table, the wake list. One thread polls,
/// one is the kernel, one is the task.
///
/// Seen to fail when
/// - `hand_over` stores WAITING without looking at READY (deadlock),
/// - `poll` drops the wakers it was given (deadlock).
#[test]
fn loom_poll_wakes_the_task() {
    loom::model(|| {
        let reactor = Arc::new(Reactor::new().unwrap());
        let registration = reactor.register_raw(5, Trigger::Edge).unwrap();
        let socket = Arc::new(AtomicUsize::new(0));
        let kernel = {
            let (reactor, socket) = (reactor.clone(), socket.clone());
            thread::spawn(move || {
                socket.fetch_add(1, Ordering::AcqRel);
                script(&reactor).trigger(5, Ready::READABLE);
            })
        };
        let poller = {
            let reactor = reactor.clone();
            thread::spawn(move || poll_until_notified(&reactor))
        };
        block_on(async {
            loop {
                poll_fn(|cx| fairly(registration.poll_ready(cx, Direction::Read))).await;
                registration.consume(Direction::Read);
                if socket.swap(0, Ordering::AcqRel) == 1 {
                    break;
                }
            }
        });
        reactor.wake();
        kernel.join().unwrap();
        poller.join().unwrap();
        drop(registration);
        assert_eq!(reactor.sources(), 0);
    });
}

/// L2: three threads wake a poll that sleeps: none is lost, at most one system call per sleep.
///
/// Seen to fail when
/// - `wake` or `poll` swap the flag Relaxed (a thread's work is not seen),
/// - `wake` loads the flag and skips the swap if it is set (deadlock),
/// - `poll` does not clear the flag (deadlock),
/// - `wake` notifies without asking the flag (too many system calls).
#[test]
fn loom_wake_ends_a_sleep() {
    const WAKERS: usize = 3;
    loom::model(|| {
        let reactor = Arc::new(Reactor::new().unwrap());
        let work: Arc<[AtomicBool; WAKERS]> =
            Arc::new(std::array::from_fn(|_| AtomicBool::new(false)));
        let wakers: Vec<_> = (0..WAKERS)
            .map(|number| {
                let (reactor, work) = (reactor.clone(), work.clone());
                thread::spawn(move || {
                    // Relaxed: only `wake` orders it.
                    work[number].store(true, Ordering::Relaxed);
                    reactor.wake();
                })
            })
            .collect();
        let mut sleeps = 0;
        // Every piece of work is seen once its wake-up was: look only after a poll.
        let mut events = Events::new();
        let mut list = WakeList::new();
        let seen = |work: &AtomicBool| work.load(Ordering::Relaxed);
        while !work.iter().all(seen) {
            let polled = reactor.poll(&mut events, 64, None, &mut list).unwrap();
            assert!(polled.notified);
            sleeps += 1;
        }
        for waker in wakers {
            waker.join().unwrap();
        }
        let calls = script(&reactor).notifications();
        assert!(
            calls <= sleeps + 1,
            "{calls} notifications for {sleeps} sleeps"
        );
    });
}

/// A level-triggered source that is disarmed while its task is about to wait: the task arms it and
/// gets the connection that comes afterwards.
///
/// Seen to fail when
/// - `poll_ready` does not arm it again (deadlock),
/// - `disarm` looks neither for READY nor for WAITING (deadlock),
/// - `disarm` makes its system call after the lock is given up (deadlock).
#[test]
fn loom_level_source_is_armed_again() {
    loom::model(|| {
        let reactor = Arc::new(Reactor::new().unwrap());
        let listener = Listener {
            registration: reactor.register_raw(Listener::FD, Trigger::Level).unwrap(),
            backlog: Mutex::new(0),
        };
        listener.arrive();
        let poller = {
            let reactor = reactor.clone();
            thread::spawn(move || poll_until_notified(&reactor))
        };
        block_on(listener.accept(|| {}));
        let mut arrived = false;
        block_on(listener.accept(|| {
            if !std::mem::replace(&mut arrived, true) {
                listener.arrive();
            }
        }));
        reactor.wake();
        poller.join().unwrap();
    });
}

/// A listener with a queue of connections.
struct Listener {
    registration: Registration,
    backlog: Mutex<usize>,
}

impl Listener {
    const FD: i32 = 5;

    fn arrive(&self) {
        let mut backlog = self.backlog.lock().unwrap();
        *backlog += 1;
        script(self.registration.reactor()).trigger(Self::FD, Ready::READABLE);
    }

    fn try_accept(&self) -> bool {
        let mut backlog = self.backlog.lock().unwrap();
        let found = *backlog > 0;
        *backlog = backlog.saturating_sub(1);
        if *backlog == 0 {
            script(self.registration.reactor()).calm(Self::FD);
        }
        found
    }

    /// Accepts one connection; calls `pending` whenever there is none.
    async fn accept(&self, mut pending: impl FnMut()) {
        poll_fn(|cx| {
            loop {
                match self.registration.poll_ready(cx, Direction::Read) {
                    Poll::Pending => {
                        pending();
                        return fairly(Poll::Pending);
                    }
                    Poll::Ready(_) => {}
                }
                self.registration.consume(Direction::Read);
                if self.try_accept() {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }
}

fn script(reactor: &Reactor) -> &crate::Script {
    reactor
        .script()
        .expect("models run on the scripted selector")
}

/// What a worker without tasks does, until somebody calls `wake`.
fn poll_until_notified(reactor: &Reactor) {
    let (mut events, mut wakers) = (Events::new(), WakeList::new());
    loop {
        let polled = reactor.poll(&mut events, 1, None, &mut wakers).unwrap();
        wakers.wake_all();
        if polled.notified {
            return;
        }
    }
}
