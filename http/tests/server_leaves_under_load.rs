//! D9: a server is asked to leave while clients ask as fast as they can. Clients that heed
//! `Connection: close` lose no request that they have begun on a connection of theirs, and no
//! answer is cut.

use std::future::IntoFuture;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ringspun_http::{Request, Response, Router, Server};
use ringspun_net::TcpListener;
use ringspun_runtime::time::sleep;
use ringspun_runtime::{Builder, spawn};

const CLIENTS: usize = 24;

/// What a client has seen in its life.
#[derive(Default)]
struct Seen {
    answered: AtomicUsize,
    told_to_close: AtomicUsize,
    /// Connections that were closed before their first answer: they came as the listener closed.
    turned_away: AtomicUsize,
}

/// Asks until the server does not listen any more.
fn ask(addr: SocketAddr, seen: &Seen) {
    'connection: loop {
        let Ok(mut stream) = TcpStream::connect(addr) else {
            return;
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        for round in 0.. {
            let sent = stream
                .write_all(b"POST /twice HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde");
            let reply = sent.and_then(|()| read_reply(&mut stream));
            match reply {
                Ok(closes) => {
                    seen.answered.fetch_add(1, Ordering::Relaxed);
                    if closes {
                        seen.told_to_close.fetch_add(1, Ordering::Relaxed);
                        continue 'connection;
                    }
                }
                Err(error) => {
                    assert_eq!(round, 0, "a request on a kept connection was lost: {error}");
                    assert_ne!(error.kind(), ErrorKind::InvalidData, "an answer was cut");
                    seen.turned_away.fetch_add(1, Ordering::Relaxed);
                    continue 'connection;
                }
            }
        }
    }
}

/// Reads one reply to its end; gives whether the server closes. An end before its first byte is
/// `UnexpectedEof`, one inside it `InvalidData`.
fn read_reply(stream: &mut TcpStream) -> std::io::Result<bool> {
    let mut got = Vec::new();
    let mut buffer = [0; 1024];
    while !got.ends_with(b"abcdeabcde") {
        match stream.read(&mut buffer) {
            Ok(0) if got.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count @ 1..) => got.extend_from_slice(&buffer[..count]),
            Err(error) if got.is_empty() => return Err(error),
            _ => return Err(ErrorKind::InvalidData.into()),
        }
    }
    assert!(got.starts_with(b"HTTP/1.1 200 OK\r\n"));
    Ok(got.windows(17).any(|window| window == b"Connection: close"))
}

async fn twice(mut request: Request) -> Result<Response, ringspun_http::BodyError> {
    let body = request.body().bytes(100).await?;
    // Some wait, so that requests are under way in every phase.
    sleep(Duration::from_micros(
        u64::from(request.connection_id() as u8) * 20,
    ))
    .await;
    Ok(Response::ok().with_body([&body[..], &body[..]].concat()))
}

#[test]
fn no_request_is_lost() {
    for round in 0..3 {
        let runtime = Builder::new().cores(2).build().unwrap();
        let seen = Arc::new(Seen::default());
        let (ended, clients) = runtime.block_on(async {
            let listeners = TcpListener::bind_per_core("127.0.0.1:0", &Default::default()).unwrap();
            let addr = listeners[0].local_addr().unwrap();
            let server = Server::from_listeners(listeners)
                .announce(Duration::from_millis(300))
                .serve(Router::new().post("/twice", twice))
                .with_graceful_shutdown(sleep(Duration::from_millis(500)));
            let server = spawn(server.into_future());
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let seen = Arc::clone(&seen);
                    thread::spawn(move || ask(addr, &seen))
                })
                .collect();
            (server.await.unwrap().unwrap(), clients)
        });
        for client in clients {
            client.join().expect("it has lost nothing");
        }
        assert_eq!(ended.cut(), 0);
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        let (answered, told) = (count(&seen.answered), count(&seen.told_to_close));
        println!(
            "round {round}: {answered} answered, {told} of them the last of a connection, {} turned away",
            count(&seen.turned_away)
        );
        assert!(
            answered > CLIENTS && told >= CLIENTS / 2,
            "{answered}, {told}"
        );
    }
}
