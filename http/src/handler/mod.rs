//! Handlers: what answers requests.

mod finishing;
mod limited;

use std::future::Future;
use std::time::Duration;

use ringspun_runtime::task::PooledFuture;

pub use self::finishing::Finishing;
pub use self::limited::{Limited, RouteLimits};
use crate::message::{IntoResponse, Request, Response};
use crate::proto::Head;

/// Something that answers requests: any `async fn(Request) -> impl IntoResponse`, a closure
/// that makes such a future, or a [`Router`](crate::Router) of them.
///
/// A handler runs inside the task of its connection, on the core that has its socket. It may wait as
/// long as it likes; when it panics the client gets 500 and its connection is closed, and nobody
/// else notices.
///
/// It is dropped at its next await when the client is gone (a client that has only ended its own
/// direction still waits for the answer), when [`Limits::request_timeout`](crate::Limits) has
/// passed, or when the server cuts. [`finishing`](Self::finishing) has it go on. The token of
/// [`CancelToken::current`](ringspun_runtime::scope::CancelToken::current) is cancelled then, and
/// also when the response has been sent: give it to whatever else works for the request.
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

    /// Whether [`route_limits`](Self::route_limits) may say anything. Asked when the handler is
    /// given to a server or a router.
    fn has_route_limits(&self) -> bool {
        false
    }

    /// The limits on requests with this head where they are not those of the server.
    fn route_limits(&self, head: &Head) -> RouteLimits {
        let _ = head;
        RouteLimits::default()
    }

    /// This handler with another limit on the bytes of a request's body than
    /// [`Limits::body_bytes`](crate::Limits).
    ///
    /// # Examples
    /// ```
    /// use ringspun_http::{Handler, Request, Router};
    ///
    /// async fn upload(_: Request) -> &'static str {
    ///     "stored"
    /// }
    /// let app = Router::new().post("/upload", upload.with_body_limit(4 << 30));
    /// ```
    fn with_body_limit(self, bytes: u64) -> Limited<Self>
    where
        Self: Sized,
    {
        Limited::new(
            self,
            RouteLimits {
                body_bytes: Some(bytes),
                ..Default::default()
            },
        )
    }

    /// This handler with another time to answer in than
    /// [`Limits::request_timeout`](crate::Limits).
    fn with_request_timeout(self, timeout: Duration) -> Limited<Self>
    where
        Self: Sized,
    {
        Limited::new(
            self,
            RouteLimits {
                request_timeout: Some(timeout),
                ..Default::default()
            },
        )
    }

    /// This handler in a task of its own, which goes on to its end when the client is gone, the
    /// time is over, or the server cuts its connections. For work that must not be left half done.
    ///
    /// The end of the server waits for it as long as the [grace](crate::Server::grace) is, and
    /// [counts](crate::Ended::unfinished) who has not ended then. Costs a task for each request.
    fn finishing(self) -> Finishing<Self>
    where
        Self: Sized,
    {
        Finishing::new(self)
    }
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
