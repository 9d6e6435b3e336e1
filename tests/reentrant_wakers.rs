//! D4: wakers that spawn, wake and set timers from inside a wake-up or a drop; no deadlock.

mod support;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ringspun::{Builder, Handle, time};
use support::within_limit;

/// Does all it can when woken or dropped.
struct Busy {
    handle: Handle,
    woken: AtomicUsize,
}

impl Busy {
    fn act(&self) {
        let entered = self.handle.enter();
        drop(self.handle.spawn(async {}));
        let mut sleep = Box::pin(time::sleep(Duration::from_secs(1)));
        let _ = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(sleep);
        let aborted = self.handle.spawn(std::future::pending::<()>());
        aborted.abort();
        drop(self.handle.metrics());
        drop(entered);
    }
}

impl Wake for Busy {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, SeqCst);
        self.act();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.act();
    }
}

fn busy(handle: &Handle) -> Waker {
    Waker::from(Arc::new(Busy {
        handle: handle.clone(),
        woken: AtomicUsize::new(0),
    }))
}

#[test]
fn wakers_may_use_the_runtime_from_timers_and_join_handles() {
    within_limit(|| {
        for cores in [1, 2] {
            let runtime = Builder::new().cores(cores).build().unwrap();
            let handle = runtime.handle();
            let _entered = handle.enter();
            for _ in 0..200 {
                // A timer fires it, is cancelled with it, exchanges it.
                let mut fires = Box::pin(time::sleep(Duration::from_micros(50)));
                let _ = fires.as_mut().poll(&mut Context::from_waker(&busy(handle)));
                let mut cancelled = Box::pin(time::sleep(Duration::from_secs(50)));
                let _ = cancelled
                    .as_mut()
                    .poll(&mut Context::from_waker(&busy(handle)));
                let _ = cancelled
                    .as_mut()
                    .poll(&mut Context::from_waker(&busy(handle)));
                drop(cancelled);
                // A join handle's waker, exchanged, then woken by the end of the task.
                let mut join = Box::pin(handle.spawn(time::sleep(Duration::from_micros(50))));
                let done = (0..2).any(|_| {
                    join.as_mut()
                        .poll(&mut Context::from_waker(&busy(handle)))
                        .is_ready()
                });
                runtime.block_on(async {
                    if !done {
                        join.await.unwrap();
                    }
                    fires.await;
                });
            }
        }
    });
}

/// D7: a waker that panics hurts nobody else.
#[test]
fn a_waker_that_panics_stops_no_worker() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let _entered = runtime.handle().enter();
        let waker = Waker::from(Arc::new(Panics));
        let mut sleeps: Vec<_> = (0..10)
            .map(|_| {
                let mut sleep = Box::pin(time::sleep(Duration::from_millis(1)));
                let polled = sleep.as_mut().poll(&mut Context::from_waker(&waker));
                assert_eq!(polled, Poll::Pending);
                sleep
            })
            .collect();
        let mut join = Box::pin(
            runtime
                .handle()
                .spawn(time::sleep(Duration::from_millis(1))),
        );
        let _ = join.as_mut().poll(&mut Context::from_waker(&waker));
        runtime.block_on(async {
            for sleep in &mut sleeps {
                sleep.as_mut().await;
            }
            join.await.unwrap();
            assert_eq!(ringspun::spawn(async { 3 }).await.unwrap(), 3);
        });
    });
}

/// Sets a timer when it is cloned.
mod clones {
    use super::*;
    use std::task::{RawWaker, RawWakerVTable};

    const VTABLE: RawWakerVTable = RawWakerVTable::new(clone, drop, drop, drop);

    fn clone(data: *const ()) -> RawWaker {
        let mut sleep = Box::pin(time::sleep(Duration::from_secs(1)));
        let polled = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Pending);
        RawWaker::new(data, &VTABLE)
    }

    fn drop(_: *const ()) {}

    /// One that equals no other one of another number.
    pub(super) fn waker(number: usize) -> Waker {
        // SAFETY: the functions use no data.
        unsafe { Waker::new(std::ptr::without_provenance(number), &VTABLE) }
    }
}

#[test]
fn a_waker_may_set_a_timer_while_it_is_cloned() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let _entered = runtime.handle().enter();
        let mut sleep = Box::pin(time::sleep(Duration::from_secs(50)));
        for number in 0..3 {
            let waker = clones::waker(number);
            let polled = sleep.as_mut().poll(&mut Context::from_waker(&waker));
            assert_eq!(polled, Poll::Pending);
        }
        drop(sleep);
        assert_eq!(runtime.handle().metrics().timers, 0);
    });
}
