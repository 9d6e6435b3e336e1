//! The client: asking other servers, and proxies.
//!
//! ```no_run
//! use std::time::Duration;
//! use ringspun::http::{Client, Request};
//!
//! #[ringspun::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // One for the program; clones share the connections.
//!     let client = Client::builder().timeout(Duration::from_secs(30)).build();
//!
//!     let mut reply = client.get("http://127.0.0.1:8080/users/7").await?;
//!     println!("{} {}", reply.status(), reply.text(64 * 1024).await?);
//!
//!     let request = Request::new("POST", "http://127.0.0.1:8080/users")?
//!         .try_with_header("content-type", "application/json")?
//!         .with_body(r#"{"name":"Ann"}"#);
//!     let reply = client.request(request).await?;
//!     if !reply.status().is_success() {
//!         return Err(format!("refused: {}", reply.status()).into());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! - Any status is a success for the client: look at it. An error
//!   ([`ClientError`](crate::http::ClientError)) says where it happened and what to do, and has
//!   [`is_timeout`](crate::http::ClientError::is_timeout) and
//!   [`is_connect`](crate::http::ClientError::is_connect).
//! - Bodies stream both ways, with back-pressure; a [`Body`](crate::http::Body) is the same type as in handlers.
//! - **Read or drop the reply.** Read to its end, its connection is kept; dropped before that, it is closed.
//! - It does not follow redirects, keep cookies, or decompress.
//!
//! # What bounds it
//!
//! | setting | default | |
//! |---|---|---|
//! | `connect_timeout` | 10 s | lookup and connecting, or waiting for a connection of a full host |
//! | `head_timeout` | 60 s | from the end of the request to the end of the response's head |
//! | `stall_timeout` | 30 s | a body that could move does not |
//! | `timeout` | none | the whole, to the end of the reply's body |
//! | `idle_timeout` | 60 s | how long an unused connection is kept; zero keeps none |
//! | `idle_per_host` | 32 | unused connections kept for a host, on each core |
//! | `idle_total` | 1024 | unused connections kept in total |
//! | `connections_per_host` | none | connections to a host, used and kept |
//! | `head_bytes`, `headers` | 64 KiB, 100 | the head of a response |
//!
//! The deadline of a [scope](super::concurrency) around a call ends it as well. Dropping the future closes the
//! connection; whether the server has acted is not known then.
//!
//! # What is repeated by itself
//!
//! A server may close a kept connection in the moment in which a request is sent on it. Then the request is sent
//! once more, on a new connection, if no byte of a response has come, the body is at hand, and the method is
//! idempotent or not one byte has gone out. Nothing else is ever repeated; retries of errors are yours:
//!
//! ```
//! use std::time::Duration;
//! use ringspun::http::{Client, ClientError, Reply};
//! use ringspun::time;
//!
//! async fn get_patiently(client: &Client, url: &str) -> Result<Reply, ClientError> {
//!     for attempt in 0..3 {
//!         match client.get(url).await {
//!             Err(error) if error.is_connect() => time::sleep(Duration::from_millis(100 << attempt)).await,
//!             other => return other,
//!         }
//!     }
//!     client.get(url).await
//! }
//! # let _ = get_patiently;
//! ```
//!
//! # A proxy
//!
//! A reply is a response, and a request's body goes on as it is. The core of one:
//!
//! ```no_run
//! use ringspun::http::{Client, IntoResponse, Request, Response, Server};
//!
//! async fn pass_on(client: Client, request: Request) -> Response {
//!     let url = format!("http://127.0.0.1:8081{}", request.target());
//!     let headers = request.headers().end_to_end();
//!     let passed = headers.filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
//!     let made = Request::new(request.method().as_str(), &url)
//!         .and_then(|made| made.try_with_headers(passed));
//!     match made {
//!         Ok(made) => match client.request(made.with_body(request.into_body())).await {
//!             Ok(reply) => reply.into_response(),     // streams
//!             Err(error) => error.into_response(),    // 502, or 504 for a timeout
//!         },
//!         Err(refusal) => refusal.into_response(),
//!     }
//! }
//!
//! #[ringspun::main]
//! async fn main() -> std::io::Result<()> {
//!     let client = Client::new();
//!     let server = Server::bind("127.0.0.1:8080")?;
//!     server.serve(move |request| pass_on(client.clone(), request)).await?;
//!     Ok(())
//! }
//! ```
//!
//! `examples/proxy.rs` adds what a real one needs: X-Forwarded-For and Forwarded, Via, other forms of the target,
//! upgrades, and no limit on bodies.
//!
//! # Other transports
//!
//! `http://` goes over TCP. [`Connect`](crate::http::client::Connect) is the trait for all else: Unix sockets, a
//! fixed address, [in-process](super::first_server) (`net::mem`), TLS. Without a connector that
//! [offers TLS](crate::http::client::Connect::offers_tls) an `https://` URL is refused, never sent in the clear.
//! For HTTPS today: a connector over a TLS crate with `futures_io` traits, or `reqwest` with the feature
//! [`tokio`](super::axum).
//!
//! An own proxy in between: [`ClientBuilder::proxy`](crate::http::client::ClientBuilder::proxy).
