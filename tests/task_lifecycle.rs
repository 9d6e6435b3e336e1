//! The life of a task: joined, detached, aborted, panicked; everything dropped exactly once.

mod support;

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll};
use std::time::Duration;

use ringspun::{Builder, spawn, task, time};
use support::{count, within_limit};

/// Counts its drops.
struct Canary(Arc<AtomicUsize>);

impl Drop for Canary {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn canary() -> (Canary, Arc<AtomicUsize>) {
    let drops = Arc::new(AtomicUsize::new(0));
    (Canary(drops.clone()), drops)
}

async fn until(condition: impl Fn() -> bool) {
    time::timeout(Duration::from_secs(60), async {
        while !condition() {
            task::yield_now().await;
        }
    })
    .await
    .expect("the condition comes true");
}

#[ringspun::test]
async fn a_join_handle_gives_the_output() {
    let handle = spawn(async {
        task::yield_now().await;
        String::from("done")
    });
    let id = handle.id();
    assert_ne!(spawn(async {}).id(), id);
    assert_eq!(handle.await.unwrap(), "done");
}

#[ringspun::test(cores = 2)]
async fn a_detached_task_goes_on_and_its_output_is_dropped() {
    let (canary, drops) = canary();
    drop(spawn(async move {
        task::yield_now().await;
        canary
    }));
    until(|| drops.load(SeqCst) == 1).await;
}

#[ringspun::test(virtual_time)]
async fn a_handle_can_be_awaited_again_after_a_timeout() {
    let mut handle = spawn(async {
        time::sleep(Duration::from_millis(20)).await;
        7
    });
    assert!(
        time::timeout(Duration::from_millis(1), &mut handle)
            .await
            .is_err()
    );
    assert_eq!(handle.await.unwrap(), 7);
}

#[ringspun::test(cores = 2)]
async fn abort_drops_the_future_and_says_cancelled() {
    let (canary, drops) = canary();
    let handle = spawn(async move {
        let _canary = canary;
        pending::<()>().await;
    });
    let abort = handle.abort_handle();
    task::yield_now().await;
    abort.abort();
    abort.abort();
    let error = handle.await.unwrap_err();
    assert!(error.is_cancelled() && !error.is_panic());
    assert!(abort.is_finished());
    assert_eq!(drops.load(SeqCst), 1);
}

#[ringspun::test]
async fn abort_after_the_end_changes_nothing() {
    let handle = spawn(async { 1 });
    until(|| handle.is_finished()).await;
    handle.abort();
    assert_eq!(handle.await.unwrap(), 1);
}

#[ringspun::test]
async fn a_panic_reaches_the_handle_and_nobody_else() {
    let (canary, drops) = canary();
    let number = 7;
    let handle = spawn(async move {
        let _canary = canary;
        panic!("boom {number}");
    });
    let error = handle.await.unwrap_err();
    assert!(error.is_panic());
    assert_eq!(
        error.to_string(),
        format!("task {} panicked: boom 7", error.id())
    );
    assert_eq!(*error.into_panic().downcast::<String>().unwrap(), "boom 7");
    assert_eq!(drops.load(SeqCst), 1);
    assert_eq!(spawn(async { 5 }).await.unwrap(), 5);
}

/// Panics when dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a destructor's panic");
        }
    }
}

/// Panics when dropped, with a payload that panics when dropped.
struct CarriesBomb;

impl Drop for CarriesBomb {
    fn drop(&mut self) {
        std::panic::panic_any(Bomb);
    }
}

