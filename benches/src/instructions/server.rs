//! Requests served over TCP, from the reactor to the last byte sent.

use std::future::IntoFuture;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use ringspun::http::{BodyError, Request, Response, Router, Server};

use crate::Row;
use crate::aside::aside;
use crate::exchange::{Bell, Client};
use crate::machine::{on_the_core, runtime};
use crate::samples::{BROWSER, in_turns};

/// An operation is a request, of `bell` a ring.
pub(crate) const ROWS: &[Row] = &[
    row("get-alone", 2_000, get_alone),
    row("get", 8_000, |n| {
        serve(n, 32, 1, &[get("/plaintext")], HELLO)
    }),
    row("get-in-turns", 8_000, |n| {
        serve(n, 32, 1, &in_turns(&get("/plaintext")), HELLO)
    }),
    row("get-browser", 8_000, |n| {
        serve(n, 32, 1, &in_turns(BROWSER), HELLO)
    }),
    row("get-pipelined-16", 32_000, |n| {
        serve(n, 8, 16, &[get("/plaintext")], HELLO)
    }),
    row("json", 8_000, |n| serve(n, 32, 1, &[get("/json")], JSON)),
    row("post-16k", 2_000, |n| serve(n, 8, 1, &[post(BIG)], BIG)),
    row("connection-per-request", 2_000, connections),
    row("bell", 4_000, bells),
];

const fn row(name: &'static str, operations: u64, run: fn(u64)) -> Row {
    Row {
        name,
        operations,
        run,
    }
}

/// Bodies' lengths.
const HELLO: usize = 13;
const JSON: usize = 27;
const BIG: usize = 16 * 1024;

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n").into_bytes()
}

fn post(length: usize) -> Vec<u8> {
    let head = "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length:";
    let mut request = format!("{head} {length}\r\n\r\n").into_bytes();
    request.resize(request.len() + length, b'x');
    request
}

fn app() -> Router {
    Router::new()
        .get("/plaintext", async |_: Request| {
            Response::text("Hello, World!")
        })
        .get("/json", async |_: Request| {
            Response::json(r#"{"message":"Hello, World!"}"#)
        })
        .post("/echo", echo)
}

async fn echo(mut request: Request) -> Result<Response, BodyError> {
    let body = request.body().bytes(BIG).await?;
    Ok(Response::ok().with_body(body))
}

/// Starts the server, on the core that this is called on.
fn start() -> SocketAddr {
    let server = Server::bind("127.0.0.1:0").expect("a free port");
    let server = server.without_signals();
    let addr = server.local_addr().expect("TCP");
    ringspun::spawn(server.serve(app()).into_future());
    addr
}

/// The length of one whole answer to `request`, asked of the server once.
async fn length_of_answer(addr: SocketAddr, request: &[u8], body: usize, bell: &mut Bell) -> usize {
    let mut connection = aside(|| {
        let mut connection = TcpStream::connect(addr).expect("the server listens");
        connection.write_all(request).expect("it reads");
        connection.set_nonblocking(true).expect("a socket");
        connection
    });
    let mut answer = Vec::new();
    loop {
        bell.ring().await;
        let mut piece = [0; 4096];
        // Nothing there yet is nothing to add.
        let read = connection.read(&mut piece).unwrap_or(0);
        answer.extend_from_slice(&piece[..read]);
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n");
        if let Some(head) = head
            && answer.len() >= head + 4 + body
        {
            return head + 4 + body;
        }
    }
}

/// `n` requests over kept connections, each with `pipeline` of them under way. The connections have the
/// requests in turns, whose answers are alike.
fn serve(n: u64, connections: usize, pipeline: usize, requests: &[Vec<u8>], body: usize) {
    let batches: Vec<_> = requests.iter().map(|one| one.repeat(pipeline)).collect();
    let request = requests[0].clone();
    on_the_core(async move {
        let (addr, mut bell) = (start(), Bell::new());
        let answer = length_of_answer(addr, &request, body, &mut bell).await;
        let mut client = Client::new(answer * pipeline);
        client.connect(addr, connections);
        for _ in 0..n / (connections * pipeline) as u64 {
            client.send(&batches);
            client.receive(&mut bell).await;
        }
    });
}

/// `n` requests, each with a connection of its own, eight at a time.
fn connections(n: u64) {
    const AT_A_TIME: usize = 8;
    let request = b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n";
    let requests = [request.to_vec()];
    on_the_core(async move {
        let (addr, mut bell) = (start(), Bell::new());
        let answer = length_of_answer(addr, request, HELLO, &mut bell).await;
        let mut client = Client::new(answer);
        for _ in 0..n / AT_A_TIME as u64 {
            client.connect(addr, AT_A_TIME);
            client.send(&requests);
            client.receive(&mut bell).await;
            client.close();
            bell.ring().await;
        }
    });
}

/// One request at a time from a client on another thread: the core sleeps before each.
fn get_alone(n: u64) {
    let runtime = runtime();
    let addr = runtime
        .block_on(runtime.handle().spawn(async { start() }))
        .expect("no panic");
    let client = std::thread::spawn(move || {
        aside(|| {
            let mut connection = TcpStream::connect(addr).expect("the server listens");
            connection.set_nodelay(true).expect("a socket");
            let (request, mut answer) = (get("/plaintext"), [0; 1024]);
            for _ in 0..n {
                connection.write_all(&request).expect("the server reads");
                let read = connection.read(&mut answer).expect("it answers");
                assert!(answer[..read].ends_with(b"Hello, World!"));
            }
        });
    });
    client.join().expect("no panic");
}

fn bells(n: u64) {
    on_the_core(async move {
        let mut bell = Bell::new();
        for _ in 0..n {
            bell.ring().await;
        }
    });
}
