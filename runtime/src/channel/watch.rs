//! The latest value, to whoever looks.
//!
//! The value is behind a read-write lock of the standard library, and has a version. Each receiver remembers the
//! version that it has seen; who waits for a newer one does so in a [`Notify`].
//!
//! A sender changes the value, then the version (both under the write lock), then tells those who wait. A
//! receiver makes its wait first, then looks at the version, then waits. Notify's word orders the two: either the
//! receiver sees the version, or its wait is told.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use crate::sync::Notify;

pub use super::SendError;

/// The sender's end is gone.
const CLOSED: usize = 1;
/// One version.
const VERSION: usize = 2;

/// A channel that keeps one value, the latest. Receivers see changes, but not each of them: for configuration,
/// progress, a signal to stop.
///
/// # Locks
///
/// The value is looked at in its place, through a guard ([`Ref`]), and changed in its place. A guard blocks the
/// senders' *threads*, and a sender's closure those of the readers: hold it briefly, never across an await (the
/// compiler refuses to send such a task), and take no second one on the same thread, because a sender that waits
/// may stand between the two.
///
/// ```
/// use ringspun_runtime::channel::watch;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let (sender, mut level) = watch::channel("info");
/// let watcher = ringspun_runtime::spawn(async move {
///     while level.changed().await.is_ok() {
///         let _now = *level.borrow_and_update();
///     }
///     // The sender is gone.
/// });
/// sender.send("debug").unwrap();
/// drop(sender);
/// watcher.await.unwrap();
/// # });
/// ```
///
/// A guard stays in its thread:
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::channel::watch;
/// fn sent<T: Send>() {}
/// sent::<watch::Ref<'static, u8>>();
/// ```
///
/// and readers share the value:
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::channel::watch;
/// fn sent<T: Send>() {}
/// sent::<watch::Receiver<std::cell::Cell<u8>>>();
/// ```
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        value: RwLock::new(value),
        state: AtomicUsize::new(0),
        news: Notify::new(),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
        alone: Notify::new(),
    });
    let receiver = Receiver {
        shared: shared.clone(),
        seen: 0,
    };
    (Sender { shared }, receiver)
}

struct Shared<T> {
    value: RwLock<T>,
    /// CLOSED, and the version in the bits above. It changes under the write lock, except that CLOSED is set.
    state: AtomicUsize,
    /// Told of each new version, and of the end of the last sender.
    news: Notify,
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// Told of the end of the last receiver.
    alone: Notify,
}

impl<T> Shared<T> {
    fn borrow(&self) -> Ref<'_, T> {
        Ref(self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn version(&self) -> usize {
        self.state.load(Acquire) & !CLOSED
    }

    fn subscribe(self: &Arc<Self>, seen: usize) -> Receiver<T> {
        self.receivers.fetch_add(1, Relaxed);
        Receiver {
            shared: self.clone(),
            seen,
        }
    }
}

/// The sending end. Clones change the same value. Made by [`channel`].
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sets a new value, and tells the receivers. Waits, with its thread, for guards that are held.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if there is no receiver; the old one stays then.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Sets a new value, also if there is no receiver, and gives the old one.
    pub fn send_replace(&self, mut value: T) -> T {
        self.send_modify(|old| std::mem::swap(old, &mut value));
        value
    }

