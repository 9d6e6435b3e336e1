//! The writing side of a stream or half, written once for all of them.
//!
//! A writing side is a [`Wire`] and the [`Carry`] of bytes that a cancelled `write_all` left.
//! Those go first, before anything written later and before the end of the direction, so that a
//! message once begun is whole on the wire or the last thing on it.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::io::carry::Carry;
use crate::io::read::Wire;

/// A type with a writing side.
pub(crate) trait Writing {
    type Wire: Wire;
    /// The wire, and the bytes that must go before anything else.
    fn writing(&mut self) -> (&Self::Wire, &mut Carry);
}

pub(crate) fn poll_write<W: Writing>(
    side: &mut W,
    cx: &mut Context<'_>,
    buf: &[u8],
) -> Poll<io::Result<usize>> {
    ready!(poll_flush(side, cx))?;
    if buf.is_empty() {
        return Poll::Ready(Ok(0));
    }
    side.writing().0.poll_write(cx, buf)
}

pub(crate) fn poll_write_vectored<W: Writing>(
    side: &mut W,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    ready!(poll_flush(side, cx))?;
    if bufs.iter().all(|buf| buf.is_empty()) {
        return Poll::Ready(Ok(0));
    }
    side.writing().0.poll_write_vectored(cx, bufs)
}

/// Sends what a cancelled call left. Costs one comparison when there is nothing.
pub(crate) fn poll_flush<W: Writing>(side: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let (wire, unsent) = side.writing();
    while !unsent.is_empty() {
        match ready!(wire.poll_write(cx, unsent.bytes()))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            n => unsent.advance(n),
        }
    }
    Poll::Ready(Ok(()))
}

pub(crate) fn poll_close<W: Writing>(side: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    ready!(poll_flush(side, cx))?;
    Poll::Ready(side.writing().0.shutdown_write())
}

/// Writes `buf`. Dropped after its first byte went out, it leaves the rest to the stream.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct WriteAll<'a, W: Writing> {
    side: &'a mut W,
    buf: &'a [u8],
    /// Bytes of `buf` that are out. The whole length also after an error: then nothing is left
    /// to the stream, because nothing more can be sent.
    sent: usize,
}

impl<'a, W: Writing> WriteAll<'a, W> {
    pub(crate) fn new(side: &'a mut W, buf: &'a [u8]) -> Self {
        Self { side, buf, sent: 0 }
    }
}

impl<W: Writing> Future for WriteAll<'_, W> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.sent < this.buf.len() {
            let result = ready!(poll_write(this.side, cx, &this.buf[this.sent..]));
            match result.and_then(not_zero) {
                Ok(n) => this.sent += n,
                Err(error) => {
                    this.sent = this.buf.len();
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: Writing> Drop for WriteAll<'_, W> {
    fn drop(&mut self) {
        if self.sent > 0 && self.sent < self.buf.len() {
            self.side.writing().1.push_back(&self.buf[self.sent..]);
        }
    }
}

/// Writes all of `bufs`; as [`WriteAll`] when dropped.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(crate) struct WriteAllVectored<'a, 'b, W: Writing> {
    side: &'a mut W,
    /// What is left; shrinks from the front.
    bufs: &'a mut [IoSlice<'b>],
    /// Whether a byte of them is out and no error has come.
    begun: bool,
}

