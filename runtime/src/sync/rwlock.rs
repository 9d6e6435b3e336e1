//! A lock for many readers or one writer, that may be held across an await: a semaphore beside the value. A
//! reader takes one permit, a writer all.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::mutex::TryLockError;
use super::semaphore::{OPEN, Semaphore, Take};
use crate::block_on::block_thread_on;

/// A writer's permits: more readers than there will be.
const ALL: usize = Semaphore::MAX_PERMITS;

/// Any number of readers or one writer, waiting without blocking a thread.
///
/// Fair: first come, first served. A writer that waits stops readers that come after it, so a task that has a
/// read lock and asks for a second one can wait for ever. There is no poisoning.
///
/// ```
/// use ringspun_runtime::sync::RwLock;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let lock = RwLock::new(5);
/// {
///     let (first, second) = (lock.read().await, lock.read().await);
///     assert_eq!(*first + *second, 10);
/// }
/// *lock.write().await += 1;
/// assert_eq!(*lock.read().await, 6);
/// # });
/// ```
///
/// Readers share the value, so it must be one that can be:
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::sync::RwLock;
/// fn shared<T: Sync>() {}
/// shared::<RwLock<std::cell::Cell<u8>>>();
/// ```
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::sync::RwLockReadGuard;
/// fn sent<T: Send>() {}
/// sent::<RwLockReadGuard<'static, std::cell::Cell<u8>>>();
/// ```
pub struct RwLock<T: ?Sized> {
    permits: Semaphore,
    value: UnsafeCell<T>,
}

// SAFETY: readers on several threads share the value (`T: Sync`), a writer has it alone and may take it out
// or drop it there (`T: Send`).
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    /// An unlocked one.
    pub fn new(value: T) -> Self {
        Self {
            permits: Semaphore::new(ALL),
            value: UnsafeCell::new(value),
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until it may read.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives its place in the queue up, and the lock if it has been passed it.
    #[inline]
    pub async fn read(&self) -> RwLockReadGuard<'_, T> {
        self.acquire(1).await.expect(OPEN);
        RwLockReadGuard { lock: self }
    }

    /// Waits until it may write.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives its place in the queue up, and the lock if it has been passed it.
    #[inline]
    pub async fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.acquire(ALL).await.expect(OPEN);
        RwLockWriteGuard::new(self)
    }

    /// As [`read`](Self::read), for a guard that may go to another task.
    ///
    /// # Cancel safety
    ///
    /// As [`read`](Self::read).
    pub async fn read_owned(self: Arc<Self>) -> OwnedRwLockReadGuard<T> {
        self.acquire(1).await.expect(OPEN);
        OwnedRwLockReadGuard { lock: self }
    }

    /// As [`write`](Self::write), for a guard that may go to another task.
    ///
    /// # Cancel safety
    ///
    /// As [`write`](Self::write).
    pub async fn write_owned(self: Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        self.acquire(ALL).await.expect(OPEN);
        OwnedRwLockWriteGuard {
            lock: self,
            _value: PhantomData,
        }
    }

    /// A read lock, if no writer has the lock or waits for it.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if one does.
    pub fn try_read(&self) -> Result<RwLockReadGuard<'_, T>, TryLockError> {
        match self.permits.try_take(1) {
            Ok(()) => Ok(RwLockReadGuard { lock: self }),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// The write lock, if nobody has the lock.
    ///
    /// # Errors
    ///
    /// [`TryLockError`] if somebody has.
    pub fn try_write(&self) -> Result<RwLockWriteGuard<'_, T>, TryLockError> {
        match self.permits.try_take(ALL) {
            Ok(()) => Ok(RwLockWriteGuard::new(self)),
            Err(_) => Err(TryLockError(())),
        }
    }

    /// Blocks the thread until it may read. For threads outside the runtime.
    ///
    /// # Panics
    ///
    /// Inside a task.
    #[track_caller]
    pub fn blocking_read(&self) -> RwLockReadGuard<'_, T> {
        block_thread_on(self.read())
    }

    /// Blocks the thread until it may write. For threads outside the runtime.
    ///
    /// # Panics
    ///
    /// Inside a task.
    #[track_caller]
    pub fn blocking_write(&self) -> RwLockWriteGuard<'_, T> {
        block_thread_on(self.write())
    }

    /// The value, which nobody else can reach now.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Waits for permits. Nobody closes the semaphore, so it succeeds.
    #[inline]
    fn acquire(&self, permits: usize) -> Take<'_> {
        self.permits.take(permits)
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(value) => debug.field("value", &&*value),
            Err(_) => debug.field("value", &format_args!("<locked>")),
        };
        debug.finish()
    }
}

/// A read lock of a [`RwLock`]; dropping it unlocks.
#[must_use = "dropping the guard unlocks at once"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
}

/// The write lock of a [`RwLock`]; dropping it unlocks.
#[must_use = "dropping the guard unlocks at once"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    /// Shared or sent as `&mut T` would be.
    _value: PhantomData<&'a mut T>,
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    fn new(lock: &'a RwLock<T>) -> Self {
        Self {
            lock,
            _value: PhantomData,
        }
    }

    /// Makes a read lock of it, with no writer in between.
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let lock = ManuallyDrop::new(self).lock;
        lock.permits.give(ALL - 1);
        RwLockReadGuard { lock }
    }
}

/// As [`RwLockReadGuard`], with a reference of its own to the lock.
#[must_use = "dropping the guard unlocks at once"]
pub struct OwnedRwLockReadGuard<T: ?Sized> {
    lock: Arc<RwLock<T>>,
}

/// As [`RwLockWriteGuard`], with a reference of its own to the lock.
#[must_use = "dropping the guard unlocks at once"]
pub struct OwnedRwLockWriteGuard<T: ?Sized> {
    lock: Arc<RwLock<T>>,
    /// Shared or sent as a `T` would be.
    _value: PhantomData<T>,
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard's permit keeps writers out.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard has all permits.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has all permits, and is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for OwnedRwLockReadGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard's permit keeps writers out.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for OwnedRwLockWriteGuard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the guard has all permits.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for OwnedRwLockWriteGuard<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard has all permits, and is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.permits.give(1);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.permits.give(ALL);
    }
}

impl<T: ?Sized> Drop for OwnedRwLockReadGuard<T> {
    fn drop(&mut self) {
        self.lock.permits.give(1);
    }
}

impl<T: ?Sized> Drop for OwnedRwLockWriteGuard<T> {
    fn drop(&mut self) {
        self.lock.permits.give(ALL);
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockReadGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for OwnedRwLockWriteGuard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
