//! A first server: write it, run it, test it, stop it.
//!
//! Rust 1.95 or later, Linux. In a new package:
//!
//! ```toml
//! [dependencies]
//! ringspun = { path = "../ringspun" } # where you have cloned it
//! ```
//!
//! ```no_run
//! use ringspun::http::{Request, Response, Router, Server};
//!
//! async fn user(request: Request) -> Response {
//!     let id = request.param("id").unwrap_or_default();
//!     Response::text(format!("user {id}\n"))
//! }
//!
//! #[ringspun::main]
//! async fn main() -> std::io::Result<()> {
//!     let app = Router::new()
//!         .get("/", async |_: Request| "hello\n")
//!         .get("/users/{id}", user);
//!     let server = Server::bind("127.0.0.1:8080")?;
//!     println!("listening on {}", server.local_addr().expect("TCP has addresses"));
//!     let ended = server.serve(app).await?;
//!     println!("{} connections were cut", ended.cut());
//!     Ok(())
//! }
//! ```
//!
//! `cargo run`, then `curl -v http://127.0.0.1:8080/users/7`. Ctrl-C ends it: requests under way are
//! answered first. With a client still connected, such as a browser, that takes 2 s, because new connections are
//! welcome for a while ([why](super::shutdown)); a second Ctrl-C ends it at once.
//!
//! # What happens here
//!
//! - [`#[ringspun::main]`](macro@crate::main) builds a runtime with one core for each CPU of the process and
//!   blocks on the body. To set more than `cores = N` use the [`Builder`](crate::Builder):
//!
//!   ```
//!   # fn main() -> std::io::Result<()> {
//!   let runtime = ringspun::Builder::new().cores(2).thread_name("web").build()?;
//!   let answer = runtime.block_on(async { ringspun::spawn(async { 42 }).await });
//!   assert_eq!(answer.expect("no panic"), 42);
//!   # Ok(()) }
//!   ```
//! - [`Server::bind`](crate::http::Server::bind) opens a listener for each core. It must be called inside a
//!   runtime. Port 0 picks a free port.
//! - [`Server::serve`](crate::http::Server::serve) gives a future; nothing is accepted until it is awaited. It
//!   is ready when SIGINT or SIGTERM has come and the last connection has ended ([`shutdown`](super::shutdown)).
//! - A handler runs in the task of its connection. Blocking it for longer than a millisecond is found out and
//!   the core goes on elsewhere, but [`spawn_blocking`](crate::spawn_blocking) is the place for blocking code.
//! - A panic in a handler is a 500 for its client, and ends that connection. Nobody else notices.
//! - [Limits](super::limits) are on, whether you ask for them or not.
//!
//! # Tests
//!
//! A handler can be called without a server, and a server can run without a socket, in virtual time:
//!
//! ```
//! use std::future::IntoFuture;
//! use ringspun::http::{Client, Request, Router, Server};
//! use ringspun::net::mem;
//!
//! // In your tests the line is #[ringspun::test(virtual_time)].
//! #[ringspun::main(cores = 1)]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let (listener, connector) = mem::listener(64 * 1024);
//!     let app = Router::new().get("/", async |_: Request| "hello\n");
//!     let server = Server::from_listener(listener).without_signals().serve(app);
//!     ringspun::spawn(server.into_future());
//!
//!     let client = Client::builder().connector(connector).build();
//!     let mut reply = client.get("http://test/").await?;
//!     assert_eq!(reply.status(), 200);
//!     assert_eq!(reply.text(100).await?, "hello\n");
//!     Ok(())
//! }
//! ```
//!
//! In virtual time the clock stands still while any task can run and jumps to the next timer when all wait:
//! a test of a timeout takes no time.
//!
//! Next: [`routing`](super::routing).
