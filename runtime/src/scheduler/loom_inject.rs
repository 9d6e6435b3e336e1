//! M9: a task pushed to an inbox or the inject queue while the runtime closes it is taken out or dropped,
//! once; none stays behind.
//!
//! Fails (a task is left in the queue) if `push` looks at the flag before it takes the lock, and if the
//! shutdown drains first and closes then (both seen).

use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use super::inject::Inject;
use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::Relaxed;
use crate::task::{Header, Notified, Schedule, new_task};

/// Counts its living cells.
struct Counted(Arc<AtomicUsize>);

impl Schedule for Counted {
    fn schedule(&self, _: Notified) {}
    fn release(&self, _: &Header) -> bool {
        false
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[test]
fn loom_inject_close_against_push() {
    loom::model(|| {
        let queue = Arc::new(Inject::new());
        let alive = Arc::new(AtomicUsize::new(0));
        let pushers: Vec<_> = (0..2)
            .map(|_| {
                let (queue, alive) = (queue.clone(), alive.clone());
                thread::spawn(move || {
                    alive.fetch_add(1, Relaxed);
                    let counted = Counted(alive);
                    let (task, entry, join) = new_task(async {}, counted, 0, Location::caller());
                    // The registry has cancelled it: the entry is the last reference.
                    drop(join);
                    task.shutdown();
                    queue.push(entry);
                })
            })
            .collect();
        // As the shutdown does it.
        let closer = queue.clone();
        let closer = thread::spawn(move || {
            closer.close();
            while closer.pop().is_some() {}
        });
        for pusher in pushers {
            pusher.join().unwrap();
        }
        closer.join().unwrap();
        assert!(queue.is_empty());
        assert_eq!(alive.load(Relaxed), 0, "a task stayed behind");
    });
}
