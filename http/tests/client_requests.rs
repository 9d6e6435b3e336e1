//! The client against our own server, in memory, under a virtual clock.

mod client_support;
mod common;

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use client_support::{builder, client, serve};
use common::{Chunks, app, run};
use ringspun_http::client::Phase;
use ringspun_http::{
    Body, Client, ClientError, Frame, HeaderMap, HeaderValue, Request, Response, Router, StatusCode,
};
use ringspun_runtime::{scope, spawn, task, time};

/// So many bytes for any body here.
const ALL: usize = 4 << 20;

fn post(url: &str, body: impl Into<Body>) -> Request {
    Request::new("POST", url).unwrap().with_body(body)
}

#[test]
fn every_kind_of_answer() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        let mut hello = client.get("http://server/").await.unwrap();
        assert_eq!(hello.status(), StatusCode::OK);
        assert_eq!(hello.header("Content-Length"), Some("5"));
        assert!(hello.header("date").is_some() && hello.header("nothing").is_none());
        assert_eq!(hello.text(ALL).await.unwrap(), "hello");
        for (path, status, body) in [
            ("/n/7", 200, "7"),
            ("/n/a%20b?c=d", 200, "a b"),
            ("/none", 404, "not found\n"),
            ("/no-content", 204, ""),
            ("/chunks", 200, "chunk 3;chunk 2;chunk 1;"),
            ("/slow/3", 200, "slow"),
            ("/close", 200, "bye"),
        ] {
            let url = format!("http://server{path}");
            let mut reply = client.get(&url).await.unwrap();
            assert_eq!(reply.status().as_u16(), status, "{path}");
            let text = reply.text(ALL).await.unwrap();
            if status == 200 {
                assert_eq!(text, body, "{path}");
            }
        }
        let converted = client.get("http://server/chunks").await.unwrap();
        let converted: http::Response<Body> = converted.into();
        assert_eq!(converted.headers()["transfer-encoding"], "chunked");
        let text = converted.into_body().text(ALL).await.unwrap();
        assert_eq!(text, "chunk 3;chunk 2;chunk 1;");
        let mut large = client.get("http://server/large#part").await.unwrap();
        assert_eq!(large.body().length(), Some(1_000_000));
        assert_eq!(large.bytes(ALL).await.unwrap(), vec![b'x'; 1_000_000]);
        assert_eq!(server.made(), 2, "only `close` has ended a connection");
    });
}

#[test]
fn bodies_go_out_whole_and_in_chunks() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        for size in [0, 1, 5000, 8193, 100_000] {
            let bytes = Bytes::from(vec![b'y'; size]);
            let mut reply = client
                .request(post("http://server/echo", bytes.clone()))
                .await
                .unwrap();
            assert_eq!(reply.status(), 200, "{size}");
            assert_eq!(reply.bytes(ALL).await.unwrap(), bytes);
        }
        let chunked = post("http://server/echo", Body::stream(Chunks(1000)));
        let mut reply = client.request(chunked).await.unwrap();
        let text = reply.text(ALL).await.unwrap();
        assert!(text.starts_with("chunk 1000;chunk 999;") && text.ends_with("chunk 1;"));
        let known = Body::stream_of_length(Chunks(3), 24);
        let mut reply = client.request(post("http://server/echo", known)).await;
        let reply = reply.as_mut().unwrap();
        assert_eq!(reply.text(ALL).await.unwrap(), "chunk 3;chunk 2;chunk 1;");
        assert_eq!(server.made(), 1, "all on one connection");
    });
}

#[test]
fn both_directions_go_on_at_once() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        let (sender, receiver) = ringspun_runtime::channel::channel::<Bytes>(1);
        let body = Body::stream(Received(receiver));
        let mut reply = client
            .request(post("http://server/stream", body))
            .await
            .unwrap();
        // Each chunk is sent only after the one before has come back.
        for round in 0..100 {
            let chunk = Bytes::from(format!("round {round}"));
            sender.send(chunk.clone()).await.unwrap();
            assert_eq!(reply.body().chunk().await.unwrap().unwrap(), chunk);
        }
        drop(sender);
        assert!(reply.body().chunk().await.is_none());
        assert_eq!(client.idle_connections(), 1);
    });
}

