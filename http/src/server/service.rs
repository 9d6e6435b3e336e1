//! What all connections of a server share: its handler and its rules.

use std::future::Future;
use std::sync::Arc;

use ringspun_runtime::task::{LocalPooledFuture, PooledFuture};

use super::admission::Admission;
use super::config::Limits;
use super::readiness::Readiness;
use super::stop::Stop;
use super::strikes::Strikes;
use super::take_over::TakeOver;
use crate::handler::{Handler, RouteLimits};
use crate::message::{IntoResponse, Request, Response};
use crate::proto::{Head, ReceiveLimits};

/// A handler and the rules, as a connection sees them. Connections are the same whether the
/// futures of the handler are `Send` or not; only this differs.
pub(crate) trait Service: 'static {
    /// The future of a response.
    type Call: Future<Output = Response> + Unpin + 'static;

    /// Gives a request to the handler.
    fn call(&self, request: Request) -> Self::Call;

    /// The limits of the route that this head leads to.
    fn route_limits(&self, head: &Head) -> RouteLimits;

    /// What clients may do.
    fn rules(&self) -> &Rules;
}

/// What a server was told.
pub(crate) struct Rules {
    pub(super) limits: Limits,
    /// The limits once more, as the codec wants them.
    pub(super) receive: ReceiveLimits,
    /// The Server line with its CRLF, or nothing.
    pub(super) server_line: Vec<u8>,
    /// How often the limits have struck.
    pub(super) strikes: Strikes,
    /// What decides whether requests are served under overload.
    pub(super) admission: Option<Admission>,
    /// Whether the server has begun to end.
    pub(super) readiness: Readiness,
    /// Where requests learn of the end.
    pub(super) stop: Arc<Stop>,
    /// Whether a client that has ended its direction still waits for the answer.
    pub(super) half_close: bool,
    /// Who may take connections over.
    pub(super) take_over: Option<Box<dyn TakeOver>>,
}

/// One handler for all connections.
pub(super) struct Common {
    pub(super) handler: Box<dyn Handler>,
    /// Whether the handler has limits of its own for some requests.
    pub(super) is_limited: bool,
    pub(super) rules: Rules,
}

impl Service for Arc<Common> {
    type Call = PooledFuture<Response>;

    fn call(&self, request: Request) -> PooledFuture<Response> {
        self.handler.call(request)
    }

    fn route_limits(&self, head: &Head) -> RouteLimits {
        if self.is_limited {
            self.handler.route_limits(head)
        } else {
            RouteLimits::default()
        }
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }
}

/// A handler that each connection has for itself, and whose futures need not be `Send`.
pub(super) struct Own<F> {
    pub(super) handler: F,
    pub(super) rules: Arc<Rules>,
}

impl<F, Fut, R> Service for Own<F>
where
    F: Fn(Request) -> Fut + 'static,
    Fut: Future<Output = R> + 'static,
    R: IntoResponse,
{
    type Call = LocalPooledFuture<Response>;

    fn call(&self, request: Request) -> LocalPooledFuture<Response> {
        let response = (self.handler)(request);
        LocalPooledFuture::new(async move { response.await.into_response() })
    }

    fn route_limits(&self, _: &Head) -> RouteLimits {
        RouteLimits::default()
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }
}
