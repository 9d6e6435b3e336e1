//! Tasks and timers.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ringspun::time::{self, Sleep};
use ringspun::{spawn, task};

use crate::Row;
use crate::machine::on_the_core;

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "spawn-join",
        operations: 10_000,
        run: spawn_and_join,
    },
    Row {
        name: "yield",
        operations: 20_000,
        run: yields,
    },
    // A task wakes another and waits to be woken by it.
    Row {
        name: "wake",
        operations: 20_000,
        run: wakes,
    },
    Row {
        name: "timer-set-cancel",
        operations: 10_000,
        run: timer_set_and_cancel,
    },
    // The deadline of a timer that is set moves further away.
    Row {
        name: "timer-reset",
        operations: 10_000,
        run: timer_reset,
    },
];

fn spawn_and_join(n: u64) {
    on_the_core(async move {
        for _ in 0..n {
            spawn(async {}).await.expect("no panic");
        }
    });
}

fn yields(n: u64) {
    on_the_core(async move {
        for _ in 0..n {
            task::yield_now().await;
        }
    });
}

fn wakes(n: u64) {
    on_the_core(async move {
        let here = Arc::new(Signal::default());
        let there = Arc::new(Signal::default());
        let other = spawn({
            let (here, there) = (here.clone(), there.clone());
            async move {
                for _ in 0..n / 2 {
                    there.wait().await;
                    here.set();
                }
            }
        });
        for _ in 0..n / 2 {
            there.set();
            here.wait().await;
        }
        other.await.expect("no panic");
    });
}

/// A signal that belongs to no runtime: what is to be counted is the wake-up. Whether it is set, and who waits for it.
#[derive(Default)]
struct Signal(Mutex<(bool, Option<Waker>)>);

impl Signal {
    fn set(&self) {
        let mut state = self.0.lock().expect("no panic");
        state.0 = true;
        if let Some(waker) = state.1.take() {
            drop(state);
            waker.wake();
        }
    }

    async fn wait(&self) {
        std::future::poll_fn(|cx| {
            let mut state = self.0.lock().expect("no panic");
            if std::mem::take(&mut state.0) {
                return Poll::Ready(());
            }
            state.1 = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

fn timer_set_and_cancel(n: u64) {
    on_the_core(async move {
        for i in 0..n {
            let sleep = pin!(time::sleep(Duration::from_secs(1000 + i % 7)));
            poll_once(sleep).await;
        }
    });
}

fn timer_reset(n: u64) {
    on_the_core(async move {
        let start = Instant::now();
        let mut sleep = time::sleep_until(start + Duration::from_secs(1000));
        poll_once(Pin::new(&mut sleep)).await;
        for i in 0..n {
            sleep.reset(start + Duration::from_millis(1_000_000 + i));
            poll_once(Pin::new(&mut sleep)).await;
        }
    });
}

async fn poll_once(mut sleep: Pin<&mut Sleep>) {
    std::future::poll_fn(|cx: &mut Context<'_>| {
        assert!(sleep.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}
