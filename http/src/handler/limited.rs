//! A handler with limits of its own.

use std::time::Duration;

use ringspun_runtime::task::PooledFuture;

use super::Handler;
use crate::message::{Request, Response};
use crate::proto::Head;

/// Limits on the requests of one route, in place of the server's.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RouteLimits {
    /// Bytes of a body, in place of [`Limits::body_bytes`](crate::Limits).
    pub body_bytes: Option<u64>,
    /// How long the handler may take, in place of [`Limits::request_timeout`](crate::Limits).
    pub request_timeout: Option<Duration>,
}

/// A handler with limits of its own; see [`Handler::with_body_limit`].
#[derive(Clone, Copy, Debug)]
pub struct Limited<H> {
    handler: H,
    limits: RouteLimits,
}

impl<H> Limited<H> {
    pub(super) fn new(handler: H, limits: RouteLimits) -> Self {
        Self { handler, limits }
    }
}

/// Of two limits around each other the outer one counts.
impl<H: Handler> Handler for Limited<H> {
    fn call(&self, request: Request) -> PooledFuture<Response> {
        self.handler.call(request)
    }

    fn has_route_limits(&self) -> bool {
        true
    }

    fn route_limits(&self, head: &Head) -> RouteLimits {
        let inner = self.handler.route_limits(head);
        RouteLimits {
            body_bytes: self.limits.body_bytes.or(inner.body_bytes),
            request_timeout: self.limits.request_timeout.or(inner.request_timeout),
        }
    }
}
