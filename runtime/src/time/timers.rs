//! A core's timers as others reach them: the queue under its lock, and a copy of its next deadline.

use std::sync::Arc;
use std::task::Waker;

use super::clock::{Clock, NEVER};
use super::queue::{Key, TimerQueue};
use crate::context;
use crate::loom::Mutex;
use crate::loom::atomic::AtomicU64;
use crate::loom::atomic::Ordering::{Acquire, Release};
use crate::scheduler::park::Unparker;

/// The timers of one core. A task may set one here and cancel it from another core.
#[derive(Debug)]
pub(crate) struct Timers {
    queue: Mutex<TimerQueue>,
    /// `queue.next()`, written under the lock, so that the worker looks with one load. Release/Acquire
    /// only to be read without the lock; a foreign insert that makes it earlier also unparks the
    /// worker, and that handshake orders the two.
    next: AtomicU64,
    core: usize,
    unparker: Arc<Unparker>,
    pub(crate) clock: Arc<Clock>,
}

impl Timers {
    pub(crate) fn new(core: usize, unparker: Arc<Unparker>, clock: Arc<Clock>) -> Self {
        Self {
            queue: Mutex::new(TimerQueue::default()),
            next: AtomicU64::new(NEVER),
            core,
            unparker,
            clock,
        }
    }

    /// No timer fires before this.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Acquire)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.lock().len()
    }

    pub(crate) fn insert(&self, deadline: u64, waker: &Waker) -> Key {
        let waker = waker.clone();
        self.change(|queue| queue.insert(deadline, waker))
    }

    /// See [`TimerQueue::reset`].
    pub(crate) fn reset(&self, key: Key, deadline: u64) -> bool {
        self.change(|queue| queue.reset(key, deadline))
    }

    /// True if the timer has fired; else `waker` will be woken.
    pub(crate) fn poll_fired(&self, key: Key, waker: &Waker) -> bool {
        let same = self.queue.lock().will_wake(key, waker);
        match same {
            None => true,
            Some(true) => false,
            Some(false) => {
                // Cloned, and the other one dropped, without the lock: both are user code.
                let new = waker.clone();
                let replaced = self.queue.lock().set_waker(key, new);
                replaced.is_err()
            }
        }
    }

    pub(crate) fn cancel(&self, key: Key) {
        // The waker is dropped after the lock.
        let waker = {
            let mut queue = self.queue.lock();
            let waker = queue.cancel(key);
            self.next.store(queue.next(), Release);
            waker
        };
        drop(waker);
    }

    /// Moves the wakers of all timers due at `now` to `due`: a fixed set, so that a timer which is set
    /// again with no delay cannot starve anything.
    pub(crate) fn take_due(&self, now: u64, due: &mut Vec<Waker>) {
        let mut queue = self.queue.lock();
        while let Some(waker) = queue.pop_due(now) {
            due.push(waker);
        }
        self.next.store(queue.next(), Release);
    }

    /// Shutdown: forgets every timer.
    pub(crate) fn clear(&self) {
        let wakers = self.queue.lock().clear();
        drop(wakers);
    }

    fn change<R>(&self, f: impl FnOnce(&mut TimerQueue) -> R) -> R {
        let mut queue = self.queue.lock();
        let before = queue.next();
        let result = f(&mut queue);
        let next = queue.next();
        if next == before {
            return result;
        }
        self.next.store(next, Release);
        drop(queue);
        if next < before && !context::is_current(&self.unparker) {
            // The worker may be asleep until the later deadline.
            self.unparker.unpark();
        }
        result
    }

    /// The core that fires these timers.
    pub(crate) fn core(&self) -> usize {
        self.core
    }
}
