//! A value that is read all the time and replaced now and then, as a server's configuration is.
//!
//! Reading takes no lock and writes no memory that another thread writes: a reader notes in a slot of its
//! own thread what it reads ([`hazards`]). So it costs a few nanoseconds on any number of cores. Replacing
//! is dear instead: a lock, and a fence that every running thread of the process takes part in (some
//! microseconds).
//!
//! A value that was replaced is dropped as soon as nobody reads it: by the writer, or if a guard of it
//! lives, by whoever drops the last one. For that a guard that goes asks whether its value is still the
//! current one:
//!
//! ```text
//!   guard                                   writer
//!   (1) slot = empty                        (4) current: p -> q, p into the retired
//!   (2) light fence                         (5) heavy fence
//!   (3) current still p? done,              (6) p in a slot? leave it there, else drop it
//!       else drop the retired in no slot
//! ```
//!
//! Either (6) sees (1), or (3) sees (4). Guards of one value look one after the other, under the lock, so
//! the last one sees all the others gone. A reader that has noted p but found q says so too.
//!
//! Measured: a load and its end 2.3 ns (`arc-swap` 15, a clone of an `Arc` 13, `RwLock` 20), a store 0.2 µs
//! in a process of one thread.
//!
//! Rejected: the crate `arc-swap`: two locked instructions for each load, and its reclamation was still
//! being mended in 2026; a lock, or a count, for each core: two locked instructions as well.

mod hazards;

#[cfg(all(test, loom))]
mod loom_snapshot;

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use self::hazards::{Hazards, Record, Slot};
use crate::loom::Mutex;
use crate::loom::atomic::AtomicPtr;
use crate::loom::atomic::Ordering::{AcqRel, Relaxed};
use crate::scheduler::fence::Fence;

/// A value that many threads read and that is replaced as a whole: Go's `atomic.Pointer`.
///
/// Every reader sees a whole value. Once [`store`](Self::store) has returned, every [`load`](Self::load)
/// gives the new one.
///
/// # Examples
///
/// ```
/// use ringspun_runtime::Snapshot;
///
/// struct Config {
///     greeting: String,
/// }
///
/// let config = Snapshot::new(Config { greeting: "hello".to_owned() });
/// assert_eq!(config.load().greeting, "hello");
/// config.store(Config { greeting: "good day".to_owned() });
/// assert_eq!(config.load().greeting, "good day");
/// ```
pub struct Snapshot<T> {
    /// From `Arc::into_raw`, with one count. Written under the lock of `retired`.
    current: AtomicPtr<T>,
    /// Values that were replaced while somebody read them, each with one count.
    retired: Mutex<Vec<Retired<T>>>,
    hazards: &'static Hazards,
    fence: Fence,
}

/// A value's count that nobody owns but the list.
struct Retired<T>(*const T);

/// A value being read. It stays as it was, also when it is replaced meanwhile.
///
/// It may be held across an await point and sent to another thread. A thread has a few of them for next to
/// nothing; more than 6 at a time take a lock each.
pub struct SnapshotGuard<'a, T> {
    snapshot: &'a Snapshot<T>,
    value: NonNull<T>,
    /// Where the value is noted; without a slot the guard owns a count.
    slot: Option<&'static Slot>,
}

// SAFETY: a snapshot hands out `&T` and `Arc<T>` to any thread, and drops values on any.
unsafe impl<T: Send + Sync> Send for Snapshot<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Snapshot<T> {}
// SAFETY: a count of an `Arc`.
unsafe impl<T: Send + Sync> Send for Retired<T> {}
// SAFETY: a guard gives `&T`, and its end may drop values; slots may be emptied from any thread.
unsafe impl<T: Send + Sync> Send for SnapshotGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for SnapshotGuard<'_, T> {}

#[cfg(not(loom))]
impl<T> Snapshot<T> {
    /// A snapshot of `value`.
    pub fn new(value: T) -> Self {
        Self::from(Arc::new(value))
    }

    /// The current value, to look at.
    ///
    /// ```
    /// # use ringspun_runtime::Snapshot;
    /// let limits = Snapshot::new(vec![1, 2, 3]);
    /// let seen = limits.load();
    /// limits.store(vec![]);
    /// assert_eq!(*seen, [1, 2, 3]);
    /// ```
    #[inline]
    pub fn load(&self) -> SnapshotGuard<'_, T> {
        self.read(hazards::mine())
    }

    /// The current value, to keep. It costs more than [`load`](Self::load), above all on many cores, which
    /// all count in one place then.
    pub fn load_full(&self) -> Arc<T> {
        self.load().to_arc()
    }

    /// Makes `f` of the current value the next one, and returns the one before. `f` is called again if
    /// another thread has replaced the value meanwhile; no update is lost.
    ///
    /// ```
    /// # use ringspun_runtime::Snapshot;
    /// let names = Snapshot::new(vec!["a"]);
    /// let before = names.update(|names| names.iter().copied().chain(["b"]).collect());
    /// assert_eq!((*before).as_slice(), ["a"]);
    /// assert_eq!(*names.load(), ["a", "b"]);
    /// ```
    pub fn update(&self, mut f: impl FnMut(&T) -> T) -> Arc<T> {
        loop {
            let before = self.load_full();
            let next = Arc::new(f(&before));
            let expected = |current: *const T| std::ptr::eq(current, Arc::as_ptr(&before));
            if self.replace(next, expected).is_some() {
                return before;
            }
        }
    }
}

