//! L9: messages over a ring whose two ends sleep: in order, none lost, none twice, no wake-up lost.
//!
//! Fails if the `fetch_or(ASLEEP)` becomes a load, if what it returns is not looked at, if it is Relaxed;
//! if the swap of `tail` becomes a load and a store, or loses its Release; if `head` is stored Relaxed; if
//! one of the two fences is gone, if `waits` is not set, or `head` not looked at after that; if `push` does
//! not look at GONE; if `close` sets GONE by a load and a store, or publishes `head` before it; if a half
//! that goes does not wake; if a receiver marks the rings before it leaves its waker (all seen).

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::SeqCst;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::{Port, Receiver, Sender, mesh};

/// A thread that sleeps until it is woken; one that is never woken is a deadlock, which loom reports.
#[derive(Default)]
struct Thread {
    woken: Mutex<bool>,
    condvar: Condvar,
}

impl Wake for Thread {
    fn wake(self: std::sync::Arc<Self>) {
        *self.woken.lock().unwrap() = true;
        self.condvar.notify_one();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let thread = std::sync::Arc::new(Thread::default());
    let waker = Waker::from(thread.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        let mut woken = thread.woken.lock().unwrap();
        while !std::mem::take(&mut *woken) {
            woken = thread.condvar.wait(woken).unwrap();
        }
    }
}

fn ports<T: Send, const N: usize>(capacity: usize) -> [Port<T>; N] {
    mesh(N, capacity).try_into().expect("N ports")
}

/// The sender of the first of two ports and the receiver of the second; the other halves are gone.
fn one_way<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let [a, b] = ports(capacity);
    (a.split().0, b.split().1)
}

#[test]
fn loom_mesh_in_order_and_none_lost() {
    for capacity in [1, 2] {
        loom::model(move || {
            let (mut sender, mut receiver) = one_way(capacity);
            let sending = thread::spawn(move || {
                for i in 0..3 {
                    block_on(sender.send(1, Box::new(i))).unwrap();
                }
            });
            for i in 0..3 {
                assert_eq!(block_on(receiver.recv()), Some((0, Box::new(i))));
            }
            assert_eq!(block_on(receiver.recv()), None);
            sending.join().unwrap();
        });
    }
}

#[test]
fn loom_mesh_two_senders_wake_one_receiver() {
    loom::model(|| {
        let [a, b, c] = ports(1);
        let sending: Vec<_> = [a, b]
            .into_iter()
            .map(|port| {
                thread::spawn(move || {
                    let mut port = port;
                    port.try_send(2, port.index()).unwrap();
                })
            })
            .collect();
        let mut c = c;
        let mut sum = 0;
        while let Some((from, value)) = block_on(c.recv()) {
            assert_eq!(from, value);
            sum += value + 1;
        }
        assert_eq!(sum, 3);
        for thread in sending {
            thread.join().unwrap();
        }
    });
}

/// A waiting receiver that is dropped and made anew, as in a select.
#[test]
fn loom_mesh_receive_cancelled_and_repeated() {
    loom::model(|| {
        let (mut sender, mut receiver) = one_way(1);
        let sending = thread::spawn(move || {
            for i in 0..2 {
                block_on(sender.send(1, i)).unwrap();
            }
        });
        let mut cx = Context::from_waker(Waker::noop());
        let mut got = 0;
        while got < 2 {
            let polled = pin!(receiver.recv()).poll(&mut cx);
            let message = match polled {
                Poll::Ready(message) => message,
                Poll::Pending => block_on(receiver.recv()),
            };
            assert_eq!(message, Some((0, got)));
            got += 1;
        }
        sending.join().unwrap();
    });
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// The receiver goes while values come: each comes back or is dropped, at once and once, and a sender that
/// waits for room is woken.
#[test]
fn loom_mesh_receiver_goes() {
    loom::model(|| {
        let (mut sender, receiver) = one_way(1);
        let dropped = Arc::new(AtomicUsize::new(0));
        let counter = dropped.clone();
        let sending = thread::spawn(move || {
            let sent = (0..2)
                .map(|_| block_on(sender.send(1, Counted(counter.clone()))))
                .collect::<Vec<_>>();
            let back = sent.iter().filter(|sent| sent.is_err()).count();
            (sender, sent, back)
        });
        drop(receiver);
        let (sender, sent, back) = sending.join().unwrap();
        assert_eq!(dropped.load(SeqCst), 2 - back);
        drop(sent);
        assert_eq!(dropped.load(SeqCst), 2);
        drop(sender);
    });
}
