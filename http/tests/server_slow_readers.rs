//! Clients that ask and send and do not read: what the server takes of them and does for them.

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use common::{Client, Host, app, run};
use futures_core::Stream;
use ringspun_http::{Body, Request, Response, Router};
use ringspun_runtime::spawn;
use ringspun_runtime::time::{sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// How much of `bytes`, over and over, the server takes until it takes nothing for a second.
async fn taken(client: &mut Client, bytes: &[u8], most: usize) -> usize {
    let mut sent = 0;
    loop {
        let send = client.stream.write(&bytes[sent % bytes.len()..]);
        match timeout(SECOND, send).await {
            Ok(count) => sent += count.expect("the server reads"),
            Err(_) => return sent,
        }
        assert!(sent < most, "the server reads on and on");
    }
}

/// An echo whose output stands still leaves the input in the socket. It once was read byte by byte
/// into a buffer that grew with each.
#[test]
fn an_echo_that_nobody_reads_takes_no_more_input() {
    run(async {
        let host = Host::start(app());
        let large = [&b"8000\r\n"[..], &[b'x'; 0x8000], b"\r\n"].concat();
        let small = b"1\r\nx\r\n".repeat(1000);
        for chunks in [&large[..], &small] {
            let mut client = host.connect().await;
            client
                .send("POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            // Pipes of 64 KiB both ways, and as much at most in the buffer, in two chunks and in
            // the batch.
            let sent = taken(&mut client, chunks, 600_000).await;
            // All of it comes back, in chunks no larger, once somebody reads.
            let (mut got, mut buffer) = (0, vec![0; 1 << 16]);
            while got < sent {
                let read = client.stream.read(&mut buffer);
                let count = timeout(SECOND, read).await.expect("it flows");
                got += count.expect("the server writes");
            }
        }
    });
}

/// B1 in small: answers that nobody takes are bounded, however many requests are there. What stands
/// unsent keeps the next request from being begun, and 16 KiB of it a streamed body from going on.
#[test]
fn answers_that_nobody_takes_are_bounded() {
    run(async {
        let count = Arc::new(AtomicUsize::new(0));
        let made = |size: usize| {
            let calls = Arc::clone(&count);
            move || {
                calls.fetch_add(size, Ordering::Relaxed);
                Bytes::from(vec![b'm'; size])
            }
        };
        let (answer, piece) = (made(1000), made(1001));
        let app = Router::new()
            .get("/answer", move |_: Request| std::future::ready(answer()))
            .get("/stream", move |_: Request| {
                let pieces = Pieces(piece.clone());
                std::future::ready(Response::ok().with_body(Body::stream(pieces)))
            });
        let host = Host::start(app);
        for (path, repeat) in [("answer", 400), ("stream", 1)] {
            count.store(0, Ordering::Relaxed);
            let mut client = host.connect().await;
            client
                .send(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(repeat))
                .await;
            sleep(SECOND).await;
            // When some of it is read, what waits is sent to its end, and one batch is made.
            let mut buffer = [0; 8 << 10];
            for _ in 0..4 {
                client.stream.read(&mut buffer).await.expect("it flows");
            }
            sleep(SECOND).await;
            // Read, in the pipe, in the batch.
            let made = count.load(Ordering::Relaxed);
            assert!(
                made <= (32 + 64 + 16 + 2) << 10,
                "{made} bytes were made for {path}"
            );
            for _ in 0..9 {
                client.stream.read(&mut buffer).await.expect("it flows");
            }
        }
    });
}

/// A body without an end.
struct Pieces<F>(F);

impl<F: Fn() -> Bytes + Unpin> Stream for Pieces<F> {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok((self.0)())))
    }
}

/// A body that nobody reads is dropped also while the answer waits: the client may read only when
/// it has sent all.
#[test]
fn a_body_is_dropped_while_a_large_answer_waits() {
    run(async {
        let large = async |_: Request| Bytes::from(vec![b'y'; 1_000_000]);
        let host = Host::start(Router::new().post("/", large));
        let mut client = host.connect().await;
        for framing in ["Content-Length: 200000", "Transfer-Encoding: chunked"] {
            client
                .send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"))
                .await;
            let body = vec![b'x'; 200_000];
            if framing.starts_with('C') {
                client.send(body).await;
            } else {
                client.send(b"30D40\r\n").await;
                client.send(body).await;
                client.send(b"\r\n0\r\n\r\n").await;
            }
            let reply = client.reply().await;
            assert_eq!((reply.status, reply.body.len()), (200, 1_000_000));
        }
    });
}

/// Somebody wants the body when its answer is under way already, and stands still. There is no
/// permission to give any more, and nothing to do but wait. (The core once went round and round.)
#[test]
fn a_late_wish_for_a_body_does_not_keep_the_core() {
    run(async {
        let app = Router::new()
            .post("/", async |mut request: Request| {
                spawn(async move {
                    sleep(SECOND).await;
                    let _ = request.body().chunk().await;
                });
                Response::ok().with_body(vec![b'y'; 1_000_000])
            })
            .get("/", async |_: Request| "hello");
        let host = Host::start(app);
        let mut client = host.connect().await;
        let head =
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n";
        client.send(head).await;
        sleep(2 * SECOND).await;
        assert_eq!(host.connect().await.get("/").await.text(), "hello");
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.closes()), (200, true));
        assert!(client.is_at_end().await);
    });
}
