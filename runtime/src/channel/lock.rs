//! The lock of a channel: a word that is free or taken.
//!
//! It is held for a few dozen instructions in which no user code runs, so whoever finds it taken spins, and
//! gives its time slice away if that takes long: then the holder does not run. Unlocking is a plain store;
//! that of a lock that can put threads to sleep is an exchange, which was a fifth of a locked operation.
//!
//! Acquire (lock) of Release (unlock): what one holder did is seen by the next.

use std::ops::{Deref, DerefMut};

use crate::loom::UnsafeCell;
use crate::loom::atomic::AtomicBool;
use crate::loom::atomic::Ordering::{Acquire, Relaxed, Release};

use super::backoff::Backoff;

#[derive(Debug)]
pub(super) struct SpinLock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

/// The right to the value, until it is dropped.
pub(super) struct SpinGuard<'a, T>(&'a SpinLock<T>);

// SAFETY: the value goes from one holder to the next.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: one holder at a time.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    pub(super) fn new(value: T) -> Self {
        Self {
            taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    #[inline]
    pub(super) fn lock(&self) -> SpinGuard<'_, T> {
        if !self.try_take() {
            self.take_late();
        }
        SpinGuard(self)
    }

    #[inline]
    fn try_take(&self) -> bool {
        let taken = self.taken.compare_exchange(false, true, Acquire, Relaxed);
        taken.is_ok()
    }

    #[cold]
    fn take_late(&self) {
        let mut backoff = Backoff::new();
        loop {
            backoff.snooze();
            if !self.taken.load(Relaxed) && self.try_take() {
                return;
            }
        }
    }
}

impl<T> Deref for SpinGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard's holder is the only one.
        self.0.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for SpinGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        self.0.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for SpinGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.taken.store(false, Release);
    }
}

/// What a channel takes. A model of a channel takes loom's own, which does not spin; the spinning one has a
/// model of its own.
#[cfg(not(loom))]
pub(super) use self::{SpinGuard as Guard, SpinLock as Lock};
#[cfg(loom)]
pub(super) use crate::loom::{Mutex as Lock, MutexGuard as Guard};

/// Fails if the Release of the unlocking or the Acquire of `try_take` is relaxed (both seen).
#[cfg(all(test, loom))]
#[test]
fn loom_lock_excludes() {
    loom::model(|| {
        let lock = loom::sync::Arc::new(SpinLock::new(0));
        let threads = [0, 1].map(|_| {
            let lock = lock.clone();
            loom::thread::spawn(move || *lock.lock() += 1)
        });
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*lock.lock(), 2);
    });
}