impl<T> Snapshot<T> {
    fn with(value: Arc<T>, hazards: &'static Hazards, fence: Fence) -> Self {
        Self {
            current: AtomicPtr::new(Arc::into_raw(value).cast_mut()),
            retired: Mutex::new(Vec::new()),
            hazards,
            fence,
        }
    }

    /// Replaces the value. The one before is dropped as soon as nobody reads it.
    pub fn store(&self, value: impl Into<Arc<T>>) {
        drop(self.swap(value));
    }

    /// Replaces the value, and returns the one before.
    pub fn swap(&self, value: impl Into<Arc<T>>) -> Arc<T> {
        let replaced = self.replace(value.into(), |_| true);
        replaced.expect("whatever the current value is")
    }

    /// Makes `next` the current value if the present one is as `expected`, and returns that one.
    fn replace(&self, next: Arc<T>, expected: impl FnOnce(*const T) -> bool) -> Option<Arc<T>> {
        let mut retired = self.retired.lock();
        if !expected(self.current.load(Relaxed)) {
            drop(retired);
            drop(next);
            return None;
        }
        // Release: publishes the value. Acquire: its publication comes before its end.
        let before = self.current.swap(Arc::into_raw(next).cast_mut(), AcqRel);
        // SAFETY: a current value has a count of its own, which the list gets below.
        unsafe { Arc::increment_strong_count(before) };
        // SAFETY: this is the count just made.
        let replaced = unsafe { Arc::from_raw(before) };
        retired.push(Retired(before));
        self.fence.heavy();
        let unread = self.unread(&mut retired);
        drop(retired);
        drop(unread);
        Some(replaced)
    }

    #[inline]
    fn read(&self, record: Option<&'static Record>) -> SnapshotGuard<'_, T> {
        let Some(slot) = record.and_then(Record::free_slot) else {
            return self.read_counted();
        };
        let (value, changed) = slot.protect(&self.current, self.fence);
        if changed {
            self.collect();
        }
        SnapshotGuard {
            snapshot: self,
            value: non_null(value),
            slot: Some(slot),
        }
    }

    #[cold]
    fn read_counted(&self) -> SnapshotGuard<'_, T> {
        let retired = self.retired.lock();
        let value = self.current.load(Relaxed);
        // SAFETY: under the lock it stays current, with a count of its own.
        unsafe { Arc::increment_strong_count(value) };
        drop(retired);
        SnapshotGuard {
            snapshot: self,
            value: non_null(value),
            slot: None,
        }
    }

    /// Drops the replaced values that nobody reads any more.
    #[cold]
    fn collect(&self) {
        let unread = self.unread(&mut self.retired.lock());
        drop(unread);
    }

    /// Takes those out that are in no slot. Each had its heavy fence in `replace`, under the lock.
    fn unread(&self, retired: &mut Vec<Retired<T>>) -> Vec<Arc<T>> {
        let unread = retired.extract_if(.., |value| !self.hazards.hold(value.0));
        unread.map(Retired::into_arc).collect()
    }
}

impl<T> Retired<T> {
    fn into_arc(self) -> Arc<T> {
        // SAFETY: from `Arc::into_raw`, and the count is this entry's.
        unsafe { Arc::from_raw(self.0) }
    }
}

#[cfg(not(loom))]
impl<T> From<Arc<T>> for Snapshot<T> {
    fn from(value: Arc<T>) -> Self {
        Self::with(value, &hazards::HAZARDS, Fence::best())
    }
}

#[cfg(not(loom))]
impl<T: Default> Default for Snapshot<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> Drop for Snapshot<T> {
    fn drop(&mut self) {
        // Guards borrow the snapshot: there are none.
        let retired = std::mem::take(&mut *self.retired.lock());
        let current = Retired(self.current.load(Relaxed));
        for value in retired.into_iter().chain([current]) {
            drop(value.into_arc());
        }
    }
}

#[cfg(not(loom))]
impl<T: fmt::Debug> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Snapshot").field(&self.load()).finish()
    }
}

impl<T> SnapshotGuard<'_, T> {
    /// The value, to keep.
    pub fn to_arc(&self) -> Arc<T> {
        let value = self.value.as_ptr();
        // SAFETY: while the guard lives the value has a count: the snapshot's, the list's or its own.
        unsafe { Arc::increment_strong_count(value) };
        // SAFETY: this is the count just made.
        unsafe { Arc::from_raw(value) }
    }
}

impl<T> Deref for SnapshotGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as in `to_arc`.
        unsafe { self.value.as_ref() }
    }
}

impl<T> Drop for SnapshotGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let Some(slot) = self.slot else {
            return drop(Retired(self.value.as_ptr()).into_arc());
        };
        slot.clear();
        self.snapshot.fence.light();
        if !std::ptr::eq(self.snapshot.current.load(Relaxed), self.value.as_ptr()) {
            self.snapshot.collect();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for SnapshotGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

fn non_null<T>(value: *mut T) -> NonNull<T> {
    NonNull::new(value).expect("the pointer of an Arc is not null")
}
