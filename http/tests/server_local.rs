//! Handlers whose futures are not `Send`: the same server, but for where they run.

mod common;

use std::cell::{Cell, RefCell};
use std::future::IntoFuture;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use common::{Client, Flag, run};
use ringspun_http::{Request, Server, StatusCode};
use ringspun_net::{MemConnector, mem};
use ringspun_runtime::{spawn, time};

thread_local! {
    /// Paths of the requests that this thread has answered.
    static SEEN: Rc<RefCell<Vec<String>>> = Rc::default();
}

/// Holds an `Rc` wherever it waits.
async fn answer(mut request: Request) -> (StatusCode, String) {
    let (seen, thread) = (SEEN.with(Rc::clone), Rc::new(thread::current().id()));
    let path = request.path().to_string();
    assert!(path != "/panic", "asked to panic");
    seen.borrow_mut().push(path.clone());
    if path == "/slow" {
        time::sleep(Duration::from_secs(5)).await;
    }
    let body = request.body().text(1 << 20).await.unwrap_or_default();
    assert_eq!(*thread, thread::current().id());
    assert!(seen.borrow().contains(&path));
    (StatusCode::OK, format!("{path} {}", body.len()))
}

/// A server, and what ends it.
fn start() -> (
    MemConnector,
    Flag,
    ringspun_runtime::JoinHandle<std::io::Result<ringspun_http::Ended>>,
) {
    let (listener, connector) = mem::listener(64 * 1024);
    let (stop, calls) = (Flag::default(), Cell::new(0));
    let end = stop.clone();
    // `Send` and `Clone`, not `Sync`.
    let handler = move |request| {
        calls.set(calls.get() + 1);
        answer(request)
    };
    let server = Server::from_listener(listener)
        .grace(Duration::from_secs(20))
        .serve_local(handler)
        .with_graceful_shutdown(async move { end.raised().await });
    (connector, stop, spawn(server.into_future()))
}

#[test]
fn requests_are_answered() {
    run(async {
        let (connector, stop, server) = start();
        let mut client = Client::new(connector.connect().await.expect("it listens"));
        assert_eq!(client.get("/a").await.text(), "/a 0");
        assert_eq!(client.post("/b", b"body").await.text(), "/b 4");
        assert_eq!(
            client.post("/c", &vec![b'x'; 300_000]).await.text(),
            "/c 300000"
        );
        assert_eq!(client.get("/slow").await.text(), "/slow 0");
        client
            .send("GET /n HTTP/1.1\r\nHost: a\r\n\r\n".repeat(20))
            .await;
        for _ in 0..20 {
            assert_eq!(client.reply().await.text(), "/n 0");
        }
        stop.raise();
        assert!(client.is_at_end().await);
        assert_eq!(server.await.expect("no panic").expect("served").cut(), 0);
    });
}

#[test]
fn a_panic_is_answered_and_the_end_waits_for_the_rest() {
    run(async {
        let (connector, stop, server) = start();
        let mut client = Client::new(connector.connect().await.expect("it listens"));
        assert_eq!(client.get("/panic").await.status, 500);
        assert!(client.is_at_end().await);
        let mut waiting = Client::new(connector.connect().await.expect("it listens"));
        waiting.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        time::sleep(Duration::from_secs(1)).await;
        stop.raise();
        // Under way as the server ends: it may finish.
        assert_eq!(waiting.reply().await.text(), "/slow 0");
        assert_eq!(server.await.expect("no panic").expect("served").cut(), 0);
    });
}
