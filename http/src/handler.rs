//! Handlers: what answers requests.

use std::future::Future;

use ringspun_runtime::task::PooledFuture;

use crate::message::{IntoResponse, Request, Response};

/// Something that answers requests: any `async fn(Request) -> impl IntoResponse`, a closure
/// that makes such a future, or a [`Router`](crate::Router) of them.
///
/// A handler runs inside the task of its connection, on the core that has its socket. It may wait as
/// long as it likes; when it panics the client gets 500 and its connection is closed, and nobody
/// else notices. It is dropped when the connection is lost, at its next await.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use ringspun_http::{Handler, Request};
///
/// fn counter() -> impl Handler {
///     let visits = Arc::new(AtomicU64::new(0));
///     move |_request: Request| {
///         let visit = visits.fetch_add(1, Ordering::Relaxed) + 1;
///         async move { format!("visit {visit}\n") }
///     }
/// }
/// ```
pub trait Handler: Send + Sync + 'static {
    /// The future of the response. Its memory is recycled, so that a call allocates nothing in
    /// steady state.
    fn call(&self, request: Request) -> PooledFuture<Response>;
}

impl<F, Fut, R> Handler for F
where
    F: Fn(Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
    R: IntoResponse,
{
    fn call(&self, request: Request) -> PooledFuture<Response> {
        let response = self(request);
        PooledFuture::new(async move { response.await.into_response() })
    }
}

/// A future of a response that is there already.
pub(crate) fn ready(response: Response) -> PooledFuture<Response> {
    PooledFuture::new(std::future::ready(response))
}
