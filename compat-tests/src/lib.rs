//! One application, two servers: `axum::serve` on tokio, and ringspun. Each test asks both the same and
//! expects the same answer.
//!
//! ringspun serves twice: under `#[tokio::main]`, and in a runtime of its own with tokio beside it
//! ([`host::Server`]).
//!
//! | test | what is compared |
//! |---|---|
//! | `same_answers` | over a hundred requests byte for byte: routing, extractors, state, nested routers, bodies with their limits and trailers, responses, streams, server-sent events, middlewares; tower-http's trace, compression, CORS, timeout, catch-panic, body limit, request ids, headers, `ServeDir` with ranges and conditions; tower's concurrency limit, load shed and timeout; tokio's channels, locks, `select!`, timers, files, sockets, processes, tasks, blocking |
//! | `connections` | order, pipelining, `Expect`, streams both ways, events kept alive, reqwest in handlers, many clients, the end |
//! | `websocket` | axum's WebSockets, with what was read ahead, refused, cut |
//! | `http2` | HTTP/2 by its preface, its end, gRPC by tonic |
//! | `tls` | tokio-rustls with certificates on both sides |
//! | `postgres` | tokio-postgres, where a PostgreSQL is installed |
//! | `services` | services and make services that are no `Router`, that fail, panic, wait; handlers of ours as services; clients that go |
//! | `context` | tokio's context on each kind of thread, its budget, its I/O traits |
//! | `million` (a package) | what a request costs; only when asked for |

pub mod app;
pub mod client;
pub mod host;

/// The code of the guide's page on axum compiles, here where axum is.
#[cfg(doctest)]
#[doc = include_str!("../../src/guide/axum.md")]
pub struct Guide;
