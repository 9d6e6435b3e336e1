//! A server on the in-memory transport under a virtual clock, and a client that speaks bytes.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test file uses a part of it"
)]

pub mod tcp;
pub mod tree;

use std::fs::File;
use std::future::{Future, IntoFuture, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use ringspun_http::{
    Body, BodyError, Ended, Handler, Limits, Request, Response, Router, Server, StatusCode,
};
use ringspun_net::io::ReadExt;
use ringspun_net::{MemConnector, MemListener, MemStream, mem};
use ringspun_runtime::{Builder, JoinHandle, spawn, time};

/// Runs a test on one core under a virtual clock. What hangs is ended when an hour of that clock
/// has passed, which takes no time.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new()
        .cores(1)
        .test_clock(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let hour = Duration::from_secs(3600);
        time::timeout(hour, test)
            .await
            .unwrap_or_else(|_| panic!("the test hangs"))
    })
}

/// How often to repeat: few in CI, many when asked.
pub fn rounds(few: usize, full: usize) -> usize {
    if std::env::var_os("RINGSPUN_FULL").is_some() {
        full
    } else {
        few
    }
}

/// A running server.
pub struct Host {
    connector: MemConnector,
    stop: Flag,
    task: JoinHandle<io::Result<Ended>>,
}

impl Host {
    pub fn start(handler: impl Handler) -> Self {
        Self::with_limits(handler, Limits::default())
    }

    pub fn with_limits(handler: impl Handler, limits: Limits) -> Self {
        Self::with_server(handler, |server| server.limits(limits))
    }

    pub fn with_server(
        handler: impl Handler,
        with: impl FnOnce(Server<MemListener>) -> Server<MemListener>,
    ) -> Self {
        Self::with_app(|server| (with(server), handler))
    }

    /// For handlers that need something of their server.
    pub fn with_app<H: Handler>(
        with: impl FnOnce(Server<MemListener>) -> (Server<MemListener>, H),
    ) -> Self {
        let (listener, connector) = mem::listener(64 * 1024);
        let (server, handler) =
            with(Server::from_listener(listener).grace(Duration::from_secs(20)));
        let server = server.serve(handler);
        let stop = Flag::default();
        let end = stop.clone();
        let server = server.with_graceful_shutdown(async move { end.raised().await });
        Self {
            connector,
            stop,
            task: spawn(server.into_future()),
        }
    }

    pub async fn connect(&self) -> Client {
        self.try_connect().await.expect("the server listens")
    }

    pub async fn try_connect(&self) -> io::Result<Client> {
        self.connector.connect().await.map(Client::new)
    }

    /// Asks the server to end.
    pub fn stop(&self) {
        self.stop.raise();
    }

    /// Waits for the end of the server.
    pub async fn ended(self) -> Ended {
        self.task
            .await
            .expect("the server does not panic")
            .expect("the server does not fail")
    }
}

/// A client of bytes.
pub struct Client {
    pub stream: MemStream,
    got: Vec<u8>,
}

/// A response, parsed leniently: the tests look at it themselves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (other, value) = line.split_once(": ")?;
            other.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

impl Client {
    pub fn new(stream: MemStream) -> Self {
        Self {
            stream,
            got: Vec::new(),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream
            .write_all(bytes.as_ref())
            .await
            .expect("the server reads");
    }

    /// As `send`, where the server may have gone.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        self.reply().await
    }

    pub async fn post(&mut self, path: &str, body: &[u8]) -> Reply {
        let len = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n");
        self.send([head.as_bytes(), body].concat()).await;
        self.reply().await
    }

    /// Ends the own side.
    pub async fn finish(&mut self) {
        self.stream.close().await.expect("half-close");
    }

    /// The next response.
    pub async fn reply(&mut self) -> Reply {
        self.try_reply(false).await.expect("a response")
    }

    /// The next response, which is one to HEAD.
    pub async fn reply_to_head(&mut self) -> Reply {
        self.try_reply(true).await.expect("a response")
    }

