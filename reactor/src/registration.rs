//! `Registration`: the handle beside a socket through which its task sees readiness.
//!
//! The order of an operation that may have to wait, which only the network layer's would-block loop
//! needs to know:
//!
//! ```text
//!   poll_ready --- Pending: the waker is stored, an event will wake it
//!       | Ready
//!   consume        before the attempt: an edge that comes during it is seen afterwards
//!       |
//!   attempt ------ would block: back to poll_ready
//!       |
//!   restore        if there may be more: a full buffer, an error, an interruption, or the end of
//!                  the stream announced. A short read otherwise means drained
//! ```

use std::fmt;
use std::os::fd::RawFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::interest::Direction;
use crate::reactor::Reactor;
use crate::ready::Ready;
use crate::source::Source;
use crate::token::{Kind, Token};

/// A descriptor's place in a reactor.
///
/// Dropping it takes the descriptor out of the selector and drops the stored wakers. **Drop it
/// before the descriptor is closed**: in a struct, declare it before the socket.
///
/// One task per direction may wait at a time: a waker stored by another task replaces the one
/// before it, which is then dropped without being woken.
pub struct Registration {
    /// The reactor; keeps the table and so the source alive.
    reactor: Arc<Reactor>,
    /// The slot in the reactor's table, which this registration owns.
    source: NonNull<Source>,
    /// Index, generation and kind, as given to the selector.
    token: Token,
    /// The descriptor, to take it out of the selector.
    fd: RawFd,
    /// The owner closes the descriptor right after the drop, which takes it out as well.
    left_by_close: bool,
}

// SAFETY: the pointer leads to a `Source` in the reactor's table. `Source` is made of atomics and
// is `Sync`, the table keeps it alive and in place, and `reactor` keeps the table, wherever this
// handle is sent.
unsafe impl Send for Registration {}
// SAFETY: as above; a shared registration gives access to a shared `Source` only.
unsafe impl Sync for Registration {}

impl Registration {
    pub(crate) fn new(reactor: Arc<Reactor>, source: &Source, token: Token, fd: RawFd) -> Self {
        let source = NonNull::from(source);
        Self {
            reactor,
            source,
            token,
            fd,
            left_by_close: false,
        }
    }

    /// For the owner of a descriptor without duplicates that closes it right after it drops this
    /// registration: `close(2)` takes it out of the selector, and the `epoll_ctl` that would do so
    /// is saved. A connection costs one in its whole life then.
    ///
    /// Should there be a duplicate after all (in a forked child, say), the kernel goes on
    /// reporting for it as long as it lives. Those events carry an old generation and are dropped:
    /// they wake no task, but they cost the core a look. Use [`deregister`](Self::deregister)
    /// before giving the descriptor away.
    #[must_use]
    pub fn left_by_close(mut self) -> Self {
        self.left_by_close = true;
        self
    }

    /// Ends the registration of a descriptor that stays open.
    pub fn deregister(mut self) {
        self.left_by_close = false;
    }

    /// Whether an attempt in this direction is worth while; if not, the task is woken when it is.
    ///
    /// Readiness stays until it is [consumed](Self::consume), and may turn out to be unfounded.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken: a caller that goes away loses no event.
    #[inline]
    pub fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<Ready> {
        let side = self.source().side(direction);
        match side.poll(cx.waker()) {
            Poll::Ready(word) => Poll::Ready(word.ready(direction)),
            Poll::Pending => {
                // Stored first, looked at second: see the head of `reactor.rs`.
                if self.token.kind() == Kind::Level && side.load().is_disarmed() {
                    self.rearm(cx);
                }
                Poll::Pending
            }
        }
    }

    /// Whether the peer has reset the connection, or the descriptor has another error; if not, the
    /// task is woken by the next event of this direction, whatever it is. The direction's readiness
    /// stays as it is, so that this waits also where there is something to read that nobody wants.
    ///
    /// It uses the place of the task that waits for this direction.
    ///
    /// # Cancel safety
    ///
    /// Nothing is taken.
    pub fn poll_error(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<Ready> {
        let polled = self.source().side(direction).poll_error(cx.waker());
        polled.map(|word| word.ready(direction))
    }

    /// Clears the readiness of a direction and returns what was known until now. Call it *before*
    /// the attempt: an event that comes during the attempt is then not forgotten.
    pub fn consume(&self, direction: Direction) -> Ready {
        self.source().side(direction).consume().ready(direction)
    }

    /// Makes a direction ready again: the attempt left something behind for which no event will
    /// come.
    pub fn restore(&self, direction: Direction) {
        self.source().side(direction).restore();
    }

    /// Whether the end of this direction or an error was announced. This is sticky. A short read
    /// does not mean "drained" then, because the end itself is still to be read.
    pub fn has_closed(&self, direction: Direction) -> bool {
        self.source().side(direction).load().is_closed()
    }

    /// What is known of a direction, without consuming it.
    pub fn ready(&self, direction: Direction) -> Ready {
        self.source().side(direction).load().ready(direction)
    }

    /// The reactor that this descriptor is registered in.
    pub fn reactor(&self) -> &Arc<Reactor> {
        &self.reactor
    }

    /// The word that events of this registration carry.
    #[cfg(all(loom, test))]
    pub(crate) fn token(&self) -> Token {
        self.token
    }

    /// Arms a level-triggered source that went silent. Should that fail, the task tries itself.
    #[cold]
    fn rearm(&self, cx: &mut Context<'_>) {
        if self.reactor.rearm(self.token, self.source()).is_err() {
            self.source().side(Direction::Read).restore();
            cx.waker().wake_by_ref();
        }
    }

    fn source(&self) -> &Source {
        // SAFETY: the slot lies in a page of `self.reactor`'s table, which is neither freed nor
        // moved while the reactor lives, and `self.reactor` keeps it alive.
        unsafe { self.source.as_ref() }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let fd = (!self.left_by_close).then_some(self.fd);
        self.reactor.deregister(self.token, self.source(), fd);
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("fd", &self.fd)
            .field("source", self.source())
            .finish_non_exhaustive()
    }
}
