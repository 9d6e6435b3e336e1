//! Limits: what a client may cost. All but two are on by default.
//!
//! | [`Limits`](crate::http::Limits) | default | beyond it | counter |
//! |---|---|---|---|
//! | `head_timeout` | 10 s | 408; a silent end where not a byte was sent | `head_timeout` |
//! | `idle_timeout` | 75 s | the connection is closed | `idle_timeout` |
//! | `body_rate`, `body_window` | 240 bytes/s, looked at every 5 s | 408 | `body_rate` |
//! | `request_timeout` | 5 min, from the request's head to that of the response | 503, the handler is dropped | `request_timeout` |
//! | `write_timeout` | 30 s in which the client takes no byte | the connection is closed | `write_timeout` |
//! | `write_rate`, `write_window` | 240 bytes/s of a response that waits, looked at every 30 s | the connection is closed | `write_rate` |
//! | `head_bytes` | 64 KiB (the most there can be) | 431 | `head_bytes` |
//! | `headers` | 100 (the most there can be) | 431 | `headers` |
//! | `target_bytes` | 8 KiB | 414 | `target_bytes` |
//! | `body_bytes` | 2 MiB | 413 | `body_bytes` |
//! | `unread_bytes` | 256 KiB of a body that its handler left | closed behind the response | `unread_bytes` |
//! | `connections` | 100,000 | accepting pauses, clients wait in the backlog | `connections` |
//! | `admission` | off | 503 with `Retry-After` while the core's queue is longer | `admission` |
//! | `requests_per_connection` | none | `Connection: close` on the last response | `requests_per_connection` |
//!
//! Fixed: a trailer of 8 KiB and 32 lines (431, counted with `head_bytes`), 4 KiB of chunk extensions in a body
//! (400), and one request of a connection in a handler at a time, however many were pipelined. A request that
//! breaks a rule of the protocol gets the status of that rule and counts as `malformed`; the table of rules
//! with their RFC sections is [`Refusal::ALL`](crate::http::proto::Refusal::ALL). The connection of a refused
//! request is closed after the answer, so that the answer is not lost to a reset, only when the client has
//! closed too, has sent nothing for 5 s, or has gone on sending for 30 s (2 s once the server stops); what it
//! sends is dropped, however much.
//!
//! **Memory.** An idle connection holds no buffer. One that sends a head slowly holds what it has sent, 64 KiB at
//! most. One that asks on and on and takes no answers holds 16 KiB of requests, 16 KiB of answers and the last of
//! them, whatever it has sent: a request is begun only when the answers before it have gone to the system. What
//! the system holds for a socket is `tcp_wmem`'s and `tcp_rmem`'s matter. So `connections` bounds them all.
//!
//! 240 bytes/s are Kestrel's, both ways; Apache's `mod_reqtimeout` has rates for reading only, nginx a time
//! (`send_timeout`) only. The window for writing is as long as the time in which nothing need be taken, so that
//! it strikes nobody whom `write_timeout` would let pause. What counts is what the client's system has
//! acknowledged (`SIOCOUTQ`), not what the socket has taken; a response that goes out in one write is not
//! looked at.
//!
//! # Setting them
//!
//! ```no_run
//! use std::time::Duration;
//! use ringspun::http::{Handler, Limits, Request, Router, Server};
//!
//! async fn upload(_: Request) -> &'static str {
//!     "stored\n"
//! }
//!
//! #[ringspun::main]
//! async fn main() -> std::io::Result<()> {
//!     let mut limits = Limits::default();
//!     limits.body_bytes = 64 * 1024;
//!     limits.request_timeout = Duration::from_secs(10);
//!     limits.admission = Some(Duration::from_millis(5));
//!
//!     let app = Router::new()
//!         .get("/", async |_: Request| "hello\n")
//!         // This route takes 4 GiB, and an hour for them.
//!         .post("/upload", upload.with_body_limit(4 << 30).with_request_timeout(Duration::from_secs(3600)));
//!     Server::bind("127.0.0.1:8080")?.limits(limits).serve(app).await?;
//!     Ok(())
//! }
//! ```
//!
//! A route's limit may be larger or smaller than the server's. Of two around each other the outer one counts. A
//! body that announces too much is refused before the handler is called; a chunked one when it has become too
//! much. The bound given to [`Body::bytes`](crate::http::Body::bytes) is the handler's own, and comes on top.
//!
//! # Counting what struck
//!
//! ```no_run
//! use ringspun::http::{Request, Router, Server};
//! # #[ringspun::main]
//! # async fn main() -> std::io::Result<()> {
//! let server = Server::bind("127.0.0.1:8080")?;
//! let strikes = server.strikes();
//! let app = Router::new().get("/metrics", move |_: Request| {
//!     let lines: String = strikes
//!         .iter()
//!         .map(|(limit, count)| format!("http_limit_struck{{limit=\"{}\"}} {count}\n", limit.name()))
//!         .collect();
//!     async { lines }
//! });
//! server.serve(app).await?;
//! # Ok(()) }
//! ```
//!
//! | what you see | what it may be |
//! |---|---|
//! | `head_timeout`, `body_rate`, `write_timeout`, `write_rate` grow together | slow clients on purpose (slowloris); or `body_window` too short for mobile networks |
//! | `idle_timeout` grows with the traffic | normal: browsers leave connections open |
//! | `request_timeout` | a handler waits for something without a timeout of its own: [`dump`](super::tuning) |
//! | `unread_bytes` | a handler answers uploads before it reads them, say with 401 |
//! | `admission` | overload: the machine is too small, or handlers compute for too long |
//! | `malformed` | scanners, or a broken client; the log (`tracing`, level debug) names the rule |
//!
//! # Admission
//!
//! Under overload every request waits longer than the one before, until all are answered too late. With
//! `admission` a core that has kept requests waiting longer than the target for 100 ms on end refuses new ones,
//! with `Retry-After`, until its queue falls below the target once. 5 ms suits handlers that take less than
//! 1 ms. It measures the queue of the core, not time that handlers wait for a database: bound that with a
//! [`Semaphore`](crate::sync::Semaphore).
