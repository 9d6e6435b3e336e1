//! Groups of tasks: none outlives its group, the first failure ends the rest, nothing is left.

mod support;

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ringspun::scope::{CancelToken, GroupError, TaskGroup};
use ringspun::{Builder, Handle, Runtime, current_core, scope, spawn, task, time};
use support::{OnDrop, count, within_limit};

const SECOND: Duration = Duration::from_secs(1);

/// Counts those alive.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn one(&self) -> impl Drop + Send + use<> {
        let alive = self.0.clone();
        alive.fetch_add(1, SeqCst);
        OnDrop(move || {
            alive.fetch_sub(1, SeqCst);
        })
    }

    /// A child that lives until it is dropped.
    fn forever<T, E>(&self) -> impl Future<Output = Result<T, E>> + Send + use<T, E> {
        let alive = self.one();
        async move {
            let _alive = alive;
            std::future::pending().await
        }
    }

    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// All tasks have ended; this test is none.
async fn no_tasks_left() {
    let handle = Handle::current();
    handle.assert_no_leaks();
    while !handle.dump().tasks().is_empty() {
        task::yield_now().await;
    }
}

#[ringspun::test(virtual_time)]
async fn results_come_in_the_order_of_spawning_or_of_ends() {
    let mut group = TaskGroup::<Result<u32, Infallible>>::new();
    for n in [3, 1, 2] {
        group
            .spawn(async move {
                time::sleep(n * SECOND).await;
                Ok(n)
            })
            .await;
    }
    assert_eq!((group.running(), group.len()), (3, 3));
    assert_eq!(group.try_join_all().await.unwrap(), [3, 1, 2]);
    assert!(group.is_empty() && group.join_next().await.is_none());

    let mut group = TaskGroup::supervisor();
    for n in [3, 1, 2] {
        group
            .spawn(async move {
                time::sleep(n * SECOND).await;
                n
            })
            .await;
    }
    let mut ended = Vec::new();
    while let Some(result) = group.join_next().await {
        ended.push(result.unwrap());
    }
    assert_eq!(ended, [1, 2, 3]);
}

#[ringspun::test(virtual_time)]
async fn the_first_error_cancels_the_rest_and_all_are_joined() {
    let alive = Alive::default();
    let mut group = TaskGroup::<Result<(), String>>::new();
    for _ in 0..10 {
        group.spawn(alive.forever()).await;
    }
    for n in [2, 1] {
        group
            .spawn(async move {
                time::sleep(n * SECOND).await;
                Err(format!("error {n}"))
            })
            .await;
    }
    let start = time::now();
    let error = group.try_join_all().await.unwrap_err();
    assert!(matches!(error, GroupError::Failed(error) if error == "error 1"));
    assert_eq!(time::now() - start, SECOND);
    assert_eq!(alive.count(), 0);
    let cause = group.token().cause().unwrap().to_string();
    assert_eq!(cause, "cancelled: a task of the group has failed");
    // Who comes now is not begun.
    group.spawn(async { panic!("begun") }).await;
    assert!(group.join_next().await.unwrap().unwrap_err().is_cancelled());
}

/// The parent need not look: the failure itself cancels.
#[ringspun::test(virtual_time)]
async fn a_failure_cancels_the_others_while_the_parent_does_something_else() {
    let alive = Alive::default();
    let mut group = TaskGroup::new();
    group.spawn(alive.forever::<(), _>()).await;
    group.spawn(async { Err("early") }).await;
    time::sleep(SECOND).await;
    assert_eq!((alive.count(), group.running()), (0, 0));
    assert!(matches!(
        group.try_join_all().await,
        Err(GroupError::Failed("early"))
    ));
}

#[ringspun::test]
async fn a_panic_cancels_the_rest() {
    let alive = Alive::default();
    let mut group = TaskGroup::<Result<(), Infallible>>::new();
    group.spawn(alive.forever()).await;
    group.spawn(async { panic!("boom") }).await;
    group.spawn(alive.forever()).await;
    let error = group.try_join_all().await.unwrap_err();
    assert!(matches!(&error, GroupError::Panicked(error) if error.is_panic()));
    assert!(error.to_string().contains("boom"));
    assert_eq!(alive.count(), 0);
    no_tasks_left().await;
}

