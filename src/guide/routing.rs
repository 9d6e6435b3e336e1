//! Routing: which handler answers what; state; errors.
//!
//! | pattern | matches | parameters |
//! |---|---|---|
//! | `/users` | exactly that; not `/users/` | |
//! | `/users/{id}` | one segment that is not empty | `id` |
//! | `/files/{*path}` | all the rest, which is not empty | `path` |
//!
//! Of several that match, plain text goes before `{id}`, and that before `{*path}`, segment by segment from
//! the left; the order in which routes are added does not matter. Paths are percent-decoded segment by
//! segment, and an encoded slash separates nothing.
//!
//! ```
//! use ringspun::http::{Method, Request, Response, Router, StatusCode};
//!
//! async fn file(request: Request) -> String {
//!     // Decoded; `raw_param` is as it was sent.
//!     format!("{}\n", request.param("path").unwrap_or_default())
//! }
//!
//! let users = Router::new()
//!     .get("/", async |_: Request| "all users\n")
//!     .post("/", async |_: Request| StatusCode::CREATED)
//!     .delete("/{id}", async |_: Request| ());
//! let app = Router::new()
//!     .get("/files/{*path}", file)
//!     .route(Method::OPTIONS, "/files/{*path}", async |_: Request| "read only\n")
//!     .any("/hook", async |request: Request| format!("{}\n", request.method()))
//!     .nest("/api/users", users) // its `/` becomes `/api/users`
//!     .fallback(async |_: Request| (StatusCode::NOT_FOUND, "nothing here\n"));
//! ```
//!
//! Without being told the router answers HEAD with the handler of GET, OPTIONS with 204 and `Allow`, a method
//! that the path has not with 405 and `Allow`, and the rest with 404. A malformed or doubled pattern panics at
//! start; [`try_route`](crate::http::Router::try_route) is for patterns from outside the program. The fallback
//! of a nested router is not taken over. A [`Router`](crate::http::Router) is a handler itself.
//!
//! # Handlers
//!
//! Any `async fn(Request) -> impl IntoResponse`, or closure that makes such a future. There are no extractors:
//! a [`Request`](crate::http::Request) has `param`, `query`, `header`, `host`, `body`, `peer_addr`,
//! `connection_id` and `deadline`. (For extractors use [axum](super::axum).)
//!
//! What may be returned is the table of [`IntoResponse`](crate::http::IntoResponse): text, bytes, a status,
//! `(status, value)`, `Option` (404 for `None`), `Result` (so that `?` works), a
//! [`Response`](crate::http::Response).
//!
//! A header line with CR, LF or NUL in its value cannot be made, so a handler cannot split a response; nor can
//! it set `Transfer-Encoding`, or `Content-Length` to anything but a number.
//!
//! # State
//!
//! A closure owns it; nothing is looked up by type:
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//! use ringspun::http::{Request, Router};
//!
//! #[derive(Default)]
//! struct App {
//!     visits: AtomicU64,
//! }
//!
//! impl App {
//!     async fn visit(&self, request: Request) -> String {
//!         let visit = self.visits.fetch_add(1, Ordering::Relaxed) + 1;
//!         format!("visit {visit} of {}\n", request.path())
//!     }
//! }
//!
//! let state = Arc::new(App::default());
//! let app = Router::new().get("/", move |request| {
//!     let state = state.clone();
//!     async move { state.visit(request).await }
//! });
//! ```
//!
//! For handlers whose futures are not `Send` there is
//! [`Server::serve_local`](crate::http::Server::serve_local). State that is read by all and rarely changes:
//! [`Snapshot`](crate::Snapshot); a concurrent map: `examples/shared_state.rs`; state that one task owns:
//! `examples/actor.rs`.
//!
//! # Errors
//!
//! An error is a type with `IntoResponse`:
//!
//! ```
//! use ringspun::http::{IntoResponse, Request, Response, Router, StatusCode};
//!
//! enum Error {
//!     NoNumber,
//!     Database(std::io::Error),
//! }
//!
//! impl IntoResponse for Error {
//!     fn into_response(self) -> Response {
//!         match self {
//!             Self::NoNumber => (StatusCode::BAD_REQUEST, "not a number\n").into_response(),
//!             Self::Database(error) => {
//!                 eprintln!("database: {error}"); // not for the client
//!                 StatusCode::INTERNAL_SERVER_ERROR.into_response()
//!             }
//!         }
//!     }
//! }
//!
//! async fn double(request: Request) -> Result<String, Error> {
//!     let text = request.param("n").unwrap_or_default();
//!     let n: u32 = text.parse().map_err(|_| Error::NoNumber)?;
//!     store(n).map_err(Error::Database)?;
//!     Ok(format!("{}\n", u64::from(n) * 2))
//! }
//! # fn store(_: u32) -> std::io::Result<()> { Ok(()) }
//! let app = Router::new().get("/double/{n}", double);
//! ```
//!
//! # One route, other rules
//!
//! [`with_body_limit`](crate::http::Handler::with_body_limit),
//! [`with_request_timeout`](crate::http::Handler::with_request_timeout) and
//! [`finishing`](crate::http::Handler::finishing) wrap a handler, or a whole router, and say so for its
//! requests only ([`limits`](super::limits), [`shutdown`](super::shutdown)). There is no middleware of our own:
//! write a handler that calls a handler, or use [tower's](super::axum).
