//! Locks, semaphores, notifications, barriers, wait groups: order, fairness, the budget, wakers that use them,
//! and waits that are given up at random.

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;
use std::time::Duration;

use ringspun::sync::{Barrier, Mutex, Notify, RwLock, Semaphore, TryAcquireError, WaitGroup};
use ringspun::{Builder, spawn, spawn_blocking, task, time};
use support::by_hand::{Busy, Wakes, give_up_after, poll_now, poll_with};
use support::rng::Rng;
use support::{count, within_limit};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Waits that have begun.
fn waiting<'a, T: 'a, F: Future<Output = T> + 'a>(
    n: usize,
    make: impl Fn() -> F,
) -> Vec<Boxed<'a, T>> {
    let begun = |_| {
        let mut future: Boxed<'a, T> = Box::pin(make());
        assert!(poll_now(future.as_mut()).is_none());
        future
    };
    (0..n).map(begun).collect()
}

/// How many of the waits are over.
fn ready<T>(waits: &mut [Boxed<'_, T>]) -> usize {
    waits
        .iter_mut()
        .map(|wait| usize::from(poll_now(wait.as_mut()).is_some()))
        .sum()
}

#[test]
fn notify_one_wakes_the_first_or_leaves_one_permit() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    assert!(poll_now(pin!(notify.notified())).is_some());
    let mut waits = waiting(3, || notify.notified());
    notify.notify_one();
    assert!(poll_now(waits[1].as_mut()).is_none());
    assert!(poll_now(waits[0].as_mut()).is_some());
    // Over, for good.
    let mut over = pin!(notify.notified());
    notify.notify_waiters();
    assert!(poll_now(over.as_mut()).is_some());
    assert!(poll_now(over.as_mut()).is_some());
    assert_eq!(ready(&mut waits[1..]), 2);
    assert!(poll_now(pin!(notify.notified())).is_none());
}

#[test]
fn a_notified_wait_that_is_dropped_passes_it_on() {
    let notify = Notify::new();
    let mut waits = waiting(3, || notify.notified());
    notify.notify_one();
    drop(waits.remove(0));
    assert!(poll_now(waits[0].as_mut()).is_some());
    assert!(poll_now(waits[1].as_mut()).is_none());
    // Told twice, dropped twice: one permit is left.
    waits.extend(waiting(1, || notify.notified()));
    notify.notify_one();
    notify.notify_one();
    drop(waits);
    assert!(poll_now(pin!(notify.notified())).is_some());
    assert!(poll_now(pin!(notify.notified())).is_none());
    // One that all were told of is not passed on.
    let waits = waiting(2, || notify.notified());
    notify.notify_waiters();
    drop(waits);
    assert!(poll_now(pin!(notify.notified())).is_none());
}

#[test]
fn notify_waiters_is_heard_from_the_making_on() {
    let notify = Notify::new();
    let mut before = pin!(notify.notified());
    notify.notify_waiters();
    assert!(poll_now(before.as_mut()).is_some());
    assert!(poll_now(pin!(notify.notified())).is_none());
    // It leaves a permit where it is.
    notify.notify_one();
    notify.notify_waiters();
    assert!(poll_now(pin!(notify.notified())).is_some());
}

/// While the waits of one round end in turns, the next round has begun: a notification goes to a wait that has
/// none yet. The waker of the first wait runs between two turns.
#[test]
fn notify_one_passes_over_those_who_have_been_told() {
    within_limit(|| {
        let notify = Arc::new(Notify::new());
        let mut waits = waiting(40, || notify.notified());
        let (own, told) = (notify.clone(), Arc::new(AtomicUsize::new(0)));
        let tells = told.clone();
        let waker = Busy::waker(move || {
            own.notify_waiters();
            let mut waits = waiting(2, || own.notified());
            own.notify_one();
            assert!(poll_now(waits[0].as_mut()).is_some());
            assert!(poll_now(waits[1].as_mut()).is_none());
            tells.fetch_add(1, SeqCst);
        });
        assert!(poll_with(waits[0].as_mut(), &waker).is_none());
        drop(waker);
        notify.notify_waiters();
        // Woken, and dropped.
        assert_eq!(told.load(SeqCst), 2);
        assert_eq!(ready(&mut waits), 40);
    });
}

