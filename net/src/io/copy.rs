//! [`copy`] and [`copy_bidirectional`].
//!
//! One direction is a small state machine around a pooled buffer:
//!
//! ```text
//! idle --read n bytes--> holding --all written--> idle
//!  | read 0
//!  '--> closing (bidirectional only) --closed--> done
//! ```
//!
//! The buffer is given back to the pool whenever nothing is in it and the reader has nothing:
//! ten thousand idle tunnels hold no buffer. Before the copy waits for its reader it flushes the
//! writer, so that a buffering writer does not sit on the last answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use ringspun_runtime::budget;

use crate::buffer::Buffer;

/// Copies everything from `reader` to `writer`, flushes, and says how many bytes that were.
///
/// The writer is not closed. Memory: one [`Buffer`] while bytes are on their way, none while
/// the reader has nothing.
///
/// # Errors
/// The first error of either side.
///
/// # Cancel safety
/// Dropping the future drops what was read and not yet written, at most [`Buffer::SIZE`] bytes.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// use ringspun_net::{io, mem};
///
/// let (mut near, mut far) = mem::pair(1024);
/// near.write_all(b"all of it").await?;
/// near.close().await?;
/// let (mut out, mut end) = mem::pair(1024);
/// assert_eq!(io::copy(&mut far, &mut out).await?, 9);
/// let mut got = [0; 9];
/// end.read_exact(&mut got).await?;
/// assert_eq!(&got, b"all of it");
/// # std::io::Result::Ok(()) }) }
/// ```
pub fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> Copy<'a, R, W>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    Copy {
        reader,
        writer,
        direction: Direction::default(),
    }
}

/// Copies both ways between two streams until both directions have ended.
///
/// The end of one direction is forwarded as a half-close (`poll_close`) of the other stream, and
/// the opposite direction goes on. Returns the bytes copied from `a` to `b` and from `b` to `a`.
///
/// # Errors
/// The first error of either direction; the other one is not finished then.
///
/// # Cancel safety
/// Dropping the future drops what was read and not yet written.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// use ringspun_net::{io, mem};
///
/// let (mut client, mut front) = mem::pair(1024);
/// let (mut back, mut server) = mem::pair(1024);
/// client.write_all(b"ping").await?;
/// client.close().await?;
/// server.write_all(b"pong!").await?;
/// server.close().await?;
/// assert_eq!(io::copy_bidirectional(&mut front, &mut back).await?, (4, 5));
/// # std::io::Result::Ok(()) }) }
/// ```
pub fn copy_bidirectional<'a, A, B>(a: &'a mut A, b: &'a mut B) -> CopyBidirectional<'a, A, B>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    CopyBidirectional {
        a,
        b,
        there: Tunnel::Copying(Direction::default()),
        back: Tunnel::Copying(Direction::default()),
    }
}

/// Future of [`copy`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Copy<'a, R: ?Sized, W: ?Sized> {
    reader: &'a mut R,
    writer: &'a mut W,
    direction: Direction,
}

impl<R, W> Future for Copy<'_, R, W>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    type Output = io::Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let this = self.get_mut();
        this.direction.poll(cx, this.reader, this.writer)
    }
}

/// Future of [`copy_bidirectional`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CopyBidirectional<'a, A: ?Sized, B: ?Sized> {
    a: &'a mut A,
    b: &'a mut B,
    /// From `a` to `b`.
    there: Tunnel,
    /// From `b` to `a`.
    back: Tunnel,
}

impl<A, B> Future for CopyBidirectional<'_, A, B>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    type Output = io::Result<(u64, u64)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<(u64, u64)>> {
        let this = self.get_mut();
        // Both are polled every time: each registers its own wakers.
        let there = this.there.poll(cx, this.a, this.b)?;
        let back = this.back.poll(cx, this.b, this.a)?;
        match (there, back) {
            (Poll::Ready(there), Poll::Ready(back)) => Poll::Ready(Ok((there, back))),
            _ => Poll::Pending,
        }
    }
}

/// One direction of a tunnel.
#[derive(Debug)]
enum Tunnel {
    Copying(Direction),
    /// The reader has ended; the end is being forwarded.
    Closing(u64),
    Done(u64),
}

impl Tunnel {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            *self = match self {
                Self::Copying(direction) => {
                    Self::Closing(ready!(direction.poll(cx, reader, writer))?)
                }
                Self::Closing(copied) => {
                    ready!(Pin::new(&mut *writer).poll_close(cx))?;
                    Self::Done(*copied)
                }
                Self::Done(copied) => return Poll::Ready(Ok(*copied)),
            };
        }
    }
}

/// The state of one direction. Invariant: `start <= end`, and they differ only with a buffer.
#[derive(Debug, Default)]
struct Direction {
    buffer: Option<Buffer>,
    /// The bytes of the buffer that are not written yet.
    start: usize,
    end: usize,
    copied: u64,
    /// Whether the reader has ended; it is not asked again.
    ended: bool,
    /// Whether something was written since the last flush.
    unflushed: bool,
}

impl Direction {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: &mut R,
        writer: &mut W,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        loop {
            ready!(self.poll_drain(cx, writer))?;
            if self.ended {
                ready!(self.poll_flush(cx, writer))?;
                return Poll::Ready(Ok(self.copied));
            }
            // Sources that are never empty and spend no budget of their own exist.
            let proceed = ready!(budget::poll_proceed(cx));
            let buffer = self.buffer.get_or_insert_with(Buffer::take);
            let Poll::Ready(read) = Pin::new(&mut *reader).poll_read(cx, buffer) else {
                self.buffer = None;
                ready!(self.poll_flush(cx, writer))?;
                return Poll::Pending;
            };
            proceed.made_progress();
            self.end = read?;
            if self.end == 0 {
                self.buffer = None;
                self.ended = true;
            }
        }
    }

    /// Writes what the buffer holds.
    fn poll_drain<W>(&mut self, cx: &mut Context<'_>, writer: &mut W) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin + ?Sized,
    {
        if let Some(buffer) = &self.buffer {
            while self.start < self.end {
                let rest = &buffer[self.start..self.end];
                let n = ready!(Pin::new(&mut *writer).poll_write(cx, rest))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.start += n;
                self.copied += n as u64;
                self.unflushed = true;
            }
        }
        self.start = 0;
        self.end = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_flush<W>(&mut self, cx: &mut Context<'_>, writer: &mut W) -> Poll<io::Result<()>>
    where
        W: AsyncWrite + Unpin + ?Sized,
    {
        if self.unflushed {
            ready!(Pin::new(writer).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
