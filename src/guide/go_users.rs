//! For Go users: what you know, what it is here, and what differs.
//!
//! | Go | here |
//! |---|---|
//! | `go f()` | [`spawn(async move { .. })`](crate::spawn) |
//! | `make(chan T, n)` | [`channel::channel(n)`](crate::channel::channel), a sender and a receiver; both can be cloned |
//! | `ch <- v`, `<-ch` | `tx.send(v).await`, `rx.recv().await` |
//! | `v, ok := <-ch` | `Some(v)` or `None` |
//! | `for v := range ch` | `while let Some(v) = rx.recv().await` |
//! | `close(ch)` | `tx.close()`, or drop the last sender |
//! | `select { .. default: }` | [`select!`](crate::select!), with `default => ..` |
//! | a nil channel in a select | a guard: `value = rx.recv(), if enabled => ..` |
//! | `reflect.Select` | [`channel::Select`](crate::channel::Select) |
//! | `time.After(d)` in a select | `() = time::sleep(d) => ..` |
//! | `time.Ticker` | [`time::interval`](crate::time::interval) |
//! | `context.Context` | [`scope::CancelToken`](crate::scope::CancelToken); handed down by itself to what is awaited |
//! | `context.WithTimeout` | [`scope::timeout(d, future)`](crate::scope::timeout) |
//! | `errgroup.Group`, `SetLimit` | [`scope::TaskGroup`](crate::scope::TaskGroup), `limit` |
//! | `sync.WaitGroup`, `sync.Mutex` | [`sync::WaitGroup`](crate::sync::WaitGroup), [`sync::Mutex`](crate::sync::Mutex) or std's |
//! | `sync.Once`, `atomic.Value` | `std::sync::OnceLock`, [`Snapshot`](crate::Snapshot) |
//! | `defer` | `Drop`; where it must wait, a [`Janitor`](crate::scope::Janitor) |
//! | `recover` | a panic ends its task and comes out of the handle; in a handler it is a 500 |
//! | `http.ListenAndServe`, `ServeMux` | [`http::Server`](crate::http::Server), [`http::Router`](crate::http::Router) |
//! | `r.PathValue("id")`, `r.Context()` | `request.param("id")`, [`CancelToken::current()`](crate::scope::CancelToken::current) |
//! | `http.MaxBytesHandler`, `http.TimeoutHandler` | [`with_body_limit`](crate::http::Handler::with_body_limit), [`with_request_timeout`](crate::http::Handler::with_request_timeout) |
//! | `ReadHeaderTimeout`, `IdleTimeout` (none by default) | [`Limits`](super::limits), on by default |
//! | `Server.Shutdown(ctx)` | [by itself](super::shutdown), at SIGTERM |
//! | `Server.RegisterOnShutdown(f)` | [`Request::stopping`](crate::http::Request::stopping), a token |
//! | `http.FileServer`, `http.ServeContent` | [`files::Directory`](crate::http::files::Directory), [`files::OpenFile`](crate::http::files::OpenFile) |
//! | `http.Client`, `httputil.ReverseProxy` | [`http::Client`](crate::http::Client), `examples/proxy.rs` |
//! | `http.Hijacker` | [`Response::upgrade`](crate::http::Response::upgrade) |
//! | `httptest.NewServer` | [`net::mem`](crate::net::mem), without a socket |
//! | `testing/synctest` | `#[ringspun::test(virtual_time)]` |
//! | `GOMAXPROCS` | `RINGSPUN_CORES`, [`Builder::cores`](crate::Builder::cores) |
//! | `GODEBUG=schedtrace=1000` | `RINGSPUN_SCHEDTRACE=1000` |
//! | `pprof` goroutine, `runtime/metrics` | [`Handle::dump`](crate::Handle::dump), [`Handle::metrics`](crate::Handle::metrics) |
//! | goroutine leak profile | [`Handle::leaks`](crate::Handle::leaks) |
//! | the race detector | the compiler: `Send` and `Sync` |
//!
//! ```
//! use std::time::Duration;
//! use ringspun::{channel::channel, scope, select, spawn, time};
//!
//! # #[ringspun::main(cores = 1)]
//! # async fn main() {
//! let (tx, rx) = channel(0);                                  // make(chan int)
//! spawn(async move {                                          // go func() {
//!     for n in 1..=3 {
//!         if tx.send(n).await.is_err() { return }             //     ch <- n
//!     }
//! });                                                         //     close(ch) }()
//! let mut sum = 0;
//! loop {
//!     select! {                                               // select {
//!         n = rx.recv() => match n {                          // case n, ok := <-ch:
//!             Some(n) => sum += n,
//!             None => break,
//!         },
//!         () = time::sleep(Duration::from_secs(5)) => break,  // case <-time.After(5 * time.Second):
//!     }
//! }
//! assert_eq!(sum, 6);
//!
//! // ctx, cancel := context.WithTimeout(ctx, time.Second)
//! let answer = scope::timeout(Duration::from_secs(1), async { 42 }).await;
//! assert_eq!(answer.unwrap(), 42);
//! # }
//! ```
//!
//! # The differences that bite
//!
//! 1. **A future does nothing until it is awaited** or spawned. `f()` of an `async fn` alone is a warning of the
//!    compiler's and no call.
//! 2. **Cancelling is dropping.** A task can end at any `await`, not only where it looks at a context. Keep what must
//!    hold true out of the span between two awaits, or use `finishing` and the `Janitor`.
//! 3. **A send into a closed channel is an error, not a panic**, and gives the value back; closing twice is allowed.
//! 4. **Dropping the last receiver closes the channel**: a forgotten sender does not wait for ever.
//! 5. **Tasks are not preempted in the middle of a computation.** A core that is stuck for 1 ms is handed to another
//!    thread, so the others go on; the stuck task keeps its thread. `block_in_place` and `spawn_blocking` say it in
//!    advance.
//! 6. **A spawned task does not inherit the context.** What is awaited does; give `spawn` a token.
//! 7. **A task's future must be `Send` and `'static`**: it owns what it uses, or shares it by `Arc`.
//!    [`spawn_local`](crate::spawn_local) lifts the first.
//! 8. **A lock of std's may not be held across an await**; [`sync::Mutex`](crate::sync::Mutex) may.
//! 9. **There is no HTTPS in the box**: a proxy in front, or a TLS crate over our streams.
