//! The receiving handle.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::chan::Chan;
use super::error::{RecvTimeoutError, TryRecvError};
use super::recv::{Recv, RecvTimeout, Values};
use super::ring::Pop;
use crate::block_on::block_thread_on;
use crate::time::sleep;

/// Receives from a channel; made by [`channel`](super::channel). Clones receive from the same channel: each
/// value goes to one of them.
///
/// When the last one is dropped the channel is closed, senders that wait fail at once with their values,
/// and what lies in the channel is dropped.
pub struct Receiver<T> {
    pub(super) chan: Arc<Chan<T>>,
}

impl<T> Receiver<T> {
    /// The next value; `None` when the channel is closed and drained.
    ///
    /// Receivers that wait are served in the order of their first poll.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a value that was already passed to it goes to the next receiver
    /// that waits, or back to the head of the channel.
    ///
    /// A value that comes back after the channel was closed is there for whoever looks again: another receiver
    /// may have been told the end before, as it would have been had this one kept the value.
    pub fn recv(&self) -> Recv<'_, T> {
        Recv::new(self)
    }

    /// The next value, if it comes within `limit`.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`], or [`RecvTimeoutError::Closed`].
    ///
    /// # Panics
    ///
    /// When it has to wait outside a runtime, as [`sleep`] does.
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](Self::recv).
    pub fn recv_timeout(&self, limit: Duration) -> RecvTimeout<'_, T> {
        RecvTimeout::new(self.recv(), sleep(limit))
    }

    /// A value that is there. An empty channel is seen without a lock.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`], or [`TryRecvError::Closed`].
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.chan.try_recv(None) {
            Pop::Value(value) => Ok(value),
            Pop::Closed => Err(TryRecvError::Closed),
            Pop::Empty | Pop::Waiters => Err(TryRecvError::Empty),
        }
    }

    /// The next value, on a thread that may block.
    ///
    /// # Panics
    ///
    /// On a thread that runs tasks: use `recv().await` there.
    pub fn blocking_recv(&self) -> Option<T> {
        block_thread_on(self.recv())
    }

    /// The next value within `limit`, on a thread that may block and has entered a runtime, whose clock
    /// says when `limit` is over.
    ///
    /// # Errors
    ///
    /// As [`recv_timeout`](Self::recv_timeout).
    ///
    /// # Panics
    ///
    /// As [`blocking_recv`](Self::blocking_recv) and [`recv_timeout`](Self::recv_timeout).
    pub fn blocking_recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        block_thread_on(self.recv_timeout(limit))
    }

    /// The values as a [`Stream`](futures_core::Stream), which ends when the channel is closed and drained.
    ///
    /// ```
    /// # use std::future::poll_fn;
    /// # use std::pin::pin;
    /// # use futures_core::Stream;
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// let (tx, rx) = ringspun_runtime::channel::channel(2);
    /// tx.send(1).await.unwrap();
    /// drop(tx);
    /// let mut values = pin!(rx.stream());
    /// assert_eq!(poll_fn(|cx| values.as_mut().poll_next(cx)).await, Some(1));
    /// assert_eq!(poll_fn(|cx| values.as_mut().poll_next(cx)).await, None);
    /// # });
    /// ```
    pub fn stream(&self) -> Values<&Self, T> {
        Values::new(self)
    }

    /// As [`stream`](Self::stream), with the receiver in it.
    pub fn into_stream(self) -> Values<Self, T> {
        Values::new(self)
    }

    /// The values that are there now, without waiting.
    pub fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.try_recv().ok())
    }

    /// Closes the channel: what is in it can still be received, nothing more can be sent. Senders that
    /// wait fail and get their values back. True for the call that closed it.
    pub fn close(&self) -> bool {
        self.chan.close()
    }

    /// Whether the channel is closed; values may still lie in it.
    pub fn is_closed(&self) -> bool {
        self.chan.is_closed()
    }

    /// How many values lie in the channel; old when it is returned if others use the channel. A value that
    /// a receiver gave back counts too, so it may exceed the capacity for a moment.
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
}

impl<T> AsRef<Self> for Receiver<T> {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.chan.add_receiver();
        Self {
            chan: self.chan.clone(),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.chan.remove_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.chan.describe(f.debug_struct("Receiver"))
    }
}
