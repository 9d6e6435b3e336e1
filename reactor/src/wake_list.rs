//! `WakeList`: a fixed batch of wakers, filled by a poll and woken with no lock held.

use std::fmt;
use std::task::Waker;
use std::vec;

/// A batch of wakers that a poll has collected.
///
/// The memory is allocated once, for the first waker; a worker keeps one list and uses it for
/// every poll. Dropping a list drops its wakers without waking them.
pub struct WakeList {
    /// The wakers in the order of their events. Never longer than `CAPACITY`, so it never grows.
    wakers: Vec<Waker>,
}

impl WakeList {
    /// How many wakers a list holds: two directions of the 64 events that one poll takes at most.
    pub const CAPACITY: usize = 128;

    /// An empty list, without memory yet: to stand in for one that is in use costs nothing.
    pub const fn new() -> Self {
        Self { wakers: Vec::new() }
    }

    /// Adds a waker at the end.
    ///
    /// # Panics
    ///
    /// Panics if the list is full.
    pub fn push(&mut self, waker: Waker) {
        assert!(self.room() > 0, "a full WakeList takes no more wakers");
        if self.wakers.capacity() == 0 {
            self.wakers.reserve_exact(Self::CAPACITY);
        }
        self.wakers.push(waker);
    }

    /// How many wakers the list holds.
    pub fn len(&self) -> usize {
        self.wakers.len()
    }

    /// Whether the list holds no waker.
    pub fn is_empty(&self) -> bool {
        self.wakers.is_empty()
    }

    /// How many more wakers fit.
    pub fn room(&self) -> usize {
        Self::CAPACITY - self.wakers.len()
    }

    /// Wakes every task of the list, in order, and leaves it empty.
    ///
    /// Call it with no lock held: a waker may run any code. If a waker panics, the wakers behind
    /// it are still woken before the panic goes on.
    pub fn wake_all(&mut self) {
        let mut rest = WakeRest(self.wakers.drain(..));
        rest.wake();
    }

    /// Takes the wakers out, in order. The list is empty afterwards, even if the iterator is
    /// dropped early; the wakers it had left are then dropped without being woken.
    pub fn drain(&mut self) -> impl ExactSizeIterator<Item = Waker> + '_ {
        self.wakers.drain(..)
    }
}

impl Default for WakeList {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WakeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeList")
            .field("len", &self.len())
            .finish()
    }
}

/// The wakers not woken yet. Dropped by a panic of one of them, it wakes the others.
struct WakeRest<'a>(vec::Drain<'a, Waker>);

impl WakeRest<'_> {
    fn wake(&mut self) {
        self.0.by_ref().for_each(Waker::wake);
    }
}

impl Drop for WakeRest<'_> {
    fn drop(&mut self) {
        self.wake();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Counter {
        woken: AtomicUsize,
        panics: bool,
    }

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.woken.fetch_add(1, Ordering::Relaxed);
            assert!(!self.panics, "the waker of this test panics");
        }
    }

    fn counter(panics: bool) -> Arc<Counter> {
        Arc::new(Counter {
            woken: AtomicUsize::new(0),
            panics,
        })
    }

    #[test]
    fn memory_is_asked_for_once() {
        let mut list = WakeList::new();
        assert_eq!(list.wakers.capacity(), 0, "a list that stands in has none");
        for round in 0..3 {
            list.push(Waker::noop().clone());
            let capacity = list.wakers.capacity();
            assert!(capacity >= WakeList::CAPACITY, "round {round}: {capacity}");
            list.wake_all();
            assert_eq!(list.wakers.capacity(), capacity);
        }
    }

    #[test]
    fn wakes_in_order_and_is_empty_afterwards() {
        let count = counter(false);
        let mut list = WakeList::new();
        for _ in 0..WakeList::CAPACITY {
            list.push(Waker::from(count.clone()));
        }
        assert_eq!((list.len(), list.room()), (128, 0));
        list.wake_all();
        assert!(list.is_empty());
        assert_eq!(count.woken.load(Ordering::Relaxed), 128);
    }

    #[test]
    #[should_panic(expected = "a full WakeList")]
    fn a_full_list_refuses() {
        let mut list = WakeList::new();
        for _ in 0..=WakeList::CAPACITY {
            list.push(Waker::noop().clone());
        }
    }

    #[test]
    fn a_panicking_waker_does_not_swallow_the_others() {
        let (bad, good) = (counter(true), counter(false));
        let mut list = WakeList::new();
        list.push(Waker::from(bad));
        list.push(Waker::from(good.clone()));
        let result = catch_unwind(AssertUnwindSafe(|| list.wake_all()));
        assert!(result.is_err());
        assert_eq!(good.woken.load(Ordering::Relaxed), 1);
        assert!(list.is_empty());
    }

    #[test]
    fn dropping_drops_the_wakers_unwoken() {
        let count = counter(false);
        let mut list = WakeList::new();
        list.push(Waker::from(count.clone()));
        list.push(Waker::from(count.clone()));
        assert_eq!(list.drain().take(1).count(), 1);
        assert!(list.is_empty());
        list.push(Waker::from(count.clone()));
        drop(list);
        assert_eq!(Arc::strong_count(&count), 1);
        assert_eq!(count.woken.load(Ordering::Relaxed), 0);
    }
}
