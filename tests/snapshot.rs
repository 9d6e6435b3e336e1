//! A value that readers read while writers replace it: whole, never older than before, dropped once.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use ringspun::task::yield_now;
use ringspun::{Builder, Snapshot, spawn};

use support::{count, within_limit};

/// Its parts say the same, unless it is torn or dropped.
struct Value {
    parts: Vec<usize>,
    alive: Arc<AtomicUsize>,
}

impl Value {
    fn new(number: usize, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::AcqRel);
        Self {
            parts: vec![number; 16],
            alive: alive.clone(),
        }
    }

    fn number(&self) -> usize {
        let number = self.parts[0];
        assert!(self.parts.iter().all(|part| *part == number));
        number
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // Who reads it now sees that it is dead.
        self.parts[0] = usize::MAX;
        self.alive.fetch_sub(1, Ordering::AcqRel);
    }
}

fn snapshot() -> (Arc<AtomicUsize>, Snapshot<Value>) {
    let alive = Arc::new(AtomicUsize::new(0));
    let snapshot = Snapshot::new(Value::new(0, &alive));
    (alive, snapshot)
}

fn alive(count: &AtomicUsize) -> usize {
    count.load(Ordering::Acquire)
}

#[test]
fn readers_see_whole_values_and_none_twice_dropped() {
    within_limit(|| {
        let (count_alive, snapshot) = snapshot();
        let last = count(20_000, 2_000_000);
        thread::scope(|scope| {
            for reader in 0..4 {
                let snapshot = &snapshot;
                scope.spawn(move || {
                    let mut seen = 0;
                    while seen < last {
                        let guard = snapshot.load();
                        let number = guard.number();
                        assert!(number >= seen && number <= last);
                        seen = number;
                        if reader == 0 {
                            thread::yield_now();
                            assert_eq!(guard.number(), number);
                        }
                        if reader == 1 {
                            assert!(snapshot.load_full().number() >= number);
                            assert!(guard.to_arc().number() == number);
                        }
                    }
                });
            }
            for number in 1..=last {
                snapshot.store(Value::new(number, &count_alive));
            }
        });
        assert_eq!(alive(&count_alive), 1);
        drop(snapshot);
        assert_eq!(alive(&count_alive), 0);
    });
}

#[test]
fn no_update_is_lost() {
    within_limit(|| {
        let (count_alive, snapshot) = snapshot();
        let updates = count(5_000, 500_000);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..updates {
                        let next = |value: &Value| Value::new(value.number() + 1, &count_alive);
                        snapshot.update(next);
                    }
                });
            }
        });
        assert_eq!(snapshot.load().number(), 3 * updates);
        assert_eq!(alive(&count_alive), 1);
    });
}

#[test]
fn a_replaced_value_goes_with_its_last_guard() {
    let (count_alive, snapshot) = snapshot();
    // More guards than a thread has slots.
    let guards: Vec<_> = (0..20).map(|_| snapshot.load()).collect();
    snapshot.store(Value::new(1, &count_alive));
    snapshot.store(Value::new(2, &count_alive));
    assert_eq!(
        alive(&count_alive),
        2,
        "that of the guards, and the current one"
    );
    for guard in guards {
        assert_eq!((guard.number(), alive(&count_alive)), (0, 2));
    }
    assert_eq!(alive(&count_alive), 1);
    // An `Arc` keeps it longer.
    let kept = snapshot.load_full();
    let before = snapshot.swap(Value::new(3, &count_alive));
    assert!(Arc::ptr_eq(&kept, &before));
    drop((kept, before));
    assert_eq!(alive(&count_alive), 1);
    // The same value in two snapshots, and back where it was before.
    let both = Snapshot::from(snapshot.load_full());
    let there = both.load();
    drop(snapshot);
    assert_eq!((there.number(), alive(&count_alive)), (3, 1));
    let same = there.to_arc();
    both.store(Value::new(4, &count_alive));
    both.store(same);
    assert_eq!((there.number(), both.load().number()), (3, 3));
    drop(there);
    drop(both);
    assert_eq!(alive(&count_alive), 0);
}

/// Threads that end leave their slots to the next ones, also while a guard of theirs lives elsewhere.
#[test]
fn guards_outlive_their_threads() {
    within_limit(|| {
        let (count_alive, snapshot) = snapshot();
        for round in 0..count(200, 20_000) {
            let together = Barrier::new(3);
            let guards = thread::scope(|scope| {
                let threads = [0; 3].map(|_| {
                    scope.spawn(|| {
                        together.wait();
                        snapshot.load()
                    })
                });
                threads.map(|thread| thread.join().unwrap())
            });
            snapshot.store(Value::new(round + 1, &count_alive));
            assert_eq!(alive(&count_alive), 2);
            assert!(guards.iter().all(|guard| guard.number() == round));
            drop(guards);
            assert_eq!(alive(&count_alive), 1);
        }
    });
}

#[test]
fn guards_are_held_across_await_points() {
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        let (count_alive, snapshot) = snapshot();
        let snapshot = Arc::new(snapshot);
        let stores = count(300, 30_000);
        runtime.block_on(async {
            let readers = [0; 20].map(|_| {
                let snapshot = snapshot.clone();
                spawn(async move {
                    let mut seen = 0;
                    while seen < stores {
                        let guard = snapshot.load();
                        let number = guard.number();
                        assert!(number >= seen);
                        seen = number;
                        yield_now().await;
                        assert_eq!(guard.number(), number);
                    }
                })
            });
            let writer = snapshot.clone();
            let alive = count_alive.clone();
            let writing = spawn(async move {
                for number in 1..=stores {
                    writer.store(Value::new(number, &alive));
                    yield_now().await;
                }
            });
            writing.await.unwrap();
            for reader in readers {
                reader.await.unwrap();
            }
        });
        assert_eq!(alive(&count_alive), 1);
    });
}

/// A destructor may use the snapshot: it runs under no lock.
#[test]
fn a_destructor_may_load_and_store() {
    struct Again {
        snapshot: Arc<Snapshot<Option<Self>>>,
        runs: Arc<AtomicUsize>,
    }
    impl Drop for Again {
        fn drop(&mut self) {
            assert!(self.snapshot.load().is_none());
            self.snapshot.store(None);
            self.runs.fetch_add(1, Ordering::AcqRel);
        }
    }
    within_limit(|| {
        let (snapshot, runs) = (Arc::new(Snapshot::new(None)), Arc::new(AtomicUsize::new(0)));
        let again = || {
            Some(Again {
                snapshot: snapshot.clone(),
                runs: runs.clone(),
            })
        };
        snapshot.store(again());
        let guard = snapshot.load();
        snapshot.store(None);
        assert_eq!(alive(&runs), 0);
        drop(guard);
        assert_eq!(alive(&runs), 1);
        snapshot.store(again());
        snapshot.store(None);
        assert_eq!(alive(&runs), 2);
    });
}
