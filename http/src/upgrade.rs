//! A connection that stops being HTTP: after 101, or after a CONNECT that was granted.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_io::{AsyncRead, AsyncWrite};
use ringspun_net::{Session, Stream};

/// A connection that was taken over from HTTP/1, by a server or by a client: the raw bytes both
/// ways.
///
/// What the other side has sent behind its message, and was read already, is read first. In a
/// server the task is still the connection's own: it counts as a connection, it is told when the
/// server [stops](Self::stopping), and it is cut at the end of the grace. A client has it from
/// [`Reply::into_upgraded`](crate::Reply::into_upgraded).
///
/// # Examples
/// An echo in a protocol of its own:
/// ```
/// use ringspun_http::{Request, Response, Upgraded};
/// use ringspun_net::io::{ReadExt, WriteExt};
///
/// async fn shout(_: Request) -> Response {
///     Response::upgrade("shout", |mut io: Upgraded| async move {
///         let mut buffer = [0; 1024];
///         while let Ok(count @ 1..) = io.read(&mut buffer).await {
///             buffer[..count].make_ascii_uppercase();
///             if io.write_all(&buffer[..count]).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
/// ```
pub struct Upgraded {
    /// Bytes that were read before the change of protocol.
    before: Bytes,
    stream: Box<dyn Stream>,
    /// The server's; none in a client.
    session: Option<Session>,
}

impl Upgraded {
    pub(crate) fn new(before: Bytes, stream: impl Stream, session: Option<Session>) -> Self {
        Self {
            before,
            stream: Box::new(stream),
            session,
        }
    }

    /// The address of the other side, `None` for transports without addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }

    /// Whether the server has been asked to stop: say goodbye in the protocol's own way. A client
    /// is asked by nobody.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.session.as_ref().is_some_and(Session::is_stopping)
    }

    /// Waits until the server is asked to stop; in a client for ever.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn stopping(&mut self) {
        std::future::poll_fn(|cx| self.poll_stopping(cx)).await;
    }

    /// [`stopping`](Self::stopping) for futures written by hand. Has room for one waker.
    pub fn poll_stopping(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.session {
            Some(session) => session.poll_stopping(cx),
            None => Poll::Pending,
        }
    }

    /// What was read before the change of protocol, the transport, and the server's session.
    #[must_use]
    pub fn into_parts(self) -> (Bytes, Box<dyn Stream>, Option<Session>) {
        (self.before, self.stream, self.session)
    }
}

impl AsyncRead for Upgraded {
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

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.before.is_empty() {
            return Pin::new(&mut *this.stream).poll_read_vectored(cx, buffers);
        }
        let first = buffers.iter_mut().find(|buffer| !buffer.is_empty());
        Pin::new(this).poll_read(cx, first.map_or(&mut [], |buffer| &mut **buffer))
    }
}

impl AsyncWrite for Upgraded {
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
        slices: &[IoSlice<'_>],
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

impl Stream for Upgraded {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.before.is_empty() {
            self.stream.poll_readable(cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream.poll_gone(cx)
    }

    fn unsent(&self) -> usize {
        self.stream.unsent()
    }

    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_send_file(cx, file, offset, count)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.stream.peer_addr()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.stream.local_addr()
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded")
            .field("before", &self.before.len())
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// What goes on with a connection once it is no longer HTTP.
pub(crate) type Tunnel = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The application's half of a change of protocol, kept in the response until that is sent.
pub(crate) struct Switch(
    /// Never locked: the mutex only lets a response be shared between threads.
    Mutex<Box<dyn FnOnce(Upgraded) -> Tunnel + Send>>,
);

impl Switch {
    pub(crate) fn new<F, Fut>(serve: F) -> Box<Self>
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Box::new(Self(Mutex::new(Box::new(|io| Box::pin(serve(io))))))
    }

    pub(crate) fn begin(self, io: Upgraded) -> Tunnel {
        let serve = self.0.into_inner();
        serve.unwrap_or_else(|poisoned| poisoned.into_inner())(io)
    }
}
