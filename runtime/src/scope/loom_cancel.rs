//! A token is cancelled while others begin to listen, stop listening, make children and meet at its lock:
//! everybody who listens is told once, nobody else is.
//!
//! Seen to fail when weakened:
//! - `Listeners::enter` without its second look, under the lock: a waiter is lost, and so is a child;
//! - `Listeners::close` that learns of SPREAD by a load before it sets CLOSED: a waiter in a lane is lost;
//! - `Listener::poll_closed` that trusts its waker without looking whether it was taken (`replace` that
//!   always says yes): the second task is lost;
//! - `Inner::cancel` that closes the listeners before it sets the cause: a child is refused without one;
//! - `Inner::child` that leaves a refused child alone: it stays behind, uncancelled.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc as StdArc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Wake, Waker};

use loom::thread;

use super::CancelToken;

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: StdArc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counter() -> (StdArc<Count>, Waker) {
    let count = StdArc::new(Count(AtomicUsize::new(0)));
    (count.clone(), Waker::from(count))
}

/// Runs `f` on a thread with a clone of the token.
fn on_thread<T: 'static>(
    token: &CancelToken,
    f: impl FnOnce(CancelToken) -> T + 'static,
) -> thread::JoinHandle<T> {
    let token = token.clone();
    thread::spawn(move || f(token))
}

/// A waiter that polls once, then is told. Returns when it has listened, and what its waker counts.
fn listen(token: &CancelToken, until: impl FnOnce()) {
    let (count, waker) = counter();
    let mut cancelled = pin!(token.cancelled());
    let poll = cancelled.as_mut().poll(&mut Context::from_waker(&waker));
    until();
    assert!(
        poll.is_ready() || count.0.load(SeqCst) == 1,
        "the waiter is lost"
    );
    assert!(poll.is_pending() || count.0.load(SeqCst) == 0);
}

#[test]
fn loom_cancel_against_a_new_waiter() {
    loom::model(|| {
        let token = CancelToken::new();
        let canceller = on_thread(&token, |token| token.cancel());
        listen(&token, || canceller.join().unwrap());
    });
}

#[test]
fn loom_cancel_against_a_new_child() {
    loom::model(|| {
        let token = CancelToken::new();
        let canceller = on_thread(&token, |token| token.cancel_with("reason"));
        let child = token.child();
        let grandchild = child.child();
        canceller.join().unwrap();
        for token in [child, grandchild] {
            let cause = token.cause().expect("the child is lost");
            assert_eq!(cause.to_string(), "cancelled: reason");
        }
    });
}

#[test]
fn loom_cancel_against_a_child_that_ends() {
    loom::model(|| {
        let token = CancelToken::new();
        let child = token.child();
        let function = child.on_cancel(|| {});
        let canceller = on_thread(&token, |token| token.cancel());
        drop(child);
        function.stop();
        canceller.join().unwrap();
    });
}

/// Two waiters meet at the lock, so that the token spreads, while it is cancelled.
#[test]
fn loom_cancel_against_spreading() {
    static SPREAD: AtomicUsize = AtomicUsize::new(0);
    loom::model(|| {
        let token = CancelToken::new();
        let told = StdArc::new(AtomicUsize::new(0));
        let register = |told: StdArc<AtomicUsize>| {
            move |token: CancelToken| {
                token.on_cancel(move || {
                    told.fetch_add(1, SeqCst);
                })
            }
        };
        let other = on_thread(&token, register(told.clone()));
        let canceller = on_thread(&token, |token| token.cancel());
        let own = register(told.clone())(token.clone());
        let others = other.join().unwrap();
        canceller.join().unwrap();
        assert_eq!(told.load(SeqCst), 2, "a listener is lost, or told twice");
        drop((own, others));
        SPREAD.fetch_add(usize::from(token.has_spread()), SeqCst);
    });
    assert!(SPREAD.load(SeqCst) > 0, "it never spread");
}

/// As above, with time to spread before: both are on lanes, or on the first list.
#[test]
fn loom_cancel_after_spreading() {
    loom::model(|| {
        let token = CancelToken::new();
        let other = on_thread(&token, |token| drop(token.on_cancel(|| {})));
        let canceller = on_thread(&token, |token| {
            drop(token.on_cancel(|| {}));
            token.cancel();
        });
        listen(&token, || {
            other.join().unwrap();
            canceller.join().unwrap();
        });
    });
}

/// A future that waits moves to another task.
#[test]
fn loom_cancel_against_another_waker() {
    loom::model(|| {
        let token = CancelToken::new();
        let (first, waker) = counter();
        let (second, other) = counter();
        let mut cancelled = pin!(token.cancelled());
        let poll = cancelled.as_mut().poll(&mut Context::from_waker(&waker));
        assert_eq!(poll, Poll::Pending);
        let canceller = on_thread(&token, |token| token.cancel());
        let poll = cancelled.as_mut().poll(&mut Context::from_waker(&other));
        canceller.join().unwrap();
        let (first, second) = (first.0.load(SeqCst), second.0.load(SeqCst));
        assert!(first + second <= 1, "told twice");
        assert!(poll.is_ready() || second == 1, "the second task is lost");
    });
}

#[test]
fn loom_cancel_twice_tells_once() {
    loom::model(|| {
        let token = CancelToken::new();
        let child = token.child();
        let (count, waker) = counter();
        let mut cancelled = pin!(child.cancelled());
        let poll = cancelled.as_mut().poll(&mut Context::from_waker(&waker));
        assert_eq!(poll, Poll::Pending);
        let parent = on_thread(&token, |token| token.cancel());
        child.cancel();
        assert!(child.is_cancelled() && child.cause().is_some());
        parent.join().unwrap();
        assert_eq!(count.0.load(SeqCst), 1);
    });
}
