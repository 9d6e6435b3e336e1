//! Shutdown: how a server ends without losing a request.
//!
//! SIGTERM or SIGINT begins it; nothing has to be written for that.
//!
//! | phase | how long | what happens |
//! |---|---|---|
//! | announce | 5 s, after SIGINT 1 s | [`Readiness`](crate::http::Readiness) says no, responses say `Connection: close`, everybody is still accepted and served |
//! | close | 1 s, after an announcement | the listener is closed; what is connected is served; [`Request::stopping`](crate::http::Request::stopping) is cancelled |
//! | drain | | idle connections are closed; requests under way, and [finishing](crate::http::Handler::finishing) handlers, finish |
//! | cut | 25 s after the signal | what is left is dropped, and counted in [`Ended::cut`](crate::http::Ended::cut); finishing handlers go on, counted in [`Ended::unfinished`](crate::http::Ended::unfinished) |
//!
//! - The announcement ends early when nobody is connected; after SIGTERM only if nobody holds a `Readiness`.
//! - A second signal cuts at once, in any phase.
//! - [`grace`](crate::http::Server::grace) sets the 25 s, [`announce`](crate::http::Server::announce) the first row;
//!   [`without_signals`](crate::http::Server::without_signals) leaves signals alone.
//! - [`with_graceful_shutdown`](crate::http::Serve::with_graceful_shutdown) ends it by a future of yours
//!   instead. Then there is no announcement unless `announce` is set.
//!
//! ```no_run
//! use std::time::Duration;
//! use ringspun::http::{Request, Router, Server};
//!
//! #[ringspun::main]
//! async fn main() -> std::io::Result<()> {
//!     let server = Server::bind("127.0.0.1:8080")?
//!         .announce(Duration::from_secs(10))
//!         .grace(Duration::from_secs(40));
//!     let readiness = server.readiness();
//!     readiness.set(false); // until the caches are warm
//!     let app = Router::new()
//!         .get("/ready", readiness.clone()) // 200 or 503
//!         .get("/live", async |_: Request| "alive\n");
//!     # let warm = async || {};
//!     ringspun::spawn(async move {
//!         warm().await;
//!         readiness.set(true);
//!     });
//!     let ended = server.serve(app).await?;
//!     if ended.cut() > 0 {
//!         eprintln!("{} connections were cut", ended.cut());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What is in front
//!
//! The announcement must last longer than the load balancer needs to look elsewhere: period × failures, and
//! then some.
//!
//! **Kubernetes.** The endpoint is removed while SIGTERM is on its way, so the announcement takes the place of a
//! `preStop` sleep. `terminationGracePeriodSeconds` (30 by default) must be longer than `grace`.
//!
//! ```yaml
//! terminationGracePeriodSeconds: 45   # grace is 40
//! containers:
//!   - readinessProbe: { httpGet: { path: /ready, port: 8080 }, periodSeconds: 2, failureThreshold: 1 }
//!     livenessProbe:  { httpGet: { path: /live, port: 8080 } }   # never /ready: it would kill what leaves
//! ```
//!
//! **HAProxy.** An active check; with the default `inter 2s fall 3` set `announce` to 7 s or more.
//!
//! ```text
//! option httpchk GET /ready
//! default-server check inter 1s fall 1 rise 1
//! ```
//!
//! **nginx** has no active checks. It tries the next server where a connection is refused, which is what it gets
//! once the listener is closed, and `Connection: close` empties its pool of kept connections before that.
//! A server that refused is left alone for 10 s by default (`fail_timeout`): restart the next one after that, or
//! none is left. With `max_fails=0` nobody is left alone, and the next one can be restarted at once; a request to
//! one that is away costs a refused connection then, which nginx answers by trying the next
//! (`proxy_next_upstream error`, its default; nothing was sent yet, so a POST is tried again too).
//!
//! ```text
//! upstream app { server 10.0.0.1:8080 max_fails=0; server 10.0.0.2:8080 max_fails=0; keepalive 64; }
//! location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; }
//! ```
//!
//! `benches/load/rolling.sh` rolls three servers behind both under load, and has their configuration.
//!
//! **systemd**: `TimeoutStopSec=` (90 s by default) above the grace.
//!
//! **No gap without a load balancer**: [`ListenOptions::share_port`](crate::net::ListenOptions::share_port) lets
//! the new process listen before the old one closes.
//!
//! # What would go on for ever
//!
//! A stream of events, or a long poll, holds the end of the server until the cut, unless it heeds
//! [`Request::stopping`](crate::http::Request::stopping) (Go: `Server.RegisterOnShutdown`). Who does not ask for
//! it pays nothing for it. Its client asks again, and finds another server: the listener is closed by then.
//!
//! [`Sse::ending_with`](crate::http::sse::Sse::ending_with) ends a stream by it; a long poll:
//!
//! ```
//! use ringspun::http::Request;
//! # async fn next() -> String { String::new() }
//!
//! async fn poll(request: Request) -> String {
//!     request.stopping().run(next()).await.unwrap_or_default()
//! }
//! ```
//!
//! # Work that must not be left half done
//!
//! A handler is dropped at its next await when its client has gone, its time is over, or the server cuts. Three
//! answers, from light to heavy:
//!
//! ```
//! use ringspun::http::{Handler, Request, Router};
//! use ringspun::scope::{CancelToken, Janitor};
//!
//! /// 1. Goes on in a task of its own, whatever becomes of the client.
//! async fn pay(_: Request) -> &'static str { "paid\n" }
//! let app = Router::new().post("/pay", pay.finishing());
//!
//! /// 2. What works for the request ends with it: the current token is cancelled then.
//! async fn report(_: Request) -> String {
//!     let token = CancelToken::current();
//!     let work = ringspun::spawn(async move {
//!         token.run(async { "report\n".to_owned() }).await.ok()
//!     });
//!     work.await.ok().flatten().unwrap_or_default()
//! }
//!
//! /// 3. Undone by the janitor, with retries, if it does not come to the commit.
//! async fn reserve(janitor: Janitor) -> &'static str {
//!     let rollback = janitor.guard(|| async { release().await });
//!     book().await;
//!     rollback.commit();
//!     "booked\n"
//! }
//! # async fn release() -> std::io::Result<()> { Ok(()) }
//! # async fn book() {}
//! ```
//!
//! The end of the server waits for the first within the grace. After `serve` has returned, drain the
//! [`Janitor`](crate::scope::Janitor) before `main` ends; the end of the runtime drops what is left, finishing
//! handlers too:
//!
//! ```
//! # use std::time::Duration;
//! # use ringspun::{scope::Janitor, time};
//! # #[ringspun::main(cores = 1)]
//! # async fn main() {
//! # let janitor = Janitor::new();
//! if let Err(undone) = janitor.drain(time::now() + Duration::from_secs(5)).await {
//!     eprintln!("{} guards are still armed", undone.armed());
//! }
//! # }
//! ```
//!
//! Connections that were [upgraded](super::upgrade) are told by
//! [`Upgraded::stopping`](crate::http::Upgraded::stopping), and cut at the end of the grace like all others. A
//! stream of [events](super::bodies) that never ends holds the server up until then: end it at the signal.