#[ringspun::test]
async fn children_of_a_supervisor_do_not_touch_each_other() {
    let mut group = TaskGroup::supervisor();
    group.spawn(async { Err("fails") }).await;
    group.spawn(async { panic!("boom") }).await;
    group
        .spawn(async {
            task::yield_now().await;
            Ok(CancelToken::current().is_cancelled())
        })
        .await;
    let results = group.join_all().await;
    assert_eq!(*results[0].as_ref().unwrap(), Err("fails"));
    assert!(results[1].as_ref().unwrap_err().is_panic());
    assert_eq!(*results[2].as_ref().unwrap(), Ok(false));
}

#[ringspun::test(virtual_time)]
async fn children_see_the_token_of_the_group_below_the_current_one() {
    let token = CancelToken::new();
    token
        .scope(async {
            let mut group = TaskGroup::supervisor();
            group.spawn(async { CancelToken::current() }).await;
            let seen = group.join_next().await.unwrap().unwrap();
            group.spawn(std::future::pending()).await;
            group.cancel();
            assert!(seen.is_cancelled() && !CancelToken::current().is_cancelled());
            assert!(group.join_next().await.unwrap().unwrap_err().is_cancelled());
        })
        .await;
    // A deadline around reaches the children.
    let start = time::now();
    let ended = scope::timeout(SECOND, async {
        let mut group = TaskGroup::<Result<(), Infallible>>::new();
        group.spawn(std::future::pending()).await;
        group.try_join_all().await
    });
    // The scope ends, or the group in it does first and says so.
    let cause = match ended.await {
        Err(cause) | Ok(Err(GroupError::Cancelled(cause))) => cause,
        other => panic!("{other:?}"),
    };
    assert!(cause.is_deadline());
    assert_eq!(time::now() - start, SECOND);
    no_tasks_left().await;
}

#[ringspun::test(cores = 2)]
async fn the_limit_is_never_exceeded_and_used() {
    for limit in [1, 2, 7] {
        let alive = Alive::default();
        let most = Arc::new(AtomicUsize::new(0));
        let mut group = TaskGroup::<Result<usize, Infallible>>::new().limit(limit);
        for n in 0..count(500, 50_000) {
            let (alive, most) = (alive.clone(), most.clone());
            let child = async move {
                let _alive = alive.one();
                most.fetch_max(alive.count(), SeqCst);
                for _ in 0..n % 3 {
                    task::yield_now().await;
                }
                Ok(n)
            };
            group.spawn(child).await;
            assert!(group.running() <= limit);
        }
        let values = group.try_join_all().await.unwrap();
        assert!(values.is_sorted() && values.len() == count(500, 50_000));
        assert!(most.load(SeqCst) <= limit, "{} at once", most.load(SeqCst));
    }
}

#[ringspun::test(virtual_time)]
async fn a_spawn_that_waits_for_room_may_be_dropped() {
    let mut group = TaskGroup::<Result<(), Infallible>>::new().limit(1);
    group
        .spawn(async {
            time::sleep(10 * SECOND).await;
            Ok(())
        })
        .await;
    let alive = Alive::default();
    let waits = time::timeout(SECOND, group.spawn(alive.forever()));
    assert!(waits.await.is_err());
    assert_eq!((alive.count(), group.len()), (0, 1));
    let start = time::now();
    group.spawn(async { Ok(()) }).await;
    assert_eq!(time::now() - start, 9 * SECOND);
    group.try_join_all().await.unwrap();
}

