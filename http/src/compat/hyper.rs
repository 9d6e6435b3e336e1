//! hyper in our server's place, for what only hyper can give its users: HTTP/2, and
//! `hyper::upgrade::OnUpgrade`, on which axum's WebSockets are built.
//!
//! ```text
//!  preface of HTTP/2, Upgrade, CONNECT          any other head
//!        |                                            |
//!        v                                            v
//!  TakeOver --> hyper's connection, in         Exchange --> Respond --> service
//!               the task of ours, over Io
//!                        |
//!                        +--> an upgraded stream, in whatever task its user has put it
//! ```
//! The connection counts until its [`Io`] is dropped, wherever that is by then. When it is cut at
//! the end of the grace, reading and writing fail.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::Method;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::{http1, http2};
use pin_project_lite::pin_project;
use ringspun_net::compat::{ForHyper, HyperRuntime};
use ringspun_net::{Listener, Session, Stream};
use ringspun_runtime::channel::oneshot;

use super::tower::{Application, HttpService, NO_ADDRESS, Respond};
use crate::message::Body;
use crate::server::{Limits, Opening, Server, TakeOver};
use crate::upgrade::Upgraded;

impl<L: Listener> Server<L> {
    /// Has hyper serve the application where the connection asks for what only hyper can do; unless
    /// somebody else takes connections over already.
    pub(super) fn with_hyper<A, Kind>(self, application: &A) -> Self
    where
        A: Application<Kind>,
        Kind: 'static,
    {
        let limits = self.limits_in_force();
        self.take_over_by_default(|| Hyper {
            application: Mutex::new(application.clone()),
            limits,
            _kind: PhantomData,
        })
    }
}

/// Takes over what hyper shall serve.
struct Hyper<A, Kind> {
    /// Locked to clone it: it need not be `Sync`.
    application: Mutex<A>,
    limits: Limits,
    _kind: PhantomData<fn() -> Kind>,
}

impl<A, Kind> TakeOver for Hyper<A, Kind>
where
    A: Application<Kind>,
    Kind: 'static,
{
    fn wants(&self, opening: Opening<'_>) -> bool {
        match opening {
            Opening::Http2Preface => true,
            Opening::Head(head) => head.is_upgrade() || *head.method() == Method::CONNECT,
        }
    }

    fn take_over(&self, io: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let application = self.application.lock();
        // Cloning has no state that a panic could leave half done.
        let application = application.unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(serve(application, io, self.limits))
    }
}

async fn serve<A, Kind>(mut application: A, io: Upgraded, limits: Limits)
where
    A: Application<Kind>,
{
    let peer: SocketAddr = io.peer_addr().unwrap_or(NO_ADDRESS);
    let (before, stream, session) = io.into_parts();
    let service = match application.connect(peer).await {
        Ok(service) => Calls(service),
        Err(error) => {
            tracing::error!(%error, "no service for a connection, which is closed");
            return;
        }
    };
    let is_http2 = before.starts_with(b"PRI");
    let (alive, ended) = oneshot::channel();
    let io = Io {
        before,
        stream: ForHyper::new(stream),
        alive,
    };
    let ended_well = if is_http2 {
        let connection = http2::Builder::new(HyperRuntime::new())
            .timer(HyperRuntime::new())
            .keep_alive_interval(limits.idle_timeout)
            .keep_alive_timeout(PING_TIMEOUT)
            // As axum has it: WebSockets over HTTP/2.
            .enable_connect_protocol()
            .serve_connection(io, service);
        drive(connection, session, |connection| {
            connection.graceful_shutdown()
        })
        .await
    } else {
        let connection = http1::Builder::new()
            .timer(HyperRuntime::new())
            .header_read_timeout(limits.head_timeout)
            .serve_connection(io, service)
            .with_upgrades();
        drive(connection, session, |connection| {
            connection.graceful_shutdown()
        })
        .await
    };
    if let Err(error) = ended_well {
        tracing::debug!(%error, "a connection that hyper served");
    }
    // Nothing is ever sent: this waits for the drop of the stream, which may have been upgraded.
    let _ = ended.await;
}

/// Polls a connection to its end, and tells it once that the server stops.
async fn drive<C>(
    connection: C,
    mut session: Option<Session>,
    stop: impl Fn(Pin<&mut C>),
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let mut is_told = false;
    poll_fn(|cx| {
        let is_stopping = |session: &mut Session| session.poll_stopping(cx).is_ready();
        if !is_told && session.as_mut().is_some_and(is_stopping) {
            is_told = true;
            stop(connection.as_mut());
        }
        connection.as_mut().poll(cx)
    })
    .await
}

/// How long a client may take to answer a ping of HTTP/2.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// The transport, with what was read of it already.
struct Io {
    before: Bytes,
    stream: ForHyper<Box<dyn Stream>>,
    /// Tells the connection's task when this is dropped, and is told when that task is.
    alive: oneshot::Sender<()>,
}

impl Io {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut ForHyper<Box<dyn Stream>>> {
        Pin::new(&mut self.get_mut().stream)
    }

    /// An error once the connection was cut, which wakes the task that waits here.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.alive.poll_closed(cx).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        if self.before.is_empty() {
            return self.stream().poll_read(cx, buffer);
        }
        let count = buffer.remaining().min(self.before.len());
        buffer.put_slice(&self.before[..count]);
        self.before.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.alive.is_closed() {
            self.check(cx)?;
        }
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.alive.is_closed() {
            self.check(cx)?;
        }
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

/// A tower service as hyper calls it.
#[derive(Clone)]
struct Calls<S>(S);

impl<S: HttpService> hyper::service::Service<http::Request<Incoming>> for Calls<S> {
    type Response = http::Response<S::ResponseBody>;
    type Error = S::Error;
    type Future = Call<S, S::Future>;

    fn call(&self, request: http::Request<Incoming>) -> Self::Future {
        let respond = Respond::new(self.0.clone(), request.map(Body::from_http_body));
        Call { respond }
    }
}

pin_project! {
    /// The future of a response, as hyper wants it.
    struct Call<S, F> {
        #[pin]
        respond: Respond<S, F>,
    }
}

impl<S: HttpService> Future for Call<S, S::Future> {
    type Output = Result<http::Response<S::ResponseBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().respond.poll_http(cx)
    }
}
