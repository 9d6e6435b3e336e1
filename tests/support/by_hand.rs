//! Futures polled by hand, and tasks brought to their waits.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use ringspun::{Handle, TaskState, task};

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
    poll_with(future, Waker::noop())
}

/// Polls once, for the owner of `waker`.
pub fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(waker)) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The output, if the future is ready in one of its first `polls`; then it is dropped. Between two polls others
/// run.
pub async fn give_up_after<F: Future>(polls: u64, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Some(output) = poll_once(future.as_mut()).await {
            return Some(output);
        }
        task::yield_now().await;
    }
    None
}

/// Lets every task of this runtime come to its wait. For the body of a test, which is no task itself.
///
/// Asked of the runtime: counting yields does not do, for a core whose thread is stuck is handed to another.
pub async fn settle() {
    let runtime = Handle::current();
    loop {
        let tasks = runtime.dump();
        if tasks.count(TaskState::Running) + tasks.count(TaskState::Queued) == 0 {
            return;
        }
        std::thread::yield_now();
    }
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

/// Does the same whenever it is woken and when it is dropped.
pub struct Busy<F: Fn() + Send + Sync + 'static>(F);

impl<F: Fn() + Send + Sync + 'static> Busy<F> {
    /// One that does `f`.
    pub fn waker(f: F) -> Waker {
        Waker::from(Arc::new(Self(f)))
    }
}

impl<F: Fn() + Send + Sync + 'static> Wake for Busy<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl<F: Fn() + Send + Sync + 'static> Drop for Busy<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
