//! Two runtimes in one process, of different sizes: a task of one may use the other.

mod support;

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ringspun::{Builder, current_core, task, time};
use support::within_limit;

/// A worker that has entered a smaller runtime has no core of its own number there.
#[test]
fn a_worker_may_enter_a_smaller_runtime() {
    within_limit(|| {
        let large = Builder::new().cores(2).build().unwrap();
        let small = Builder::new().cores(1).build().unwrap();
        let handle = small.handle().clone();
        let user = large.handle().spawn_on(1, async move {
            // An idle core may have stolen it.
            while current_core() != Some(1) {
                task::yield_now().await;
            }
            let _entered = handle.enter();
            let mut sleep = Box::pin(time::sleep(Duration::from_millis(1)));
            let polled = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(polled, Poll::Pending);
            Some(sleep)
        });
        let sleep = large.block_on(user).unwrap();
        assert_eq!(large.handle().metrics().timers, 0);
        small.block_on(sleep.expect("the task has set it"));
    });
}
