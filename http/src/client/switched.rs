//! A connection that has become something else than HTTP, seen from the client.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_io::{AsyncRead, AsyncWrite};
use ringspun_net::Stream;

/// The raw bytes both ways, after 101 or after a CONNECT that was granted.
///
/// What the server has sent behind its response, and the client has read already, is read first.
/// See [`Reply::into_switched`](super::Reply::into_switched).
pub struct Switched {
    /// Bytes that were read before the change of protocol.
    before: Bytes,
    stream: Box<dyn Stream>,
}

impl Switched {
    pub(super) fn new(before: Bytes, stream: impl Stream) -> Self {
        Self {
            before,
            stream: Box::new(stream),
        }
    }

    /// What was read before the change of protocol, and the transport.
    #[must_use]
    pub fn into_parts(self) -> (Bytes, Box<dyn Stream>) {
        (self.before, self.stream)
    }
}

impl AsyncRead for Switched {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.before.is_empty() {
            return Pin::new(&mut *this.stream).poll_read(cx, buffer);
        }
        let count = buffer.len().min(this.before.len());
        this.before.copy_to_slice(&mut buffer[..count]);
        if this.before.is_empty() {
            // The memory behind it goes, too.
            this.before = Bytes::new();
        }
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Switched {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_close(cx)
    }
}

impl Stream for Switched {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            self.stream.poll_readable(cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }
}

impl fmt::Debug for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switched")
            .field("before", &self.before.len())
            .finish_non_exhaustive()
    }
}
