//! F5: transports that move 1 to 7 bytes at a time and say "not now" at whim change nothing.

mod common;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use common::{Random, both, count, patterned, run};
use futures_io::{AsyncRead, AsyncWrite};
use ringspun_net::io::{ReadExt, WriteExt, copy, copy_bidirectional};
use ringspun_net::{MemStream, Stream, TcpListener, TcpStream, mem};

/// Moves 1 to 7 bytes per call; every eighth call or so it is not ready and wakes at once.
struct Dribble<S> {
    inner: S,
    random: Random,
}

impl<S> Dribble<S> {
    fn new(inner: S, seed: u64) -> Self {
        Self {
            inner,
            random: Random::new(seed),
        }
    }

    fn poll_whim(&mut self, cx: &Context<'_>) -> Poll<usize> {
        if self.random.up_to(8) == 8 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.random.up_to(7))
    }
}

impl<S: Stream> AsyncRead for Dribble<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(n) = self.poll_whim(cx) else {
            return Poll::Pending;
        };
        let n = n.min(buf.len());
        Pin::new(&mut self.inner).poll_read(cx, &mut buf[..n])
    }
}

impl<S: Stream> AsyncWrite for Dribble<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(n) = self.poll_whim(cx) else {
            return Poll::Pending;
        };
        let n = n.min(buf.len());
        Pin::new(&mut self.inner).poll_write(cx, &buf[..n])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let mut listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let addr = listener.local_addr().expect("an address");
    let (client, server) = both(TcpStream::connect(addr), listener.accept()).await;
    (client.expect("connected"), server.expect("accepted").0)
}

async fn mem_pair() -> (MemStream, MemStream) {
    // Odd and tiny: every write meets the end of the ring.
    mem::pair(61)
}

/// Request and answer, each with a length, over a stream that dribbles at both ends.
async fn requests<S: Stream>(client: S, server: S, requests: usize) {
    let server = ringspun_runtime::spawn(async move {
        let mut server = Dribble::new(server, 1);
        let mut head = [0; 2];
        while server.read_exact(&mut head).await.is_ok() {
            let mut body = vec![0; usize::from(u16::from_le_bytes(head))];
            server.read_exact(&mut body).await.expect("read");
            body.reverse();
            server.write_all(&head).await.expect("written");
            server.write_all(&body).await.expect("written");
            server.flush().await.expect("flushed");
        }
    });
    let mut client = Dribble::new(client, 2);
    let mut random = Random::new(3);
    for _ in 0..requests {
        let mut body = patterned(random.up_to(200));
        let head = (body.len() as u16).to_le_bytes();
        client.write_all(&head).await.expect("written");
        client.write_all(&body).await.expect("written");
        let mut answer_head = [0; 2];
        client.read_exact(&mut answer_head).await.expect("read");
        assert_eq!(answer_head, head);
        let mut answer = vec![0; body.len()];
        client.read_exact(&mut answer).await.expect("read");
        body.reverse();
        assert_eq!(answer, body);
    }
    client.close().await.expect("closed");
    server.await.expect("no panic");
    println!("F5 {requests} requests byte-exact");
}

#[test]
fn requests_over_tcp_are_byte_exact() {
    run(2, async {
        let (a, b) = tcp_pair().await;
        requests(a, b, count(300, 100_000)).await;
    });
}

#[test]
fn requests_over_memory_are_byte_exact() {
    run(2, async {
        let (a, b) = mem_pair().await;
        requests(a, b, count(1000, 100_000)).await;
    });
}

#[test]
fn copies_through_dribbling_tunnels_are_byte_exact() {
    run(2, async {
        let bytes = patterned(count(100_000, 5_000_000));
        let (mut client, front) = tcp_pair().await;
        let (back, server) = mem_pair().await;
        let tunnel = ringspun_runtime::spawn(async move {
            let (mut front, mut back) = (Dribble::new(front, 4), Dribble::new(back, 5));
            copy_bidirectional(&mut front, &mut back).await
        });
        let echo = ringspun_runtime::spawn(async move {
            let (mut read, mut write) = server.into_split();
            copy(&mut read, &mut write).await
        });
        let mut back = Vec::new();
        let (mut read, mut write) = client.split();
        let send = async {
            write.write_all(&bytes).await.expect("written");
            write.close().await.expect("closed");
        };
        let (_, received) = both(send, read.read_to_end(&mut back, 1 << 24)).await;
        received.expect("read");
        assert!(
            back == bytes,
            "{} of {} bytes came back",
            back.len(),
            bytes.len()
        );
        let len = bytes.len() as u64;
        assert_eq!(echo.await.expect("no panic").expect("copied"), len);
        assert_eq!(tunnel.await.expect("no panic").expect("copied"), (len, len));
    });
}
