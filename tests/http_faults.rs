//! An HTTP server under clients that fail, handlers that panic, and an end in full flight.
//! F6, D7 and D9 of the reliability list, over real sockets.

mod support;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use ringspun::http::{Body, Ended, Request, Response, Router, Server};
use ringspun::net::TcpStream;
use ringspun::{Builder, Handle, JoinHandle, spawn, task, time};
use support::{alone, becomes, count, open_fds, within_limit};

/// A server that ends when the flag is set.
fn serve(app: Router) -> (SocketAddr, JoinHandle<io::Result<Ended>>, Arc<AtomicBool>) {
    let stop = Arc::new(AtomicBool::new(false));
    let server = Server::bind("127.0.0.1:0")
        .unwrap()
        .grace(Duration::from_secs(60));
    let addr = server.local_addr().unwrap();
    let stopping = stop.clone();
    let serving = server.serve(app).with_graceful_shutdown(async move {
        while !stopping.load(Acquire) {
            time::sleep(Duration::from_millis(1)).await;
        }
    });
    (addr, spawn(serving.into_future()), stop)
}

async fn end(server: JoinHandle<io::Result<Ended>>, stop: &AtomicBool) {
    stop.store(true, SeqCst);
    assert_eq!(server.await.unwrap().unwrap().cut(), 0);
}

/// Reads one response with a Content-Length; `None` at a clean end before its first byte.
async fn response(stream: &mut TcpStream) -> io::Result<Option<(u16, Vec<u8>)>> {
    let mut bytes = Vec::new();
    loop {
        if let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            let length: usize = text
                .split("\r\n")
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |value| value.parse().unwrap());
            if bytes.len() >= head + 4 + length {
                assert_eq!(bytes.len(), head + 4 + length, "more than one response");
                let status = text[9..12].parse().unwrap();
                return Ok(Some((status, bytes.split_off(head + 4))));
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await? {
            0 if bytes.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

/// F6: clients reset in the middle of a request's body and of a response's: tasks and descriptors go.
#[test]
fn resets_in_the_middle_of_bodies_leave_nothing() {
    let _alone = alone();
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        runtime.block_on(async {
            let app = Router::new()
                .post("/up", async |mut request: Request| {
                    request.body().bytes(1 << 30).await
                })
                .get("/down", async |_: Request| {
                    Response::ok().with_body(Body::from(vec![b'x'; 8 << 20]))
                })
                .get("/", async |_: Request| "fine");
            let (addr, server, stop) = serve(app);
            // One that goes on through all of it.
            let mut steady = TcpStream::connect(addr).await.unwrap();
            steady
                .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                .await
                .unwrap();
            response(&mut steady).await.unwrap().unwrap();
            let fds = open_fds();
            let tasks = Handle::current().metrics().live_tasks;
            for round in 0..count(500, 50_000) {
                let mut client = TcpStream::connect(addr).await.unwrap();
                client.set_linger(Some(Duration::ZERO)).unwrap();
                if round % 2 == 0 {
                    let head = "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n";
                    client.write_all(head.as_bytes()).await.unwrap();
                    client.write_all(&[b'y'; 1000]).await.unwrap();
                } else {
                    client
                        .write_all(b"GET /down HTTP/1.1\r\nHost: x\r\n\r\n")
                        .await
                        .unwrap();
                    client.read_exact(&mut [0; 5000]).await.unwrap();
                }
                drop(client);
                if round % 50 == 0 {
                    steady
                        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                        .await
                        .unwrap();
                    let (status, body) = response(&mut steady).await.unwrap().unwrap();
                    assert_eq!((status, &body[..]), (200, &b"fine"[..]));
                }
            }
            let end_of_wait = time::now() + Duration::from_secs(30);
            while Handle::current().metrics().live_tasks > tasks {
                assert!(time::now() < end_of_wait, "{}", Handle::current().metrics());
                time::sleep(Duration::from_millis(5)).await;
            }
            becomes(fds, open_fds);
            drop(steady);
            end(server, &stop).await;
        });
    });
}

/// D7: handlers panic now and then, while they run and when they are dropped; the others never notice.
#[test]
fn panics_in_handlers_cost_their_own_connection_only() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("a destructor's panic, as ordered");
            }
        }
    }
    let _alone = alone();
    within_limit(|| {
        // Thousands of traces of what was ordered help nobody.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let ordered = info.payload().downcast_ref::<&str>();
            if ordered.is_none_or(|text| !text.ends_with("as ordered")) {
                hook(info);
            }
        }));
        let runtime = Builder::new().cores(2).build().unwrap();
        runtime.block_on(async {
            let panics = Arc::new(AtomicUsize::new(0));
            let counted = panics.clone();
            let app = Router::new()
                .get("/", async |_: Request| "fine")
                .get("/panic", move |_: Request| {
                    let panics = counted.clone();
                    async move {
                        if panics.fetch_add(1, Relaxed).is_multiple_of(2) {
                            task::yield_now().await;
                        }
                        panic!("as ordered");
                        #[allow(unreachable_code, reason = "gives the future its type")]
                        "never"
                    }
                })
                .get("/bomb", async |_: Request| {
                    let _bomb = Bomb;
                    "never"
                });
            let (addr, server, stop) = serve(app);
            let (clients, requests) = (16, count(500, 60_000));
            let clients: Vec<_> = (0..clients)
                .map(|client| {
                    spawn(async move {
                        let mut stream = TcpStream::connect(addr).await.unwrap();
                        let mut failures = 0;
                        for number in 0..requests {
                            let path = match (number + client) % 100 {
                                0 => "/panic",
                                50 => "/bomb",
                                _ => "/",
                            };
                            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
                            stream.write_all(request.as_bytes()).await.unwrap();
                            let (status, body) = response(&mut stream).await.unwrap().unwrap();
                            if path == "/" {
                                assert_eq!((status, &body[..]), (200, &b"fine"[..]));
                                continue;
                            }
                            assert_eq!(status, 500);
                            failures += 1;
                            // That connection ends, and only that one.
                            assert!(response(&mut stream).await.unwrap().is_none());
                            stream = TcpStream::connect(addr).await.unwrap();
                        }
                        failures
                    })
                })
                .collect();
            let mut failures = 0;
            for client in clients {
                failures += client.await.unwrap();
            }
            assert!(failures > 0);
            assert!(panics.load(SeqCst) > 0);
            end(server, &stop).await;
            becomes(0, || Handle::current().metrics().live_tasks);
        });
        let _ = std::panic::take_hook();
    });
}