/// A channel as the chunks of a body.
struct Received(ringspun_runtime::channel::Receiver<Bytes>);

impl futures_core::Stream for Received {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        let receive = std::pin::pin!(self.get_mut().0.recv());
        receive.poll(cx).map(|chunk| chunk.map(Ok))
    }
}

#[test]
fn a_reply_that_nobody_reads_slows_the_server() {
    run(async {
        let made = std::sync::Arc::new(AtomicUsize::new(0));
        let counter = made.clone();
        let server = serve(Router::new().get("/", move |_| {
            let body = Body::stream(Endless(counter.clone()));
            async { body }
        }));
        let client = client(&server);
        let mut reply = client.get("http://server/").await.unwrap();
        time::sleep(Duration::from_secs(1)).await;
        let before = made.load(Relaxed);
        time::sleep(Duration::from_secs(1)).await;
        let after = made.load(Relaxed);
        assert_eq!(before, after, "the server waits");
        assert!(before < 1000, "{before} KiB are under way");
        for _ in 0..500 {
            reply.body().chunk().await.unwrap().unwrap();
        }
        drop(reply);
        assert_eq!(client.idle_connections(), 0);
    });
}

/// Chunks of 1 KiB, counted.
struct Endless(std::sync::Arc<AtomicUsize>);

impl futures_core::Stream for Endless {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.fetch_add(1, Relaxed);
        std::task::Poll::Ready(Some(Ok(Bytes::from_static(&[b'e'; 1024]))))
    }
}

#[test]
fn answers_without_a_body() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        for _ in 0..3 {
            let head = Request::new("HEAD", "http://server/large").unwrap();
            let mut reply = client.request(head).await.unwrap();
            assert_eq!(reply.header("content-length"), Some("1000000"));
            assert!(reply.body().is_empty());
            // Passed on, it tells the length as well.
            assert!(Response::from(reply).body().is_empty());
        }
        assert_eq!((server.made(), client.idle_connections()), (1, 1));
    });
}

#[test]
fn expect_waits_for_the_permission() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        for path in ["/echo", "/ignore"] {
            let request = post(&format!("http://server{path}"), vec![b'z'; 3000]);
            let request = request.try_with_header("expect", "100-continue").unwrap();
            let start = time::now();
            let mut reply = client.request(request).await.unwrap();
            assert_eq!(reply.status(), 200);
            let length = reply.bytes(ALL).await.unwrap().len();
            assert_eq!(length, if path == "/echo" { 3000 } else { 7 });
            assert_eq!(time::now(), start, "the server says at once what it wants");
        }
        // `/ignore` has answered without wanting the body: that connection was not kept.
        assert_eq!(client.idle_connections(), 0);
    });
}

#[test]
fn a_failing_body_is_the_callers_error() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        let failing = post("http://server/echo", Body::stream(Chunks(-1)));
        let error = client.request(failing).await.unwrap_err();
        assert!(error.is_request() && !error.is_connect(), "{error}");
        assert_eq!(error.phase(), Phase::Send);
        assert_eq!(error.body_error().unwrap().to_string(), "on purpose");
        for length in [23, 25, 100] {
            let body = Body::stream_of_length(Chunks(3), length);
            let error = client.request(post("http://server/echo", body)).await;
            let error = error.unwrap_err();
            assert!(error.is_request(), "{length}: {error}");
            assert!(error.to_string().contains("length"), "{error}");
        }
        assert_eq!(client.idle_connections(), 0);
    });
}

#[test]
fn a_body_of_the_server_that_fails_is_seen() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        for path in ["/fails", "/short"] {
            let mut reply = client.get(&format!("http://server{path}")).await.unwrap();
            let error = reply.bytes(ALL).await.unwrap_err();
            let error = ClientError::of(&error).expect("the client's error");
            assert_eq!(error.phase(), Phase::Body);
            assert!(error.is_disconnected(), "{error}");
            assert_eq!(error.host(), "server");
        }
    });
}

