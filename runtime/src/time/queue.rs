//! The timer queue of a core: a 4-ary heap over stable entries.
//!
//! The heap holds `(key, index)`; the entry at `index` knows its place in the heap, so that a timer
//! can be cancelled or moved from anywhere. Deadlines are exact nanoseconds: a wheel would insert
//! faster (10 ns against 28 at 100,000 timers) but round a deadline to its tick.
//!
//! Invariants:
//! - an entry's key in the heap is at most its deadline. Moving a deadline *later* only writes the
//!   entry; the heap finds out when the old key comes up, and sifts then. A server re-arms a timeout
//!   at each request and pays two nanoseconds for it;
//! - `heap[entries[i].place].index == i`;
//! - a [`Key`] of a timer that fired or was cancelled matches no entry: the serial number differs.

use std::task::Waker;

use slab::Slab;

use super::clock::NEVER;

/// The timers of one core.
#[derive(Debug, Default)]
pub(crate) struct TimerQueue {
    heap: Vec<Node>,
    entries: Slab<Entry>,
    serial: u64,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    key: u64,
    index: u32,
}

#[derive(Debug)]
struct Entry {
    deadline: u64,
    serial: u64,
    place: u32,
    waker: Waker,
}

/// Names a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    index: u32,
    serial: u64,
}

const ARITY: usize = 4;

impl TimerQueue {
    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// No timer fires before this; [`NEVER`] without timers.
    pub(crate) fn next(&self) -> u64 {
        self.heap.first().map_or(NEVER, |node| node.key)
    }

    pub(crate) fn insert(&mut self, deadline: u64, waker: Waker) -> Key {
        self.serial += 1;
        let place = self.heap.len() as u32;
        let entry = Entry {
            deadline,
            serial: self.serial,
            place,
            waker,
        };
        let index = self.entries.insert(entry);
        let index = u32::try_from(index).expect("fewer than 2^32 timers in a core");
        self.heap.push(Node {
            key: deadline,
            index,
        });
        self.sift_up(place as usize);
        Key {
            index,
            serial: self.serial,
        }
    }

    /// Whether a timer wakes the same task as `waker`; `None` if it has fired.
    pub(crate) fn will_wake(&mut self, key: Key, waker: &Waker) -> Option<bool> {
        Some(self.entry(key)?.waker.will_wake(waker))
    }

    /// Replaces the waker of a timer. Gives back the one to drop, outside the lock: the old one, or
    /// `Err(new)` if the timer has fired.
    pub(crate) fn set_waker(&mut self, key: Key, new: Waker) -> Result<Waker, Waker> {
        match self.entry(key) {
            Some(entry) => Ok(std::mem::replace(&mut entry.waker, new)),
            None => Err(new),
        }
    }

    /// Moves a timer's deadline; false if it has fired.
    pub(crate) fn reset(&mut self, key: Key, deadline: u64) -> bool {
        let Some(entry) = self.entry(key) else {
            return false;
        };
        entry.deadline = deadline;
        let place = entry.place as usize;
        if deadline < self.heap[place].key {
            self.heap[place].key = deadline;
            self.sift_up(place);
        }
        true
    }

    /// Removes a timer; its waker if it had not fired.
    pub(crate) fn cancel(&mut self, key: Key) -> Option<Waker> {
        let place = self.entry(key)?.place as usize;
        Some(self.remove(place))
    }

