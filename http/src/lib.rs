//! ringspun's HTTP/1 layer: a codec without I/O, requests and responses, a router, and a server
//! over any transport of `ringspun_net`.
//!
//! How a request travels:
//!
//! ```text
//!  socket readable                                                   one send for all answers
//!       |                                                                     ^
//!       v                                                                     |
//!  Connection --buffer from the pool--> Exchange --> proto::Conn        proto::Conn
//!  (server/connection.rs)           (server/exchange/)    |                   ^
//!                                                         v                   |
//!                                                      Request --> Handler --> Response
//!                                                                 (Router)
//! ```
//!
//! - [`Server`] listens and serves; [`Limits`] says what clients may not do, and it ends gracefully.
//! - A [`Handler`] is an `async fn(Request) -> impl IntoResponse`; a [`Router`] is one too.
//! - [`Request`] and [`Response`] are small types of their own; both convert to and from those of
//!   the `http` crate. [`Body`] is nothing, bytes, a part of a file, or a stream with
//!   back-pressure.
//! - [`files`] serves files and directories by `sendfile`; [`conditional`] has the rules of
//!   conditional requests and ranges, for resources of any kind.
//! - A [`Client`] asks other servers, over connections that it keeps; see [`client`].
//! - [`proto`] is HTTP/1 as a state machine over bytes. It can be tested and fuzzed alone.
//!
//! A kept connection answers a GET without allocating and with two system calls, one read and
//! one write, however many requests were pipelined. An idle one holds no buffer.
//!
//! What is strict: a message whose framing could be read in two ways is refused and its
//! connection closed, see [`proto::Refusal`]. What a handler returns cannot break the framing
//! either.
//!
//! # Examples
//! ```no_run
//! use ringspun_http::{BodyError, Request, Response, Router, Server};
//!
//! async fn hello(request: Request) -> Response {
//!     let name = request.param("name").unwrap_or_default();
//!     Response::text(format!("Hello, {name}!\n"))
//! }
//!
//! async fn length(mut request: Request) -> Result<String, BodyError> {
//!     let mut length = 0;
//!     while let Some(chunk) = request.body().chunk().await {
//!         length += chunk?.len();
//!     }
//!     Ok(format!("{length} bytes\n"))
//! }
//!
//! # fn main() -> std::io::Result<()> {
//! # ringspun_runtime::Builder::new().build()?.block_on(async {
//! let app = Router::new().get("/hello/{name}", hello).post("/length", length);
//! Server::bind("127.0.0.1:8080")?.serve(app).await?;
//! # Ok(()) }) }
//! ```
//!
//! Start reading at `proto/conn.rs`, then `server/connection.rs`.

#![forbid(unsafe_code)]

pub mod client;
#[cfg(feature = "tower")]
pub mod compat;
pub mod conditional;
pub mod files;
mod handler;
mod message;
mod percent;
pub mod proto;
mod router;
mod server;
pub mod sse;
mod upgrade;

pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

pub use self::client::{Client, ClientError, Reply};
pub use self::handler::{Finishing, Handler, Limited, RouteLimits};
#[cfg(feature = "json")]
pub use self::message::Json;
pub use self::message::{Body, BodyError, Frame, Headers, IntoResponse, Request, Response};
pub use self::proto::InvalidHeader;
pub use self::router::{RouteError, Router};
pub use self::server::{
    Ended, Limit, Limits, Opening, Readiness, Serve, Server, Strikes, TakeOver,
};
pub use self::upgrade::Upgraded;
