//! For tokio users: what you know, what it is here, and what differs.
//!
//! To keep an application on tokio's crates read [`axum`](super::axum) instead.
//!
//! | tokio | here |
//! |---|---|
//! | `#[tokio::main]`, `#[tokio::test]` | [`#[ringspun::main]`](macro@crate::main), [`#[ringspun::test]`](macro@crate::test) |
//! | `runtime::Builder::new_multi_thread().worker_threads(n)` | [`Builder::new().cores(n)`](crate::Builder) |
//! | `new_current_thread()` | `cores(1)` |
//! | `tokio::spawn`, `JoinHandle`, `AbortHandle` | [`spawn`](crate::spawn), the same |
//! | `spawn_blocking`, `block_in_place` | [the](crate::spawn_blocking) [same](crate::block_in_place) |
//! | `LocalSet`, `spawn_local` | [`spawn_local`](crate::spawn_local) in any task; [`Server::serve_local`](crate::http::Server::serve_local) |
//! | `JoinSet` | [`scope::TaskGroup`](crate::scope::TaskGroup) |
//! | `CancellationToken` (tokio-util) | [`scope::CancelToken`](crate::scope::CancelToken), with deadlines and causes |
//! | `TaskTracker` (tokio-util) | [`sync::WaitGroup`](crate::sync::WaitGroup) |
//! | `mpsc::channel(n)` | [`channel::channel(n)`](crate::channel::channel): receivers can be cloned, too |
//! | `mpsc::unbounded_channel` | none; choose a bound |
//! | `oneshot`, `broadcast`, `watch` | in [`channel`](crate::channel) |
//! | `sync::{Mutex, RwLock, Semaphore, Notify, Barrier}` | in [`sync`](crate::sync) |
//! | `select!` | [`select!`](crate::select!), with `default`, `else`, guards and `biased;` |
//! | `time::{sleep, interval, timeout}` | in [`time`](crate::time); [`scope::timeout`](crate::scope::timeout) is inherited |
//! | `time::pause`, `start_paused` | `#[ringspun::test(virtual_time)]`, [`Builder::test_clock`](crate::Builder::test_clock) |
//! | `net::{TcpListener, TcpStream}` | in [`net`](crate::net); [`Acceptor`](crate::net::Acceptor) is the accept loop |
//! | `io::{AsyncRead, AsyncReadExt, copy}` | `futures_io`'s traits; [`net::io`](crate::net::io) has `ReadExt`, `WriteExt`, `copy` |
//! | `io::duplex` | [`net::mem`](crate::net::mem) |
//! | `signal::ctrl_c` | [`signal`](crate::signal) |
//! | UDP, Unix sockets, `tokio::fs`, `tokio::process` | none; tokio's own, with the feature `tokio`; files by `spawn_blocking` and [`http::files`](crate::http::files) |
//! | tokio-console, `Handle::dump` | [`Handle::dump`](crate::Handle::dump), `RINGSPUN_SCHEDTRACE`, [`Handle::metrics`](crate::Handle::metrics) |
//! | hyper, `axum::serve` | [`http::Server`](crate::http::Server); `ringspun::serve` with the feature `tower` |
//! | reqwest, hyper-util's client | [`http::Client`](crate::http::Client), plain HTTP/1 |
//!
//! # The differences that bite
//!
//! 1. **"There is no reactor running".** tokio's sockets, timers and `tokio::spawn` panic here without the feature
//!    `tokio`. `tokio::sync` and `tokio::select!` work without.
//! 2. **I/O traits are `futures_io`'s.** With the feature `tokio` our streams have both, and
//!    `net::compat::{ForTokio, FromTokio}` wrap the rest.
//! 3. **Reading to the end takes a bound**: `read_to_end(&mut buffer, limit)`.
//! 4. **Sending into a channel of capacity 0 waits for the receiver**; tokio's panics at 0.
//! 5. **Dropping the last receiver closes the channel and drops what lies in it**; a send gives its value back.
//! 6. **A `TaskGroup` that is dropped cancels its children**, as a `JoinSet` does; a limit is built in, so its
//!    `spawn` is awaited.
//! 7. **Blocking a worker hurts less.** A stuck core is served by others after about a millisecond. It still costs a
//!    thread: `spawn_blocking` remains right. `spawn_local` tasks do not move, and do wait.
//! 8. **A handler runs in its connection's task.** It is dropped when the client goes away, as in hyper;
//!    [`finishing`](crate::http::Handler::finishing) is the exception you ask for.
//! 9. **[Limits](super::limits) and [signals](super::shutdown) are on.** `axum::serve` has neither.
//! 10. **The scheduler has no global poll for I/O**: a socket belongs to the core that accepted it, for life. A task is
//!     stolen for a turn and comes home with its next event.
//! 11. **Two runtimes in a process** are two sets of threads, as in tokio; `block_on` inside a task panics, as there.