#[test]
fn permits_are_given_first_come_first_served() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.try_acquire_many(2).unwrap();
    let mut many = waiting(1, || semaphore.acquire_many(2));
    let mut one = waiting(1, || semaphore.acquire());
    drop(held);
    // The first in the queue is not passed, and may not be by `try_acquire`.
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::NoPermits
    );
    assert_eq!((ready(&mut one), ready(&mut many)), (0, 1));
    // Its permits have gone on to the next.
    assert_eq!(ready(&mut one), 1);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn permits_come_back_split_or_stay_away() {
    let semaphore = Arc::new(Semaphore::new(5));
    let mut permit = semaphore.clone().try_acquire_many_owned(4).unwrap();
    let part = permit.split(3).unwrap();
    assert!(permit.split(2).is_none());
    assert_eq!((permit.num_permits(), part.num_permits()), (1, 3));
    part.forget();
    drop(permit);
    assert_eq!(semaphore.available_permits(), 2);
    assert_eq!(semaphore.forget_permits(5), 2);
    let mut waits = waiting(2, || semaphore.acquire());
    semaphore.add_permits(2);
    assert_eq!(ready(&mut waits), 2);
}

#[test]
fn a_closed_semaphore_refuses() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    let (woken, waker) = Wakes::new();
    // More than one batch of wakers.
    let mut waits = waiting(40, || semaphore.acquire());
    for wait in &mut waits {
        assert!(poll_with(wait.as_mut(), &waker).is_none());
    }
    semaphore.close();
    assert_eq!(woken.count(), 40);
    for mut wait in waits {
        assert!(matches!(poll_now(wait.as_mut()), Some(Err(_))));
    }
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::Closed
    );
    drop(held);
    assert!(matches!(poll_now(pin!(semaphore.acquire())), Some(Err(_))));
    assert_eq!(
        (semaphore.available_permits(), semaphore.is_closed()),
        (1, true)
    );
}