    /// Changes the value in its place, and tells the receivers.
    ///
    /// # Panics
    ///
    /// With `change`; the receivers are not told then, and see the value as it was left.
    pub fn send_modify(&self, change: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            change(value);
            true
        });
    }

    /// Changes the value in its place, and tells the receivers if `change` says that it has changed; gives what
    /// it said.
    ///
    /// `change` runs under the lock: it must not use this channel.
    ///
    /// # Panics
    ///
    /// With `change`; the receivers are not told then, and see the value as it was left.
    pub fn send_if_modified(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        let shared = &*self.shared;
        let mut value = (shared.value.write()).unwrap_or_else(PoisonError::into_inner);
        let modified = change(&mut value);
        if modified {
            shared.state.fetch_add(VERSION, AcqRel);
        }
        drop(value);
        if modified {
            shared.news.notify_waiters();
        }
        modified
    }

    /// The value. Blocks the senders while the guard is held; see [`channel`].
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow()
    }

    /// A new receiver, which has seen the value that there is now.
    pub fn subscribe(&self) -> Receiver<T> {
        self.shared.subscribe(self.shared.version())
    }

    /// Receivers that there are now.
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.load(Acquire)
    }

    /// Whether there is no receiver. There may be one again, by [`subscribe`](Self::subscribe).
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn closed(&self) {
        let closed = || self.is_closed().then_some(());
        self.shared.alone.until(closed).await;
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.senders.fetch_add(1, Relaxed);
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.shared.senders.fetch_sub(1, AcqRel) == 1 {
            self.shared.state.fetch_or(CLOSED, AcqRel);
            self.shared.news.notify_waiters();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("value", &self.shared.value)
            .finish_non_exhaustive()
    }
}

/// A receiving end. A clone has seen what this one has seen. Made by [`channel`] and [`Sender::subscribe`].
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version it has seen.
    seen: usize,
}

impl<T> Receiver<T> {
    /// The value; it does not count as seen. Blocks the senders while the guard is held; see [`channel`].
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow()
    }

    /// The value, which counts as seen. Blocks the senders while the guard is held; see [`channel`].
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.borrow();
        // Under the lock: the version of this very value.
        self.seen = self.shared.version();
        value
    }

    /// Whether there is a value that it has not seen.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the senders are gone, whether or not there is one.
    pub fn has_changed(&self) -> Result<bool, Closed> {
        let state = self.shared.state.load(Acquire);
        if state & CLOSED != 0 {
            return Err(Closed(()));
        }
        Ok(state != self.seen)
    }

    /// Waits for a value that it has not seen, which counts as seen then.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the senders are gone and it has seen the last value.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has seen nothing.
    pub async fn changed(&mut self) -> Result<(), Closed> {
        let Self { shared, seen } = self;
        let news = || {
            let state = shared.state.load(Acquire);
            if state & !CLOSED != *seen {
                *seen = state & !CLOSED;
                return Some(Ok(()));
            }
            (state & CLOSED != 0).then_some(Err(Closed(())))
        };
        shared.news.until(news).await
    }

    /// Waits for a value that `wanted` accepts, beginning with the one that there is now; it counts as seen.
    ///
    /// `wanted` runs under the lock: it must not use this channel.
    ///
    /// # Errors
    ///
    /// [`Closed`] if the senders are gone, and the last value is not accepted.
    ///
    /// # Panics
    ///
    /// With `wanted`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped; values that it has looked at count as seen.
    ///
    /// ```
    /// use ringspun_runtime::channel::watch;
    ///
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// let (sender, mut ready) = watch::channel(0);
    /// ringspun_runtime::spawn(async move {
    ///     for done in 1..=5 {
    ///         let _ = sender.send(done);
    ///     }
    /// });
    /// assert_eq!(*ready.wait_for(|done| *done >= 5).await.unwrap(), 5);
    /// # });
    /// ```
    pub async fn wait_for(
        &mut self,
        mut wanted: impl FnMut(&T) -> bool,
    ) -> Result<Ref<'_, T>, Closed> {
        let Self { shared, seen } = self;
        let shared = &**shared;
        let accepted = || {
            // Before the value: the last one is looked at after the senders are gone.
            let closed = shared.state.load(Acquire) & CLOSED != 0;
            let value = shared.borrow();
            *seen = shared.version();
            if wanted(&value) {
                return Some(Ok(value));
            }
            closed.then_some(Err(Closed(())))
        };
        shared.news.until(accepted).await
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.subscribe(self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.shared.receivers.fetch_sub(1, AcqRel) == 1 {
            self.shared.alone.notify_waiters();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("value", &self.shared.value)
            .finish_non_exhaustive()
    }
}

/// The value, in its place. It blocks the senders while it is held.
#[must_use = "the guard gives access to the value"]
pub struct Ref<'a, T>(RwLockReadGuard<'a, T>);

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The senders are gone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Closed(());

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Closed")
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed")
    }
}

impl std::error::Error for Closed {}
