//! The connections of one core.
//!
//! A connection belongs to a shard from the moment its core is chosen, hence also while it is
//! under way there. It is found here by who ends the server: `stop` wakes its session, `cut` its
//! task. One that has not arrived has stored no waker and needs none: its first poll, which is
//! queued already, looks at the flags.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;

use slab::Slab;

use crate::acceptor::shared::{Shared, lock};

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) shared: Arc<Shared>,
    pub(super) core: usize,
    slots: Mutex<Slots>,
    /// How many slots are taken. Written under their lock, read by the loops of other cores.
    connections: AtomicUsize,
    /// Arrivals from loops of other cores. An arrival may run on any thread, if it was stolen.
    received: AtomicU64,
    /// Of those, closed because they could not be opened.
    failed: AtomicU64,
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

impl Key {
    /// What no other connection of the shard has.
    pub(super) fn id(self) -> u64 {
        self.id
    }
}

impl Shard {
    pub(super) fn new(shared: Arc<Shared>, core: usize) -> Self {
        Self {
            shared,
            core,
            slots: Mutex::default(),
            connections: AtomicUsize::new(0),
            received: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Connections of this core, those under way to it included.
    pub(super) fn connections(&self) -> usize {
        // Relaxed: a number to choose by; nothing is read because of it.
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn insert(&self) -> Key {
        let mut slots = lock(&self.slots);
        let id = slots.next_id;
        slots.next_id += 1;
        let slot = slots.slots.insert(Slot {
            id,
            task: None,
            session: None,
        });
        self.connections.store(slots.slots.len(), Ordering::Relaxed);
        Key { slot, id }
    }

    /// Whether this was the last connection of a core that had many: a good time to tidy up.
    pub(super) fn remove(&self, key: Key) -> bool {
        let mut slots = lock(&self.slots);
        let slot = slots.slots.try_remove(key.slot);
        let is_over = slots.slots.is_empty() && slots.slots.capacity() > MANY;
        if is_over {
            // Slots do not move, so only an empty slab can give memory back.
            slots.slots = Slab::new();
        }
        self.connections.store(slots.slots.len(), Ordering::Relaxed);
        drop(slots);
        debug_assert!(slot.as_ref().is_some_and(|slot| slot.id == key.id));
        drop(slot);
        is_over
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

    pub(super) fn count_received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Says how many have failed before.
    pub(super) fn count_failed(&self) -> u64 {
        self.failed.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

/// So many connections of a core leave memory behind that is worth giving back.
const MANY: usize = 1024;

impl Slots {
    fn get(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots
            .get_mut(key.slot)
            .filter(|slot| slot.id == key.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_connections_are_over_when_the_last_one_is() {
        let shard = Shard::new(Arc::new(Shared::new(MANY * 2, 0)), 0);
        let few = shard.insert();
        assert!(!shard.remove(few));
        let mut many: Vec<Key> = (0..=MANY).map(|_| shard.insert()).collect();
        let last = many.pop().unwrap();
        assert!(many.into_iter().all(|key| !shard.remove(key)));
        assert!(shard.remove(last));
        // Keys of before are nobody's now.
        assert!(!shard.set_session(last, Waker::noop().clone()));
    }
}
