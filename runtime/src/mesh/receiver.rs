//! The receiving half of a port.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::Seats;
use super::ring::{Consumer, Peer};
use crate::budget;

/// The most messages of one sender in a row while others wait: a line in the cache is worth staying for,
/// and 16 messages delay the others by less than a microsecond.
const TURN: u8 = 16;

/// The receiving half of a [`Port`](super::Port), from [`Port::split`](super::Port::split).
///
/// When it is dropped, the messages that wait for it are dropped too, and sends to it give their values
/// back.
pub struct Receiver<T> {
    index: usize,
    /// One for each port, the own included.
    consumers: Box<[Consumer<T>]>,
    seats: Seats,
    /// Whose turn it is.
    next: usize,
    /// Messages until the turn goes on.
    left: u8,
    /// Whoever waits for a message holds the own sender too, so nothing will come from there.
    pub(super) holds_sender: bool,
    /// A waker may lie in the seat.
    seated: bool,
}

impl<T> Receiver<T> {
    pub(super) fn new(index: usize, consumers: Vec<Consumer<T>>, seats: Seats) -> Self {
        Self {
            index,
            consumers: consumers.into(),
            seats,
            next: 0,
            left: TURN,
            holds_sender: true,
            seated: false,
        }
    }

    /// The number of the port.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The next message, and the number of the port that it comes from; `None` when every sender, that
    /// of this port included, is gone and nothing is left. See [`Port::recv`](super::Port::recv).
    ///
    /// # Cancel safety
    ///
    /// A message is taken only when the future returns it.
    pub async fn recv(&mut self) -> Option<(usize, T)> {
        Receiving(self).await
    }

    /// See [`Port::try_recv`](super::Port::try_recv).
    pub fn try_recv(&mut self) -> Option<(usize, T)> {
        for _ in 0..=self.consumers.len() {
            if self.left > 0
                && let Some((value, peer)) = self.consumers[self.next].pop()
            {
                self.left -= 1;
                if peer == Peer::Asleep {
                    self.seats[self.next].sender.wake();
                }
                return Some((self.next, value));
            }
            self.next = (self.next + 1) % self.consumers.len();
            self.left = TURN;
        }
        None
    }

    /// Before waiting, with the waker in its seat: true if there is no need to wait.
    fn sleep(&mut self) -> bool {
        // All of them, so that no sender finds this one awake.
        let mut awake = false;
        for consumer in &mut self.consumers {
            awake |= consumer.sleep();
        }
        awake
    }

    fn is_over(&self) -> bool {
        let mut consumers = self.consumers.iter().enumerate();
        consumers
            .all(|(from, consumer)| consumer.is_over() || self.holds_sender && from == self.index)
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, T)>> {
        let proceed = ready!(budget::poll_proceed_quick(cx));
        loop {
            let found = self.try_recv();
            if found.is_some() || self.is_over() {
                proceed.made_progress();
                return Poll::Ready(found);
            }
            self.seats[self.index].receiver.sit(cx.waker());
            self.seated = true;
            if !self.sleep() {
                return Poll::Pending;
            }
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        for (consumer, seats) in self.consumers.iter_mut().zip(&*self.seats) {
            if consumer.close() == Peer::Asleep {
                seats.sender.wake();
            }
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("index", &self.index)
            .field("ports", &self.consumers.len())
            .finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
struct Receiving<'a, T>(&'a mut Receiver<T>);

impl<T> Future for Receiving<'_, T> {
    type Output = Option<(usize, T)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_recv(cx)
    }
}

impl<T> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        if std::mem::take(&mut self.0.seated) {
            self.0.seats[self.0.index].receiver.leave();
        }
    }
}
