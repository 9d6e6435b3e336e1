//! tokio's I/O traits.
//!
//! Our streams implement both families of traits. A program that imports both and calls a method that is
//! in both, such as `read`, gets ours: inherent methods come first.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead as TokioRead, AsyncWrite as TokioWrite, ReadBuf};

use crate::mem::{self, MemStream};
use crate::tcp::{self, TcpStream};

pin_project! {
    /// A type with `futures_io`'s traits, with tokio's.
    ///
    /// Our own streams have tokio's traits themselves; this is for types of others, and for what is
    /// generic over [`Stream`](crate::Stream).
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
    /// use ringspun_net::{compat::ForTokio, mem};
    /// # let (mut listener, connector) = mem::listener(64);
    /// # let mut client = connector.connect().await?;
    /// # let server = listener.accept().await?;
    ///
    /// async fn send(mut stream: impl tokio::io::AsyncWrite + Unpin) -> std::io::Result<usize> {
    ///     std::future::poll_fn(|cx| std::pin::Pin::new(&mut stream).poll_write(cx, b"hello")).await
    /// }
    /// send(ForTokio::new(server)).await?;
    /// # let mut word = [0; 5];
    /// # client.read_exact(&mut word).await?;
    /// # assert_eq!(&word, b"hello");
    /// # std::io::Result::Ok(()) }) }
    /// ```
    #[derive(Debug, Clone, Default)]
    pub struct ForTokio<T> {
        #[pin]
        inner: T,
    }
}

pin_project! {
    /// A type with tokio's I/O traits, with `futures_io`'s.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
    /// use ringspun_net::{compat::FromTokio, io::ReadExt};
    ///
    /// let mut text = Vec::new();
    /// FromTokio::new(&b"of tokio's"[..]).read_to_end(&mut text, 100).await?;
    /// assert_eq!(text, b"of tokio's");
    /// # std::io::Result::Ok(()) }) }
    /// ```
    #[derive(Debug, Clone, Default)]
    pub struct FromTokio<T> {
        #[pin]
        inner: T,
    }
}

wrapper!(ForTokio);
wrapper!(FromTokio);

impl<T: AsyncRead> TokioRead for ForTokio<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        read(self.project().inner, cx, buf)
    }
}

impl<T: AsyncWrite> TokioWrite for ForTokio<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_close(cx)
    }
}

impl<T: TokioRead> AsyncRead for FromTokio<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(buf);
        ready!(self.project().inner.poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }
}

impl<T: TokioWrite> AsyncWrite for FromTokio<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(cx)
    }
}

/// Into the free part of `buf`, which is zeroed the first time it is used.
fn read(
    stream: Pin<&mut impl AsyncRead>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let n = ready!(stream.poll_read(cx, buf.initialize_unfilled()))?;
    buf.advance(n);
    Poll::Ready(Ok(()))
}

macro_rules! tokio_read {
    ($($type:ty),*) => {$(
        impl TokioRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                read(self, cx, buf)
            }
        }
    )*};
}

macro_rules! tokio_write {
    ($($type:ty),*) => {$(
        impl TokioWrite for $type {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            /// Sends what a cancelled `write_all` left; nothing else is buffered.
            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            /// The half-close: reading goes on.
            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_close(self, cx)
            }
        }
    )*};
}

tokio_read!(TcpStream, tcp::ReadHalf<'_>, tcp::OwnedReadHalf);
tokio_read!(MemStream, mem::ReadHalf<'_>, mem::OwnedReadHalf);
tokio_write!(TcpStream, tcp::WriteHalf<'_>, tcp::OwnedWriteHalf);
tokio_write!(MemStream, mem::WriteHalf<'_>, mem::OwnedWriteHalf);

/// A listener of tokio's, in the current runtime of ours. The accept queue goes with it.
///
/// # Errors
/// As [`TcpListener::from_std`](crate::TcpListener::from_std).
impl TryFrom<tokio::net::TcpListener> for crate::TcpListener {
    type Error = io::Error;

    fn try_from(listener: tokio::net::TcpListener) -> io::Result<Self> {
        Self::from_std(listener.into_std()?)
    }
}

/// A connection of tokio's, in the current runtime of ours.
///
/// # Errors
/// As [`TcpStream::from_std`].
impl TryFrom<tokio::net::TcpStream> for TcpStream {
    type Error = io::Error;

    fn try_from(stream: tokio::net::TcpStream) -> io::Result<Self> {
        Self::from_std(stream.into_std()?)
    }
}