#[test]
fn the_first_in_the_queue_gives_up() {
    let semaphore = Semaphore::new(1);
    let mut many = waiting(1, || semaphore.acquire_many(2));
    let mut one = waiting(1, || semaphore.acquire());
    assert_eq!(ready(&mut one), 0);
    many.clear();
    assert_eq!(ready(&mut one), 1);
    one.clear();
    // Given permits, then dropped.
    let held = semaphore.try_acquire().unwrap();
    let wait = waiting(1, || semaphore.acquire());
    drop(held);
    drop(wait);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn the_mutex_is_passed_on_in_order() {
    let mutex = Arc::new(Mutex::new(Vec::new()));
    let held = mutex.try_lock().unwrap();
    let waits: Vec<_> = (0..3)
        .map(|_| waiting(1, || mutex.lock()).remove(0))
        .collect();
    drop(held);
    assert!(mutex.try_lock().is_err(), "it has been passed on");
    for (i, mut wait) in waits.into_iter().enumerate() {
        match poll_now(wait.as_mut()) {
            Some(mut order) => order.push(i),
            None => panic!("number {i} was passed over"),
        }
    }
    let owned = mutex.clone().try_lock_owned().unwrap();
    assert_eq!((*owned).len(), 3);
    drop(owned);
    assert_eq!(*Arc::into_inner(mutex).unwrap().into_inner(), [0, 1, 2]);
}

#[test]
fn a_task_that_panics_unlocks() {
    let runtime = Builder::new().cores(1).build().unwrap();
    runtime.block_on(async {
        let mutex = Arc::new(Mutex::new(0));
        let own = mutex.clone();
        let task = spawn(async move {
            let _guard = own.lock().await;
            panic!("with the lock");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(*mutex.lock().await, 0);
    });
}

/// Threads, and a job that holds up a test clock, wait for a lock.
#[ringspun::test(virtual_time)]
async fn threads_block_for_a_lock() {
    let mutex = Arc::new(Mutex::new(0));
    let lock = Arc::new(RwLock::new(0));
    let (held, read) = (mutex.lock().await, lock.read().await);
    let own = mutex.clone();
    let thread = thread::spawn(move || *own.blocking_lock() += 1);
    let own = lock.clone();
    let job = spawn_blocking(move || *own.blocking_write() += 1);
    time::sleep(Duration::from_secs(3600)).await;
    drop((held, read));
    job.await.unwrap();
    spawn_blocking(move || thread.join().unwrap())
        .await
        .unwrap();
    assert_eq!((*mutex.lock().await, *lock.read().await), (1, 1));
}

#[test]
fn a_writer_that_waits_stops_new_readers() {
    let lock = RwLock::new(0);
    let (first, second) = (lock.try_read().unwrap(), lock.try_read().unwrap());
    let mut writer = waiting(1, || lock.write());
    let mut readers = waiting(2, || lock.read());
    assert!(lock.try_read().is_err());
    drop((first, second));
    assert_eq!(ready(&mut readers), 0);
    match poll_now(writer[0].as_mut()) {
        Some(mut value) => {
            *value += 1;
            // As a reader it lets the others in.
            let value = value.downgrade();
            assert_eq!(ready(&mut readers), 2);
            assert_eq!(*value, 1);
        }
        None => panic!("the writer is next"),
    }
    readers.clear();
    assert!(lock.try_write().is_ok());
    // A writer that gives up lets the readers in.
    let read = lock.try_read().unwrap();
    let writer = waiting(1, || lock.write());
    let mut readers = waiting(2, || lock.read());
    drop(writer);
    assert_eq!(ready(&mut readers), 2);
    drop(read);
}

#[test]
fn a_barrier_opens_when_all_have_come() {
    let barrier = Barrier::new(3);
    for _ in 0..3 {
        let mut waits = waiting(2, || barrier.wait());
        // One goes away again.
        waits.pop();
        waits.extend(waiting(1, || barrier.wait()));
        match poll_now(pin!(barrier.wait())) {
            Some(result) => assert!(result.is_leader()),
            None => panic!("the last one opens it"),
        }
        // One is dropped after the barrier has opened: the next round does not miss it.
        waits.pop();
        match poll_now(waits[0].as_mut()) {
            Some(result) => assert!(!result.is_leader()),
            None => panic!("it is open"),
        }
    }
    for parties in [0, 1] {
        assert!(poll_now(pin!(Barrier::new(parties).wait())).is_some());
    }
}

#[test]
fn a_wait_group_waits_for_the_work_that_was_added() {
    let group = WaitGroup::new();
    assert!(poll_now(pin!(group.wait())).is_some());
    for _ in 0..3 {
        group.add(2);
        let worker = group.worker();
        let mut waits = waiting(2, || group.wait());
        group.done();
        drop(worker);
        assert_eq!((ready(&mut waits), group.count()), (0, 1));
        group.done();
        // Work that is added later is not theirs.
        group.add(1);
        assert_eq!(ready(&mut waits), 2);
        group.done();
    }
    let too_often = std::panic::AssertUnwindSafe(|| group.done());
    assert!(std::panic::catch_unwind(too_often).is_err());
    assert_eq!(group.count(), 0);
}

#[test]
fn a_worker_that_panics_or_is_aborted_is_done() {
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        runtime.block_on(async {
            let group = WaitGroup::new();
            for i in 0..100 {
                let worker = group.worker();
                let task = spawn(async move {
                    let _worker = worker;
                    assert!(i % 3 > 0, "every third one panics");
                    time::sleep(Duration::from_secs(3600 * (i % 2))).await;
                });
                if i % 2 == 1 {
                    task.abort();
                }
            }
            group.wait().await;
        });
    });
}

/// D4: wakers that use the very thing that wakes or drops them.
#[test]
fn wakers_may_use_what_wakes_them() {
    within_limit(|| {
        let notify = Arc::new(Notify::new());
        let semaphore = Arc::new(Semaphore::new(1));
        let mutex = Arc::new(Mutex::new(0));
        let (n, s, m) = (notify.clone(), semaphore.clone(), mutex.clone());
        let act = Arc::new(move || {
            n.notify_one();
            drop(waiting_or_ready(n.notified()));
            n.notify_waiters();
            drop(s.try_acquire());
            drop(waiting_or_ready(s.acquire_many(2)));
            if let Ok(permit) = s.try_acquire() {
                permit.forget();
                s.add_permits(1);
            }
            drop(m.try_lock());
            drop(waiting_or_ready(m.lock()));
        });
        let busy = || {
            let act = act.clone();
            Busy::waker(move || act())
        };
        for _ in 0..20 {
            let permit = semaphore
                .try_acquire_many(semaphore.available_permits())
                .unwrap();
            let guard = mutex.try_lock().unwrap();
            let mut notified = waiting_or_ready(notify.notified());
            let mut waits = waiting(20, || semaphore.acquire());
            let mut locks = waiting(20, || mutex.lock());
            // Each is given a waker, and another one.
            for waker in [busy(), busy()] {
                let _ = poll_with(notified.as_mut(), &waker);
                for wait in &mut waits {
                    let _ = poll_with(wait.as_mut(), &waker);
                }
                for lock in &mut locks {
                    let _ = poll_with(lock.as_mut(), &waker);
                }
            }
            notify.notify_one();
            notify.notify_waiters();
            drop(permit);
            drop(guard);
            drop((notified, waits, locks));
        }
        assert!(mutex.try_lock().is_ok());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

/// Polled once, whatever came of it.
fn waiting_or_ready<'a, T, F: Future<Output = T> + 'a>(future: F) -> Boxed<'a, ()> {
    let mut future: Boxed<'a, ()> = Box::pin(async {
        future.await;
    });
    let _ = poll_now(future.as_mut());
    future
}

/// What never has to wait lets other tasks run all the same.
#[test]
fn a_task_that_never_waits_yields() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let until_stopped = |which: usize| async move {
            let stop = Arc::new(AtomicBool::new(false));
            let own = stop.clone();
            let stops = spawn(async move { own.store(true, SeqCst) });
            let (mutex, lock) = (Mutex::new(()), RwLock::new(()));
            let (semaphore, notify) = (Semaphore::new(1), Notify::new());
            let (barrier, group) = (Barrier::new(1), WaitGroup::new());
            while !stop.load(SeqCst) {
                match which {
                    0 => drop(mutex.lock().await),
                    1 => drop(lock.read().await),
                    2 => drop(lock.write().await),
                    3 => drop(semaphore.acquire().await),
                    4 => {
                        notify.notify_one();
                        notify.notified().await;
                    }
                    5 => drop(barrier.wait().await),
                    _ => group.wait().await,
                }
            }
            stops.await.unwrap();
        };
        for which in 0..7 {
            runtime.block_on(async { spawn(until_stopped(which)).await.unwrap() });
        }
    });
}

