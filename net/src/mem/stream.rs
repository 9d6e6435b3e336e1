//! [`MemStream`]: one end of two pipes.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ringspun_runtime::budget;

use crate::io::carry::Carry;
use crate::io::read::{Reading, Wire, poll_readable, read_side};
use crate::io::write::{Writing, write_side};
use crate::mem::pipe::{Pipe, take};
use crate::mem::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::stream::Stream;

/// Two connected streams; each direction holds at most `capacity` bytes (at least 1).
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// use ringspun_net::mem;
///
/// let (mut a, mut b) = mem::pair(64 * 1024);
/// a.write_all(b"over").await?;
/// a.close().await?;
/// let mut word = [0; 4];
/// b.read_exact(&mut word).await?;
/// assert_eq!(&word, b"over");
/// assert_eq!(b.read(&mut word).await?, 0);
/// # std::io::Result::Ok(()) }) }
/// ```
#[must_use]
pub fn pair(capacity: usize) -> (MemStream, MemStream) {
    let pipes = Arc::new([Pipe::new(capacity), Pipe::new(capacity)]);
    let a = MemEnd {
        pipes: Arc::clone(&pipes),
        side: 0,
    };
    let b = MemEnd { pipes, side: 1 };
    (MemStream::new(a), MemStream::new(b))
}

/// A connection within the process, with the semantics of a TCP connection.
///
/// The [module page](crate::mem) has the table. The methods are those of
/// [`TcpStream`](crate::TcpStream), cancel safety included. Dropping the stream closes both
/// directions.
#[derive(Debug)]
pub struct MemStream {
    pub(super) wire: MemEnd,
    /// Put back by a cancelled read.
    pub(super) unread: Carry,
    /// Left by a cancelled write.
    pub(super) unsent: Carry,
}

impl MemStream {
    fn new(wire: MemEnd) -> Self {
        Self {
            wire,
            unread: Carry::new(),
            unsent: Carry::new(),
        }
    }

    /// Borrows the two directions, to be used side by side in one task.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        ReadHalf::pair(self)
    }

    /// Splits into two owned halves, which may live in two tasks.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        OwnedReadHalf::pair(self)
    }
}

impl Reading for MemStream {
    type Wire = MemEnd;

    fn reading(&mut self) -> (&MemEnd, &mut Carry) {
        (&self.wire, &mut self.unread)
    }
}

impl Writing for MemStream {
    type Wire = MemEnd;

    fn writing(&mut self) -> (&MemEnd, &mut Carry) {
        (&self.wire, &mut self.unsent)
    }
}

read_side!(MemStream);
write_side!(MemStream);

impl Stream for MemStream {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_readable(self, cx)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wire.outgoing().poll_abandoned(cx)
    }

    fn unsent(&self) -> usize {
        self.wire.outgoing().len()
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// One end: writes into the pipe of its own side, reads from the other.
#[derive(Debug)]
pub(crate) struct MemEnd {
    pipes: Arc<[Pipe; 2]>,
    side: usize,
}

impl MemEnd {
    fn outgoing(&self) -> &Pipe {
        &self.pipes[self.side]
    }

    fn incoming(&self) -> &Pipe {
        &self.pipes[1 - self.side]
    }

    /// Makes the peer see a reset when this end is dropped, as for a connection that was never
    /// accepted.
    pub(super) fn reset(&self) {
        self.outgoing().reset();
    }
}

impl Wire for MemEnd {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let proceed = ready!(budget::poll_proceed(cx));
        let result = ready!(self.incoming().poll_read(cx, |bytes| take(bytes, buf)));
        proceed.made_progress();
        Poll::Ready(result)
    }

    fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let proceed = ready!(budget::poll_proceed(cx));
        let result = ready!(self.incoming().poll_read(cx, |bytes| {
            bufs.iter_mut().map(|buf| take(bytes, buf)).sum()
        }));
        proceed.made_progress();
        Poll::Ready(result)
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.incoming().poll_readable(cx).map(Ok)
    }

    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let proceed = ready!(budget::poll_proceed(cx));
        let result = ready!(self.outgoing().poll_write(cx, std::iter::once(buf)));
        proceed.made_progress();
        Poll::Ready(result)
    }

    fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let proceed = ready!(budget::poll_proceed(cx));
        let result = ready!(
            self.outgoing()
                .poll_write(cx, bufs.iter().map(|buf| &**buf))
        );
        proceed.made_progress();
        Poll::Ready(result)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.outgoing().finish();
        Ok(())
    }
}

impl Drop for MemEnd {
    fn drop(&mut self) {
        // First stop the peer's writes, then tell it how this direction ends.
        if self.incoming().abandon() {
            self.outgoing().reset();
        } else {
            self.outgoing().finish();
        }
    }
}
