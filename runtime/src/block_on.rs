//! A thread that is not a worker runs a future and sleeps while it waits.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::blocking::pool;
use crate::context;
use crate::handle::Handle;
use crate::scheduler::shared::Shared;

const WAITING: u32 = 0;
const NOTIFIED: u32 = 1;
/// `block_on` is over: a late wake-up has nobody to tell.
const ENDED: u32 = 2;

/// The waker: a flag and the thread to unpark.
///
/// Under a virtual clock a notification also *holds* the clock until the thread has acted on it: the
/// workers cannot see that this thread is about to run. There is one hold for the running poll, and
/// one while `state` is NOTIFIED.
struct Root {
    /// WAITING, NOTIFIED or ENDED. Wakers make NOTIFIED of WAITING, the thread does the rest.
    state: AtomicU32,
    thread: Thread,
    shared: Arc<Shared>,
}

/// See [`Handle::block_on`].
#[track_caller]
pub(crate) fn block_on<F: Future>(handle: &Handle, future: F) -> F::Output {
    assert!(
        !context::is_worker(),
        "block_on inside a task would block its core for ever: await the future instead, or spawn it"
    );
    let around = &handle.shared().spares.config().around;
    around.run(|| run(handle, future))
}

fn run<F: Future>(handle: &Handle, future: F) -> F::Output {
    let _entered = handle.enter();
    let shared = handle.shared_arc();
    hold_clock(&shared);
    let root = Arc::new(Root {
        state: AtomicU32::new(WAITING),
        thread: thread::current(),
        shared,
    });
    let _end = End(root.clone());
    let waker = Waker::from(root.clone());
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        // The hold of this poll goes; a notification brings the next one.
        release_clock(&root.shared);
        root.wait();
    }
}

/// Runs a future on a thread that may block, in a runtime if it has entered one.
///
/// # Panics
///
/// On a worker.
#[track_caller]
pub(crate) fn block_thread_on<F: Future>(future: F) -> F::Output {
    match context::with_handle(|handle| handle.cloned()) {
        Some(handle) => block_on(&handle, future),
        None => park_on(future),
    }
}

/// Without a runtime: sleeps by the thread's own token.
fn park_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            // May return without reason: then the future is polled once more.
            Poll::Pending => thread::park(),
        }
    }
}

impl Root {
    /// Sleeps until notified. Takes over the notification's hold on the clock.
    ///
    /// A thread for blocking code has one more hold, its job's: that must not keep the clock from the
    /// timer that this job waits for.
    fn wait(&self) {
        let in_job = pool::is_thread_of(&self.shared);
        if in_job {
            release_clock(&self.shared);
        }
        // Acquire: see what the waker published. `park` may return without reason.
        while self.state.swap(WAITING, AcqRel) != NOTIFIED {
            thread::park();
        }
        if in_job {
            hold_clock(&self.shared);
        }
    }
}

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Before the exchange: the thread may take the hold over at once.
        hold_clock(&self.shared);
        let told = self.state.fetch_update(AcqRel, Acquire, |state| {
            // NOTIFIED is written again: a read-modify-write publishes what this waker did.
            (state != ENDED).then_some(NOTIFIED)
        });
        match told {
            Ok(WAITING) => self.thread.unpark(),
            // The earlier notification's hold is enough, or nobody is left to act on this one.
            _ => release_clock(&self.shared),
        }
    }
}

/// Gives all holds back, however `block_on` ends: that of the running poll, and that of a
/// notification nobody will act on.
struct End(Arc<Root>);

impl Drop for End {
    fn drop(&mut self) {
        if self.0.state.swap(ENDED, AcqRel) == NOTIFIED {
            release_clock(&self.0.shared);
        }
        release_clock(&self.0.shared);
    }
}

/// A real clock goes on whatever happens: only a virtual one is held.
pub(crate) fn hold_clock(shared: &Shared) {
    if shared.clock.is_virtual() {
        shared.clock_holds.fetch_add(1, AcqRel);
    }
}

pub(crate) fn release_clock(shared: &Shared) {
    if !shared.clock.is_virtual() {
        return;
    }
    let before = shared.clock_holds.fetch_sub(1, AcqRel);
    debug_assert!(before > 0);
    if before == 1 {
        // The worker may be waiting without a limit because of the hold.
        shared.remotes[0].unparker.unpark();
    }
}
