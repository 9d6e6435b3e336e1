//! A small HTTP load generator on ringspun: keep-alive connections that send the same request again
//! and again, and count what comes back. Used by the examples `load` and `hello_http --demo`.
//!
//! It asks with the [`Client`], or with bytes by hand: that costs less, for a figure of the server
//! rather than of both, and can send several requests at once.

#![allow(dead_code, reason = "each example uses its own part")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use ringspun::http::Client;
use ringspun::net::{Buffer, Stream, TcpStream};
use ringspun::{spawn, time};

/// What load to make.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) addr: SocketAddr,
    pub(crate) path: String,
    pub(crate) connections: usize,
    /// Requests sent at once on a connection. More than one are sent by hand.
    pub(crate) pipeline: usize,
    /// Whether a single one is sent by hand as well.
    pub(crate) by_hand: bool,
    pub(crate) duration: Duration,
    /// A bound on the count as well.
    pub(crate) max_requests: u64,
}

/// What came of it.
pub(crate) struct Report {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) elapsed: Duration,
    pub(crate) latency: Histogram,
}

/// Counts of latencies: 32 buckets for each power of two, so that a reading is within 3 %.
pub(crate) struct Histogram(Vec<u64>);

impl Histogram {
    const SUB: u64 = 32;

    fn new() -> Self {
        Self(vec![0; 40 * Self::SUB as usize])
    }

    fn add(&mut self, latency: Duration, count: u64) {
        let ns = u64::try_from(latency.as_nanos())
            .unwrap_or(u64::MAX)
            .max(Self::SUB);
        let power = u64::from(ns.ilog2()) - u64::from(Self::SUB.ilog2());
        let index = (power * Self::SUB + (ns >> power) - Self::SUB) as usize;
        let last = self.0.len() - 1;
        self.0[index.min(last)] += count;
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine += theirs;
        }
    }

    /// The latency that the fraction `q` of the requests did not exceed.
    pub(crate) fn quantile(&self, q: f64) -> Duration {
        let total: u64 = self.0.iter().sum();
        let mut left = (total as f64 * q).ceil() as u64;
        for (index, count) in self.0.iter().enumerate() {
            if left <= *count {
                let (power, sub) = (index as u64 / Self::SUB, index as u64 % Self::SUB);
                return Duration::from_nanos((Self::SUB + sub) << power);
            }
            left -= count;
        }
        Duration::ZERO
    }
}

struct Shared {
    plan: Plan,
    sent: AtomicU64,
    answered: AtomicU64,
    stop: AtomicBool,
}

/// Makes the load; `progress` hears once a second how many requests have been answered.
pub(crate) async fn run(plan: Plan, mut progress: impl FnMut(u64)) -> io::Result<Report> {
    let shared = Arc::new(Shared {
        plan,
        sent: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        stop: AtomicBool::new(false),
    });
    let start = Instant::now();
    let connections = shared.plan.connections;
    let client = Client::builder()
        .idle_per_host(connections)
        .idle_total(connections)
        .build();
    let tasks: Vec<_> = (0..connections)
        .map(|_| match shared.plan.pipeline {
            1 if !shared.plan.by_hand => spawn(asking(shared.clone(), client.clone())),
            _ => spawn(connection(shared.clone())),
        })
        .collect();
    let mut second = time::interval_at(start + Duration::from_secs(1), Duration::from_secs(1));
    let end = start + shared.plan.duration;
    while !shared.stop.load(Relaxed) {
        if time::timeout_at(end, second.tick()).await.is_err() {
            break;
        }
        progress(shared.answered.load(Relaxed));
    }
    shared.stop.store(true, Relaxed);
    let elapsed = start.elapsed();
    let mut report = Report {
        requests: 0,
        errors: 0,
        elapsed,
        latency: Histogram::new(),
    };
    for task in tasks {
        let limit = Duration::from_secs(10);
        match time::timeout(limit, task).await {
            Ok(Ok(Ok(latency))) => report.latency.merge(&latency),
            Ok(Ok(Err(error))) => {
                report.errors += 1;
                if report.errors == 1 {
                    eprintln!("\na connection failed: {error}");
                }
            }
            Ok(Err(panicked)) => return Err(panicked.into()),
            // Its request was under way at the end and is not answered.
            Err(_elapsed) => report.errors += 1,
        }
    }
    report.requests = shared.answered.load(Relaxed);
    Ok(report)
}

