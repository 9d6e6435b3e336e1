//! Connecting: refusals, several addresses, names, and cancelling.

mod common;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use common::{cancel_after, count, run};
use ringspun_net::{TcpListener, TcpStream};
use ringspun_runtime::time;

/// An address where nobody listens.
fn dead() -> SocketAddr {
    let listener = StdListener::bind("127.0.0.1:0").expect("bound");
    listener.local_addr().expect("an address")
}

#[test]
fn a_refused_connection_is_an_error() {
    run(1, async {
        let error = TcpStream::connect(dead()).await.expect_err("nobody there");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn all_addresses_are_tried_in_turn() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let alive = listener.local_addr().expect("an address");
        let addrs = [dead(), dead(), alive];
        let stream = TcpStream::connect(&addrs[..])
            .await
            .expect("the last one answers");
        assert_eq!(stream.peer_addr().expect("an address"), alive);
        let error = TcpStream::connect(&addrs[..2])
            .await
            .expect_err("none answers");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = TcpStream::connect(&addrs[..0])
            .await
            .expect_err("none given");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn names_are_looked_up_off_the_worker() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let port = listener.local_addr().expect("an address").port();
        let by_text = TcpStream::connect(format!("localhost:{port}"))
            .await
            .expect("connected");
        assert_eq!(by_text.peer_addr().expect("an address").port(), port);
        TcpStream::connect(("localhost", port))
            .await
            .expect("connected");
        let error = TcpStream::connect("localhost").await.expect_err("no port");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

/// A backlog that is full: the kernel drops the SYN, the connection stays under way.
#[test]
fn a_cancelled_connect_leaves_nothing() {
    let rounds = count(20, 1000);
    run(1, async move {
        let options = ringspun_net::ListenOptions::new().backlog(0);
        let listener = TcpListener::bind_with("127.0.0.1:0", &options).expect("bound");
        let addr = listener.local_addr().expect("an address");
        let mut filling = Vec::new();
        while let Ok(stream) =
            time::timeout(Duration::from_millis(200), TcpStream::connect(addr)).await
        {
            filling.push(stream.expect("connected"));
            assert!(filling.len() < 100, "the backlog never fills");
        }
        let before = open_sockets_to(addr);
        for round in 0..rounds {
            assert!(
                cancel_after(round % 2, TcpStream::connect(addr))
                    .await
                    .is_none()
            );
        }
        assert_eq!(
            open_sockets_to(addr),
            before,
            "half-open sockets are closed"
        );
    });
}

/// Sockets of this machine whose peer is `addr`, in whatever state.
fn open_sockets_to(addr: SocketAddr) -> usize {
    let peer = format!(":{:04X} 02 ", addr.port());
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    table.lines().filter(|line| line.contains(&peer)).count()
}

#[test]
fn many_connections_at_once_are_made() {
    let connections = count(500, 10_000);
    run(2, async move {
        let mut listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let addr = listener.local_addr().expect("an address");
        let clients: Vec<_> = (0..connections)
            .map(|_| {
                ringspun_runtime::spawn(async move {
                    let mut client = TcpStream::connect(addr).await.expect("connected");
                    assert_eq!(client.read(&mut [0]).await.expect("read"), 1);
                })
            })
            .collect();
        for _ in 0..connections {
            let (mut server, _) = listener.accept().await.expect("accepted");
            server.write_all(b"x").await.expect("written");
        }
        for client in clients {
            client.await.expect("no panic");
        }
    });
}
