//! One connection of the load.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::options::{Mode, Options};
use crate::reply::Checker;
use crate::sys::{self, Epoll};

/// A socket and the batch that is under way on it.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Bytes of the batch the kernel has not taken yet.
    unsent: Vec<u8>,
    /// Replies of the batch still to come.
    awaited: usize,
    /// When the batch was sent (or the connection begun, if that was for this batch).
    since: Instant,
    /// The beginning of a reply that came in pieces.
    partial: Vec<u8>,
    /// The peer has closed.
    ended: bool,
}

/// What a connection got done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Replies that came.
    pub(crate) replies: usize,
    /// The batch is complete.
    pub(crate) idle: bool,
    /// The peer has closed.
    pub(crate) ended: bool,
}

impl Connection {
    /// Connects and sends the first batch.
    ///
    /// On loopback the connection is there when `connect` returns, and a connection of one request
    /// has nothing to send after that: no `TCP_NODELAY`, no edge for sending. The generator must stay
    /// cheaper than the server.
    pub(crate) fn open(
        epoll: &Epoll,
        number: usize,
        options: &Options,
        batch: &[u8],
        replies: usize,
    ) -> io::Result<Self> {
        let since = Instant::now();
        let stream = sys::connect(options.addr)?;
        let (unsent, partial) = (Vec::new(), Vec::new());
        let mut this = Self {
            stream,
            unsent,
            awaited: 0,
            since,
            partial,
            ended: false,
        };
        this.send(batch, replies)?;
        let once = options.mode == Mode::Close && options.uses == 1;
        if !once {
            this.stream.set_nodelay(true)?;
        }
        epoll.add(&this.stream, number, !once || !this.unsent.is_empty())?;
        Ok(this)
    }

    /// Sends `replies` requests; they must be all of the batch.
    pub(crate) fn send(&mut self, batch: &[u8], replies: usize) -> io::Result<()> {
        self.awaited = replies;
        self.unsent.extend_from_slice(batch);
        self.flush()
    }

    /// The batch was begun now, not when the connection was.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.since = now;
    }

    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    pub(crate) fn is_awaiting(&self) -> bool {
        self.awaited > 0
    }

    /// Sends what is left and reads what is there.
    pub(crate) fn ready(
        &mut self,
        closed: bool,
        checker: &mut Checker,
        buffer: &mut [u8],
    ) -> Result<Progress, String> {
        self.flush().map_err(|e| format!("send: {e}"))?;
        let mut replies = 0;
        loop {
            match self.stream.read(buffer) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(length) => {
                    replies += self.check(&buffer[..length], checker)?;
                    // Short means drained, unless the end is still to be read.
                    if length < buffer.len() && !closed {
                        break;
                    }
                }
                Err(e) if is_early(&e) => break,
                Err(e) => return Err(format!("receive: {e}")),
            }
        }
        if self.ended && self.awaited > 0 {
            return Err(format!(
                "closed by the server with {} replies due",
                self.awaited
            ));
        }
        Ok(Progress {
            replies,
            idle: self.awaited == 0,
            ended: self.ended,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.unsent) {
            Ok(sent) => drop(self.unsent.drain(..sent)),
            Err(e) if is_early(&e) => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Counts the replies.
    fn check(&mut self, bytes: &[u8], checker: &mut Checker) -> Result<usize, String> {
        let joined;
        let mut rest = bytes;
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.partial);
            rest = &joined;
        }
        let mut replies = 0;
        while !rest.is_empty() {
            let Some(length) = checker.first(rest)? else {
                break;
            };
            rest = &rest[length..];
            replies += 1;
        }
        self.awaited = self
            .awaited
            .checked_sub(replies)
            .ok_or("more replies than requests")?;
        if !rest.is_empty() {
            if self.awaited == 0 {
                return Err("more bytes than replies".into());
            }
            self.partial.extend_from_slice(rest);
        }
        Ok(replies)
    }
}

/// Not yet connected, or nothing there.
fn is_early(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted
    )
}
