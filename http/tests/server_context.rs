//! What reaches a handler beside its request, and what becomes of it when nobody waits any more.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Flag, Host, run};
use ringspun_http::{Body, Handler, Limits, Request, Response, Router};
use ringspun_net::TcpStream;
use ringspun_net::io::ReadExt;
use ringspun_runtime::scope::CancelToken;
use ringspun_runtime::spawn;
use ringspun_runtime::time::{now, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

/// Counts what becomes of handlers.
#[derive(Clone, Default)]
struct Fates(Arc<[AtomicUsize; 3]>);

impl Fates {
    fn dropped(&self) -> usize {
        self.0[0].load(Ordering::Relaxed)
    }

    fn finished(&self) -> usize {
        self.0[1].load(Ordering::Relaxed)
    }

    fn cancelled(&self) -> usize {
        self.0[2].load(Ordering::Relaxed)
    }

    /// A handler that takes 10 s, with a task beside it that heeds the token.
    fn handler(&self) -> impl Handler {
        let fates = self.clone();
        move |_: Request| {
            let fate = Fate(fates.clone(), false);
            async move {
                let mut fate = fate;
                let (token, fates) = (CancelToken::current(), fate.0.clone());
                drop(spawn(async move {
                    token.cancelled().await;
                    fates.0[2].fetch_add(1, Ordering::Relaxed);
                }));
                sleep(10 * SECOND).await;
                fate.1 = true;
                "done"
            }
        }
    }
}

struct Fate(Fates, bool);

impl Drop for Fate {
    fn drop(&mut self) {
        self.0.0[usize::from(self.1)].fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_handler_is_dropped_when_its_client_is_gone() {
    run(async {
        let fates = Fates::default();
        let host = Host::start(fates.handler());
        let mut client = host.connect().await;
        client.send(SLOW).await;
        sleep(SECOND).await;
        drop(client);
        sleep(SECOND).await;
        assert_eq!((fates.dropped(), fates.cancelled()), (1, 1));
    });
}

#[test]
fn a_client_that_only_listens_is_not_gone() {
    run(async {
        let fates = Fates::default();
        let host = Host::start(fates.handler());
        let mut client = host.connect().await;
        client.send(SLOW).await;
        client.finish().await;
        assert_eq!(client.reply().await.text(), "done");
        assert_eq!((fates.finished(), fates.dropped()), (1, 0));
        sleep(SECOND).await;
        assert_eq!(fates.cancelled(), 1, "the request is over");
    });
}

#[test]
fn a_finishing_handler_goes_on() {
    run(async {
        let fates = Fates::default();
        let host = Host::start(Router::new().get("/slow", fates.handler().finishing()));
        let mut client = host.connect().await;
        client.send(SLOW).await;
        sleep(SECOND).await;
        drop(client);
        sleep(20 * SECOND).await;
        assert_eq!((fates.finished(), fates.dropped()), (1, 0));
        let mut client = host.connect().await;
        client.send(SLOW).await;
        assert_eq!(client.reply().await.text(), "done");
    });
}

#[test]
fn a_finishing_handler_may_panic() {
    run(async {
        let panics = |request: Request| async move {
            assert_eq!(request.path(), "/fine", "on purpose");
            "fine"
        };
        let host = Host::start(panics.finishing());
        let mut client = host.connect().await;
        assert_eq!(client.get("/fine").await.text(), "fine");
        assert_eq!(client.get("/bad").await.status, 500);
    });
}

#[test]
fn a_body_that_waits_is_dropped_when_its_client_is_gone() {
    run(async {
        let gone = Flag::default();
        let flag = gone.clone();
        let host = Host::start(move |_: Request| {
            let flag = flag.clone();
            async move { Response::ok().with_body(Body::stream(Never(flag))) }
        });
        let mut client = host.connect().await;
        client.send(SLOW).await;
        sleep(SECOND).await;
        drop(client);
        timeout(SECOND, gone.raised()).await.expect("dropped");
    });
}

struct Never(Flag);

impl futures_core::Stream for Never {
    type Item = Result<bytes::Bytes, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Pending
    }
}

impl Drop for Never {
    fn drop(&mut self) {
        self.0.raise();
    }
}

#[test]
fn a_client_that_has_sent_more_is_watched() {
    run(async {
        let fates = Fates::default();
        let host = Host::start(fates.handler());
        let mut client = host.connect().await;
        // The second stays in the pipe, or in the buffer.
        client.send(SLOW).await;
        sleep(SECOND).await;
        client.send(SLOW).await;
        sleep(SECOND).await;
        assert_eq!(fates.dropped(), 0);
        drop(client);
        sleep(SECOND).await;
        assert_eq!((fates.dropped(), fates.finished()), (1, 0));

        // As does the client's end.
        let mut client = host.connect().await;
        client.send(SLOW).await;
        client.finish().await;
        sleep(SECOND).await;
        assert_eq!(fates.dropped(), 1);
        drop(client);
        sleep(SECOND).await;
        assert_eq!((fates.dropped(), fates.finished()), (2, 0));
    });
}

/// Raised when it is dropped.
struct Last(Flag);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.raise();
    }
}

