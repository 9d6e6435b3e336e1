//! H1: a stream that takes and gives as little as it likes, when it likes. Whatever the schedule
//! of its polls, every response is sent to its end and nothing is lost or doubled.

mod common;

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use common::{Client, Random, app, rounds, run};
use futures_io::{AsyncRead, AsyncWrite};
use ringspun_http::Server;
use ringspun_net::{Listener, MemListener, MemStream, Stream, mem};
use ringspun_runtime::spawn;

/// Gives and takes a few bytes at a time, and is often not ready.
struct Fickle {
    stream: MemStream,
    random: Random,
}

impl Fickle {
    /// Whether to be pending this time; the task is woken at once then.
    fn balks(&mut self, cx: &Context<'_>) -> bool {
        let balks = self.random.below(3) == 0;
        if balks {
            cx.waker().wake_by_ref();
        }
        balks
    }

    fn width(&mut self, len: usize) -> usize {
        match self.random.below(4) {
            0 => 1,
            1 => 1 + self.random.below(len.min(7)),
            2 => 1 + self.random.below(len),
            _ => len,
        }
    }
}

impl AsyncRead for Fickle {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.balks(cx) {
            return Poll::Pending;
        }
        let width = this.width(buf.len());
        Pin::new(&mut this.stream).poll_read(cx, &mut buf[..width])
    }
}

impl AsyncWrite for Fickle {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.balks(cx) {
            return Poll::Pending;
        }
        let width = this.width(buf.len());
        Pin::new(&mut this.stream).poll_write(cx, &buf[..width])
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.balks(cx) {
            return Poll::Pending;
        }
        Pin::new(&mut this.stream).poll_close(cx)
    }
}

impl Stream for Fickle {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Ready without reason now and then, as the contract allows.
        if self.random.below(5) == 0 {
            return Poll::Ready(Ok(()));
        }
        self.stream.poll_readable(cx)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

struct FickleListener {
    listener: MemListener,
    seed: Arc<AtomicU64>,
}

impl FickleListener {
    fn wrap(&self, stream: MemStream) -> Fickle {
        Fickle {
            stream,
            random: Random::new(self.seed.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

impl Listener for FickleListener {
    type Accepted = Fickle;
    type Stream = Fickle;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Fickle>> {
        self.listener
            .poll_accept(cx)
            .map_ok(|stream| self.wrap(stream))
    }

    fn try_accept(&mut self) -> io::Result<Fickle> {
        self.listener.try_accept().map(|stream| self.wrap(stream))
    }

    fn open(accepted: Fickle, _core: usize) -> io::Result<Fickle> {
        Ok(accepted)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

#[test]
fn every_response_is_sent_whole_under_any_schedule() {
    run(async {
        let (listener, connector) = mem::listener(4096);
        let seed = Arc::new(AtomicU64::new(1));
        let server = Server::from_listener(FickleListener { listener, seed });
        spawn(server.without_signals().serve(app()).into_future());
        let program = std::fs::read(std::env::current_exe().expect("this program")).expect("read");
        for round in 0..rounds(150, 15_000) {
            let mut client = Client::new(connector.connect().await.expect("the server listens"));
            assert_eq!(
                client.get("/chunks").await.text(),
                "chunk 3;chunk 2;chunk 1;",
                "{round}"
            );
            assert_eq!(
                client.post("/echo", b"body").await.text(),
                "body",
                "{round}"
            );
            let head = "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
            client
                .send(format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
                .await;
            assert_eq!(client.reply().await.text(), "abcde", "{round}");
            assert_eq!(
                client.post("/ignore", &[b'x'; 100]).await.text(),
                "ignored",
                "{round}"
            );
            let file = &program[7..50_007];
            assert!(client.get("/file").await.body == file, "{round}");
            let body = vec![b'y'; 20_000];
            assert_eq!(client.post("/stream", &body).await.body, body, "{round}");
            client
                .send("GET /n/1 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5))
                .await;
            client.finish().await;
            for _ in 0..5 {
                assert_eq!(client.reply().await.text(), "1", "{round}");
            }
            assert!(client.is_at_end().await, "{round}");
        }
    });
}
