//! [`Respond`]: one request through a service.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Method, StatusCode};
use pin_project_lite::pin_project;

use super::service::HttpService;
use crate::compat::BoxError;
use crate::compat::convert::from_http;
use crate::message::{Body, Response};

pin_project! {
    /// The future of a service's response: waits until the service is ready, then calls it.
    #[project = Step]
    pub(in crate::compat) enum Respond<S, F> {
        Waiting { service: S, request: Option<http::Request<Body>> },
        Called { #[pin] future: F, is_head: bool },
    }
}

impl<S: HttpService> Respond<S, S::Future> {
    /// Asks `service`, a clone for this request alone.
    pub(in crate::compat) const fn new(service: S, request: http::Request<Body>) -> Self {
        Self::Waiting {
            service,
            request: Some(request),
        }
    }

    /// The response as the service made it.
    pub(in crate::compat) fn poll_http(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<http::Response<S::ResponseBody>, S::Error>> {
        if let Step::Waiting { service, request } = self.as_mut().project() {
            ready!(service.poll_ready(cx))?;
            let request = request.take().expect("called once");
            let is_head = *request.method() == Method::HEAD;
            let future = service.call(request);
            self.set(Self::Called { future, is_head });
        }
        match self.project() {
            Step::Called { future, .. } => future.poll(cx),
            Step::Waiting { .. } => unreachable!("it was left above"),
        }
    }
}

/// As our server wants it.
impl<S: HttpService> Future for Respond<S, S::Future> {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        let polled = ready!(self.as_mut().poll_http(cx));
        let is_head = matches!(*self, Self::Called { is_head: true, .. });
        let response = match polled {
            Ok(response) => from_http(response, is_head).map_err(Into::into),
            Err(error) => Err(error.into()),
        };
        Poll::Ready(response.unwrap_or_else(failed))
    }
}

/// The client learns that it is not its fault, and nothing else.
#[cold]
fn failed(error: BoxError) -> Response {
    tracing::error!(%error, "a service failed; its connection is closed");
    Response::new(StatusCode::INTERNAL_SERVER_ERROR).with_close()
}
