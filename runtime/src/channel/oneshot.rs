//! One value, from one sender to one receiver.
//!
//! The cell that both share, and the protocol, are in `oneshot/cell.rs`.

mod cell;
#[cfg(all(test, loom))]
mod loom_oneshot;

use std::fmt;
use std::future::{Future, poll_fn};
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, ready};

use self::cell::{Cell, Found};
use crate::block_on::block_thread_on;
use crate::budget;

pub use super::TryRecvError;

/// A channel for one value: the answer to a request, the end of something.
///
/// One allocation, from a pool of the thread. A value that is sent and not received is dropped with the
/// receiver.
///
/// ```
/// use ringspun_runtime::channel::oneshot;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let (reply, answer) = oneshot::channel();
/// ringspun_runtime::spawn(async move {
///     // Whoever asked may have gone away.
///     let _ = reply.send(6 * 7);
/// });
/// assert_eq!(answer.await, Ok(42));
/// # });
/// ```
///
/// Its ends go to other threads if the value can:
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::channel::oneshot;
/// fn sent<T: Send>() {}
/// sent::<oneshot::Sender<std::rc::Rc<u8>>>();
/// ```
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::channel::oneshot;
/// fn sent<T: Send>() {}
/// sent::<oneshot::Receiver<std::rc::Rc<u8>>>();
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let cell = Cell::new();
    (Sender { cell }, Receiver { cell: Some(cell) })
}

/// The sending end. Made by [`channel`].
pub struct Sender<T> {
    /// There until this end leaves it, in `send` or `drop`.
    cell: NonNull<Cell<T>>,
}

// SAFETY: the value goes to the receiver or back, by value; the rest is atomics and wakers, which are `Send`.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: `&Sender` gives access to the state word only.
unsafe impl<T: Send> Sync for Sender<T> {}

impl<T> Sender<T> {
    /// Sends the value. Never waits.
    ///
    /// # Errors
    ///
    /// The value, if the receiver has been closed or dropped. `Ok` does not mean that the value is received: the
    /// receiver may be dropped later.
    #[inline]
    pub fn send(self, value: T) -> Result<(), T> {
        // SAFETY: this is the sender.
        let sent = unsafe { Cell::send(self.cell, value) };
        if sent.is_ok() {
            // It has left the cell.
            let _ = ManuallyDrop::new(self);
        }
        sent
    }

    /// Whether the receiver has been closed or dropped: a value would come back.
    pub fn is_closed(&self) -> bool {
        self.cell().is_closed()
    }

    /// Waits until the receiver is closed or dropped: for a sender that can stop its work then.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    ///
    /// ```
    /// use ringspun_runtime::channel::oneshot;
    ///
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// let (mut reply, answer) = oneshot::channel::<u8>();
    /// drop(answer);
    /// reply.closed().await;
    /// # });
    /// ```
    pub async fn closed(&mut self) {
        poll_fn(|cx| self.poll_closed(cx)).await;
    }

    /// As [`closed`](Self::closed), for futures written by hand: the latest waker is woken.
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = ready!(budget::poll_proceed_quick(cx));
        // SAFETY: this is the sender, borrowed exclusively.
        if !unsafe { self.cell().poll_closed(cx.waker()) } {
            return Poll::Pending;
        }
        proceed.made_progress();
        Poll::Ready(())
    }

    fn cell(&self) -> &Cell<T> {
        // SAFETY: this end has not left.
        unsafe { self.cell.as_ref() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // SAFETY: this is the sender, which is not used again.
        unsafe { Cell::give_up(self.cell) }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// The receiving end: a future of the value. Made by [`channel`].
///
/// # Errors
///
/// [`RecvError`] if the sender was dropped without sending, or the receiver closed before; also if the value has
/// been received already.
///
/// # Cancel safety
///
/// Awaiting `&mut receiver` may be cancelled and repeated; the value stays where it is.
#[must_use = "dropping the receiver tells the sender that nobody listens"]
pub struct Receiver<T> {
    /// `None` once it has left the cell: with the value, or when none will come.
    cell: Option<NonNull<Cell<T>>>,
}

// SAFETY: the value is received or dropped by value; the rest is atomics and wakers, which are `Send`.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: `&Receiver` gives access to nothing.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> Receiver<T> {
    /// The value, if it has been sent.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`] if it has not been sent yet, [`TryRecvError::Closed`] if none will come: the sender
    /// was dropped, the receiver closed, or the value has been received.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let cell = self.cell.ok_or(TryRecvError::Closed)?;
        // SAFETY: this is the receiver, borrowed exclusively.
        match unsafe { Cell::try_recv(cell) } {
            Found::Value(value) => {
                self.cell = None;
                Ok(value)
            }
            Found::Closed => {
                self.leave();
                Err(TryRecvError::Closed)
            }
            Found::Nothing => Err(TryRecvError::Empty),
        }
    }

    /// Takes no value that has not been sent yet: the sender gets it back. One that has been sent can still be
    /// received.
    pub fn close(&mut self) {
        if let Some(cell) = self.cell() {
            cell.close();
        }
    }

    /// Blocks the thread until the value is there. For threads outside the runtime.
    ///
    /// # Errors
    ///
    /// [`RecvError`] if the sender was dropped without sending, or the receiver closed before.
    ///
    /// # Panics
    ///
    /// Inside a task.
    #[track_caller]
    pub fn blocking_recv(self) -> Result<T, RecvError> {
        block_thread_on(self)
    }

    fn cell(&self) -> Option<&Cell<T>> {
        // SAFETY: this end has not left.
        self.cell.map(|cell| unsafe { cell.as_ref() })
    }

    fn leave(&mut self) {
        if let Some(cell) = self.cell.take() {
            // SAFETY: this is the receiver, and its pointer is gone.
            unsafe { Cell::abandon(cell) }
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(budget::poll_proceed_quick(cx));
        let mut result = self.try_recv();
        if matches!(result, Err(TryRecvError::Empty)) {
            let waits = self
                .cell()
                // SAFETY: this is the receiver, borrowed exclusively.
                .is_some_and(|cell| unsafe { cell.wait(cx.waker()) });
            if waits {
                return Poll::Pending;
            }
            result = self.try_recv();
        }
        proceed.made_progress();
        Poll::Ready(result.map_err(|_| RecvError(())))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("ended", &self.cell.is_none())
            .finish()
    }
}

/// No value will come: the sender was dropped, or the receiver closed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecvError(());

impl fmt::Debug for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecvError")
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed, and no value was sent")
    }
}

impl std::error::Error for RecvError {}
