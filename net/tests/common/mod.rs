//! What several tests need: a runtime with a deadline, polling by hand, small random numbers.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod mem_per_core;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use ringspun_runtime::{Builder, time};

/// Runs `test` on a runtime with `cores` cores; panics if it takes longer than a minute, or
/// twenty with full counts.
pub(crate) fn run<F: Future>(cores: usize, test: F) -> F::Output {
    run_by(Builder::new().cores(cores), test)
}

/// As [`run`], for a runtime with settings of its own.
pub(crate) fn run_by<F: Future>(builder: Builder, test: F) -> F::Output {
    let runtime = builder.build().expect("a runtime");
    runtime.block_on(async {
        let limit = Duration::from_secs(60 * count(1, 120) as u64);
        let start = Instant::now();
        let output = time::timeout(limit, test).await;
        // The timer polls the test once more: one that ends by that has lost a wake-up.
        if let Ok(output) = output
            && start.elapsed() < limit
        {
            return output;
        }
        panic!("the test hangs; {:#?}", runtime.handle().metrics())
    })
}

/// `small` normally, `full` with RINGSPUN_FULL=1 in the environment.
pub(crate) fn count(small: usize, full: usize) -> usize {
    if std::env::var_os("RINGSPUN_FULL").is_some_and(|value| value == "1") {
        full
    } else {
        small
    }
}

/// A waker that counts.
#[derive(Default)]
pub(crate) struct Woken(AtomicUsize);

impl Woken {
    pub(crate) fn new() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Self::default());
        (Arc::clone(&woken), Waker::from(woken))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Polls once with a waker that does nothing.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Awaits `future` but drops it at its `polls`-th poll if it has not ended by then.
///
/// Returns `None` for a cancelled future. With `polls` from 0 up, this cancels at every await
/// point that a future comes to.
pub(crate) async fn cancel_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut polled = 0;
    std::future::poll_fn(|cx| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Both futures, side by side in this task.
pub(crate) async fn both<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (Box::pin(a), Box::pin(b));
    let (mut out_a, mut out_b) = (None, None);
    std::future::poll_fn(|cx| {
        if out_a.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(cx)
        {
            out_a = Some(output);
        }
        if out_b.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(cx)
        {
            out_b = Some(output);
        }
        if out_a.is_some() && out_b.is_some() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    (out_a.expect("done"), out_b.expect("done"))
}

/// xorshift64*: the same numbers on every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 1 to `max`.
    pub(crate) fn up_to(&mut self, max: usize) -> usize {
        1 + (self.next() >> 16) as usize % max
    }
}

/// Byte `i` of a test pattern that has no short period.
pub(crate) fn pattern(i: usize) -> u8 {
    (i ^ (i >> 8) ^ (i >> 13)) as u8
}

/// The first `len` bytes of the pattern.
pub(crate) fn patterned(len: usize) -> Vec<u8> {
    (0..len).map(pattern).collect()
}

/// Open descriptors of this process.
pub(crate) fn open_fds() -> usize {
    // The listing itself holds one.
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(1))
}