#[test]
fn over_tcp_a_reset_is_seen_behind_what_was_not_read() {
    let runtime = ringspun_runtime::Builder::new().cores(1).build().unwrap();
    let resets = async |first: &str, later: &str, closes: bool| {
        let (begun, dropped) = (Flag::default(), Flag::default());
        let flags = (begun.clone(), dropped.clone());
        let listeners = vec![ringspun_net::TcpListener::bind("127.0.0.1:0").unwrap()];
        let addr = listeners[0].local_addr().unwrap();
        let server = ringspun_http::Server::from_listeners(listeners).without_signals();
        let serve = server.serve(move |_: Request| {
            let (begun, last) = (flags.0.clone(), Last(flags.1.clone()));
            async move {
                begun.raise();
                std::future::pending::<()>().await;
                drop(last);
            }
        });
        drop(spawn(std::future::IntoFuture::into_future(serve)));
        let mut client = TcpStream::connect(addr).await.unwrap();
        client.write_all(first.as_bytes()).await.unwrap();
        begun.raised().await;
        client.write_all(later.as_bytes()).await.unwrap();
        if closes {
            client.close().await.unwrap();
        }
        for _ in 0..100 {
            ringspun_runtime::task::yield_now().await;
        }
        client.set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        dropped.raised().await;
    };
    runtime.block_on(async {
        let limit = Duration::from_secs(30);
        for (first, later, closes) in [
            (SLOW.repeat(2), "", false),
            (SLOW.to_owned(), SLOW, false),
            (SLOW.to_owned(), "", true),
            (SLOW.repeat(2), SLOW, true),
        ] {
            let reset = timeout(limit, resets(&first, later, closes)).await;
            reset.unwrap_or_else(|_| panic!("not seen: {first:?}, {later:?}, {closes}"));
        }
    });
}

#[test]
fn over_tcp_a_reset_is_the_end_and_a_half_close_is_not() {
    run(async {
        let fates = Fates::default();
        let listeners = vec![ringspun_net::TcpListener::bind("127.0.0.1:0").unwrap()];
        let addr = listeners[0].local_addr().unwrap();
        let server = ringspun_http::Server::from_listeners(listeners).without_signals();
        let serve = server.serve(fates.handler());
        drop(spawn(std::future::IntoFuture::into_future(serve)));

        let mut reset = TcpStream::connect(addr).await.unwrap();
        reset.write_all(SLOW.as_bytes()).await.unwrap();
        let mut half = TcpStream::connect(addr).await.unwrap();
        half.write_all(SLOW.as_bytes()).await.unwrap();
        half.close().await.unwrap();
        sleep(SECOND).await;
        reset.set_linger(Some(Duration::ZERO)).unwrap();
        drop(reset);
        while fates.dropped() == 0 {
            sleep(SECOND / 100).await;
        }
        let mut answer = Vec::new();
        half.read_to_end(&mut answer, 1 << 20).await.unwrap();
        assert!(answer.ends_with(b"done"));
        assert_eq!((fates.finished(), fates.dropped()), (1, 1));
    });
}