/// Runs `tasks` tasks on so many cores to their end.
fn storm<F: Future<Output = ()> + Send + 'static>(
    cores: usize,
    tasks: u64,
    task: impl Fn(Rng) -> F,
) {
    let runtime = Builder::new().cores(cores).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (1..=tasks)
            .map(|seed| spawn(task(Rng::new(seed))))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

/// As [`storm`], on one core, then on two.
fn storms<F: Future<Output = ()> + Send + 'static>(tasks: u64, task: impl Fn(Rng) -> F) {
    storm(1, tasks, &task);
    storm(2, tasks, task);
}

/// C1: permits are conserved, and nobody who does not give up waits for ever.
#[test]
fn waits_for_permits_that_are_given_up() {
    within_limit(|| {
        let rounds = count(12_500, 125_000);
        let semaphore = Arc::new(Semaphore::new(3));
        storms(8, |mut rng| {
            let semaphore = semaphore.clone();
            async move {
                for _ in 0..rounds {
                    let acquire = semaphore.acquire_many(1 + rng.next(3) as usize);
                    let permit = match rng.next(4) {
                        0 => Some(acquire.await),
                        polls => give_up_after(polls - 1, acquire).await,
                    };
                    if permit.is_some() && rng.next(2) == 0 {
                        task::yield_now().await;
                    }
                }
            }
        });
        assert_eq!(semaphore.available_permits(), 3);
    });
}

