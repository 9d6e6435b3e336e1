//! [`HttpService`]: what all the bounds on a service are, under one name.

use std::future::Future;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::compat::BoxError;
use crate::message::Body;

/// A tower service that answers HTTP requests: any
/// `tower_service::Service<http::Request<Body>, Response = http::Response<B>>` that can be cloned and
/// sent, with `B` an `http_body::Body`. An axum `Router` is one, and so is one inside tower's layers.
///
/// It is implemented for all of them, and not meant to be implemented by hand.
pub trait HttpService: Clone + Send + 'static {
    /// The body of responses.
    type ResponseBody: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static;
    /// What calls can fail with.
    type Error: Into<BoxError>;
    /// The future of a response.
    type Future: Future<Output = Result<http::Response<Self::ResponseBody>, Self::Error>>
        + Send
        + 'static;

    /// As tower's `poll_ready`.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// As tower's `call`.
    fn call(&mut self, request: http::Request<Body>) -> Self::Future;
}

impl<S, B> HttpService for S
where
    S: Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type ResponseBody = B;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Service::poll_ready(self, cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> S::Future {
        Service::call(self, request)
    }
}