    /// The next response, `None` if the connection ends in its place.
    pub async fn try_reply(&mut self, is_head: bool) -> Option<Reply> {
        let end = loop {
            if let Some(at) = find(&self.got, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                assert!(
                    self.got.is_empty(),
                    "a head cut short: {:?}",
                    self.got.escape_ascii()
                );
                return None;
            }
        };
        let head = String::from_utf8(self.got.drain(..end).collect()).expect("a text head");
        let status = head
            .split(' ')
            .nth(1)
            .expect("a status")
            .parse()
            .expect("a number");
        let mut reply = Reply {
            status,
            head,
            body: Vec::new(),
        };
        let has_body = !(is_head || (100..200).contains(&status) || [204, 304].contains(&status));
        if !has_body {
            return Some(reply);
        }
        if let Some(length) = reply.header("content-length") {
            let length = length.parse().expect("a length");
            while self.got.len() < length {
                assert!(self.more().await, "a body cut short");
            }
            reply.body = self.got.drain(..length).collect();
        } else if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = self.chunked().await;
        } else {
            while self.more().await {}
            reply.body = std::mem::take(&mut self.got);
        }
        Some(reply)
    }

    /// Everything until the server ends the connection.
    pub async fn rest(&mut self) -> Vec<u8> {
        while self.more().await {}
        std::mem::take(&mut self.got)
    }

    /// Whether the server ends the connection without another byte.
    pub async fn is_at_end(&mut self) -> bool {
        self.got.is_empty() && !self.more().await
    }

    async fn chunked(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                match find(&self.got, b"\r\n") {
                    Some(at) => break at,
                    None => assert!(self.more().await, "chunks cut short"),
                }
            };
            let line: Vec<u8> = self.got.drain(..line + 2).collect();
            let size = std::str::from_utf8(&line[..line.len() - 2]).expect("text");
            let size = usize::from_str_radix(size, 16).expect("a size");
            while self.got.len() < size + 2 {
                assert!(self.more().await, "a chunk cut short");
            }
            body.extend(self.got.drain(..size));
            assert_eq!(self.got.drain(..2).collect::<Vec<_>>(), b"\r\n");
            if size == 0 {
                return body;
            }
        }
    }

    async fn more(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let count = ReadExt::read(&mut self.stream, &mut buffer)
            .await
            .unwrap_or(0);
        self.got.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

/// An application with a bit of everything.
pub fn app() -> Router {
    Router::new()
        .get("/", async |_| "hello")
        .post("/", async |_| "posted")
        .post("/echo", async |mut request: Request| {
            request.body().bytes(1 << 20).await
        })
        .post("/stream", async |request: Request| {
            Response::ok().with_body(request.into_body())
        })
        .post("/ignore", async |_| "ignored")
        .post("/late", async |mut request: Request| {
            time::sleep(Duration::from_secs(60)).await;
            request.body().bytes(1 << 20).await
        })
        .post("/elsewhere", async |mut request: Request| {
            let reader = spawn(async move {
                time::sleep(Duration::from_secs(1)).await;
                let mut length = 0;
                while let Some(chunk) = request.body().chunk().await {
                    length += chunk?.len();
                    time::sleep(Duration::from_millis(1)).await;
                }
                Ok::<_, BodyError>(length.to_string())
            });
            reader.await.expect("the reader does not panic")
        })
        .get("/medium", async |_| vec![b'm'; 5000])
        .get("/n/{n}", async |request: Request| {
            request.param("n").unwrap_or_default().into_owned()
        })
        .get("/slow/{seconds}", async |request: Request| {
            let seconds = request
                .raw_param("seconds")
                .and_then(|text| text.parse().ok());
            time::sleep(Duration::from_secs(seconds.unwrap_or(1))).await;
            "slow"
        })
        .get("/large", async |_| Bytes::from(vec![b'x'; 1_000_000]))
        .get("/file", async |_| {
            let program = std::env::current_exe().expect("this program");
            Body::file(File::open(program).expect("opened"), 7..50_007)
        })
        .get("/chunks", async |_| Body::stream(Chunks(3)))
        .get("/fails", async |_| Body::stream(Chunks(-1)))
        .get("/short", async |_| Body::stream_of_length(Chunks(3), 100))
        .get("/panic", panics)
        .get("/panic-late", panics_late)
        .get("/panic-drop", async |_| {
            let _bomb = Bomb;
            time::sleep(Duration::from_millis(1)).await;
            "never sent"
        })
        .get("/no-content", async |_| ())
        .get("/close", async |_| Response::text("bye").with_close())
        .get("/interim", async |_| StatusCode::CONTINUE)
}

async fn panics(_: Request) -> Response {
    panic!("on purpose")
}

async fn panics_late(_: Request) -> Response {
    time::sleep(Duration::from_millis(1)).await;
    panic!("on purpose")
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("on purpose, in a destructor");
        }
    }
}

/// So many chunks, or one chunk and an error if negative.
pub struct Chunks(pub i32);

impl Stream for Chunks {
    type Item = Result<Bytes, io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let left = self.0;
        self.0 = if left < -1 { 0 } else { left - 1 };
        Poll::Ready(match left {
            0 => None,
            -2 => Some(Err(io::Error::other("on purpose"))),
            _ => Some(Ok(Bytes::from(format!("chunk {left};")))),
        })
    }
}

/// Something that is raised once.
#[derive(Clone, Default)]
pub struct Flag(Arc<Mutex<(bool, Vec<Waker>)>>);

impl Flag {
    pub fn raise(&self) {
        let wakers = {
            let mut state = self.0.lock().unwrap();
            state.0 = true;
            std::mem::take(&mut state.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub async fn raised(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            state.1.push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Numbers that look random: xorshift, seeded.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below a usize")
    }
}

/// Keeps the type of errors in one place.
pub type Echoed = Result<Bytes, BodyError>;

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