impl<'a, 'b, W: Writing> WriteAllVectored<'a, 'b, W> {
    pub(crate) fn new(side: &'a mut W, mut bufs: &'a mut [IoSlice<'b>]) -> Self {
        // Empty slices at the front would make the length of a write 0.
        IoSlice::advance_slices(&mut bufs, 0);
        Self {
            side,
            bufs,
            begun: false,
        }
    }
}

impl<W: Writing> Future for WriteAllVectored<'_, '_, W> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.bufs.is_empty() {
            let result = ready!(poll_write_vectored(this.side, cx, this.bufs));
            match result.and_then(not_zero) {
                Ok(n) => {
                    IoSlice::advance_slices(&mut this.bufs, n);
                    this.begun = true;
                }
                Err(error) => {
                    this.begun = false;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: Writing> Drop for WriteAllVectored<'_, '_, W> {
    fn drop(&mut self) {
        if self.begun {
            for buf in &*self.bufs {
                self.side.writing().1.push_back(buf);
            }
        }
    }
}

fn not_zero(n: usize) -> io::Result<usize> {
    if n == 0 {
        Err(io::ErrorKind::WriteZero.into())
    } else {
        Ok(n)
    }
}

/// Implements `AsyncWrite` and the writing methods for a type that is [`Writing`].
macro_rules! write_side {
    ($type:ty) => {
        impl futures_io::AsyncWrite for $type {
            fn poll_write(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                buf: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                $crate::io::write::poll_write(self.get_mut(), cx, buf)
            }

            fn poll_write_vectored(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                $crate::io::write::poll_write_vectored(self.get_mut(), cx, bufs)
            }

            /// Sends what a cancelled `write_all` left; nothing else is buffered.
            fn poll_flush(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $crate::io::write::poll_flush(self.get_mut(), cx)
            }

            /// Flushes, then ends the write direction; reading goes on.
            fn poll_close(
                self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                $crate::io::write::poll_close(self.get_mut(), cx)
            }
        }

        impl $type {
            /// Writes what fits, at most `buf.len()` bytes, waiting for the first.
            ///
            /// # Errors
            /// `BrokenPipe` or `ConnectionReset` when the peer is gone; never a signal.
            ///
            /// # Cancel safety
            /// A call that is dropped has sent nothing of `buf`.
            pub async fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                std::future::poll_fn(|cx| $crate::io::write::poll_write(self, cx, buf)).await
            }

            /// Like [`write`](Self::write), from several buffers with one system call.
            ///
            /// # Errors
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            /// A call that is dropped has sent nothing of `bufs`.
            pub async fn write_vectored(
                &mut self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                std::future::poll_fn(|cx| $crate::io::write::poll_write_vectored(self, cx, bufs))
                    .await
            }

            /// Writes all of `buf`.
            ///
            /// # Errors
            /// As [`write`](Self::write); how much was sent before is not known.
            ///
            /// # Cancel safety
            /// A call that is dropped before its first byte was sent has sent nothing. After
            /// that the message is finished by the stream: a copy of the rest goes out before
            /// anything else at the next write, flush or close. So no half message is followed
            /// by another one. Dropping the stream drops that rest.
            pub async fn write_all(&mut self, buf: &[u8]) -> std::io::Result<()> {
                $crate::io::write::WriteAll::new(self, buf).await
            }

            /// Writes all of `bufs`, gathered by as few system calls as possible.
            ///
            /// The slices are consumed: on return `bufs` holds what the implementation left
            /// there, as with [`IoSlice::advance_slices`](std::io::IoSlice::advance_slices).
            ///
            /// # Errors
            /// As [`write_all`](Self::write_all).
            ///
            /// # Cancel safety
            /// As [`write_all`](Self::write_all).
            pub async fn write_all_vectored(
                &mut self,
                bufs: &mut [std::io::IoSlice<'_>],
            ) -> std::io::Result<()> {
                $crate::io::write::WriteAllVectored::new(self, bufs).await
            }

            /// Sends what a cancelled [`write_all`](Self::write_all) left, if anything.
            ///
            /// # Errors
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            /// May be dropped and called again at will.
            pub async fn flush(&mut self) -> std::io::Result<()> {
                std::future::poll_fn(|cx| $crate::io::write::poll_flush(self, cx)).await
            }

            /// Flushes and ends the write direction: the peer reads the end of the stream.
            ///
            /// Reading goes on. This is the half-close; dropping the stream closes the rest.
            ///
            /// # Errors
            /// What the flush reports. A peer that is gone is no error.
            ///
            /// # Cancel safety
            /// May be dropped and called again at will.
            pub async fn close(&mut self) -> std::io::Result<()> {
                std::future::poll_fn(|cx| $crate::io::write::poll_close(self, cx)).await
            }
        }
    };
}
pub(crate) use write_side;
