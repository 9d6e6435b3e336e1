//! [`Session`], and the future around a handler's.

use std::fmt;
use std::future::{self, Future};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use crate::acceptor::shard::{Key, Shard};
use crate::acceptor::tidy;

/// What a handler knows of its connection beside the stream.
pub struct Session {
    shard: Arc<Shard>,
    key: Key,
    /// Of the listener that accepted it.
    listener: usize,
    peer: Option<SocketAddr>,
    /// A copy of the waker that is stored in the shard: saves the lock when it is the same.
    waker: Option<Waker>,
}

impl Session {
    pub(super) fn new(guard: &Guard, listener: usize, peer: Option<SocketAddr>) -> Self {
        Self {
            shard: Arc::clone(&guard.shard),
            key: guard.key,
            listener,
            peer,
            waker: None,
        }
    }

    /// The peer's address, `None` for transports without addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Which of the listeners accepted this connection.
    #[must_use]
    pub fn listener(&self) -> usize {
        self.listener
    }

    /// A number that no other connection of this server has or will have.
    #[must_use]
    pub fn id(&self) -> u64 {
        // 2^48 connections of one core: 8,900 years at 1,000 a second.
        (self.shard.core as u64) << 48 | self.key.id()
    }

    /// The core that this connection was placed on: its socket is in the reactor of that core,
    /// and its task begins there, unless another core steals it.
    #[must_use]
    pub fn core(&self) -> usize {
        self.shard.core
    }

    /// Whether the server has been asked to [stop](crate::Serving::stop): finish what has begun
    /// and end the connection. One load.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.shard.shared.is_stopped()
    }

    /// Waits until the server is asked to stop.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn stopping(&mut self) {
        future::poll_fn(|cx| self.poll_stopping(cx)).await;
    }

    /// [`stopping`](Self::stopping) for hand-written futures. Has room for one waker.
    pub fn poll_stopping(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_stopping() {
            return Poll::Ready(());
        }
        if !self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            self.waker = Some(cx.waker().clone());
            if !self.shard.set_session(self.key, cx.waker().clone()) {
                // The session outlived its connection.
                return Poll::Ready(());
            }
            // The second look: a stop that came before the waker did not find it.
            if self.is_stopping() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("peer", &self.peer)
            .field("listener", &self.listener())
            .field("core", &self.core())
            .field("stopping", &self.is_stopping())
            .finish()
    }
}

pin_project! {
    /// A connection's task: the handler's future, until it ends or is cut.
    pub(super) struct Connection<Fut> {
        // Dropped first: with it the stream is closed, then the connection is counted out.
        #[pin]
        future: Fut,
        guard: Guard,
    }
}

impl<Fut> Connection<Fut> {
    pub(super) fn new(future: Fut, guard: Guard) -> Self {
        Self { future, guard }
    }
}

impl<Fut: Future<Output = ()>> Future for Connection<Fut> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        this.guard.store_waker(cx);
        if this.guard.shard.shared.is_cut() {
            // Ready: the task drops this, and with it the stream.
            return Poll::Ready(());
        }
        this.future.poll(cx)
    }
}

/// A connection that is counted; the drop counts it out.
#[derive(Debug)]
pub(super) struct Guard {
    shard: Arc<Shard>,
    key: Key,
    /// Whether the task's waker is stored. A spawned task has one waker all its life.
    stored: bool,
}

impl Guard {
    /// For a connection for which `Shared::enter` has succeeded.
    pub(super) fn new(shard: Arc<Shard>) -> Self {
        let key = shard.insert();
        Self {
            shard,
            key,
            stored: false,
        }
    }

    /// The shard of the core that the connection was placed on.
    pub(super) fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// Counts the connection in another shard, before anything has been stored in this one. It
    /// stays counted all the while.
    pub(super) fn move_to(&mut self, shard: &Arc<Shard>) {
        debug_assert!(!self.stored, "its task has not begun");
        let key = shard.insert();
        self.shard.remove(self.key);
        (self.shard, self.key) = (Arc::clone(shard), key);
    }

    fn store_waker(&mut self, cx: &Context<'_>) {
        if !self.stored {
            self.stored = true;
            self.shard.set_task(self.key, cx.waker().clone());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.shard.remove(self.key) {
            tidy::give_memory_back();
        }
        self.shard.shared.leave();
    }
}
