//! The same server over real sockets: what only a kernel can get wrong.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use common::tcp::{connect, head, serve};
use common::{app, rounds};
use ringspun_http::{Body, Request, Response};
use ringspun_net::ListenOptions;

/// Reads until the end; an error is the end of the test.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .expect("a clean end, not a reset");
    bytes
}

fn ends_with(bytes: &[u8], end: &[u8]) -> bool {
    bytes.ends_with(end)
}

#[test]
fn kept_connections_and_pipelining() {
    let ended = serve(app(), ListenOptions::new(), |addr| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                thread::spawn(move || {
                    let mut stream = connect(addr);
                    let request = b"GET /n/42 HTTP/1.1\r\nHost: a\r\n\r\n";
                    let mut length = 0;
                    let mut buffer = vec![0; 64 * 1024];
                    stream.write_all(request).unwrap();
                    while !ends_with(&buffer[..length], b"\r\n\r\n42") {
                        length += stream.read(&mut buffer[length..]).unwrap();
                    }
                    for _ in 0..200 {
                        stream.write_all(request).unwrap();
                        stream.read_exact(&mut buffer[..length]).unwrap();
                        assert!(ends_with(&buffer[..length], b"\r\n\r\n42"));
                        stream.write_all(&request.repeat(16)).unwrap();
                        stream.read_exact(&mut buffer[..16 * length]).unwrap();
                    }
                })
            })
            .collect();
        clients
            .into_iter()
            .for_each(|client| client.join().unwrap());
    });
    assert_eq!(ended.cut(), 0);
}

/// H2: a large response to a client that closes its side early, through a send buffer that holds
/// next to nothing: all bytes arrive.
#[test]
fn nothing_is_lost_behind_a_small_send_buffer() {
    serve(app(), ListenOptions::new().send_buffer(4096), |addr| {
        for _ in 0..rounds(20, 10_000) {
            let mut stream = connect(addr);
            stream
                .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let got = rest(&mut stream);
            let body = got
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
                .unwrap()
                + 4;
            assert_eq!(got.len() - body, 1_000_000);
        }
    });
}

/// Without lingering the kernel answers unread bytes with a reset, and the client would lose the
/// response that it has not read yet.
#[test]
fn a_refusal_survives_a_client_that_goes_on_sending() {
    serve(app(), ListenOptions::new(), |addr| {
        for _ in 0..rounds(20, 1000) {
            let mut stream = connect(addr);
            let head = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n";
            stream.write_all(head).unwrap();
            for _ in 0..20 {
                stream.write_all(&[b'x'; 10_000]).unwrap();
            }
            stream.shutdown(Shutdown::Write).unwrap();
            let got = rest(&mut stream);
            assert!(
                got.starts_with(b"HTTP/1.1 413 "),
                "{:?}",
                got.escape_ascii().to_string()
            );
        }
    });
}

#[test]
fn bodies_in_chunks_and_half_close() {
    serve(app(), ListenOptions::new(), |addr| {
        let mut stream = connect(addr);
        stream
            .write_all(b"POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            .unwrap();
        for _ in 0..100 {
            stream.write_all(b"64\r\n").unwrap();
            stream.write_all(&[b'y'; 100]).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let got = rest(&mut stream);
        assert!(got.starts_with(b"HTTP/1.1 200 OK\r\n") && ends_with(&got, b"\r\n0\r\n\r\n"));
        assert_eq!(got.iter().filter(|&&byte| byte == b'y').count(), 10_000);
    });
}

/// F6 in small: clients that reset in the middle of a request or a response leave nothing behind.
#[test]
fn resets_leave_nothing_behind() {
    let ended = serve(app(), ListenOptions::new(), |addr| {
        for round in 0..rounds(100, 100_000) {
            let mut stream = connect(addr);
            let request: &[u8] = match round % 2 {
                0 => b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc",
                _ => b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n",
            };
            stream.write_all(request).unwrap();
            if round % 2 == 1 {
                stream.read_exact(&mut [0; 100]).unwrap();
            }
            // Unread bytes make the close a reset.
            drop(stream);
        }
        let mut stream = connect(addr);
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        assert!(ends_with(&rest(&mut stream), b"hello"));
    });
    assert_eq!(ended.cut(), 0);
}

/// H5: clients that have ended their direction wait for bodies that are not over: the server has nothing
/// to do, and does nothing.
#[test]
fn half_closed_clients_of_open_bodies_cost_nothing() {
    const CLIENTS: usize = 1000;
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let handler = move |_: Request| {
        let counted = counted.clone();
        async move { Response::ok().with_body(Body::stream(Never(counted))) }
    };
    serve(handler, ListenOptions::new(), move |addr| {
        let clients: Vec<TcpStream> = (0..CLIENTS)
            .map(|_| {
                let mut client = connect(addr);
                client
                    .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    .unwrap();
                head(&mut client);
                client.shutdown(Shutdown::Write).unwrap();
                client
            })
            .collect();
        // Until all the ends have come, and for a while: the count of polls comes to a rest.
        let mut before = 0;
        let begun = Instant::now();
        loop {
            let used = cpu_time();
            thread::sleep(Duration::from_millis(500));
            let now = polls.load(Ordering::Relaxed);
            if now == before {
                let used = cpu_time() - used;
                println!("H5 {CLIENTS} connections: {used:?} of CPU in 500 ms, 0 polls of {now}");
                break;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "polled on and on: {now}"
            );
            before = now;
        }
        // A few for each: the request, the end of the direction.
        assert!(before <= CLIENTS * 8, "{before} polls");
        drop(clients);
    });
}

/// A body that never has anything, and counts how often it is asked.
struct Never(Arc<AtomicUsize>);

impl futures_core::Stream for Never {
    type Item = std::io::Result<bytes::Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }
}

/// What this process has used, in ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("there is one");
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    let ticks: u64 = [11, 12]
        .iter()
        .map(|&at| fields[at].parse::<u64>().expect("ticks"))
        .sum();
    Duration::from_millis(ticks * 10)
}
