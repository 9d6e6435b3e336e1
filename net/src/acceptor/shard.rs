//! The connections of one listener, and what its accept loop has counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use slab::Slab;

use crate::acceptor::AcceptStats;
use crate::acceptor::shared::{Shared, lock};

/// The connections of one listener.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) shared: Arc<Shared>,
    /// Of the listener.
    pub(super) index: usize,
    slots: Mutex<Slots>,
    // Counters, written by the accept loop only.
    accepted: AtomicU64,
    errors: AtomicU64,
    back_offs: AtomicU64,
}

#[derive(Debug, Default)]
struct Slots {
    slots: Slab<Slot>,
    /// The id of the next connection: keys are used again, ids are not.
    next_id: u64,
}

#[derive(Debug)]
struct Slot {
    id: u64,
    /// Of the connection's task, from its first poll on.
    task: Option<Waker>,
    /// Of whoever waits for the stop.
    session: Option<Waker>,
}

/// A connection's place in its shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    slot: usize,
    id: u64,
}

impl Shard {
    pub(super) fn new(shared: Arc<Shared>, index: usize) -> Self {
        Self {
            shared,
            index,
            slots: Mutex::default(),
            accepted: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            back_offs: AtomicU64::new(0),
        }
    }

    pub(super) fn insert(&self) -> Key {
        let mut slots = lock(&self.slots);
        let id = slots.next_id;
        slots.next_id += 1;
        Key {
            slot: slots.slots.insert(Slot {
                id,
                task: None,
                session: None,
            }),
            id,
        }
    }

    pub(super) fn remove(&self, key: Key) {
        let slot = lock(&self.slots).slots.try_remove(key.slot);
        debug_assert!(slot.as_ref().is_some_and(|slot| slot.id == key.id));
        drop(slot);
    }

    pub(super) fn set_task(&self, key: Key, waker: Waker) {
        let mut slots = lock(&self.slots);
        let old = slots.get(key).and_then(|slot| slot.task.replace(waker));
        drop(slots);
        drop(old);
    }

    /// Whether the connection is still there.
    pub(super) fn set_session(&self, key: Key, waker: Waker) -> bool {
        let mut slots = lock(&self.slots);
        let Some(slot) = slots.get(key) else {
            return false;
        };
        let old = slot.session.replace(waker);
        drop(slots);
        drop(old);
        true
    }

    pub(super) fn wake_sessions(&self) {
        let mut slots = lock(&self.slots);
        let wakers: Vec<Waker> = slots
            .slots
            .iter_mut()
            .filter_map(|(_, slot)| slot.session.take())
            .collect();
        drop(slots);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn wake_tasks(&self) {
        let slots = lock(&self.slots);
        let wakers: Vec<Waker> = slots
            .slots
            .iter()
            .filter_map(|(_, slot)| slot.task.clone())
            .collect();
        drop(slots);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn count_accepted(&self) {
        bump(&self.accepted);
    }

    pub(super) fn count_error(&self) {
        bump(&self.errors);
    }

    pub(super) fn count_back_off(&self) {
        bump(&self.back_offs);
    }

    pub(super) fn stats(&self) -> AcceptStats {
        AcceptStats {
            accepted: self.accepted.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            back_offs: self.back_offs.load(Ordering::Relaxed),
        }
    }
}

impl Slots {
    fn get(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots
            .get_mut(key.slot)
            .filter(|slot| slot.id == key.id)
    }
}

/// Adds one to a counter with a single writer: no locked instruction.
fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}
