//! The sending handle.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::chan::Chan;
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::ring::Push;
use super::send::{Send, SendFrom, SendTimeout};
use crate::block_on::block_thread_on;
use crate::time::sleep;

/// Sends into a channel; made by [`channel`](super::channel). Clones send into the same channel, and the
/// last one closes it when it is dropped.
pub struct Sender<T> {
    pub(super) chan: Arc<Chan<T>>,
}

impl<T> Sender<T> {
    /// Sends `value`: waits while the buffer is full, or, at capacity 0, until a receiver takes it.
    ///
    /// Senders that wait are served in the order of their first poll.
    ///
    /// ```
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// let (tx, rx) = ringspun_runtime::channel::channel(1);
    /// tx.send("one").await?;
    /// assert_eq!(rx.recv().await, Some("one"));
    /// rx.close();
    /// assert_eq!(tx.send("two").await.unwrap_err().0, "two");
    /// # Ok::<_, ringspun_runtime::channel::SendError<&str>>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value if the channel is closed, or gets closed while this waits.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the value with it, unless it has been sent: it is never both. To keep
    /// the value use [`send_from`](Self::send_from), or [`Send::cancel`].
    pub fn send(&self, value: T) -> Send<'_, T> {
        Send::new(self, Some(value))
    }

    /// Sends the value that lies in `from`, and takes it out of there only when it is sent.
    ///
    /// For an arm of a `select!`: if another arm wins, the value is still in its place. While the place is
    /// empty the future waits for ever: such an arm never commits. (For `else` to know, add a guard.)
    ///
    /// ```
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// # use std::time::Duration;
    /// let (tx, _rx) = ringspun_runtime::channel::channel(0);
    /// let mut value = Some(String::from("kept"));
    /// ringspun_runtime::select! {
    ///     _ = tx.send_from(&mut value) => unreachable!("nobody receives"),
    ///     _ = ringspun_runtime::time::sleep(Duration::from_millis(1)) => {}
    /// }
    /// assert_eq!(value.as_deref(), Some("kept"));
    /// # });
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError`] if the channel is closed; the value is still in its place.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the value in its place, unless it has been sent.
    pub fn send_from<'a>(&'a self, from: &'a mut Option<T>) -> SendFrom<'a, T> {
        SendFrom::new(self, from)
    }

    /// Sends `value`, or gives up after `limit`.
    ///
    /// # Errors
    ///
    /// With the value: [`SendTimeoutError::Timeout`], or [`SendTimeoutError::Closed`].
    ///
    /// # Panics
    ///
    /// When it has to wait outside a runtime, as [`sleep`] does.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn send_timeout(&self, value: T, limit: Duration) -> SendTimeout<'_, T> {
        SendTimeout::new(self.send(value), sleep(limit))
    }

    /// Sends `value` if that need not wait. A channel that is full or closed is seen without a lock.
    ///
    /// # Errors
    ///
    /// With the value: [`TrySendError::Full`], or [`TrySendError::Closed`].
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut value = Some(value);
        let push = self.chan.try_send(&mut value, None);
        match (push, value) {
            (Push::Closed, Some(value)) => Err(TrySendError::Closed(value)),
            (_, Some(value)) => Err(TrySendError::Full(value)),
            (_, None) => Ok(()),
        }
    }

    /// Sends `value` from a thread that may block.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks: use `send(..).await` there.
    pub fn blocking_send(&self, value: T) -> Result<(), SendError<T>> {
        block_thread_on(self.send(value))
    }

    /// Sends `value` from a thread that may block and has entered a runtime, whose clock says when `limit`
    /// is over.
    ///
    /// # Errors
    ///
    /// As [`send_timeout`](Self::send_timeout).
    ///
    /// # Panics
    ///
    /// As [`blocking_send`](Self::blocking_send) and [`send_timeout`](Self::send_timeout).
    pub fn blocking_send_timeout(
        &self,
        value: T,
        limit: Duration,
    ) -> Result<(), SendTimeoutError<T>> {
        block_thread_on(self.send_timeout(value, limit))
    }

    /// Closes the channel: what is in it can still be received, nothing more can be sent. Senders that
    /// wait fail and get their values back. True for the call that closed it.
    pub fn close(&self) -> bool {
        self.chan.close()
    }

    /// Whether the channel is closed: by [`close`](Self::close), or because a whole side is gone.
    pub fn is_closed(&self) -> bool {
        self.chan.is_closed()
    }

    /// How many values lie in the channel; old when it is returned if others use the channel.
    pub fn len(&self) -> usize {
        self.chan.len()
    }

    /// Whether no value lies in the channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values the buffer holds at most.
    pub fn capacity(&self) -> usize {
        self.chan.capacity()
    }

    /// How many senders there are.
    pub fn sender_count(&self) -> usize {
        self.chan.senders()
    }

    /// How many receivers there are.
    pub fn receiver_count(&self) -> usize {
        self.chan.receivers()
    }

    /// Whether both belong to one channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.chan, &other.chan)
    }

    /// A handle that does not keep the channel open.
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender {
            chan: Arc::downgrade(&self.chan),
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.chan.add_sender();
        Self {
            chan: self.chan.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chan.describe(f.debug_struct("Sender"))
    }
}

/// A [`Sender`] that does not keep its channel open; see [`Sender::downgrade`].
pub struct WeakSender<T> {
    chan: Weak<Chan<T>>,
}

impl<T> WeakSender<T> {
    /// A sender, if there is one left.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let chan = self.chan.upgrade()?;
        chan.try_add_sender().then(|| Sender { chan })
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> Self {
        Self {
            chan: self.chan.clone(),
        }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakSender").finish_non_exhaustive()
    }
}
