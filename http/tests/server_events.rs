//! Server-sent events: as they come, with comments in silence, until the stream ends.

mod common;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use common::{Client, Host, run};
use futures_core::Stream;
use ringspun_http::sse::{Event, Sse};
use ringspun_http::{IntoResponse, Request, Router};
use ringspun_net::io::ReadExt;
use ringspun_runtime::time::{self, Sleep};

/// So many events with so much time before each; the last one an error if wanted.
struct Ticks {
    left: u32,
    pause: Duration,
    fails: bool,
    sleep: Option<Sleep>,
}

impl Stream for Ticks {
    type Item = Result<Event, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let pause = self.pause;
        let sleep = self.sleep.get_or_insert_with(|| time::sleep(pause));
        std::task::ready!(Future::poll(Pin::new(sleep), cx));
        self.sleep = None;
        self.left = match self.left {
            0 => return Poll::Ready(None),
            1 if self.fails => return Poll::Ready(Some(Err(io::Error::other("on purpose")))),
            left => left - 1,
        };
        Poll::Ready(Some(Ok(Event::data(format!("{} left", self.left)))))
    }
}

fn ticks(left: u32, seconds: u64) -> Ticks {
    Ticks {
        left,
        pause: Duration::from_secs(seconds),
        fails: false,
        sleep: None,
    }
}

fn app() -> Router {
    Router::new()
        .get("/fast", async |_: Request| Sse::new(ticks(3, 1)))
        .get("/slow", async |_: Request| Sse::new(ticks(2, 40)))
        .get("/own", async |_: Request| {
            Sse::new(ticks(2, 5)).with_keep_alive(Duration::from_secs(2))
        })
        .get("/silent", async |_: Request| {
            Sse::new(ticks(1, 100)).without_keep_alive()
        })
        .get("/fails", async |_: Request| {
            let mut ticks = ticks(2, 1);
            ticks.fails = true;
            Sse::new(ticks)
        })
        .get("/endless", async |_: Request| {
            Sse::new(ticks(u32::MAX, 3600))
        })
}

#[test]
fn events_come_with_comments_in_silence() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        for (path, expected) in [
            ("/fast", "data: 2 left\n\ndata: 1 left\n\ndata: 0 left\n\n"),
            (
                "/slow",
                ":\n\n:\n\ndata: 1 left\n\n:\n\n:\n\ndata: 0 left\n\n:\n\n:\n\n",
            ),
            (
                "/own",
                ":\n\n:\n\ndata: 1 left\n\n:\n\n:\n\ndata: 0 left\n\n:\n\n:\n\n",
            ),
            ("/silent", "data: 0 left\n\n"),
        ] {
            let reply = client.get(path).await;
            assert_eq!(reply.text(), expected, "{path}");
            assert_eq!(reply.header("content-type"), Some("text/event-stream"));
            assert_eq!(reply.header("cache-control"), Some("no-cache"));
            assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
        }
        assert_eq!(Sse::new(ticks(1, 1)).into_response().status(), 200);
    });
}

/// An event does not wait for the next one.
#[test]
fn an_event_is_sent_at_once() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let start = time::now();
        let mut got = Vec::new();
        while !got.ends_with(b"1 left\n\n\r\n") {
            let mut buffer = [0; 1000];
            let count = ReadExt::read(&mut client.stream, &mut buffer)
                .await
                .expect("read");
            got.extend_from_slice(&buffer[..count]);
        }
        let waited = time::now() - start;
        assert!(waited < Duration::from_secs(41), "{waited:?}");
    });
}

#[test]
fn an_error_cuts_and_a_client_that_went_is_noticed() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client.send("GET /fails HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let got = client.rest().await;
        assert!(
            got.ends_with(b"data: 1 left\n\n\r\n"),
            "{}",
            got.escape_ascii()
        );

        let mut client: Client = host.connect().await;
        client
            .send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let mut buffer = [0; 1000];
        assert!(
            ReadExt::read(&mut client.stream, &mut buffer)
                .await
                .expect("read")
                > 0
        );
        drop(client);
        // The comments find nobody: the server has no connection left and ends at once.
        time::sleep(Duration::from_secs(100)).await;
        host.stop();
        assert_eq!(host.ended().await.cut(), 0);
    });
}
