//! A lock that may be held across an await: a semaphore of one permit beside the value.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::semaphore::{OPEN, Semaphore, Take};
use crate::block_on::block_thread_on;

/// Mutual exclusion between tasks: who waits for the lock lets the thread run other tasks.
///
/// Fair: first come, first served; the lock is passed straight to the one that has waited longest. There is no
/// poisoning: a task that panics with the lock unlocks it.
///
/// Where the lock is never held across an await, `std::sync::Mutex` is the better choice.
///
/// ```
/// use std::sync::Arc;
/// use ringspun_runtime::sync::Mutex;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let count = Arc::new(Mutex::new(0));
/// let other = count.clone();
/// let task = ringspun_runtime::spawn(async move {
///     let mut count = other.lock().await;
///     ringspun_runtime::task::yield_now().await;
///     *count += 1;
/// });
/// *count.lock().await += 1;
/// task.await.unwrap();
/// assert_eq!(*count.lock().await, 2);
/// # });
/// ```
///
/// A value that must not be shared is not made so by a guard:
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::sync::MutexGuard;
/// fn shared<T: Sync>() {}
/// shared::<MutexGuard<'static, std::cell::Cell<u8>>>();
/// ```
///
/// and one that must stay on its thread does not leave it in a mutex:
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::sync::Mutex;
/// fn sent<T: Send>() {}
/// sent::<Mutex<std::rc::Rc<u8>>>();
/// ```
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::sync::Mutex;
/// fn shared<T: Sync>() {}
/// shared::<Mutex<std::rc::Rc<u8>>>();
/// ```
pub struct Mutex<T: ?Sized> {
    /// One permit: the right to touch `value`.
    permit: Semaphore,
    value: UnsafeCell<T>,
}

// SAFETY: whoever has the only permit has the value as if it owned it; so a mutex that is shared moves its
// value from thread to thread, and shares nothing.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    /// An unlocked mutex.
    pub fn new(value: T) -> Self {
        Self {
            permit: Semaphore::new(1),
            value: UnsafeCell::new(value),
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits for the lock.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives its place in the queue up; a lock that it has been passed goes to the next one.
    #[inline]
    pub async fn lock(&self) -> MutexGuard<'_, T> {
        self.acquire().await.expect(OPEN);
        MutexGuard::new(self)
    }

    /// As [`lock`](Self::lock), for a guard that may go to another task.
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](Self::lock).
    pub async fn lock_owned(self: Arc<Self>) -> OwnedMutexGuard<T> {
        self.acquire().await.expect(OPEN);
        OwnedMutexGuard::new(self)
    }

    /// The lock, if it is free and nobody waits for it.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if not.
    #[inline]
    pub fn try_lock(&self) -> Result<MutexGuard<'_, T>, TryLockError> {
        match self.permit.try_take(1) {
            Ok(()) => Ok(MutexGuard::new(self)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// As [`try_lock`](Self::try_lock), for a guard that may go to another task.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if the lock is not free.
    pub fn try_lock_owned(self: Arc<Self>) -> Result<OwnedMutexGuard<T>, TryLockError> {
        match self.permit.try_take(1) {
            Ok(()) => Ok(OwnedMutexGuard::new(self)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Blocks the thread until it has the lock. For threads outside the runtime.
    ///
    /// # Panics
    ///
    /// Inside a task.
    #[track_caller]
    pub fn blocking_lock(&self) -> MutexGuard<'_, T> {
        block_thread_on(self.lock())
    }

    /// The value, which nobody else can reach now.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Waits for the permit. Nobody closes the semaphore, so it succeeds.
    #[inline]
    fn acquire(&self) -> Take<'_> {
        self.permit.take(1)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(value) => debug.field("value", &&*value),
            Err(_) => debug.field("value", &format_args!("<locked>")),
        };
        debug.finish()
    }
}

/// The lock of a [`Mutex`]; dropping it unlocks. It may be held across an await, also where the task moves to
/// another thread meanwhile.
#[must_use = "dropping the guard unlocks at once"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// Shared or sent as `&mut T` would be.
    _value: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    fn new(mutex: &'a Mutex<T>) -> Self {
        Self {
            mutex,
            _value: PhantomData,
        }
    }
}

/// As [`MutexGuard`], with a reference of its own to the mutex.
#[must_use = "dropping the guard unlocks at once"]
pub struct OwnedMutexGuard<T: ?Sized> {
    mutex: Arc<Mutex<T>>,
    /// Shared or sent as a `T` would be.
    _value: PhantomData<T>,
}

impl<T: ?Sized> OwnedMutexGuard<T> {
    fn new(mutex: Arc<Mutex<T>>) -> Self {
        Self {
            mutex,
            _value: PhantomData,
        }
    }

    /// The mutex.
    pub fn mutex(&self) -> &Arc<Mutex<T>> {
        &self.mutex
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is the only permit.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the only permit, and borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Deref for OwnedMutexGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard is the only permit.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedMutexGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the only permit, and borrowed exclusively.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.mutex.permit.give(1);
    }
}

impl<T: ?Sized> Drop for OwnedMutexGuard<T> {
    fn drop(&mut self) {
        self.mutex.permit.give(1);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedMutexGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The lock is not free. Of a [`Mutex`] or a [`RwLock`](super::RwLock).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TryLockError(pub(super) ());

impl fmt::Debug for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TryLockError")
    }
}

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is not free")
    }
}

impl std::error::Error for TryLockError {}
