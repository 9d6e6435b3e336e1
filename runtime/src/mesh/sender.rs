//! The sending half of a port.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::ring::{Peer, Producer};
use super::{Seats, SendError, TrySendError};
use crate::budget;

/// The sending half of a [`Port`](super::Port), from [`Port::split`](super::Port::split).
///
/// When it is dropped, the receivers get what it has sent, and learn that no more will come from here.
pub struct Sender<T> {
    index: usize,
    /// One for each port, the own included.
    producers: Box<[Producer<T>]>,
    seats: Seats,
    /// A waker may lie in the seat.
    seated: bool,
}

impl<T> Sender<T> {
    pub(super) fn new(index: usize, producers: Vec<Producer<T>>, seats: Seats) -> Self {
        Self {
            index,
            producers: producers.into(),
            seats,
            seated: false,
        }
    }

    /// The number of the port.
    pub fn index(&self) -> usize {
        self.index
    }

    /// How many ports the mesh has.
    pub fn ports(&self) -> usize {
        self.producers.len()
    }

    /// See [`Port::send`](super::Port::send).
    ///
    /// # Errors
    ///
    /// [`SendError`] if the receiver of port `to` is gone.
    ///
    /// # Panics
    ///
    /// If the mesh has no port `to`.
    ///
    /// # Cancel safety
    ///
    /// The value is sent when the future returns `Ok`; dropped before that, the value goes with it.
    pub async fn send(&mut self, to: usize, value: T) -> Result<(), SendError<T>> {
        Sending {
            sender: self,
            to,
            value: Some(value),
        }
        .await
    }

    /// See [`Port::try_send`](super::Port::try_send).
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if there is no room, or the receiver of port `to` is gone.
    ///
    /// # Panics
    ///
    /// If the mesh has no port `to`.
    pub fn try_send(&mut self, to: usize, value: T) -> Result<(), TrySendError<T>> {
        if self.producer(to).push(value)? == Peer::Asleep {
            self.seats[to].receiver.wake();
        }
        Ok(())
    }

    fn producer(&mut self, to: usize) -> &mut Producer<T> {
        let ports = self.ports();
        match self.producers.get_mut(to) {
            Some(producer) => producer,
            None => panic!("no port {to}: this mesh has ports 0 to {}", ports - 1),
        }
    }

    fn leave_seat(&mut self) {
        if std::mem::take(&mut self.seated) {
            self.seats[self.index].sender.leave();
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        for (producer, seats) in self.producers.iter_mut().zip(&*self.seats) {
            if producer.end() == Peer::Asleep {
                seats.receiver.wake();
            }
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("index", &self.index)
            .field("ports", &self.ports())
            .finish_non_exhaustive()
    }
}

/// The future of [`Sender::send`].
struct Sending<'a, T> {
    sender: &'a mut Sender<T>,
    to: usize,
    /// `None` once it is sent or given back.
    value: Option<T>,
}

/// The value is moved, never pinned.
impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(budget::poll_proceed_quick(cx));
        let Self { sender, to, value } = &mut *self;
        let mut unsent = value.take().expect("polled after it was done");
        loop {
            let result = match sender.try_send(*to, unsent) {
                Ok(()) => Ok(()),
                Err(TrySendError::Closed(back)) => Err(SendError(back)),
                Err(TrySendError::Full(back)) => {
                    sender.seats[sender.index].sender.sit(cx.waker());
                    sender.seated = true;
                    if sender.producer(*to).sleep() {
                        unsent = back;
                        continue;
                    }
                    *value = Some(back);
                    return Poll::Pending;
                }
            };
            proceed.made_progress();
            return Poll::Ready(result);
        }
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        self.sender.leave_seat();
    }
}