#[test]
fn what_takes_too_long_is_answered_in_its_place() {
    run(async {
        let fates = Fates::default();
        let mut limits = Limits::default();
        limits.request_timeout = 5 * SECOND;
        let app = Router::new()
            .get("/slow", fates.handler())
            .get("/slower", fates.handler().with_request_timeout(20 * SECOND))
            .get("/quick", async |_| "quick");
        let host = Host::with_limits(app, limits);
        let start = now();
        let mut client = host.connect().await;
        let reply = client.get("/slow").await;
        assert_eq!((reply.status, reply.closes()), (503, true));
        assert_eq!((now() - start).as_secs(), 5);
        assert_eq!((fates.dropped(), fates.cancelled()), (1, 1));
        let mut client = host.connect().await;
        assert_eq!(client.get("/slower").await.text(), "done");
        // Each request has its own time.
        for _ in 0..10 {
            sleep(SECOND).await;
            assert_eq!(client.get("/quick").await.text(), "quick");
        }
    });
}

#[test]
fn deadline_and_token_agree() {
    run(async {
        let host = Host::start(
            (async |request: Request| {
                let deadline = request.deadline().expect("there is a limit");
                assert_eq!(CancelToken::current().deadline(), Some(deadline));
                let left = deadline - now();
                assert!(left > 6 * SECOND && left <= 7 * SECOND, "{left:?}");
                "fine"
            })
            .with_request_timeout(7 * SECOND),
        );
        let mut client = host.connect().await;
        assert_eq!(client.get("/").await.text(), "fine");
        assert_eq!(Request::new("GET", "/").unwrap().deadline(), None);
    });
}

#[test]
fn connections_have_numbers() {
    run(async {
        let host = Host::start(async |request: Request| request.connection_id().to_string());
        let mut ids = Vec::new();
        for _ in 0..10 {
            let mut client = host.connect().await;
            let id = client.get("/").await.text().to_owned();
            assert_eq!(client.get("/").await.text(), id);
            assert!(!ids.contains(&id), "{id}");
            ids.push(id);
        }
    });
}

#[test]
fn a_route_may_take_more_or_less_than_the_server() {
    run(async {
        let length = async |mut request: Request| -> Result<String, ringspun_http::BodyError> {
            let mut length = 0;
            while let Some(chunk) = request.body().chunk().await {
                length += chunk?.len();
            }
            Ok(length.to_string())
        };
        let mut limits = Limits::default();
        limits.body_bytes = 1000;
        let inner = Router::new().post("/small", length.with_body_limit(10));
        let app = Router::new()
            .post("/", length)
            .post("/large", length.with_body_limit(1 << 20))
            .nest("/nested", inner);
        let host = Host::with_limits(app, limits);
        for (path, size, status) in [
            ("/", 1000, 200),
            ("/", 1001, 413),
            ("/large", 1 << 20, 200),
            ("/large", (1 << 20) + 1, 413),
            ("/nested/small", 10, 200),
            ("/nested/small", 11, 413),
            ("/nowhere", 1001, 413),
        ] {
            let mut client = host.connect().await;
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
            client.send(head).await;
            let _ = client.try_send(vec![b'x'; size]).await;
            let reply = client.reply().await;
            assert_eq!(reply.status, status, "{path} {size}");
            // In chunks the limit strikes when it is reached.
            let mut client = host.connect().await;
            let chunk = format!("{size:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(size));
            let head = "HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = client.try_send(format!("POST {path} {head}{chunk}")).await;
            let reply = client.reply().await;
            let chunked = if path == "/nowhere" { 404 } else { status };
            assert_eq!(reply.status, chunked, "{path} {size} in chunks");
        }
    });
}