#[test]
fn requests_that_cannot_be_sent() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        for url in [
            "",
            "/",
            "server",
            "server:80",
            "ftp://server/",
            "http://",
            "http:///x",
            "http://u:p@server/",
            "http://server:99999/",
            "http://server:0/",
            "http://server/a b",
            "http://server/a\r\nX: y",
            "http://server/ HTTP/1.1\r\nX: y\r\n\r\n",
            "http://server\r\nX: y/",
            "https://server/",
        ] {
            let error = client.get(url).await.expect_err(url);
            assert_eq!(error.phase(), Phase::Request, "{url}: {error}");
            assert!(error.is_request() && !error.is_timeout(), "{url}: {error}");
        }
        let error = client.get("https://server/").await.unwrap_err();
        assert!(error.to_string().contains("TLS"), "{error}");
        let connect = Request::new("CONNECT", "server:443").unwrap();
        let error = client.request(connect).await.unwrap_err();
        assert!(error.to_string().contains("proxy"), "{error}");
        let split = Request::new("GET", "http://server/").unwrap();
        assert!(split.try_with_header("X", "a\r\nY: b").is_err());
        assert_eq!(server.made(), 0);
    });
}

#[test]
fn https_goes_to_a_connector_that_offers_tls() {
    run(async {
        let server = serve(app());
        let connector = client_support::Secure(server.clone());
        let client = Client::builder().connector(connector.clone()).build();
        for (url, secure, port) in [
            ("https://Server/", true, 443),
            ("HTTPS://server:444/", true, 444),
            ("http://server/", false, 80),
        ] {
            assert_eq!(client.get(url).await.unwrap().status(), 200);
            let origin = server.asked.lock().unwrap().clone().unwrap();
            assert_eq!((origin.is_secure(), origin.port()), (secure, port));
            assert_eq!(origin.host(), "server");
        }
        // A secure connection is not used for what is not, nor the other way round.
        assert_eq!((server.made(), client.idle_connections()), (3, 3));
        client.get("https://server:443/").await.unwrap();
        assert_eq!(server.made(), 3);
        // Nor does anything secret go to a proxy in the clear.
        let builder = Client::builder().connector(connector);
        let client = builder.proxy("http://proxy:1").unwrap().build();
        let error = client.get("https://server/").await.unwrap_err();
        assert!(
            error.is_request() && error.to_string().contains("CONNECT"),
            "{error}"
        );
    });
}

#[test]
fn limits_on_the_whole() {
    run(async {
        let server = serve(app());
        let client = builder(&server).timeout(Duration::from_secs(2)).build();
        let start = time::now();
        let error = client.get("http://server/slow/5").await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert_eq!((error.phase(), error.status().as_u16()), (Phase::Head, 504));
        assert_eq!(time::now() - start, Duration::from_secs(2));
        assert!(client.get("http://server/slow/1").await.is_ok());
        // What has come in time and was not asked for in time comes too late.
        let mut script = client_support::Script::new();
        let hasty = builder(&script.connector)
            .timeout(Duration::from_secs(2))
            .build();
        spawn(async move {
            let mut line = script.accept().await;
            line.request().await;
            line.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
                .await;
            line.is_closed().await
        });
        let mut reply = hasty.get("http://server/").await.unwrap();
        time::sleep(Duration::from_secs(3)).await;
        let error = reply.body().chunk().await.unwrap();
        let error = error.expect_err("the time is over");
        assert!(ClientError::of(&error).unwrap().is_timeout());
        // The time goes on while the body is read.
        let mut reply = client.get("http://server/large").await.unwrap();
        time::sleep(Duration::from_secs(3)).await;
        let error = reply.bytes(ALL).await;
        let error = error.expect_err("the time is over");
        assert!(ClientError::of(&error).unwrap().is_timeout());
    });
}

#[test]
fn the_deadline_of_a_scope_ends_a_request() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        let second = Duration::from_secs(1);
        let start = time::now();
        let cause = scope::timeout(second, client.get("http://server/slow/5")).await;
        assert!(cause.unwrap_err().is_deadline());
        assert_eq!(time::now() - start, second);
        assert_eq!(client.idle_connections(), 0, "it was closed");
        assert_eq!(client.get("http://server/").await.unwrap().status(), 200);
    });
}

