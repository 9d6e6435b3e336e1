//! What all connections of a server share: its handler and its rules.

use std::future::Future;
use std::sync::Arc;

use ringspun_runtime::task::PooledFuture;

use super::config::Limits;
use crate::handler::Handler;
use crate::message::{Request, Response};
use crate::proto::ReceiveLimits;

/// A handler and the rules, as a connection sees them. Connections are the same whether the
/// futures of the handler are `Send` or not; only this differs.
pub(super) trait Service: Unpin + 'static {
    /// The future of a response.
    type Call: Future<Output = Response> + Unpin + 'static;

    /// Gives a request to the handler.
    fn call(&self, request: Request) -> Self::Call;

    /// What clients may do.
    fn rules(&self) -> &Rules;
}

/// What a server was told.
pub(super) struct Rules {
    pub(super) limits: Limits,
    /// The limits once more, as the codec wants them.
    pub(super) receive: ReceiveLimits,
    /// The Server line with its CRLF, or nothing.
    pub(super) server_line: Vec<u8>,
}

/// One handler for all connections.
pub(super) struct Common {
    pub(super) handler: Box<dyn Handler>,
    pub(super) rules: Rules,
}

impl Service for Arc<Common> {
    type Call = PooledFuture<Response>;

    fn call(&self, request: Request) -> PooledFuture<Response> {
        self.handler.call(request)
    }

    fn rules(&self) -> &Rules {
        &self.rules
    }
}
