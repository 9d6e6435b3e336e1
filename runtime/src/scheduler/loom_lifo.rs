//! M5: a task put into the LIFO slot comes out once, to its owner or to a thief, with what was done before.
//!
//! Fails if `take` becomes a load and a store, and if the swaps become relaxed (both seen).

use std::panic::Location;

use loom::sync::Arc;
use loom::thread;

use super::lifo::LifoSlot;
use crate::task::{Header, Notified, Schedule, new_task};

struct Nowhere;

impl Schedule for Nowhere {
    fn schedule(&self, _: Notified) {}
    fn release(&self, _: &Header) -> bool {
        false
    }
}

#[test]
fn loom_lifo_owner_against_thief() {
    loom::model(|| {
        let slot = Arc::new(LifoSlot::new());
        let thief = slot.clone();
        let thief = thread::spawn(move || usize::from(thief.take().map(Notified::run).is_some()));
        let owner = thread::spawn(move || {
            let (mut ran, mut others) = (0, Vec::new());
            for _ in 0..2 {
                // Made here, so that only the slot tells the thief of it.
                let (task, entry, join) = new_task(async {}, Nowhere, 0, Location::caller());
                others.push((task, join));
                ran += usize::from(slot.replace(entry).map(Notified::run).is_some());
            }
            ran += usize::from(slot.take().map(Notified::run).is_some());
            (ran, others)
        });
        let (ran, others) = owner.join().unwrap();
        assert_eq!(ran + thief.join().unwrap(), 2);
        drop(others);
    });
}
