//! For the tests of the client: servers that are ours and count their connections, and servers that
//! say whatever they are told.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file uses a part of it"
)]

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use ringspun_http::client::{ClientBuilder, Connect, Origin};
use ringspun_http::{Client, Handler, Limits, Server};
use ringspun_net::{MemConnector, MemListener, MemStream, Stream, mem};
use ringspun_runtime::{spawn, time};

/// Counts the connections that it makes.
#[derive(Clone)]
pub struct Counting {
    connector: MemConnector,
    made: Arc<AtomicUsize>,
    /// The last origin that was asked for.
    pub asked: Arc<std::sync::Mutex<Option<Origin>>>,
}

impl Counting {
    pub fn new(connector: MemConnector) -> Self {
        Self {
            connector,
            made: Arc::default(),
            asked: Arc::default(),
        }
    }

    /// The same server, with streams whose calls are counted.
    pub fn watching(&self) -> Watching {
        Watching::new(self.connector.clone())
    }

    pub fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }
}

impl Connect for Counting {
    type Stream = MemStream;

    async fn connect(&self, origin: &Origin) -> io::Result<MemStream> {
        *self.asked.lock().unwrap() = Some(origin.clone());
        let stream = self.connector.connect().await?;
        self.made.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    }
}

/// Says that it speaks TLS. (It does not: what the origin asks for is what is looked at.)
#[derive(Clone)]
pub struct Secure(pub Counting);

impl Connect for Secure {
    type Stream = MemStream;

    async fn connect(&self, origin: &Origin) -> io::Result<MemStream> {
        Connect::connect(&self.0, origin).await
    }

    fn offers_tls(&self) -> bool {
        true
    }
}

/// Connects, and counts the calls that its streams do for their client.
#[derive(Clone)]
pub struct Watching {
    connector: MemConnector,
    pub calls: Arc<Calls>,
}

/// How many reads and writes have moved something.
#[derive(Default)]
pub struct Calls {
    pub reads: AtomicUsize,
    pub writes: AtomicUsize,
}

impl Watching {
    pub fn new(connector: MemConnector) -> Self {
        Self {
            connector,
            calls: Arc::default(),
        }
    }
}

impl Connect for Watching {
    type Stream = Watched;

    async fn connect(&self, _: &Origin) -> io::Result<Watched> {
        let stream = self.connector.connect().await?;
        Ok(Watched(stream, Arc::clone(&self.calls)))
    }
}

/// A stream whose calls are counted.
pub struct Watched(MemStream, Arc<Calls>);

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let read = Pin::new(&mut self.0).poll_read(cx, buffer);
        let count = usize::from(read.is_ready());
        self.1.reads.fetch_add(count, Ordering::Relaxed);
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.1.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write_vectored(cx, slices)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

impl Stream for Watched {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_readable(cx)
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        None
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// A server of ours, and what connects to it.
pub fn serve(handler: impl Handler) -> Counting {
    let (listener, connector) = mem::listener(64 * 1024);
    let server = Server::from_listener(listener).without_signals();
    spawn(
        server
            .limits(Limits::default())
            .serve(handler)
            .into_future(),
    );
    Counting::new(connector)
}

/// A client with the usual settings.
pub fn client(connector: &Counting) -> Client<Counting> {
    builder(connector).build()
}

pub fn builder(connector: &Counting) -> ClientBuilder<Counting> {
    Client::builder().connector(connector.clone())
}

/// A server that says what the test tells it to.
pub struct Script {
    listener: MemListener,
    pub connector: Counting,
}

impl Script {
    pub fn new() -> Self {
        let (listener, connector) = mem::listener(64 * 1024);
        Self {
            listener,
            connector: Counting::new(connector),
        }
    }

    /// The next connection.
    pub async fn accept(&mut self) -> Line {
        Line {
            stream: self.listener.accept().await.expect("somebody connects"),
            got: Vec::new(),
        }
    }

    /// A client of it, which waits for every request that is begun on it.
    pub fn client(&self) -> Client<Counting> {
        client(&self.connector)
    }

    /// Serves so many connections, each by sending `answer` to its first request and closing.
    pub fn answer(mut self, answer: impl AsRef<[u8]> + Send + 'static, count: usize) -> Counting {
        let connector = self.connector.clone();
        spawn(async move {
            for _ in 0..count {
                let mut line = self.accept().await;
                line.request().await;
                line.say(answer.as_ref()).await;
            }
            // Connections beyond are refused.
        });
        connector
    }
}

/// One connection of a [`Script`].
pub struct Line {
    pub stream: MemStream,
    got: Vec<u8>,
}

impl Line {
    /// Reads one request without a body; its head.
    pub async fn request(&mut self) -> String {
        self.try_request().await.expect("a request")
    }

    /// As `request`; `None` if the client closes instead.
    pub async fn try_request(&mut self) -> Option<String> {
        loop {
            let end = self.got.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                let head = self.got.drain(..end + 4).collect();
                return Some(String::from_utf8(head).expect("text"));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Reads so many bytes.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.got.len() < count {
            assert!(self.more().await, "the client closes");
        }
        self.got.drain(..count).collect()
    }

    /// Sends; what the client no longer takes is dropped.
    pub async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Sends in single bytes, so that each is read alone.
    pub async fn say_slowly(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) {
        for byte in bytes.as_ref() {
            if self.stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            time::sleep(pause).await;
        }
    }

    /// Waits until the client closes; true if it does without another byte.
    pub async fn is_closed(&mut self) -> bool {
        self.got.is_empty() && !self.more().await
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.got.extend_from_slice(&buffer[..count]);
        count > 0
    }
}
