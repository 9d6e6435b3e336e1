//! [`serve`]: one line in place of `axum::serve`.

mod home;
mod listen;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use ringspun_http::compat::Application;
use ringspun_http::{Limits, Server};

pub use self::listen::Listen;

/// Serves a `tower` service, such as an axum `Router`, over HTTP/1; with the feature `hyper` over HTTP/2
/// too. Needs the feature `tower`.
///
/// `listener` is an address, or a listener of std's or tokio's. `application` is a service, or a *make
/// service*: see [`Application`]. What is returned serves once it is awaited.
///
/// It can be awaited inside a ringspun runtime, which serves then, and elsewhere: under `#[tokio::main]`,
/// or in any other executor. There it starts a runtime of its own for the time being, one thread for each
/// CPU. With the feature `tokio` its tasks are in the context of the tokio runtime that they are
/// started from, so that `tokio::spawn`, `tokio::time` and what is built on them work in the application.
///
/// SIGTERM and SIGINT end it gracefully, as they end a [`Server`]: requests under way are answered, for
/// at most 25 s. How large a body may be and how long a request may take is the application's own affair,
/// and a client that has ended its direction has gone away ([`Server::half_close`]), as with axum. For
/// other limits, and to leave signals alone, see [`Server::serve_service`].
///
/// # Errors
/// The address cannot be listened on, or the system has no thread or descriptor left for a runtime.
///
/// # Cancel safety
/// Dropped, it stops accepting. Inside a ringspun runtime the connections finish their requests; the
/// runtime that it has started is shut down.
///
/// # Examples
/// An axum application. The line was `axum::serve(listener, app).await`:
/// ```ignore
/// #[tokio::main]
/// async fn main() -> std::io::Result<()> {
///     let app = axum::Router::new().route("/", axum::routing::get(async || "hello"));
///     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
///     ringspun::serve(listener, app).await
/// }
/// ```
/// With the peer's address, for axum's `ConnectInfo<SocketAddr>`:
/// ```ignore
/// ringspun::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
/// ```
pub fn serve<L, A, Kind>(listener: L, application: A) -> Serve<L, A, Kind>
where
    L: Listen,
    A: Application<Kind>,
    Kind: 'static,
{
    Serve {
        listener,
        application,
        end: None,
        _kind: PhantomData,
    }
}

/// A service that is about to be served. See [`serve`].
#[must_use = "a server serves when it is awaited"]
pub struct Serve<L, A, Kind> {
    listener: L,
    application: A,
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _kind: PhantomData<fn() -> Kind>,
}

impl<L, A, Kind> Serve<L, A, Kind> {
    /// Ends the server gracefully when `end` is ready, instead of at a signal.
    pub fn with_graceful_shutdown(
        mut self,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.end = Some(Box::pin(end));
        self
    }
}

impl<L, A, Kind> Serve<L, A, Kind>
where
    L: Listen,
    A: Application<Kind>,
    Kind: 'static,
{
    /// Inside a runtime.
    async fn run(self) -> io::Result<()> {
        let mut limits = Limits::default();
        limits.body_bytes = u64::MAX;
        limits.request_timeout = Duration::MAX;
        let server = Server::from_listeners(self.listener.listen()?);
        let server = server.limits(limits).half_close(false);
        let serving = server.serve_service(self.application);
        match self.end {
            Some(end) => serving.with_graceful_shutdown(end).await?,
            None => serving.await?,
        };
        Ok(())
    }
}

impl<L, A, Kind> IntoFuture for Serve<L, A, Kind>
where
    L: Listen,
    A: Application<Kind>,
    Kind: 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(home::run_inside(self.run()))
    }
}

impl<L: fmt::Debug, A, Kind> fmt::Debug for Serve<L, A, Kind> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}