#[test]
fn a_reply_may_be_read_in_another_task() {
    run(async {
        let server = serve(app());
        let client = builder(&server)
            .stall_timeout(Duration::from_secs(5))
            .build();
        let reply = client.get("http://server/large").await.unwrap();
        let reader = spawn(async move {
            let mut reply = reply;
            reply.bytes(ALL).await.map(|bytes| bytes.len())
        });
        assert_eq!(reader.await.unwrap().unwrap(), 1_000_000);
        assert_eq!(client.idle_connections(), 1);
        // Its deadlines wake that task, not the one that has asked.
        let mut script = client_support::Script::new();
        let client = builder(&script.connector)
            .head_timeout(Duration::from_secs(2))
            .stall_timeout(Duration::from_secs(5))
            .build();
        let asked = spawn(async move { client.get("http://server/").await });
        let mut line = script.accept().await;
        line.request().await;
        line.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
            .await;
        let mut reply = asked.await.unwrap().unwrap();
        let reader = spawn(async move { reply.bytes(ALL).await });
        let error = reader.await.unwrap().unwrap_err();
        assert!(ClientError::of(&error).unwrap().is_timeout());
    });
}

#[test]
fn trailers_come_and_go() {
    run(async {
        let app = Router::new().post("/back", async |request: Request| request.into_body());
        let server = serve(app);
        let client = client(&server);
        let mut sum = HeaderMap::new();
        sum.insert("x-sum", HeaderValue::from_static("7"));
        sum.insert("host", HeaderValue::from_static("evil"));
        let frames = [
            Frame::Data(Bytes::from_static(b"abc")),
            Frame::Trailers(sum),
        ];
        let body = Body::frames(Frames(frames.into_iter()));
        let mut reply = client
            .request(post("http://server/back", body))
            .await
            .unwrap();
        assert_eq!(reply.body().trailers(), None, "not before the end");
        assert_eq!(reply.text(ALL).await.unwrap(), "abc");
        let trailers = reply.body().trailers().expect("a trailer");
        assert_eq!(
            (trailers.len(), &trailers["x-sum"]),
            (1, &HeaderValue::from_static("7"))
        );
        assert_eq!(client.idle_connections(), 1);
    });
}

struct Frames(std::array::IntoIter<Frame, 2>);

impl futures_core::Stream for Frames {
    type Item = Result<Frame, std::io::Error>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next().map(Ok))
    }
}

#[test]
fn a_small_request_is_one_write_and_one_read() {
    run(async {
        let watching = serve(app()).watching();
        let client = Client::builder().connector(watching.clone()).build();
        client.get("http://server/").await.unwrap();
        let read = |counter: &AtomicUsize| counter.load(Relaxed);
        let calls = || (read(&watching.calls.writes), read(&watching.calls.reads));
        let before = calls();
        for _ in 0..10 {
            let mut reply = client.get("http://server/").await.unwrap();
            assert_eq!(reply.text(ALL).await.unwrap(), "hello");
        }
        assert_eq!(calls(), (before.0 + 10, before.1 + 10));
        // A body goes with its head, a large one uncopied.
        for size in [5000, 50_000] {
            let (before, body) = (calls(), vec![b'x'; size]);
            client
                .request(post("http://server/ignore", body))
                .await
                .unwrap();
            assert_eq!(calls(), (before.0 + 1, before.1 + 1), "{size}");
        }
    });
}

#[test]
fn many_tasks_share_a_client() {
    run(async {
        let server = serve(app());
        let client = client(&server);
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                let client = client.clone();
                spawn(async move {
                    for round in 0..20 {
                        let url = format!("http://server/n/{}", number * 100 + round);
                        let mut reply = client.get(&url).await.unwrap();
                        let text = reply.text(ALL).await.unwrap();
                        assert_eq!(text, (number * 100 + round).to_string());
                        task::yield_now().await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(server.made() <= 50, "{}", server.made());
        assert!(client.idle_connections() <= 32);
    });
}
