//! [`ReadExt`] and [`WriteExt`]: the usual futures over any `futures_io` type.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

/// Reading methods for every [`AsyncRead`].
///
/// The streams of this crate have methods of the same names, which are found first.
pub trait ReadExt: AsyncRead {
    /// Reads what is there, at most `buf.len()` bytes, waiting for the first.
    ///
    /// # Errors
    /// What the reader reports.
    ///
    /// # Cancel safety
    /// A call that is dropped has read nothing.
    fn read<'a>(&'a mut self, buf: &'a mut [u8]) -> Read<'a, Self>
    where
        Self: Unpin,
    {
        Read { reader: self, buf }
    }

    /// Fills `buf` to its end.
    ///
    /// # Errors
    /// `UnexpectedEof` if the reader ends first, else what it reports.
    ///
    /// # Cancel safety
    /// None: what was read before the drop is in `buf`, and nobody knows how much that is. The
    /// methods of this crate's streams do better.
    fn read_exact<'a>(&'a mut self, buf: &'a mut [u8]) -> ReadExact<'a, Self>
    where
        Self: Unpin,
    {
        ReadExact { reader: self, buf }
    }

    /// Appends everything up to the end to `bytes`, at most `limit` bytes of it.
    ///
    /// # Errors
    /// `FileTooLarge` when more than `limit` bytes came, else what the reader reports.
    ///
    /// # Cancel safety
    /// What was read is in `bytes`; call again with what is left of the limit to go on.
    fn read_to_end<'a>(&'a mut self, bytes: &'a mut Vec<u8>, limit: usize) -> ReadToEnd<'a, Self>
    where
        Self: Unpin,
    {
        ReadToEnd {
            reader: self,
            bytes,
            limit,
        }
    }
}

impl<R: AsyncRead + ?Sized> ReadExt for R {}

/// Writing methods for every [`AsyncWrite`].
///
/// The streams of this crate have methods of the same names, which are found first.
pub trait WriteExt: AsyncWrite {
    /// Writes what fits, at most `buf.len()` bytes, waiting for the first.
    ///
    /// # Errors
    /// What the writer reports.
    ///
    /// # Cancel safety
    /// A call that is dropped has written nothing.
    fn write<'a>(&'a mut self, buf: &'a [u8]) -> Write<'a, Self>
    where
        Self: Unpin,
    {
        Write { writer: self, buf }
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    /// `WriteZero` if the writer takes no more, else what it reports.
    ///
    /// # Cancel safety
    /// None: nobody knows how much was written before the drop. The methods of this crate's
    /// streams do better.
    fn write_all<'a>(&'a mut self, buf: &'a [u8]) -> WriteAll<'a, Self>
    where
        Self: Unpin,
    {
        WriteAll { writer: self, buf }
    }

    /// Sends what the writer holds back.
    ///
    /// # Errors
    /// What the writer reports.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    fn flush(&mut self) -> Flush<'_, Self>
    where
        Self: Unpin,
    {
        Flush { writer: self }
    }

    /// Flushes and ends the direction.
    ///
    /// # Errors
    /// What the writer reports.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    fn close(&mut self) -> Close<'_, Self>
    where
        Self: Unpin,
    {
        Close { writer: self }
    }
}

impl<W: AsyncWrite + ?Sized> WriteExt for W {}

/// Future of [`ReadExt::read`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Read<'a, R: ?Sized> {
    reader: &'a mut R,
    buf: &'a mut [u8],
}

impl<R: AsyncRead + Unpin + ?Sized> Future for Read<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        Pin::new(&mut *this.reader).poll_read(cx, this.buf)
    }
}

/// Future of [`ReadExt::read_exact`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ReadExact<'a, R: ?Sized> {
    reader: &'a mut R,
    /// The part that is still to be filled.
    buf: &'a mut [u8],
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadExact<'_, R> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.buf.is_empty() {
            let n = ready!(Pin::new(&mut *this.reader).poll_read(cx, this.buf))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            this.buf = &mut std::mem::take(&mut this.buf)[n..];
        }
        Poll::Ready(Ok(()))
    }
}

/// Future of [`ReadExt::read_to_end`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct ReadToEnd<'a, R: ?Sized> {
    reader: &'a mut R,
    bytes: &'a mut Vec<u8>,
    /// Bytes that may still come.
    limit: usize,
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToEnd<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut buffer = crate::Buffer::take();
        loop {
            let n = ready!(Pin::new(&mut *this.reader).poll_read(cx, &mut buffer))?;
            if n == 0 {
                return Poll::Ready(Ok(this.bytes.len()));
            }
            let fits = n.min(this.limit);
            this.bytes.extend_from_slice(&buffer[..fits]);
            this.limit -= fits;
            if fits < n {
                return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
            }
        }
    }
}

/// Future of [`WriteExt::write`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Write<'a, W: ?Sized> {
    writer: &'a mut W,
    buf: &'a [u8],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Write<'_, W> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        Pin::new(&mut *this.writer).poll_write(cx, this.buf)
    }
}

/// Future of [`WriteExt::write_all`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct WriteAll<'a, W: ?Sized> {
    writer: &'a mut W,
    /// The part that is still to be written.
    buf: &'a [u8],
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for WriteAll<'_, W> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while !this.buf.is_empty() {
            let n = ready!(Pin::new(&mut *this.writer).poll_write(cx, this.buf))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.buf = &this.buf[n..];
        }
        Poll::Ready(Ok(()))
    }
}

/// Future of [`WriteExt::flush`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Flush<'a, W: ?Sized> {
    writer: &'a mut W,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Flush<'_, W> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().writer).poll_flush(cx)
    }
}

/// Future of [`WriteExt::close`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Close<'a, W: ?Sized> {
    writer: &'a mut W,
}

impl<W: AsyncWrite + Unpin + ?Sized> Future for Close<'_, W> {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().writer).poll_close(cx)
    }
}
