//! Trailers, both ways (RFC 9110 6.5): delivered behind a chunked body at whatever point the bytes
//! were cut, sent behind one, and never a second head.

mod common;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use common::{Host, run};
use futures_core::Stream;
use http::HeaderMap;
use ringspun_http::{Body, BodyError, Frame, HeaderValue, Request, Response, Router};
use ringspun_runtime::spawn;

/// Frames that are all there.
struct Frames(std::vec::IntoIter<Frame>);

impl Stream for Frames {
    type Item = Result<Frame, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(Ok))
    }
}

fn frames(trailers: &[(&'static str, &'static str)]) -> Body {
    let mut map = HeaderMap::new();
    for (name, value) in trailers {
        map.append(*name, HeaderValue::from_static(value));
    }
    let frames = vec![Frame::Data(Bytes::from("abc")), Frame::Trailers(map)];
    Body::frames(Frames(frames.into_iter()))
}

/// The body's length and its trailer, as text.
async fn tell(mut body: Body) -> Result<String, BodyError> {
    let mut length = 0;
    while let Some(chunk) = body.chunk().await {
        length += chunk?.len();
    }
    let Some(trailers) = body.trailers() else {
        return Ok(format!("{length} none"));
    };
    let lines = trailers
        .iter()
        .map(|(name, value)| format!(" {name}={}", value.to_str().unwrap_or("?")));
    Ok(format!("{length}{}", lines.collect::<String>()))
}

fn app() -> Router {
    Router::new()
        .post("/tell", async |request: Request| {
            tell(request.into_body()).await
        })
        .post("/elsewhere", async |request: Request| {
            let reader = spawn(tell(request.into_body()));
            reader.await.expect("the reader does not panic")
        })
        .post("/echo", async |request: Request| {
            Response::ok().with_body(request.into_body())
        })
        .post("/ignore", async |_| "ignored")
        .get("/frames", async |_| {
            frames(&[
                ("x-sum", "294"),
                ("content-length", "5"),
                ("transfer-encoding", "chunked"),
                ("x-b", "c"),
            ])
        })
}

fn chunked(path: &str, trailer: &str) -> String {
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n{trailer}\r\n")
}

#[test]
fn requests_deliver_their_trailer_at_every_split() {
    run(async {
        let host = Host::start(app());
        let trailer = "X-Sum: 12\r\nHost: evil\r\nContent-Length: 5\r\nX-Sum:\t13 \r\n";
        for path in ["/tell", "/elsewhere"] {
            let request = chunked(path, trailer);
            for split in 0..request.len() {
                let mut client = host.connect().await;
                client.send(&request[..split]).await;
                ringspun_runtime::task::yield_now().await;
                client.send(&request[split..]).await;
                assert_eq!(
                    client.reply().await.text(),
                    "5 x-sum=12 x-sum=13",
                    "{path} at {split}"
                );
                client.send(chunked(path, "")).await;
                assert_eq!(client.reply().await.text(), "5 none", "not the last one's");
                client.send(chunked("/ignore", trailer)).await;
                assert_eq!(client.reply().await.text(), "ignored");
                client.send(chunked(path, "Cookie: x\r\n")).await;
                assert_eq!(client.reply().await.text(), "5 none", "{path} at {split}");
            }
        }
    });
}

#[test]
fn a_known_length_has_no_trailer() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        assert_eq!(client.post("/tell", b"abc").await.text(), "3 none");
        assert_eq!(
            client.post("/tell", &[b'x'; 50_000]).await.text(),
            "50000 none"
        );
        assert_eq!(client.post("/tell", b"").await.text(), "0 none");
    });
}

#[test]
fn trailers_beyond_the_bound_are_refused() {
    run(async {
        let host = Host::start(app());
        for (trailer, status) in [
            (format!("X: {}\r\n", "y".repeat(9000)), 431),
            ("X: y\r\n".repeat(40), 431),
            ("X y: z\r\n".to_owned(), 400),
            ("X: a\nY: b\r\n".to_owned(), 400),
            (" folded\r\n".to_owned(), 400),
        ] {
            let mut client = host.connect().await;
            client.send(chunked("/tell", &trailer)).await;
            let reply = client.reply().await;
            assert_eq!(
                (reply.status, reply.closes()),
                (status, true),
                "{trailer:?}"
            );
        }
    });
}

#[test]
fn responses_end_with_their_trailer() {
    run(async {
        let host = Host::start(app());
        for _ in 0..2 {
            let mut client = host.connect().await;
            let get = "GET /frames HTTP/1.1\r\nHost: a\r\n\r\n";
            let last = get.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
            client.send(format!("{get}{last}")).await;
            let got = String::from_utf8(client.rest().await).unwrap();
            let end = "\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 294\r\nx-b: c\r\n\r\n";
            assert_eq!(got.matches(end).count(), 2, "{got}");
            assert!(got.ends_with(end), "{got}");

            let mut client = host.connect().await;
            client.send("GET /frames HTTP/1.0\r\n\r\n").await;
            let reply = client.reply().await;
            assert_eq!(reply.text(), "abc", "1.0 knows no trailers");

            let mut client = host.connect().await;
            client
                .send("HEAD /frames HTTP/1.1\r\nHost: a\r\n\r\n")
                .await;
            assert_eq!(client.reply_to_head().await.status, 200);
            client.send(last).await;
            assert!(client.rest().await.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
    });
}

#[test]
fn a_body_that_is_sent_back_keeps_its_trailer() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        let request = chunked("/echo", "X-Sum: 12\r\nTE: trailers\r\n");
        client.send(request).await;
        client.finish().await;
        let got = String::from_utf8(client.rest().await).unwrap();
        assert!(got.ends_with("e\r\n0\r\nx-sum: 12\r\n\r\n"), "{got}");
    });
}
