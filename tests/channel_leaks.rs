//! The four ways in which goroutines leak at channels: here the tasks end by themselves. A task that waits
//! for nothing at all shows up in `Handle::leaks`.

mod support;

use std::time::Duration;

use ringspun::channel::{Receiver, channel};
use ringspun::{Builder, Handle, Runtime, TaskState, select, spawn, time};
use support::{becomes, within_limit};

/// Runs a scene in a task; then no task is left over, and none is leaked.
fn leaves_nothing<F>(scene: impl FnOnce() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    within_limit(move || {
        let runtime = Builder::new().cores(1).build().unwrap();
        let handle = runtime.handle();
        runtime.block_on(handle.spawn(scene())).unwrap();
        becomes(0, || handle.dump().tasks().len());
        handle.assert_no_leaks();
    });
}

/// Whoever asked has given up before the answer came (Go: "timeout leak").
#[test]
fn a_forgotten_sender_ends() {
    leaves_nothing(|| async {
        let (answer, rx) = channel(0);
        let asked = spawn(async move {
            time::sleep(Duration::from_millis(20)).await;
            answer.send(42).await
        });
        let early = rx.recv_timeout(Duration::from_millis(1)).await;
        drop(rx);
        assert!(early.is_err());
        assert_eq!(asked.await.unwrap().unwrap_err().0, 42);
    });
}

/// A function leaves at the first error, with others still on their way ("premature return").
#[test]
fn those_who_send_to_a_function_that_returned_end() {
    async fn first_error() -> Result<u32, u32> {
        let (results, rx) = channel(0);
        for n in 0..10 {
            let results = results.clone();
            spawn(async move {
                let result = if n == 0 { Err(n) } else { Ok(n) };
                let _ = results.send(result).await;
            });
        }
        drop(results);
        let mut sum = 0;
        while let Some(result) = rx.recv().await {
            sum += result?;
        }
        Ok(sum)
    }
    leaves_nothing(|| async {
        assert_eq!(first_error().await, Err(0));
    });
}

/// Of many results only the first is read ("N-cast leak"), with a buffer that takes some of them.
#[test]
fn results_that_nobody_reads_hold_nobody() {
    for capacity in [0, 1, 3] {
        leaves_nothing(move || async move {
            let (results, rx) = channel(capacity);
            for n in 0..8 {
                let results = results.clone();
                // Half of them by a select.
                spawn(async move {
                    match n % 2 {
                        0 => drop(results.send(n).await),
                        _ => select! { _ = results.send(n) => {}, _ = results.send(n) => {} },
                    }
                });
            }
            assert!(rx.recv().await.is_some());
        });
    }
}

/// The loop over a channel that nobody closes ("missing close").
#[test]
fn a_loop_over_values_ends_with_the_last_sender() {
    leaves_nothing(|| async {
        let (tx, rx) = channel(1);
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let rx: Receiver<u32> = rx.clone();
                spawn(async move {
                    let mut sum = 0;
                    loop {
                        select! {
                            Some(n) = rx.recv() => sum += n,
                            else => return sum,
                        }
                    }
                })
            })
            .collect();
        let producers = (0..3).map(|n| {
            let tx = tx.clone();
            spawn(async move { tx.send(n).await.unwrap() })
        });
        producers.for_each(drop);
        drop(tx);
        let mut sum = 0;
        for worker in workers {
            sum += worker.await.unwrap();
        }
        assert_eq!(sum, 3);
    });
}

fn leaked(runtime: &Runtime, task: impl Future<Output: Send> + Send + 'static) {
    let handle: &Handle = runtime.handle();
    let task = handle.spawn(task);
    becomes(1, || handle.leaks().len());
    assert_eq!(handle.leaks()[0].id, task.id());
    task.abort();
    becomes(0, || handle.dump().tasks().len());
}

#[test]
fn a_task_that_no_channel_can_wake_is_a_leak() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let (tx, rx) = channel::<u32>(0);
        // Every arm is off.
        let off = rx.clone();
        leaked(&runtime, async move {
            select! { _ = off.recv(), if false => {} }
        });
        // There is nothing to send.
        leaked(&runtime, async move {
            tx.send_from(&mut None).await.unwrap();
        });
        // Its pattern refused the end of the channel.
        leaked(&runtime, async move {
            select! { Some(_) = rx.recv() => {} }
        });
    });
}

/// One that waits beside others, with the end of the channel in their hands, is no leak.
#[test]
fn a_task_that_waits_in_a_channel_is_no_leak() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let handle = runtime.handle();
        let (tx, rx) = channel::<u32>(0);
        let receives = handle.spawn(async move { rx.recv().await });
        let state = |id| {
            let dump = handle.dump();
            dump.tasks()
                .iter()
                .find(|task| task.id == id)
                .map(|task| task.state)
        };
        becomes(Some(TaskState::Waiting), || state(receives.id()));
        handle.assert_no_leaks();
        drop(tx);
        assert_eq!(runtime.block_on(receives).unwrap(), None);
    });
}
