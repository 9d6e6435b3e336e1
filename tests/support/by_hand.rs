//! Futures polled by hand, and tasks brought to their waits.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use ringspun::{spawn, task};

/// Polls once, for the task that asks.
pub async fn poll_once<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Polls once, for nobody.
pub fn poll_now<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Lets every other task of the runtime's one core come to its wait.
pub async fn settle() {
    let behind_them = spawn(async {
        for _ in 0..20 {
            task::yield_now().await;
        }
    });
    behind_them.await.expect("it yields only");
}

/// Counts its wake-ups.
#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wakes {
    /// A counter and its waker.
    pub fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (wakes.clone(), Waker::from(wakes))
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}
