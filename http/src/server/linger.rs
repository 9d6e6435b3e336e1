//! The end of a connection whose client may still be sending.
//!
//! Closing a socket with unread bytes makes TCP send a reset, and a reset makes the client's
//! system throw away what it has received but not yet read: the very response that says what was
//! wrong. So the sending side is closed first, and what comes is read and dropped until the
//! client closes too, or a bound is reached (RFC 9112 9.6).

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use ringspun_net::{Buffer, Stream};

use super::alarm::{Alarm, after};

/// See the module's text.
#[derive(Default)]
pub(super) struct Linger {
    /// The own side is closed.
    is_closed: bool,
    /// Bytes that were dropped.
    dropped: usize,
    /// When waiting ends.
    deadline: Option<Instant>,
}

impl Linger {
    /// Ready when the connection can be dropped.
    pub(super) fn poll<S: Stream>(
        &mut self,
        stream: &mut S,
        alarm: &mut Alarm,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let deadline = *self.deadline.get_or_insert_with(|| after(PATIENCE));
        if self.poll_drop(stream, cx).is_ready() || alarm.is_due(deadline, cx) {
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
        while self.dropped < BOUND {
            // The buffer is not held while waiting.
            if ready!(stream.poll_readable(cx)).is_err() {
                break;
            }
            let mut buffer = Buffer::take();
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
                Ok(0) | Err(_) => break,
                Ok(count) => self.dropped += count,
            }
        }
        Poll::Ready(())
    }
}

/// How long a client may take to close its side.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes that are dropped at most: a client that goes on for longer will not read the answer.
const BOUND: usize = 512 * 1024;