/// D9: the server is told to stop while all clients are at full speed: every request is answered in
/// full, or its connection ends before the first byte of an answer.
#[test]
fn a_stop_in_full_flight_breaks_no_answer() {
    let _alone = alone();
    within_limit(|| {
        for _ in 0..count(5, 500) {
            let runtime = Builder::new().cores(2).build().unwrap();
            runtime.block_on(async {
                let app = Router::new().get("/", async |_: Request| {
                    task::yield_now().await;
                    Response::text("x".repeat(3000))
                });
                let (addr, server, stop) = serve(app);
                let answered = Arc::new(AtomicUsize::new(0));
                let clients: Vec<_> = (0..50)
                    .map(|_| {
                        let answered = answered.clone();
                        spawn(async move {
                            let mut stream = TcpStream::connect(addr).await?;
                            loop {
                                let request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
                                if stream.write_all(request).await.is_err() {
                                    return Ok(());
                                }
                                match response(&mut stream).await {
                                    Ok(Some((200, body))) if body.len() == 3000 => {
                                        answered.fetch_add(1, Relaxed);
                                    }
                                    Ok(Some(other)) => panic!("an answer of {}", other.0),
                                    // Closed before the request was taken in.
                                    Ok(None) => return Ok(()),
                                    Err(error)
                                        if error.kind() == io::ErrorKind::ConnectionReset =>
                                    {
                                        return Ok(());
                                    }
                                    Err(error) => return Err(error),
                                }
                            }
                        })
                    })
                    .collect();
                while answered.load(Acquire) < 500 {
                    time::sleep(Duration::from_millis(1)).await;
                }
                end(server, &stop).await;
                for client in clients {
                    client.await.unwrap().unwrap();
                }
            });
        }
    });
}