/// C1: each notification lets somebody take an item; none is left at the end.
#[test]
fn waits_for_notifications_that_are_given_up() {
    within_limit(|| {
        let rounds = count(12_500, 125_000);
        let shared = Arc::new((AtomicUsize::new(0), Notify::new()));
        let take = |items: &AtomicUsize| {
            items
                .fetch_update(SeqCst, SeqCst, |items| items.checked_sub(1))
                .is_ok()
        };
        // Each makes as many items as it takes.
        storms(8, |mut rng| {
            let shared = shared.clone();
            async move {
                let (items, notify) = &*shared;
                for _ in 0..rounds {
                    items.fetch_add(1, SeqCst);
                    notify.notify_one();
                    loop {
                        let mut notified = pin!(notify.notified());
                        notified.as_mut().enable();
                        if take(items) {
                            break;
                        }
                        match rng.next(3) {
                            0 => notified.await,
                            polls => drop(give_up_after(polls, notified).await),
                        }
                    }
                }
            }
        });
        assert_eq!(shared.0.load(SeqCst), 0);
    });
}

/// C1: a lock that is given up while it is passed on is passed on again.
#[test]
fn waits_for_locks_that_are_given_up() {
    within_limit(|| {
        let rounds = count(12_500, 125_000);
        let mutex = Arc::new(Mutex::new(0_usize));
        let lock = Arc::new(RwLock::new((0_usize, 0_usize)));
        let added = Arc::new(AtomicUsize::new(0));
        storms(8, |mut rng| {
            let (mutex, lock, added) = (mutex.clone(), lock.clone(), added.clone());
            async move {
                for _ in 0..rounds {
                    let polls = rng.next(4);
                    match rng.next(4) {
                        0 => *mutex.lock().await += 1,
                        1 => {
                            let Some(mut value) = give_up_after(polls, mutex.lock()).await else {
                                continue;
                            };
                            let before = *value;
                            task::yield_now().await;
                            *value = before + 1;
                        }
                        2 => {
                            let Some(mut pair) = give_up_after(polls, lock.write()).await else {
                                continue;
                            };
                            pair.0 += 1;
                            task::yield_now().await;
                            pair.1 += 1;
                            continue;
                        }
                        _ => {
                            let pair = lock.read().await;
                            assert_eq!(pair.0, pair.1);
                            continue;
                        }
                    }
                    added.fetch_add(1, SeqCst);
                }
            }
        });
        assert_eq!(*mutex.try_lock().unwrap(), added.load(SeqCst));
        assert!(lock.try_write().is_ok());
    });
}

/// Rounds of a barrier: nobody begins one before all have ended the last.
#[test]
fn a_barrier_keeps_tasks_together() {
    within_limit(|| {
        let rounds = count(2_000, 20_000);
        for cores in [1, 2] {
            let shared = Arc::new((Barrier::new(4), AtomicUsize::new(0)));
            storm(cores, 4, |_| {
                let shared = shared.clone();
                async move {
                    let (barrier, arrived) = &*shared;
                    for round in 1..=rounds {
                        arrived.fetch_add(1, SeqCst);
                        barrier.wait().await;
                        assert_eq!(arrived.load(SeqCst), 4 * round);
                        barrier.wait().await;
                    }
                }
            });
        }
    });
}
