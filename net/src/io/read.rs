//! The reading side of a stream or half, written once for all of them.
//!
//! A reading side is a [`Wire`] and the [`Carry`] of bytes put back. The functions here are the
//! behaviour; [`read_side!`] gives a type its `AsyncRead` and its inherent methods.

use std::future::Future;
use std::io::{self, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::carry::Carry;

/// What carries the bytes: a socket or a pair of in-memory pipes. All methods take `&self`, so
/// that the halves of a stream can share it; each direction is used by one task at a time.
pub(crate) trait Wire {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

    fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>>;

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>;

    fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Ends the write direction. Twice is fine, and so is a peer that is gone.
    fn shutdown_write(&self) -> io::Result<()>;
}

/// A type with a reading side.
pub(crate) trait Reading {
    type Wire: Wire;
    /// The wire, and the bytes put back that come before it.
    fn reading(&mut self) -> (&Self::Wire, &mut Carry);
}

pub(crate) fn poll_read<R: Reading>(
    side: &mut R,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<io::Result<usize>> {
    let (wire, unread) = side.reading();
    if buf.is_empty() {
        return Poll::Ready(Ok(0));
    }
    if !unread.is_empty() {
        return Poll::Ready(Ok(unread.take_into(buf)));
    }
    wire.poll_read(cx, buf)
}

pub(crate) fn poll_read_vectored<R: Reading>(
    side: &mut R,
    cx: &mut Context<'_>,
    bufs: &mut [IoSliceMut<'_>],
) -> Poll<io::Result<usize>> {
    let (wire, unread) = side.reading();
    if bufs.iter().all(|buf| buf.is_empty()) {
        return Poll::Ready(Ok(0));
    }
    if !unread.is_empty() {
        return Poll::Ready(Ok(bufs.iter_mut().map(|buf| unread.take_into(buf)).sum()));
    }
    wire.poll_read_vectored(cx, bufs)
}

pub(crate) fn poll_readable<R: Reading>(
    side: &mut R,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    let (wire, unread) = side.reading();
    if !unread.is_empty() {
        return Poll::Ready(Ok(()));
    }
    wire.poll_readable(cx)
}

/// Fills `buf`. Dropped before the end, or ended by an error, it puts the bytes back.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct ReadExact<'a, R: Reading> {
    side: &'a mut R,
    buf: &'a mut [u8],
    /// Bytes of `buf` that are filled and belong to the stream until all are.
    filled: usize,
}

impl<'a, R: Reading> ReadExact<'a, R> {
    pub(crate) fn new(side: &'a mut R, buf: &'a mut [u8]) -> Self {
        Self {
            side,
            buf,
            filled: 0,
        }
    }
}

impl<R: Reading> Future for ReadExact<'_, R> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.filled < this.buf.len() {
            match ready!(poll_read(this.side, cx, &mut this.buf[this.filled..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                n => this.filled += n,
            }
        }
        // The caller's from here on.
        this.filled = 0;
        this.buf = &mut [];
        Poll::Ready(Ok(()))
    }
}

impl<R: Reading> Drop for ReadExact<'_, R> {
    fn drop(&mut self) {
        if self.filled > 0 {
            self.side.reading().1.push_front(&self.buf[..self.filled]);
        }
    }
}

/// Implements `AsyncRead` and the reading methods for a type that is [`Reading`].
macro_rules! read_side {
    ($type:ty) => {
        impl futures_io::AsyncRead for $type {
            fn poll_read(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                $crate::io::read::poll_read(self.get_mut(), cx, buf)
            }

            fn poll_read_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                $crate::io::read::poll_read_vectored(self.get_mut(), cx, bufs)
            }
        }

        impl $type {
            /// Reads what is there, at most `buf.len()` bytes, waiting for the first.
            ///
            /// Returns 0 at the end of the stream (or for an empty buffer).
            ///
            /// # Errors
            /// What the transport reports, such as `ConnectionReset`.
            ///
            /// # Cancel safety
            /// A call that is dropped has taken nothing from the stream.
            pub async fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                std::future::poll_fn(|cx| $crate::io::read::poll_read(self, cx, buf)).await
            }

            /// Like [`read`](Self::read), into several buffers with one system call.
            ///
            /// # Errors
            /// What the transport reports.
            ///
            /// # Cancel safety
            /// A call that is dropped has taken nothing from the stream.
            pub async fn read_vectored(
                &mut self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                std::future::poll_fn(|cx| $crate::io::read::poll_read_vectored(self, cx, bufs))
                    .await
            }

            /// Fills `buf` to its end.
            ///
            /// # Errors
            /// `UnexpectedEof` if the stream ends first, else what the transport reports.
            /// Whenever the buffer was not filled, the bytes read so far stay in the stream and
            /// the next read begins with them.
            ///
            /// # Cancel safety
            /// A call that is dropped puts back what it had read; nothing is lost or reordered.
            /// (A future that is leaked by `mem::forget` keeps its bytes.)
            pub async fn read_exact(&mut self, buf: &mut [u8]) -> std::io::Result<()> {
                $crate::io::read::ReadExact::new(self, buf).await
            }

            /// Waits until a read is worth trying, without holding a buffer.
            ///
            /// May end although there is nothing to read; the read then waits as usual. Ends
            /// also at the end of the stream and for an error, which the read will report.
            ///
            /// # Errors
            /// None at present.
            ///
            /// # Cancel safety
            /// Takes nothing from the stream.
            pub async fn readable(&mut self) -> std::io::Result<()> {
                std::future::poll_fn(|cx| $crate::io::read::poll_readable(self, cx)).await
            }
        }
    };
}
pub(crate) use read_side;
