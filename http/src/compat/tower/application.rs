//! [`Application`]: what can be served, a service or a maker of services.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::service::HttpService;
use crate::compat::BoxError;

/// What [`Server::serve_service`](crate::Server::serve_service) serves:
///
/// - a service, each request with a clone of it ([`ServiceKind`]);
/// - a *make service*, a `tower_service::Service<SocketAddr>` which makes a service for each connection
///   of the peer's address ([`MakeKind`]). axum's `into_make_service()` and
///   `into_make_service_with_connect_info::<SocketAddr>()` give such ones. Of transports without
///   addresses the peer is `0.0.0.0:0`.
///
/// The kind is found out by the compiler. Not meant to be implemented by hand.
pub trait Application<Kind>: Clone + Send + 'static {
    /// The service of a connection.
    type Service: HttpService;
    /// The future of that service.
    type Connecting: Future<Output = Result<Self::Service, BoxError>> + Send + 'static;

    /// Makes the service for a connection.
    fn connect(&mut self, peer: SocketAddr) -> Self::Connecting;
}

/// The kind of [`Application`] that is a service itself.
#[derive(Debug)]
pub enum ServiceKind {}

/// The kind of [`Application`] that makes services.
#[derive(Debug)]
pub enum MakeKind {}

impl<S: HttpService> Application<ServiceKind> for S {
    type Service = S;
    type Connecting = Ready<Result<S, BoxError>>;

    fn connect(&mut self, _: SocketAddr) -> Self::Connecting {
        ready(Ok(self.clone()))
    }
}

impl<M, S> Application<MakeKind> for M
where
    M: Service<SocketAddr, Response = S, Error: Into<BoxError>, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
    S: HttpService,
{
    type Service = S;
    type Connecting = Making<M, M::Future>;

    fn connect(&mut self, peer: SocketAddr) -> Self::Connecting {
        let make = self.clone();
        Making::Waiting { make, peer }
    }
}

pin_project! {
    /// A make service that is asked for a service: first whether it is ready, then for it.
    #[project = Step]
    pub enum Making<M, F> {
        Waiting { make: M, peer: SocketAddr },
        Made { #[pin] future: F },
    }
}

impl<M, F> Future for Making<M, F>
where
    M: Service<SocketAddr, Error: Into<BoxError>, Future = F>,
    F: Future<Output = Result<M::Response, M::Error>>,
{
    type Output = Result<M::Response, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Step::Waiting { make, peer } = self.as_mut().project() {
            ready!(make.poll_ready(cx)).map_err(Into::into)?;
            let future = make.call(*peer);
            self.set(Self::Made { future });
        }
        match self.project() {
            Step::Made { future } => future.poll(cx).map_err(Into::into),
            Step::Waiting { .. } => unreachable!("it was left above"),
        }
    }
}

impl<M, F> fmt::Debug for Making<M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Making")
    }
}

/// What an application is told where the transport has no addresses.
pub(in crate::compat) const NO_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
