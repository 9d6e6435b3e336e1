//! [`Server::serve_service`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use ringspun_net::{Listener, Session, Stream};
use ringspun_runtime::task::PooledFuture;

use super::application::{Application, NO_ADDRESS};
use super::respond::Respond;
use super::service::HttpService;
use crate::handler::{RouteLimits, ready as at_once};
use crate::message::{IntoResponse, Request, Response};
use crate::proto::{Head, Refusal};
use crate::server::{Rules, Serve, Server, Service, Task};

impl<L: Listener> Server<L> {
    /// Serves a `tower` service, such as an axum `Router`. Needs the feature `tower`.
    ///
    /// Each request is given to a clone of the service, as hyper does, in the `http` crate's types.
    /// What the service fails with is logged, and answered with 500. The server's own
    /// [limits](Self::limits) hold, the one of bodies (2 MiB) too.
    ///
    /// With the feature `hyper`, HTTP/2 connections (by their preface) and those of a client that
    /// asks for an upgrade or a tunnel are served by hyper, on the same socket and in the same task:
    /// `hyper::upgrade::on`, on which axum's `WebSocketUpgrade` is built, works.
    ///
    /// # Examples
    /// ```no_run
    /// # use std::convert::Infallible;
    /// # use std::future::{Ready, ready};
    /// # use std::task::{Context, Poll};
    /// use ringspun_http::{Body, Server};
    /// use tower_service::Service;
    ///
    /// #[derive(Clone)]
    /// struct Hello;
    ///
    /// impl Service<http::Request<Body>> for Hello {
    ///     type Response = http::Response<Body>;
    ///     type Error = Infallible;
    ///     type Future = Ready<Result<Self::Response, Infallible>>;
    ///
    ///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
    ///         Poll::Ready(Ok(()))
    ///     }
    ///     fn call(&mut self, _: http::Request<Body>) -> Self::Future {
    ///         ready(Ok(http::Response::new(Body::from("hello"))))
    ///     }
    /// }
    ///
    /// async fn run() -> std::io::Result<()> {
    ///     Server::bind("127.0.0.1:8080")?.serve_service(Hello).await?;
    ///     Ok(())
    /// }
    /// # let _ = run;
    /// ```
    pub fn serve_service<A, Kind>(self, application: A) -> Serve<L>
    where
        A: Application<Kind>,
        Kind: 'static,
    {
        #[cfg(feature = "hyper")]
        let mut server = self.with_hyper(&application);
        #[cfg(not(feature = "hyper"))]
        let mut server = self;
        let rules = Arc::new(server.rules());
        server.start_with(|acceptor| {
            acceptor.serve(move |stream: L::Stream, session| {
                let peer = session.peer_addr().unwrap_or(NO_ADDRESS);
                Start::Connecting {
                    connecting: application.clone().connect(peer),
                    rest: Some((stream, session, Arc::clone(&rules))),
                }
            })
        })
    }
}

pin_project! {
    /// A connection, from the making of its service on.
    #[project = Step]
    enum Start<T, S, F> where S: HttpService {
        Connecting {
            #[pin]
            connecting: F,
            rest: Option<(T, Session, Arc<Rules>)>,
        },
        Serving { task: Task<T, OfConnection<S>> },
    }
}

impl<T, S, F> Future for Start<T, S, F>
where
    T: Stream,
    S: HttpService,
    F: Future<Output = Result<S, crate::compat::BoxError>>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Step::Connecting { connecting, rest } = self.as_mut().project() {
            let service = match ready!(connecting.poll(cx)) {
                Ok(service) => service,
                Err(error) => {
                    tracing::error!(%error, "no service for a connection, which is closed");
                    return Poll::Ready(());
                }
            };
            let (stream, session, rules) = rest.take().expect("taken once");
            let task = Task::new(stream, OfConnection { service, rules }, session);
            self.set(Self::Serving { task });
        }
        match self.project() {
            Step::Serving { task } => Pin::new(task).poll(cx),
            Step::Connecting { .. } => unreachable!("it was left above"),
        }
    }
}

/// The service of one connection.
struct OfConnection<S> {
    service: S,
    rules: Arc<Rules>,
}

impl<S: HttpService> Service for OfConnection<S> {
    type Call = PooledFuture<Response>;

    fn call(&self, request: Request) -> PooledFuture<Response> {
        match http::Request::try_from(request) {
            Ok(request) => PooledFuture::new(Respond::new(self.service.clone(), request)),
            Err(error) => {
                tracing::debug!(%error, "a request that the http crate cannot hold");
                at_once(Refusal::TargetBytes.into_response().with_close())
            }
        }
    }

    /// The routes are the service's own affair.
    fn route_limits(&self, _: &Head) -> RouteLimits {
        RouteLimits::default()
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }
}