    /// Removes one timer that is due at `now`.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<Waker> {
        loop {
            let node = *self.heap.first()?;
            if node.key > now {
                return None;
            }
            let deadline = self.entries[node.index as usize].deadline;
            if deadline <= now {
                return Some(self.remove(0));
            }
            // It was moved later since it got its place.
            self.heap[0].key = deadline;
            self.sift_down(0);
        }
    }

    /// Removes every timer.
    pub(crate) fn clear(&mut self) -> Vec<Waker> {
        self.heap.clear();
        self.entries.drain().map(|entry| entry.waker).collect()
    }

    fn entry(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries
            .get_mut(key.index as usize)
            .filter(|entry| entry.serial == key.serial)
    }

    fn remove(&mut self, place: usize) -> Waker {
        let node = self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.set_place(place);
            self.sift_down(place);
            self.sift_up(place);
        }
        if self.heap.capacity() > 1024 && self.heap.len() < self.heap.capacity() / 8 {
            self.heap.shrink_to(self.heap.capacity() / 4);
        }
        let waker = self.entries.remove(node.index as usize).waker;
        if self.entries.is_empty() && self.entries.capacity() > 1024 {
            // Entries do not move, so only an empty slab can give memory back.
            self.entries = Slab::new();
        }
        waker
    }

    fn sift_up(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / ARITY;
            if self.heap[parent].key <= self.heap[place].key {
                break;
            }
            self.heap.swap(parent, place);
            self.set_place(place);
            place = parent;
        }
        self.set_place(place);
    }

    fn sift_down(&mut self, mut place: usize) {
        loop {
            let first = place * ARITY + 1;
            let last = (first + ARITY).min(self.heap.len());
            let Some(child) = (first..last).min_by_key(|child| self.heap[*child].key) else {
                break;
            };
            if self.heap[place].key <= self.heap[child].key {
                break;
            }
            self.heap.swap(place, child);
            self.set_place(place);
            place = child;
        }
        self.set_place(place);
    }

    fn set_place(&mut self, place: usize) {
        let index = self.heap[place].index as usize;
        self.entries[index].place = place as u32;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn waker() -> Waker {
        Waker::noop().clone()
    }

    #[test]
    fn timers_come_up_in_order_of_their_deadlines() {
        let mut queue = TimerQueue::default();
        for deadline in [50, 10, 40, 20, 30, 10] {
            queue.insert(deadline, waker());
        }
        assert_eq!(queue.next(), 10);
        let mut fired = Vec::new();
        for now in 0..60 {
            while queue.pop_due(now).is_some() {
                fired.push(now);
            }
        }
        assert_eq!(fired, [10, 10, 20, 30, 40, 50]);
        assert_eq!((queue.len(), queue.next()), (0, NEVER));
    }

    #[test]
    fn a_later_deadline_is_found_out_when_the_old_one_comes_up() {
        let mut queue = TimerQueue::default();
        let key = queue.insert(10, waker());
        assert!(queue.reset(key, 100));
        assert!(queue.pop_due(99).is_none());
        assert_eq!(queue.next(), 100);
        assert!(queue.reset(key, 20));
        assert!(queue.pop_due(20).is_some());
        assert!(!queue.reset(key, 30), "fired: the key names nothing");
    }

    #[test]
    fn a_stale_key_never_touches_the_next_timer_in_its_slot() {
        let mut queue = TimerQueue::default();
        let old = queue.insert(10, waker());
        assert!(queue.cancel(old).is_some());
        let new = queue.insert(20, waker());
        assert_eq!(old.index, new.index);
        assert!(queue.cancel(old).is_none());
        assert!(!queue.reset(old, 5));
        assert_eq!(queue.next(), 20);
    }

    /// M1, P4: a random walk of set, move, cancel and time against an ordered map.
    #[test]
    fn agrees_with_a_map_on_random_operations() {
        let steps = if std::env::var_os("RINGSPUN_FULL").is_some() {
            1_000_000
        } else {
            100_000
        };
        let mut rng = crate::rng::Rng::new(7);
        let mut queue = TimerQueue::default();
        let mut model: BTreeMap<u64, (Key, u64)> = BTreeMap::new();
        let (mut now, mut fired) = (0_u64, 0_usize);
        for step in 0..steps {
            let deadline = now + u64::from(rng.below(1000));
            match rng.below(4) {
                0 => {
                    model.insert(step, (queue.insert(deadline, waker()), deadline));
                }
                1 if !model.is_empty() => {
                    let nth = rng.below(model.len() as u32) as usize;
                    let (id, (key, _)) = model.iter().nth(nth).map(|(i, e)| (*i, *e)).unwrap();
                    assert!(queue.reset(key, deadline));
                    model.insert(id, (key, deadline));
                }
                2 if !model.is_empty() => {
                    let nth = rng.below(model.len() as u32) as usize;
                    let id = *model.keys().nth(nth).unwrap();
                    let (key, _) = model.remove(&id).unwrap();
                    assert!(queue.cancel(key).is_some());
                }
                _ => {
                    now += u64::from(rng.below(50));
                    let due = model
                        .values()
                        .filter(|(_, deadline)| *deadline <= now)
                        .count();
                    model.retain(|_, (_, deadline)| *deadline > now);
                    let mut popped = 0;
                    while queue.pop_due(now).is_some() {
                        popped += 1;
                    }
                    assert_eq!(popped, due, "step {step}");
                    fired += popped;
                }
            }
            assert_eq!(queue.len(), model.len());
        }
        assert!(fired > 1000);
    }
}
