//! A snapshot's readers against its writers: no value is read after its end, and each is dropped once, as
//! soon as nobody reads it.
//!
//! Fails if one of the fences is gone: that of `protect`, of `replace`, of a guard's end; if `protect` does
//! not look again; if a guard's end, or a reader that found another value, does not collect; if the store
//! or the end of a slot loses its Release; if the loads of slots in `hold` or `free_slot`, the load or the
//! swap of `current`, or the push of a record become Relaxed (all seen).

use std::sync::Arc as StdArc;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{Acquire, SeqCst};
use loom::thread;

use super::hazards::Hazards;
use super::{Fence, Snapshot};

/// Its end is a write that loom orders against the reads.
struct Value {
    number: UnsafeCell<usize>,
    alive: Arc<AtomicUsize>,
}

// SAFETY: loom reports every access that is not ordered.
unsafe impl Send for Value {}
// SAFETY: as above.
unsafe impl Sync for Value {}

impl Value {
    fn new(number: usize, alive: &Arc<AtomicUsize>) -> StdArc<Self> {
        alive.fetch_add(1, SeqCst);
        StdArc::new(Self {
            number: UnsafeCell::new(number),
            alive: alive.clone(),
        })
    }

    fn number(&self) -> usize {
        // SAFETY: it is only read while it lives.
        self.number.with(|number| unsafe { *number })
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: nobody reads it any more, or loom says so.
        self.number.with_mut(|number| unsafe { *number = DEAD });
        self.alive.fetch_sub(1, SeqCst);
    }
}

const DEAD: usize = usize::MAX;

struct Model {
    hazards: &'static Hazards,
    alive: Arc<AtomicUsize>,
    snapshot: Arc<Snapshot<Value>>,
}

impl Model {
    fn new() -> Self {
        let hazards = Hazards::leaked();
        let alive = Arc::new(AtomicUsize::new(0));
        let first = Value::new(0, &alive);
        Self {
            hazards,
            snapshot: Arc::new(Snapshot::with(first, hazards, Fence::best())),
            alive,
        }
    }

    fn reader(&self, loads: usize) -> thread::JoinHandle<()> {
        let (hazards, snapshot) = (self.hazards, self.snapshot.clone());
        thread::spawn(move || {
            let record = hazards.join();
            let mut last = 0;
            for _ in 0..loads {
                let guard = snapshot.read(Some(record));
                let number = guard.number();
                assert!(number != DEAD && number >= last);
                last = number;
            }
            record.give_back();
        })
    }

    fn writer(&self, numbers: std::ops::Range<usize>) -> thread::JoinHandle<()> {
        let (alive, snapshot) = (self.alive.clone(), self.snapshot.clone());
        thread::spawn(move || {
            for number in numbers {
                snapshot.store(Value::new(number, &alive));
            }
        })
    }

    fn end(self, threads: impl IntoIterator<Item = thread::JoinHandle<()>>) {
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(self.alive.load(Acquire), 1, "the current one alone");
        drop(self.snapshot);
        assert_eq!(self.alive.load(Acquire), 0);
    }
}

#[test]
fn loom_snapshot_reader_against_writer() {
    loom::model(|| {
        let model = Model::new();
        let threads = [model.reader(2), model.writer(1..3)];
        model.end(threads);
    });
}

#[test]
fn loom_snapshot_two_readers_the_last_one_drops() {
    loom::model(|| {
        let model = Model::new();
        let threads = [model.reader(1), model.reader(1), model.writer(1..2)];
        model.end(threads);
    });
}

/// A guard that is dropped elsewhere, while its thread fills the slot again.
#[test]
fn loom_snapshot_guard_moves_to_another_thread() {
    loom::model(|| {
        let hazards = Hazards::leaked();
        let alive = Arc::new(AtomicUsize::new(0));
        let first = Value::new(0, &alive);
        let snapshot: &'static _ =
            Box::leak(Box::new(Snapshot::with(first, hazards, Fence::best())));
        let record = hazards.join();
        let guard = snapshot.read(Some(record));
        let away = thread::spawn(move || {
            assert_eq!(guard.number(), 0);
            drop(guard);
        });
        let writer = {
            let alive = alive.clone();
            thread::spawn(move || snapshot.store(Value::new(1, &alive)))
        };
        assert!(snapshot.read(Some(record)).number() <= 1);
        away.join().unwrap();
        writer.join().unwrap();
        assert_eq!(alive.load(Acquire), 1);
        // SAFETY: it was leaked above, and its users are gone.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(snapshot).cast_mut()) });
    });
}
