//! The end of a server: what is under way finishes, what is idle ends, what takes too long is cut.

mod common;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use common::{Host, app, run};
use futures_core::Stream;
use ringspun_http::sse::{Event, Sse};
use ringspun_http::{Handler, Readiness, Request, Router};
use ringspun_runtime::time::{now, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn idle_connections_end_at_once() {
    run(async {
        let host = Host::start(app());
        let mut clients = Vec::new();
        for _ in 0..10 {
            let mut client = host.connect().await;
            client.get("/").await;
            clients.push(client);
        }
        let mut unused = host.connect().await;
        sleep(SECOND).await;
        let start = now();
        host.stop();
        for client in &mut clients {
            assert!(client.is_at_end().await);
        }
        assert!(unused.is_at_end().await);
        assert_eq!(host.ended().await.cut(), 0);
        assert!(now() - start < SECOND);
    });
}

#[test]
fn requests_under_way_are_answered_and_the_connection_closes() {
    run(async {
        let host = Host::start(app());
        let mut waiting = host.connect().await;
        waiting
            .send("GET /slow/5 HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let mut sending = host.connect().await;
        sending
            .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
            .await;
        let mut asking = host.connect().await;
        asking.send("GET / HTTP/1.1\r\nHo").await;
        sleep(SECOND).await;
        let start = now();
        host.stop();
        sleep(SECOND).await;
        sending.send("def").await;
        asking.send("st: a\r\n\r\n").await;
        for (client, text) in [
            (&mut sending, "abcdef"),
            (&mut asking, "hello"),
            (&mut waiting, "slow"),
        ] {
            let reply = client.reply().await;
            assert_eq!((reply.text(), reply.closes()), (text, true));
            assert!(client.is_at_end().await);
        }
        drop((waiting, sending, asking));
        assert_eq!(host.ended().await.cut(), 0);
        assert!(now() - start < 10 * SECOND);
    });
}

#[test]
fn what_takes_too_long_is_cut_and_counted() {
    run(async {
        let host = Host::start(app());
        let mut clients = [
            host.connect().await,
            host.connect().await,
            host.connect().await,
        ];
        for client in &mut clients {
            client
                .send("GET /slow/1000 HTTP/1.1\r\nHost: a\r\n\r\n")
                .await;
        }
        sleep(SECOND).await;
        let start = now();
        host.stop();
        assert_eq!(host.ended().await.cut(), 3);
        assert_eq!((now() - start).as_secs(), 20);
        for client in &mut clients {
            assert!(client.is_at_end().await);
        }
    });
}

/// A server that takes its time to leave, and its readiness.
fn announcing(announce: u32) -> (Host, Readiness) {
    let mut readiness = None;
    let host = Host::with_server(app(), |server| {
        readiness = Some(server.readiness());
        server.announce(announce * SECOND)
    });
    (host, readiness.unwrap())
}

#[test]
fn it_is_announced_first_then_closed_then_drained() {
    run(async {
        let (host, readiness) = announcing(5);
        let mut idle = host.connect().await;
        assert!(!idle.get("/").await.closes());
        let mut silent = host.connect().await;
        sleep(SECOND).await;
        assert!(readiness.is_ready() && !readiness.is_leaving());
        let start = now();
        host.stop();
        sleep(3 * SECOND).await;
        // Announced: everybody is served still, also who comes now.
        assert!(!readiness.is_ready() && readiness.is_leaving());
        let mut late = host.connect().await;
        let reply = late.get("/").await;
        assert_eq!((reply.text(), reply.closes()), ("hello", true));
        assert!(late.is_at_end().await);
        let mut last = host.connect().await;
        sleep(2 * SECOND + SECOND / 2).await;
        // Closed: who is connected is served.
        assert!(host.try_connect().await.is_err());
        for client in [&mut idle, &mut last] {
            let reply = client.get("/").await;
            assert_eq!((reply.text(), reply.closes()), ("hello", true));
        }
        // Drained: who is idle is not waited for.
        assert!(silent.is_at_end().await);
        assert_eq!((now() - start).as_secs(), 6);
        assert_eq!(host.ended().await.cut(), 0);
    });
}

#[test]
fn without_anybody_to_tell_nothing_is_announced() {
    run(async {
        let (host, readiness) = announcing(5);
        drop(readiness);
        let mut client = host.connect().await;
        client.get("/").await;
        let start = now();
        host.stop();
        sleep(SECOND).await;
        drop(client);
        assert_eq!(host.ended().await.cut(), 0);
        let took = now() - start;
        assert!(took >= SECOND && took < 2 * SECOND, "{took:?}");
    });
}

#[test]
fn the_grace_counts_from_the_trigger() {
    run(async {
        let (host, _readiness) = announcing(15);
        let mut client = host.connect().await;
        client
            .send("GET /slow/1000 HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        sleep(SECOND).await;
        let start = now();
        host.stop();
        assert_eq!(host.ended().await.cut(), 1);
        assert_eq!((now() - start).as_secs(), 20);
    });
}

#[test]
fn readiness_answers_as_a_handler_and_heeds_the_application() {
    run(async {
        let mut readiness = None;
        let host = Host::with_app(|server| {
            let own = readiness.insert(server.readiness());
            let app = Router::new().get("/ready", own.clone());
            (server.announce(5 * SECOND), app)
        });
        let readiness = readiness.unwrap();
        let mut client = host.connect().await;
        let reply = client.get("/ready").await;
        assert_eq!((reply.status, reply.text()), (200, "ready\n"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        readiness.set(false);
        assert_eq!(client.get("/ready").await.status, 503);
        readiness.set(true);
        assert_eq!(client.get("/ready").await.status, 200);
        host.stop();
        sleep(SECOND).await;
        let reply = client.get("/ready").await;
        assert_eq!((reply.status, reply.text()), (503, "not ready\n"));
        readiness.set(true);
        assert!(!readiness.is_ready(), "it leaves for good");
        host.ended().await;
    });
}

/// One event, and then silence.
struct One(bool);

impl Stream for One {
    type Item = io::Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Event::data("one"))))
    }
}

#[test]
fn an_endless_stream_may_end_with_the_server() {
    run(async {
        let events = async |request: Request| Sse::new(One(false)).ending_with(request.stopping());
        let host = Host::start(Router::new().get("/events", events));
        let mut client = host.connect().await;
        client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await;
        sleep(SECOND).await;
        let start = now();
        host.stop();
        // Whole, with its last chunk.
        assert_eq!(client.reply().await.text(), "data: one\n\n");
        assert!(client.is_at_end().await);
        let ended = host.ended().await;
        assert_eq!((ended.cut(), ended.unfinished()), (0, 0));
        assert!(now() - start < SECOND, "{:?}", now() - start);
    });
}

#[test]
fn an_endless_stream_that_does_not_ask_is_cut() {
    run(async {
        let events = async |_: Request| Sse::new(One(false));
        let host = Host::start(Router::new().get("/events", events));
        let mut client = host.connect().await;
        client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n").await;
        sleep(SECOND).await;
        let start = now();
        host.stop();
        assert_eq!(host.ended().await.cut(), 1);
        assert_eq!((now() - start).as_secs(), 20);
    });
}

/// During the announcement it would ask again, here.
#[test]
fn a_handler_learns_of_the_end_when_the_listener_is_closed() {
    run(async {
        let wait = async |request: Request| {
            request.stopping().cancelled().await;
            "stopping"
        };
        let host = Host::with_server(Router::new().get("/wait", wait), |server| {
            server.announce(5 * SECOND)
        });
        let mut client = host.connect().await;
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
        sleep(SECOND).await;
        let start = now();
        host.stop();
        assert_eq!(client.reply().await.text(), "stopping");
        assert_eq!((now() - start).as_secs(), 5);
        assert!(host.try_connect().await.is_err(), "the listener is closed");
        assert_eq!(host.ended().await.cut(), 0);
    });
}

#[test]
fn a_request_made_by_hand_has_no_server_that_stops() {
    let request = Request::new("GET", "/").unwrap();
    assert!(!request.stopping().is_cancelled());
}

#[test]
fn finishing_handlers_are_waited_for_within_the_grace() {
    run(async {
        for (seconds, waits, unfinished) in [(10, 9, 0), (60, 20, 1)] {
            let slow = move |_: Request| async move {
                sleep(seconds * SECOND).await;
                "done"
            };
            let host = Host::start(Router::new().get("/slow", slow.finishing()));
            let mut client = host.connect().await;
            client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
            sleep(SECOND).await;
            // The connection is no more; the handler goes on.
            drop(client);
            sleep(SECOND / 10).await;
            let start = now();
            host.stop();
            let ended = host.ended().await;
            assert_eq!((ended.cut(), ended.unfinished()), (0, unfinished));
            let took = (now() - start).as_secs_f32().round();
            assert!((took - waits as f32).abs() < 0.5, "{took}");
        }
    });
}