/// A join that is dropped half way has lost nothing.
#[ringspun::test(virtual_time)]
async fn joining_is_cancel_safe() {
    let mut group = TaskGroup::<Result<u32, Infallible>>::new();
    for n in 1..=4 {
        group
            .spawn(async move {
                time::sleep(n * SECOND).await;
                Ok(n)
            })
            .await;
    }
    let half = time::timeout(2 * SECOND + SECOND / 2, group.try_join_all());
    assert!(half.await.is_err());
    assert_eq!(group.len(), 4);
    assert_eq!(group.join_next().await.unwrap().unwrap(), Ok(1));
    assert_eq!(group.try_join_all().await.unwrap(), [2, 3, 4]);
}

#[ringspun::test(cores = 2)]
async fn dropping_the_group_ends_the_children() {
    let alive = Alive::default();
    let mut group = TaskGroup::<Result<(), Infallible>>::new();
    for core in 0..100 {
        group.spawn_on(core % 2, alive.forever()).await;
    }
    drop(group);
    no_tasks_left().await;
    assert_eq!(alive.count(), 0);

    let mut group = TaskGroup::<Result<(), Infallible>>::supervisor();
    group.spawn(alive.forever()).await;
    group.shutdown().await;
    assert_eq!(alive.count(), 0);
}

#[ringspun::test]
async fn a_child_may_be_placed_on_a_core() {
    let mut group = TaskGroup::supervisor();
    group.spawn_on(0, async { current_core() }).await;
    assert_eq!(group.join_next().await.unwrap().unwrap(), Some(0));
    let mut spawn = pin!(group.spawn_on(7, async { None }));
    let mut poll = || {
        let mut cx = Context::from_waker(Waker::noop());
        let _ = spawn.as_mut().poll(&mut cx);
    };
    let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut poll));
    assert!(refused.is_err());
    assert!(group.is_empty());
}

#[ringspun::test(virtual_time)]
async fn run_waits_for_the_children_of_a_body_that_succeeds() {
    let alive = Alive::default();
    let start = time::now();
    let result = TaskGroup::<Result<(), Infallible>>::run(async |group| {
        let alive = alive.one();
        group
            .spawn(async move {
                let _alive = alive;
                time::sleep(SECOND).await;
                Ok(())
            })
            .await;
        Ok(7)
    });
    assert_eq!(result.await.unwrap(), 7);
    assert_eq!((alive.count(), time::now() - start), (0, SECOND));
}

#[ringspun::test(virtual_time)]
async fn run_cancels_the_children_of_a_body_that_fails() {
    let alive = Alive::default();
    let result = TaskGroup::run(async |group| {
        group.spawn(alive.forever::<(), _>()).await;
        task::yield_now().await;
        Err::<(), _>("no")
    });
    assert!(matches!(result.await, Err(GroupError::Failed("no"))));
    assert_eq!(alive.count(), 0, "joined before it returns");
}