#[ringspun::test]
async fn a_panic_in_a_destructor_is_caught_wherever_it_comes() {
    // In the future, at its end.
    struct WithBomb(#[allow(dead_code, reason = "it is there to be dropped")] Bomb);
    impl Future for WithBomb {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    assert!(spawn(WithBomb(Bomb)).await.unwrap_err().is_panic());
    // In an aborted future.
    let bomb = Bomb;
    let handle = spawn(async move {
        let _bomb = bomb;
        pending::<()>().await;
    });
    handle.abort();
    assert!(handle.await.unwrap_err().is_panic());
    // In an output that nobody wants.
    drop(spawn(async {
        task::yield_now().await;
        Bomb
    }));
    for _ in 0..10 {
        task::yield_now().await;
    }
    assert_eq!(spawn(async { 5 }).await.unwrap(), 5);
    // In what such a panic carries.
    drop(spawn(async {
        task::yield_now().await;
        CarriesBomb
    }));
    for _ in 0..10 {
        task::yield_now().await;
    }
    assert_eq!(spawn(async { 5 }).await.unwrap(), 5);
}

/// An error can be carried by what everybody uses for errors.
#[ringspun::test]
async fn a_join_error_is_an_error_like_others() {
    async fn fails() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let handle = spawn(pending::<()>());
        handle.abort();
        Ok(handle.await?)
    }
    assert!(fails().await.unwrap_err().to_string().contains("cancelled"));
}

#[ringspun::test]
async fn a_wake_during_the_poll_is_not_lost() {
    let mut polls = 0;
    let handle = spawn(poll_fn(move |cx| {
        polls += 1;
        if polls == 100 {
            return Poll::Ready(polls);
        }
        let by_value = cx.waker().clone();
        cx.waker().wake_by_ref();
        by_value.wake();
        Poll::Pending
    }));
    assert_eq!(handle.await.unwrap(), 100);
}

#[ringspun::test(cores = 2)]
async fn wakers_that_outlive_their_task_do_nothing() {
    let (send, receive) = std::sync::mpsc::channel();
    spawn(poll_fn(move |cx| {
        send.send(cx.waker().clone()).unwrap();
        Poll::Ready(())
    }))
    .await
    .unwrap();
    let waker = receive.recv().unwrap();
    let by_value = waker.clone();
    waker.wake_by_ref();
    by_value.wake();
    drop(waker);
}

/// D12: far more clones of one waker than 16 bits count.
#[ringspun::test]
async fn a_waker_has_room_for_a_million_clones() {
    let handle = spawn(poll_fn(|cx| {
        let clones: Vec<_> = (0..1_000_000).map(|_| cx.waker().clone()).collect();
        clones[999_999].wake_by_ref();
        Poll::Ready(clones.len())
    }));
    assert_eq!(handle.await.unwrap(), 1_000_000);
}

/// D6: futures from nothing to a megabyte.
#[test]
fn futures_of_every_size_run() {
    async fn with<const N: usize>() -> usize {
        let room = [1_u8; N];
        task::yield_now().await;
        room.iter().map(|byte| usize::from(*byte)).sum()
    }
    struct Nothing;
    impl Future for Nothing {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }
    // Without optimisation the arguments alone fill a small stack.
    let large_stack = std::thread::Builder::new().stack_size(32 << 20);
    let test = large_stack.spawn(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        let handle = runtime.handle();
        runtime.block_on(handle.spawn(Nothing)).unwrap();
        runtime.block_on(ringspun::task::PooledFuture::new(Nothing));
        assert_eq!(runtime.block_on(handle.spawn(with::<1>())).unwrap(), 1);
        assert_eq!(
            runtime.block_on(handle.spawn(with::<3_000>())).unwrap(),
            3_000
        );
        assert_eq!(
            runtime.block_on(handle.spawn(with::<1_000_000>())).unwrap(),
            1_000_000
        );
    });
    test.unwrap().join().unwrap();
}

/// Aborts race with the end of the task on another core: always one of the two outcomes, and the
/// future is dropped once.
#[test]
fn aborts_race_with_the_end() {
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        runtime.block_on(async {
            let (mut cancelled, mut done) = (0, 0);
            for round in 0..count(5_000, 1_000_000) {
                let (canary, drops) = canary();
                let handle = spawn(async move {
                    let _canary = canary;
                    for _ in 0..round % 3 {
                        task::yield_now().await;
                    }
                });
                if round % 2 == 0 {
                    task::yield_now().await;
                }
                handle.abort();
                match handle.await {
                    Ok(()) => done += 1,
                    Err(error) => {
                        assert!(error.is_cancelled());
                        cancelled += 1;
                    }
                }
                assert_eq!(drops.load(SeqCst), 1);
            }
            assert!(cancelled > 0, "cancelled {cancelled}, done {done}");
        });
    });
}

#[ringspun::test(cores = 4)]
async fn spawn_on_begins_on_its_core() {
    let handle = ringspun::Handle::current();
    // A stolen task may begin elsewhere; with idle cores most begin at home.
    let mut at_home = 0;
    for round in 0..100 {
        let core = round % 4;
        let ran_on = handle
            .spawn_on(core, async { ringspun::current_core() })
            .await
            .unwrap();
        at_home += usize::from(ran_on == Some(core));
    }
    assert!(at_home >= 50, "{at_home} of 100");
    assert_eq!(
        ringspun::current_core(),
        None,
        "block_on's thread is no core"
    );
}

#[ringspun::test]
#[should_panic(expected = "no core 9")]
async fn spawn_on_a_core_that_is_not_there_panics() {
    drop(ringspun::Handle::current().spawn_on(9, async {}));
}