/// Asks for one thing after the other, as an application would.
async fn asking(shared: Arc<Shared>, client: Client) -> io::Result<Histogram> {
    let plan = &shared.plan;
    let url = format!("http://{}{}", plan.addr, plan.path);
    let mut latency = Histogram::new();
    while !shared.stop.load(Relaxed) {
        let start = Instant::now();
        if shared.sent.fetch_add(1, Relaxed) >= plan.max_requests {
            shared.stop.store(true, Relaxed);
            break;
        }
        let mut reply = client.get(&url).await.map_err(io::Error::other)?;
        if reply.status() != 200 {
            return Err(invalid(&format!("the server answered {}", reply.status())));
        }
        while let Some(chunk) = reply.body().chunk().await {
            chunk.map_err(io::Error::other)?;
        }
        latency.add(start.elapsed(), 1);
        shared.answered.fetch_add(1, Relaxed);
    }
    Ok(latency)
}

/// Sends by hand, and only counts what comes back.
async fn connection(shared: Arc<Shared>) -> io::Result<Histogram> {
    let plan = &shared.plan;
    let mut stream = TcpStream::connect(plan.addr).await?;
    let one = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", plan.path, plan.addr);
    let batch = one.repeat(plan.pipeline);
    let mut latency = Histogram::new();
    let mut responses = Responses::default();
    while !shared.stop.load(Relaxed) {
        let start = Instant::now();
        if shared.sent.fetch_add(plan.pipeline as u64, Relaxed) >= plan.max_requests {
            shared.stop.store(true, Relaxed);
            break;
        }
        stream.write_all(batch.as_bytes()).await?;
        let mut missing = plan.pipeline;
        while missing > 0 {
            std::future::poll_fn(|cx| stream.poll_readable(cx)).await?;
            let mut buffer = Buffer::take();
            let n = stream.read(&mut buffer).await?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let done = responses.count(&buffer[..n])?;
            missing = missing
                .checked_sub(done)
                .ok_or_else(|| invalid("more answers than requests"))?;
        }
        latency.add(start.elapsed(), plan.pipeline as u64);
        shared.answered.fetch_add(plan.pipeline as u64, Relaxed);
    }
    Ok(latency)
}

/// Finds the ends of responses in what comes in. Knows responses with a Content-Length only.
#[derive(Default)]
struct Responses {
    /// A head that has not ended yet.
    head: Vec<u8>,
    /// Bytes of the body that are still to come.
    body: usize,
}

impl Responses {
    fn count(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let mut done = 0;
        while !bytes.is_empty() {
            if self.body > 0 {
                let n = self.body.min(bytes.len());
                self.body -= n;
                bytes = &bytes[n..];
                done += usize::from(self.body == 0);
                continue;
            }
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            let from = before.saturating_sub(3);
            let Some(at) = self.head[from..]
                .windows(4)
                .position(|four| four == b"\r\n\r\n")
            else {
                return Ok(done);
            };
            let end = from + at + 4;
            bytes = &bytes[end - before..];
            self.body = body_length(&self.head[..end])?;
            self.head.clear();
            done += usize::from(self.body == 0);
        }
        Ok(done)
    }
}

fn body_length(head: &[u8]) -> io::Result<usize> {
    let head = std::str::from_utf8(head).map_err(|_| invalid("a head that is not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200 ") {
        return Err(invalid(&format!("the server answered {status:?}")));
    }
    lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| invalid("a response without Content-Length"))
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
