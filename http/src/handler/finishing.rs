//! A handler that goes on when nobody waits for it any more.

use std::panic::resume_unwind;

use http::StatusCode;
use ringspun_runtime::spawn;
use ringspun_runtime::task::PooledFuture;

use super::{Handler, RouteLimits};
use crate::message::{Request, Response};
use crate::proto::Head;

/// A handler in a task of its own; see [`Handler::finishing`].
#[derive(Clone, Copy, Debug)]
pub struct Finishing<H>(H);

impl<H> Finishing<H> {
    pub(super) fn new(handler: H) -> Self {
        Self(handler)
    }
}

impl<H: Handler> Handler for Finishing<H> {
    fn call(&self, request: Request) -> PooledFuture<Response> {
        let held = request.hold_server();
        let call = self.0.call(request);
        let task = spawn(async move {
            let response = call.await;
            drop(held);
            response
        });
        PooledFuture::new(async move {
            match task.await {
                Ok(response) => response,
                // As if the handler had panicked here.
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                // The runtime ends.
                Err(_) => Response::new(StatusCode::SERVICE_UNAVAILABLE).with_close(),
            }
        })
    }

    fn has_route_limits(&self) -> bool {
        self.0.has_route_limits()
    }

    fn route_limits(&self, head: &Head) -> RouteLimits {
        self.0.route_limits(head)
    }
}
