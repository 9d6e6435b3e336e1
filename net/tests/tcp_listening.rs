//! Opening listeners: ports, sharing, what is inherited, what the errors say; and where the
//! connections go (X2).

mod common;

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{cancel_after, count, run};
use ringspun_net::{Acceptor, ListenOptions, Listener as _, TcpListener, TcpStream};
use ringspun_runtime::current_core;

const LOOPBACK: &str = "127.0.0.1:0";

#[test]
fn port_zero_is_one_port_for_all_listeners() {
    run(3, async {
        let listeners = TcpListener::bind_per_core(LOOPBACK, &ListenOptions::new()).expect("bound");
        assert_eq!(listeners.len(), 3);
        let addr = listeners[0].local_addr().expect("an address");
        assert_ne!(addr.port(), 0);
        for (core, listener) in listeners.iter().enumerate() {
            assert_eq!(listener.local_addr().expect("an address"), addr);
            assert_eq!(listener.core(), Some(core));
        }
    });
}

#[test]
fn a_port_in_use_is_refused_in_words() {
    run(2, async {
        let first = TcpListener::bind(LOOPBACK).expect("bound");
        let addr = first.local_addr().expect("an address");
        let shared = TcpListener::bind_per_core(LOOPBACK, &ListenOptions::new()).expect("bound");
        let shared_addr = shared[0].local_addr().expect("an address");
        for addr in [addr, shared_addr] {
            let single = TcpListener::bind(addr).map(drop);
            // Listeners that share among themselves share with nobody else: starting a server
            // twice is an error.
            let per_core = TcpListener::bind_per_core(addr, &ListenOptions::new()).map(drop);
            for result in [single, per_core] {
                let error = result.expect_err("in use");
                assert_eq!(error.kind(), ErrorKind::AddrInUse);
                let text = error.to_string();
                assert!(text.contains(&format!("cannot listen on {addr}")), "{text}");
                assert!(text.contains("another socket listens there"), "{text}");
                assert!(text.contains("choose another port"), "{text}");
            }
        }
        drop(first);
        TcpListener::bind(addr).expect("free again at once");
    });
}

#[test]
fn an_address_of_another_machine_is_refused_in_words() {
    run(1, async {
        let error = TcpListener::bind("192.0.2.1:0").expect_err("not ours");
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(
            error.to_string().contains("cannot listen on 192.0.2.1:0"),
            "{error}"
        );
        assert!(error.to_string().contains("no such address"), "{error}");
    });
}

#[test]
fn processes_that_agree_may_share_a_port() {
    run(1, async {
        let options = ListenOptions::new().share_port(true);
        let old = TcpListener::bind_with(LOOPBACK, &options).expect("bound");
        let addr = old.local_addr().expect("an address");
        let new = TcpListener::bind_with(addr, &options).expect("shared");
        assert_eq!(new.local_addr().expect("an address"), addr);
        TcpListener::bind(addr)
            .map(drop)
            .expect_err("not with those that do not agree");
    });
}

#[test]
fn without_a_runtime_the_error_says_so() {
    let error = TcpListener::bind(LOOPBACK).expect_err("no runtime");
    assert!(error.to_string().contains("no ringspun runtime"), "{error}");
    let error = TcpListener::bind_per_core(LOOPBACK, &ListenOptions::new()).expect_err("the same");
    assert!(error.to_string().contains("runtime"), "{error}");
}

#[test]
fn accepted_sockets_inherit_what_the_listener_has() {
    run(1, async {
        for nodelay in [true, false] {
            let options = ListenOptions::new().nodelay(nodelay).backlog(8);
            let mut listener = TcpListener::bind_with(LOOPBACK, &options).expect("bound");
            let addr = listener.local_addr().expect("an address");
            let client = TcpStream::connect(addr).await.expect("connected");
            assert!(
                client.nodelay().expect("known"),
                "on by default for clients"
            );
            let (server, peer) = listener.accept().await.expect("accepted");
            assert_eq!(server.nodelay().expect("known"), nodelay);
            assert_eq!(peer, client.local_addr().expect("an address"));
            assert_eq!(server.peer_addr().expect("an address"), peer);
            assert_eq!(server.local_addr().expect("an address"), addr);
            let flags = std::fs::read_to_string(format!(
                "/proc/self/fdinfo/{}",
                std::os::fd::AsRawFd::as_raw_fd(&server)
            ))
            .expect("Linux");
            // O_RDWR | O_NONBLOCK | O_CLOEXEC, in octal.
            assert!(flags.contains("flags:\t02004002"), "{flags}");
        }
    });
}

