//! A core's timers as others reach them: the queue under its lock, and a copy of its next deadline.

use std::sync::Arc;
use std::task::Waker;

use super::clock::{Clock, NEVER};
use super::queue::{Key, TimerQueue};
use crate::contain::contain;
use crate::context;
use crate::loom::Mutex;
use crate::loom::atomic::Ordering::{Acquire, Release};
use crate::loom::atomic::{AtomicBool, AtomicU64};
use crate::scheduler::park::Unparker;

/// The timers of one core. A task may set one here and cancel it from another core.
#[derive(Debug)]
pub(crate) struct Timers {
    queue: Mutex<TimerQueue>,
    /// `queue.next()`, written under the lock, so that the worker looks with one load. Release/Acquire
    /// only to be read without the lock; a foreign insert that makes it earlier also unparks the
    /// worker, and that handshake orders the two.
    next: AtomicU64,
    /// The runtime has ended. Set under the lock.
    closed: AtomicBool,
    core: usize,
    unparker: Arc<Unparker>,
    pub(crate) clock: Arc<Clock>,
}

/// The runtime of a timer has ended.
#[derive(Debug)]
pub(crate) struct Closed;

impl Timers {
    pub(crate) fn new(core: usize, unparker: Arc<Unparker>, clock: Arc<Clock>) -> Self {
        Self {
            queue: Mutex::new(TimerQueue::default()),
            next: AtomicU64::new(NEVER),
            closed: AtomicBool::new(false),
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

    /// Sets a timer. After the end of the runtime nobody would fire it.
    pub(crate) fn insert(&self, deadline: u64, waker: &Waker) -> Result<Key, Closed> {
        let mut waker = Some(waker.clone());
        let key = self.change(|queue| {
            // Looked at under the lock: `close` sets it there.
            (!self.is_closed()).then(|| queue.insert(deadline, waker.take().expect("taken once")))
        });
        key.ok_or(Closed)
    }

    /// See [`TimerQueue::reset`].
    pub(crate) fn reset(&self, key: Key, deadline: u64) -> bool {
        self.change(|queue| queue.reset(key, deadline))
    }

    /// True if the timer has fired; else `waker` will be woken.
    pub(crate) fn poll_fired(&self, key: Key, waker: &Waker) -> Result<bool, Closed> {
        let same = self.queue.lock().will_wake(key, waker);
        match same {
            None if self.is_closed() => Err(Closed),
            None => Ok(true),
            Some(true) => Ok(false),
            Some(false) => {
                // Cloned, and the other one dropped, without the lock: both are user code.
                let new = waker.clone();
                let replaced = self.queue.lock().set_waker(key, new);
                Ok(replaced.is_err())
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

    /// The end of the runtime: whoever still waits, on a thread outside or in another runtime, is woken
    /// and told.
    pub(crate) fn close(&self) {
        let wakers = {
            let mut queue = self.queue.lock();
            self.closed.store(true, Release);
            queue.clear()
        };
        wakers
            .into_iter()
            .for_each(|waker| contain(|| waker.wake()));
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Acquire)
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
