//! A client that ends its own direction: it waits for its answer, or it has gone, as the server is told.

mod common;

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Flag;
use ringspun_http::{Request, Server};
use ringspun_net::io::ReadExt;
use ringspun_net::{MemConnector, mem};
use ringspun_runtime::{spawn, task};

/// Counts the futures of handlers that are dropped.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A server whose handlers say where they are once `go` is raised.
struct Waiting {
    connector: MemConnector,
    go: Flag,
    dropped: Arc<AtomicUsize>,
}

impl Waiting {
    fn start(half_close: bool) -> Self {
        let (listener, connector) = mem::listener(4096);
        let (go, dropped) = (Flag::default(), Arc::<AtomicUsize>::default());
        let server = Server::from_listener(listener).without_signals();
        let (raised, counted) = (go.clone(), dropped.clone());
        let serve = server
            .half_close(half_close)
            .serve(move |request: Request| {
                let (go, dropped) = (raised.clone(), Dropped(counted.clone()));
                async move {
                    go.raised().await;
                    drop(dropped);
                    request.path().to_owned()
                }
            });
        spawn(serve.into_future());
        Self {
            connector,
            go,
            dropped,
        }
    }

    /// What comes back after two pipelined requests and the end of the client's direction.
    async fn ask_and_end(&self, ends_first: bool) -> String {
        let mut client = self.connector.connect().await.expect("it listens");
        let pair = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
        for part in pair.chunks(27) {
            client.write_all(part).await.expect("it reads");
            settle().await;
        }
        if ends_first {
            client.close().await.expect("ended");
            settle().await;
        }
        self.go.raise();
        settle().await;
        client.close().await.expect("ended");
        let mut answer = Vec::new();
        client
            .read_to_end(&mut answer, 4096)
            .await
            .expect("the end");
        String::from_utf8(answer).expect("text")
    }
}

/// Runs a test as a task of the only core, so that what yields lets all others run.
fn run(test: impl Future<Output = ()> + Send + 'static) {
    common::run(async { spawn(test).await.expect("no panic") });
}

/// Lets all that can happen happen.
async fn settle() {
    for _ in 0..100 {
        task::yield_now().await;
    }
}

#[test]
fn it_waits_for_its_answers() {
    run(async {
        let server = Waiting::start(true);
        let answer = server.ask_and_end(true).await;
        assert!(
            answer.contains("\r\n\r\n/a") && answer.ends_with("\r\n\r\n/b"),
            "{answer}"
        );
    });
}

#[test]
fn it_has_gone_where_the_server_is_told_so() {
    run(async {
        let server = Waiting::start(false);
        let mut client = server.connector.connect().await.expect("it listens");
        client
            .write_all(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .expect("it reads");
        settle().await;
        assert_eq!(server.dropped.load(Ordering::Relaxed), 0);
        client.close().await.expect("ended");
        let mut answer = Vec::new();
        client
            .read_to_end(&mut answer, 4096)
            .await
            .expect("the end");
        assert_eq!(answer, b"", "nobody is there to be answered");
        settle().await;
        assert_eq!(server.dropped.load(Ordering::Relaxed), 1);
    });
}

/// What is read ahead to find the end out is not lost.
#[test]
fn a_request_that_follows_is_answered() {
    run(async {
        let server = Waiting::start(false);
        let answer = server.ask_and_end(false).await;
        assert!(
            answer.contains("\r\n\r\n/a") && answer.ends_with("\r\n\r\n/b"),
            "{answer}"
        );
        assert_eq!(server.dropped.load(Ordering::Relaxed), 2);
    });
}
