//! Whether the server wants to be given new work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use ringspun_runtime::task::PooledFuture;

use crate::handler::{Handler, ready};
use crate::message::{Request, Response};

/// Whether a server wants to be given new work: what a load balancer asks for.
///
/// It says no from the moment the server begins to end, while the listener is still open; so
/// others learn of it before they are refused. As a handler it answers 200 or 503. The
/// application may say no as well, while it warms up or lacks something it depends on. Clones are
/// the same.
///
/// # Examples
/// ```no_run
/// use ringspun_http::{Router, Server};
///
/// async fn run() -> std::io::Result<()> {
///     let server = Server::bind("127.0.0.1:8080")?;
///     let app = Router::new().get("/ready", server.readiness());
///     server.serve(app).await?;
///     Ok(())
/// }
/// # let _ = run;
/// ```
#[derive(Clone, Debug)]
pub struct Readiness(Arc<State>);

#[derive(Debug)]
struct State {
    /// What the application says.
    is_willing: AtomicBool,
    /// The server ends.
    is_leaving: AtomicBool,
}

impl Readiness {
    pub(super) fn new() -> Self {
        Self(Arc::new(State {
            is_willing: AtomicBool::new(true),
            is_leaving: AtomicBool::new(false),
        }))
    }

    /// Whether new work is welcome.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        // Relaxed: a hint; nothing is read because of it.
        self.0.is_willing.load(Ordering::Relaxed) && !self.is_leaving()
    }

    /// Says on behalf of the application whether new work is welcome; it is at first.
    pub fn set(&self, is_ready: bool) {
        self.0.is_willing.store(is_ready, Ordering::Relaxed);
    }

    /// Whether the server has begun to end.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        // Relaxed: as above.
        self.0.is_leaving.load(Ordering::Relaxed)
    }

    pub(super) fn leave(&self) {
        self.0.is_leaving.store(true, Ordering::Relaxed);
    }

    /// Whether anybody but the server and its rules can ask.
    pub(super) fn is_asked_for(&self) -> bool {
        Arc::strong_count(&self.0) > OWN
    }
}

/// Handles that the server itself holds: the one that ends it, and the one in its rules.
const OWN: usize = 2;

/// 200 or 503, never from a cache.
impl Handler for Readiness {
    fn call(&self, _: Request) -> PooledFuture<Response> {
        let response = if self.is_ready() {
            Response::text("ready\n")
        } else {
            Response::text("not ready\n").with_status(StatusCode::SERVICE_UNAVAILABLE)
        };
        ready(response.with_header(
            http::header::CACHE_CONTROL,
            http::HeaderValue::from_static("no-store"),
        ))
    }
}
