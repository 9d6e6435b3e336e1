//! [`TowerHandler`]: our handlers as services.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use ringspun_runtime::task::PooledFuture;
use tower_service::Service;

use crate::compat::BoxError;
use crate::handler::{Handler, ready};
use crate::message::{Body, IntoResponse, Request, Response};

/// A [`Handler`], such as a [`Router`](crate::Router), as a `tower` service: under tower's layers, or
/// inside an axum `Router` (`fallback_service`, `nest_service`). Needs the feature `tower`.
///
/// A request that could not have come from a client is answered with the status of the rule.
/// A response that [upgrades](Response::upgrade) the connection can do so on our own server only.
///
/// # Examples
/// ```
/// use ringspun_http::compat::TowerHandler;
/// use ringspun_http::{Body, Request};
/// use tower_service::Service;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let mut service = TowerHandler::new(async |request: Request| format!("you want {}", request.path()));
/// let request = http::Request::builder().uri("/x").body(Body::empty()).unwrap();
/// let response = service.call(request).await.unwrap();
/// assert_eq!(response.into_body().text(100).await.unwrap(), "you want /x");
/// # });
/// ```
pub struct TowerHandler<H> {
    handler: Arc<H>,
}

impl<H: Handler> TowerHandler<H> {
    /// Of this handler.
    pub fn new(handler: H) -> Self {
        Self {
            handler: Arc::new(handler),
        }
    }
}

impl<H> Clone for TowerHandler<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
        }
    }
}

impl<H, B> Service<http::Request<B>> for TowerHandler<H>
where
    H: Handler,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = HandlerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> HandlerFuture {
        HandlerFuture(match Request::try_from(request.map(Body::from_http_body)) {
            Ok(request) => self.handler.call(request),
            Err(refusal) => ready(refusal.into_response()),
        })
    }
}

impl<H> fmt::Debug for TowerHandler<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TowerHandler")
    }
}

/// The future of a [`TowerHandler`]'s response.
#[derive(Debug)]
#[expect(
    unnameable_types,
    reason = "users reach it as the service's associated type"
)]
pub struct HandlerFuture(PooledFuture<Response>);

impl Future for HandlerFuture {
    type Output = Result<http::Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|response| Ok(response.into()))
    }
}
