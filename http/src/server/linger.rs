//! The end of a connection whose client may still be sending.
//!
//! Closing a socket with unread bytes makes TCP send a reset, and a reset makes the client's
//! system throw away what it has received but not yet read: the very response that says what was
//! wrong. So the sending side is closed first, and what comes is read and dropped until the
//! client closes too, or its time is over (RFC 9112 9.6).
//!
//! The bound is one of time alone, as of nginx's `lingering_close`. A bound of bytes would refuse
//! the answer to every client that reads only when it has sent all, as Python's http.client does,
//! and would protect nothing: to drop a byte costs less than to serve it in a body that the limits
//! allow, and each read is an operation of the task's budget, so that others run in between. The
//! buffer is the pool's and is not held while nothing comes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use ringspun_net::{Buffer, Session, Stream};

use super::alarm::{Alarm, after};

/// See the module's text.
#[derive(Default)]
pub(super) struct Linger {
    /// The own side is closed.
    is_closed: bool,
    /// When waiting ends, whatever still comes.
    end: Option<Instant>,
    /// When it ends if nothing comes until then.
    idle_end: Option<Instant>,
    /// The server stops, and `end` is that of a server that does.
    is_hurried: bool,
}

impl Linger {
    /// Ready when the connection can be dropped.
    pub(super) fn poll<S: Stream>(
        &mut self,
        stream: &mut S,
        session: &mut Session,
        alarm: &mut Alarm,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if self.poll_drop(stream, cx).is_ready() {
            return Poll::Ready(());
        }
        let mut end = *self.end.get_or_insert_with(|| after(TOTAL));
        if !self.is_hurried && session.poll_stopping(cx).is_ready() {
            self.is_hurried = true;
            end = end.min(after(HURRIED));
            self.end = Some(end);
        }
        let idle_end = *self.idle_end.get_or_insert_with(|| after(IDLE));
        if alarm.is_due(end.min(idle_end), cx) {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn poll_drop<S: Stream>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_closed {
            if ready!(Pin::new(&mut *stream).poll_close(cx)).is_err() {
                return Poll::Ready(());
            }
            self.is_closed = true;
        }
        loop {
            // The buffer is not held while waiting.
            if ready!(stream.poll_readable(cx)).is_err() {
                return Poll::Ready(());
            }
            let mut buffer = Buffer::take();
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => self.idle_end = None,
            }
        }
    }
}

/// How long a client may go on sending: nginx's `lingering_time`.
const TOTAL: Duration = Duration::from_secs(30);

/// How long it may neither send nor close: nginx's `lingering_timeout`.
const IDLE: Duration = Duration::from_secs(5);

/// How long a server that stops waits for it, of its grace of 25 s.
const HURRIED: Duration = Duration::from_secs(2);
