//! Nobody starves: a task that never has to wait lets the others run.

mod support;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringspun::channel::channel;
use ringspun::{Builder, spawn, task, time};

/// S1: two tasks that wake each other for ever share the LIFO slot; a third one runs, timers fire.
#[ringspun::test]
async fn a_ping_pong_pair_starves_neither_tasks_nor_timers() {
    let stop = Arc::new(AtomicBool::new(false));
    let wakers: Arc<[std::sync::Mutex<Option<std::task::Waker>>; 2]> = Arc::default();
    let pair: Vec<_> = (0..2)
        .map(|me| {
            let (stop, wakers) = (stop.clone(), wakers.clone());
            spawn(std::future::poll_fn(move |cx| {
                *wakers[me].lock().unwrap() = Some(cx.waker().clone());
                if let Some(other) = wakers[1 - me].lock().unwrap().take() {
                    other.wake();
                }
                if stop.load(SeqCst) {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            }))
        })
        .collect();
    let third = spawn(async {
        for _ in 0..100 {
            task::yield_now().await;
        }
        time::sleep(Duration::from_millis(5)).await;
    });
    time::timeout(Duration::from_secs(60), third)
        .await
        .expect("the third task ran")
        .unwrap();
    stop.store(true, SeqCst);
    for task in pair {
        task.abort();
        let _ = task.await;
    }
}

/// A task placed on a core begins though the core's own queue never runs empty.
#[test]
fn a_busy_core_looks_into_its_inbox() {
    support::within_limit(|| {
        for cores in [1, 2] {
            let runtime = Builder::new().cores(cores).build().unwrap();
            let stop = Arc::new(AtomicBool::new(false));
            let busy: Vec<_> = (0..2 * cores)
                .map(|_| {
                    let stop = stop.clone();
                    runtime.handle().spawn(async move {
                        while !stop.load(SeqCst) {
                            task::yield_now().await;
                        }
                    })
                })
                .collect();
            let placed = runtime
                .handle()
                .spawn_on(0, async move { stop.store(true, SeqCst) });
            runtime.block_on(async {
                for task in busy.into_iter().chain([placed]) {
                    task.await.unwrap();
                }
            });
        }
    });
}

/// Tasks that yield for ever take turns.
#[ringspun::test]
async fn yielding_tasks_take_turns() {
    let turns = Arc::new(std::sync::Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..3)
        .map(|me| {
            let turns = turns.clone();
            async move {
                for _ in 0..50 {
                    turns.lock().unwrap().push(me);
                    task::yield_now().await;
                }
            }
        })
        .collect();
    // Spawned from one task, so that all begin in its core's queue.
    spawn(async {
        let tasks: Vec<_> = tasks.into_iter().map(spawn).collect();
        for task in tasks {
            task.await.unwrap();
        }
    })
    .await
    .unwrap();
    let turns = turns.lock().unwrap();
    for window in turns[9..120].windows(6) {
        for me in 0..3 {
            assert!(window.contains(&me), "{me} missed a turn in {window:?}");
        }
    }
}

/// The budget: joining tasks that are all done goes on for ever without it.
#[ringspun::test]
async fn a_task_that_only_finds_ready_things_gives_way() {
    let other_ran = Arc::new(AtomicBool::new(false));
    let ran = other_ran.clone();
    spawn(async move {
        let done: Vec<_> = (0..10_000).map(|_| spawn(async {})).collect();
        while !done.iter().all(task::JoinHandle::is_finished) {
            task::yield_now().await;
        }
        let other = spawn(async move { ran.store(true, SeqCst) });
        let mut joined = 0;
        for handle in done {
            handle.await.unwrap();
            joined += 1;
            if other_ran.load(SeqCst) {
                break;
            }
        }
        // A poll joins 512. The regular turn gives one task that yielded a poll before all others.
        assert!(
            joined <= 2 * 512 + 1,
            "joined {joined} before the other task ran"
        );
        other.await.unwrap();
    })
    .await
    .unwrap();
}

/// Senders that a receiver lets into a full buffer go on in the order in which they waited: the last of them
/// does not run next and fill the buffer once more before the others.
#[test]
fn senders_that_are_let_in_go_on_in_their_order() {
    support::within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let task = runtime.handle().spawn(async {
            let (tx, rx) = channel(4);
            (0..4).for_each(|n| tx.try_send(n).unwrap());
            let waited = Arc::new(Mutex::new(Vec::new()));
            let went_on = Arc::new(Mutex::new(Vec::new()));
            for sender in 10..18 {
                let (tx, waited, went_on) = (tx.clone(), waited.clone(), went_on.clone());
                spawn(async move {
                    waited.lock().unwrap().push(sender);
                    tx.send(sender).await.unwrap();
                    went_on.lock().unwrap().push(sender);
                });
            }
            while waited.lock().unwrap().len() < 8 {
                task::yield_now().await;
            }
            for n in 0..4 {
                assert_eq!(rx.recv().await, Some(n));
            }
            for sender in &*waited.lock().unwrap() {
                assert_eq!(rx.try_recv().as_ref(), Ok(sender));
            }
            assert!(went_on.lock().unwrap().is_empty());
            while went_on.lock().unwrap().len() < 8 {
                task::yield_now().await;
            }
            assert_eq!(*went_on.lock().unwrap(), *waited.lock().unwrap());
        });
        runtime.block_on(task).unwrap();
    });
}
