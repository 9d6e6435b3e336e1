//! Upgrades: WebSocket, CONNECT, and connections that another library serves.
//!
//! # Another protocol after 101
//!
//! [`Response::upgrade`](crate::http::Response::upgrade) answers 101, if the client has offered that protocol
//! (else it gets 426), and gives the raw connection to a future:
//!
//! ```
//! use ringspun::http::{Request, Response, Router, Upgraded};
//! use ringspun::net::io::{ReadExt, WriteExt};
//! use ringspun::select;
//!
//! async fn shout(_: Request) -> Response {
//!     Response::upgrade("shout", async |mut io: Upgraded| {
//!         let mut buffer = [0; 1024];
//!         while let Ok(count @ 1..) = io.read(&mut buffer).await {
//!             buffer[..count].make_ascii_uppercase();
//!             if io.write_all(&buffer[..count]).await.is_err() {
//!                 break;
//!             }
//!         }
//!     })
//! }
//! let app = Router::new().get("/shout", shout);
//! ```
//!
//! - [`Upgraded`](crate::http::Upgraded) has `futures_io`'s `AsyncRead` and `AsyncWrite`. What the client has sent
//!   behind its request is read first.
//! - The future runs in the connection's task: it still counts as a connection, and holds no buffer of the server's.
//! - The time limits of HTTP end here. A protocol needs its own: `time::timeout` around a read, and pings.
//! - When the server ends, [`stopping`](crate::http::Upgraded::stopping) is ready: say goodbye in the protocol's
//!   way. What has not ended is cut with the grace.
//!
//! # WebSocket
//!
//! `examples/websocket_chat` is a whole chat over `async-tungstenite`, which takes any `futures_io` stream. The
//! steps of its handler: refuse what lacks `Sec-WebSocket-Key` or version 13; answer
//! `Response::upgrade("websocket", ..)` with `Sec-WebSocket-Accept`, which the crate derives from the key; in the
//! future, `WebSocketStream::from_raw_socket(io, Role::Server, None)`. With axum, `WebSocketUpgrade` works as it is
//! ([`axum`](super::axum)).
//!
//! # CONNECT
//!
//! [`Response::tunnel`](crate::http::Response::tunnel) grants a CONNECT. A proxy that lets nobody in that it does
//! not know:
//!
//! ```no_run
//! use ringspun::http::{Method, Request, Response, Server, StatusCode, Upgraded};
//! use ringspun::net::{TcpStream, io::copy_bidirectional};
//!
//! async fn connect(request: Request) -> Response {
//!     if request.method() != Method::CONNECT || request.target() != "db.internal:5432" {
//!         return Response::new(StatusCode::FORBIDDEN);
//!     }
//!     let Ok(mut there) = TcpStream::connect(request.target()).await else {
//!         return Response::new(StatusCode::BAD_GATEWAY);
//!     };
//!     Response::tunnel(|mut here: Upgraded| async move {
//!         let _ = copy_bidirectional(&mut here, &mut there).await;
//!     })
//! }
//!
//! #[ringspun::main]
//! async fn main() -> std::io::Result<()> {
//!     // A router has no path to look at in a CONNECT: the handler is the server's own.
//!     Server::bind("127.0.0.1:3128")?.serve(connect).await?;
//!     Ok(())
//! }
//! ```
//!
//! From the client's side: [`Reply::into_upgraded`](crate::http::Reply::into_upgraded) after a request with
//! `Connection: Upgrade`, or after CONNECT; `examples/proxy.rs` joins both.
//!
//! # A connection for another library
//!
//! [`TakeOver`](crate::http::TakeOver) is asked for each head, and for the preface of HTTP/2, before a handler sees
//! it. Who says yes serves the rest of the connection, beginning with the bytes of that head:
//!
//! ```no_run
//! use std::pin::Pin;
//! use ringspun::http::{Opening, TakeOver, Upgraded};
//!
//! struct Http2;
//!
//! impl TakeOver for Http2 {
//!     fn wants(&self, opening: Opening<'_>) -> bool {
//!         matches!(opening, Opening::Http2Preface)
//!     }
//!     fn take_over(&self, io: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
//!         Box::pin(async move { drop(io) /* a library's HTTP/2 connection over `io` */ })
//!     }
//! }
//!
//! # #[ringspun::main(cores = 1)]
//! # async fn main() -> std::io::Result<()> {
//! let server = ringspun::http::Server::bind("127.0.0.1:0")?.take_over(Http2);
//! # drop(server);
//! # Ok(()) }
//! ```
//!
//! The feature `hyper` does that for `serve` and
//! `Server::serve_service`: HTTP/2 and upgrades go to hyper, on the same socket and core.