#[test]
fn a_cancelled_accept_loses_no_connection() {
    let connections = count(300, 10_000);
    run(2, async move {
        let mut listener = TcpListener::bind(LOOPBACK).expect("bound");
        let addr = listener.local_addr().expect("an address");
        let clients = ringspun_runtime::spawn(async move {
            for n in 0..connections as u32 {
                let mut client = TcpStream::connect(addr).await.expect("connected");
                client.write_all(&n.to_le_bytes()).await.expect("written");
                client.read_exact(&mut [0]).await.expect("accepted");
            }
        });
        let (mut next, mut cancelled) = (0, 0);
        while next < connections {
            let Some(accepted) = cancel_after(next % 3, listener.accept()).await else {
                cancelled += 1;
                if cancelled % 7 == 0 {
                    // Waits for real, or the clients would get no processor.
                    listener_is_ready(&mut listener, &mut next).await;
                }
                continue;
            };
            serve(accepted.expect("accepted").0, &mut next).await;
        }
        assert!(cancelled > 0);
        clients.await.expect("no panic");
    });
}

async fn listener_is_ready(listener: &mut TcpListener, next: &mut usize) {
    let (stream, _) = listener.accept().await.expect("accepted");
    serve(stream, next).await;
}

async fn serve(mut stream: TcpStream, next: &mut usize) {
    let mut number = [0; 4];
    stream.read_exact(&mut number).await.expect("read");
    assert_eq!(
        u32::from_le_bytes(number) as usize,
        *next,
        "in order, none lost"
    );
    *next += 1;
    stream.write_all(b"!").await.expect("written");
}

#[test]
fn std_sockets_come_and_go() {
    run(1, async {
        let std_listener = StdListener::bind(LOOPBACK).expect("bound");
        let addr = std_listener.local_addr().expect("an address");
        let mut listener = TcpListener::from_std(std_listener).expect("registered");
        let std_client = std::net::TcpStream::connect(addr).expect("connected");
        let mut client = TcpStream::from_std(std_client).expect("registered");
        let (mut server, _) = listener.accept().await.expect("accepted");
        client.write_all(b"abc").await.expect("written");
        server.readable().await.expect("readable");
        // One poll reads three bytes and has to wait for more.
        let cancelled = cancel_after(1, server.read_exact(&mut [0; 5])).await;
        assert!(cancelled.is_none());
        let error = server.into_std().expect_err("three bytes would be lost");
        assert!(error.to_string().contains("left bytes"), "{error}");
        let std_client = client.into_std().expect("given back");
        drop(TcpStream::from_std(std_client).expect("registered again"));
        let std_listener = listener.into_std().expect("given back");
        TcpListener::from_std(std_listener).expect("registered again");
    });
}

/// X2: the kernel's hash spreads the connections, and they stay where they were accepted.
#[test]
fn connections_spread_over_the_cores_and_stay() {
    const CORES: usize = 2;
    let connections = count(3000, 20_000);
    run(CORES, async move {
        let misplaced = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&misplaced);
        let serving = Acceptor::bind(LOOPBACK).expect("bound").serve(
            move |mut stream: TcpStream, session: ringspun_net::Session| {
                let counter = Arc::clone(&counter);
                async move {
                    // Stolen tasks run elsewhere; that is what stealing is for. Most do not.
                    if current_core() != Some(session.listener()) {
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                    let _ = stream.write_all(b"x").await;
                }
            },
        );
        let addr = serving.local_addr().expect("an address");
        for _ in 0..connections / 50 {
            let clients: Vec<_> = (0..50)
                .map(|_| ringspun_runtime::spawn(one_byte_from(addr)))
                .collect();
            for client in clients {
                client.await.expect("no panic");
            }
        }
        let accepted: Vec<u64> = serving.stats().iter().map(|stats| stats.accepted).collect();
        assert_eq!(accepted.iter().sum::<u64>(), connections as u64);
        let most = accepted.iter().max().expect("some");
        let least = accepted.iter().min().expect("some");
        let ratio = *most as f64 / *least as f64;
        let misplaced = misplaced.load(Ordering::Relaxed);
        println!("X2 accepted {accepted:?}, max/min {ratio:.3}, first poll elsewhere {misplaced}");
        assert!(ratio <= 1.2, "{accepted:?}");
        assert_eq!(serving.shut_down(Duration::from_secs(10)).await, 0);
    });
}

async fn one_byte_from(addr: SocketAddr) {
    let mut client = TcpStream::connect(addr).await.expect("connected");
    client.read_exact(&mut [0]).await.expect("served");
}