#[ringspun::test]
async fn run_joins_the_children_before_a_panic_goes_on() {
    let alive = Alive::default();
    let outer = alive.clone();
    let task = spawn(async move {
        TaskGroup::<Result<(), Infallible>>::run(async |group| {
            group.spawn(alive.forever()).await;
            if group.running() == 1 {
                panic!("the body");
            }
            Ok(())
        })
        .await
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(outer.count(), 0);
    no_tasks_left().await;
}

#[ringspun::test(virtual_time)]
async fn a_failing_child_ends_the_body_of_run() {
    let result = TaskGroup::run(async |group| {
        group
            .spawn(async {
                time::sleep(SECOND).await;
                Err::<(), _>("child")
            })
            .await;
        std::future::pending::<Result<(), _>>().await
    });
    assert!(matches!(result.await, Err(GroupError::Failed("child"))));
}

#[ringspun::test(virtual_time)]
async fn run_says_that_it_was_cancelled() {
    let token = CancelToken::new();
    let group = spawn({
        let token = token.clone();
        async move {
            let body = TaskGroup::<Result<(), Infallible>>::run(async |group| {
                group.spawn(std::future::pending()).await;
                std::future::pending::<Result<(), _>>().await
            });
            token.scope(body).await
        }
    });
    time::sleep(SECOND).await;
    token.cancel_with("enough");
    let error = group.await.unwrap().unwrap_err();
    assert!(matches!(&error, GroupError::Cancelled(_)), "{error:?}");
    assert_eq!(error.to_string(), "cancelled: enough");
}

/// A child ends in every poll of the body's life, the whole is dropped at every await point of it: whatever
/// happens, no child is left.
#[test]
fn a_group_cancelled_at_every_await_point_leaves_nothing() {
    const STEPS: usize = 12;
    async fn life(alive: Alive) {
        let result = TaskGroup::<Result<usize, usize>>::run(async |group| {
            group.set_limit(3);
            for n in 0..STEPS / 2 {
                let one = alive.one();
                let child = async move {
                    let _one = one;
                    task::yield_now().await;
                    Ok(n)
                };
                group.spawn(child).await;
                task::yield_now().await;
            }
            group.join_next().await;
            Ok(group.try_join_all().await)
        });
        result.await.unwrap().unwrap();
    }
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let mut finished = 0;
        for polls in 0..10 * STEPS {
            let alive = Alive::default();
            let done = runtime.block_on(async {
                let inner = alive.clone();
                spawn(async move {
                    let mut life = pin!(life(inner));
                    let mut left = polls;
                    std::future::poll_fn(move |cx| poll_at_most(life.as_mut(), &mut left, cx)).await
                })
                .await
                .unwrap()
            });
            finished += usize::from(done);
            support::becomes(0, || alive.count());
            support::becomes(0, || runtime.handle().dump().tasks().len());
        }
        assert!(finished > 0 && finished < 10 * STEPS, "{finished}");
    });
}

/// Polls a future so often, then gives it up: false.
fn poll_at_most<F: Future>(
    future: Pin<&mut F>,
    left: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<bool> {
    if *left == 0 {
        return Poll::Ready(false);
    }
    *left -= 1;
    future.poll(cx).map(|_| true)
}

#[ringspun::test]
async fn a_group_that_discards_still_tells_the_first_failure() {
    let mut group = TaskGroup::new().discard();
    group.spawn(async { Ok(()) }).await;
    group.spawn(async { Err("bad") }).await;
    assert!(matches!(
        group.try_join_all().await,
        Err(GroupError::Failed("bad"))
    ));
    let mut group = TaskGroup::<Result<(), Infallible>>::new().discard();
    group.spawn(async { panic!("boom") }).await;
    assert!(matches!(
        group.try_join_all().await,
        Err(GroupError::Panicked(_))
    ));
}

/// Children fail, panic, end and are cancelled on two cores at once; the runtime ends in the middle.
#[test]
fn groups_under_stress_and_at_shutdown_leave_no_child() {
    within_limit(|| {
        for round in 0..count(100, 5_000) {
            let runtime: Runtime = Builder::new().cores(2).build().unwrap();
            let alive = Alive::default();
            let tasks: Vec<_> = (0..4_usize)
                .map(|n| {
                    let alive = alive.clone();
                    runtime.handle().spawn_on(n % 2, async move {
                        TaskGroup::<Result<usize, usize>>::run(async |group| {
                            group.set_limit(1 + n);
                            for i in 0..20_usize {
                                let one = alive.one();
                                let child = async move {
                                    let _one = one;
                                    for _ in 0..i % 4 {
                                        task::yield_now().await;
                                    }
                                    match (i + round) % 19 {
                                        17 => Err(i),
                                        18 => panic!("boom"),
                                        _ => Ok(i),
                                    }
                                };
                                group.spawn_on(i % 2, child).await;
                            }
                            group.try_join_all().await.map_err(|_| n)
                        })
                        .await
                    })
                })
                .collect();
            if round % 2 == 0 {
                runtime.block_on(async {
                    for task in tasks {
                        task.await.unwrap().unwrap_err();
                    }
                });
                assert_eq!(alive.count(), 0);
                runtime.handle().assert_no_leaks();
            }
            drop(runtime);
            assert_eq!(alive.count(), 0);
        }
    });
}
