//! Limits, panics and the end of a server, over memory and TCP.

mod common;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{count, run};
use ringspun_net::{Acceptor, MemStream, Session, TcpStream, mem};
use ringspun_runtime::{Builder, task, time};

async fn echo(mut stream: MemStream) {
    let mut buf = [0; 64];
    while let Ok(n) = stream.read(&mut buf).await {
        if n == 0 || stream.write_all(&buf[..n]).await.is_err() {
            break;
        }
    }
}

#[test]
fn stop_closes_the_listener_and_keeps_connections() {
    run(2, async {
        let (listener, connector) = mem::listener(1024);
        let serving = Acceptor::new(vec![listener]).serve(|stream, _| echo(stream));
        let mut client = connector.connect().await.expect("connected");
        client.write_all(b"a").await.expect("written");
        client.read_exact(&mut [0]).await.expect("served");
        serving.stop();
        serving.stop();
        serving.stopped().await;
        let error = connector.connect().await.expect_err("closed");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        client.write_all(b"b").await.expect("written");
        client.read_exact(&mut [0]).await.expect("still served");
        assert_eq!(serving.connections(), 1);
        drop(client);
        serving.drained().await;
        assert_eq!(serving.connections(), 0);
    });
}

#[test]
fn close_tells_no_session() {
    run(2, async {
        let (listener, connector) = mem::listener(1024);
        let serving =
            Acceptor::new(vec![listener]).serve(|mut stream, mut session: Session| async move {
                session.stopping().await;
                stream.write_all(b"told").await.expect("written");
            });
        let mut client = connector.connect().await.expect("connected");
        while serving.connections() == 0 {
            task::yield_now().await;
        }
        serving.close();
        serving.close();
        serving.stopped().await;
        let error = connector.connect().await.expect_err("closed");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let read = time::timeout(Duration::from_millis(20), client.read(&mut [0; 4])).await;
        assert!(read.is_err(), "nobody was told");
        serving.stop();
        client.read_exact(&mut [0; 4]).await.expect("told");
        serving.drained().await;
    });
}

#[test]
fn connections_in_the_backlog_are_served_before_the_listener_closes() {
    run(1, async {
        let serving = Acceptor::bind("127.0.0.1:0").expect("bound").serve(
            |mut stream: TcpStream, session: Session| async move {
                assert!(session.peer_addr().is_some());
                stream.write_all(b"served").await.expect("written");
            },
        );
        let addr = serving.local_addr().expect("an address");
        // All connect, and the stop comes, while the accept loop has had few turns.
        let clients: Vec<_> = (0..200)
            .map(|_| std::net::TcpStream::connect(addr).expect("connected"))
            .collect();
        serving.stop();
        for client in clients {
            client.set_nonblocking(true).expect("set");
            let mut client = TcpStream::from_std(client).expect("registered");
            let mut word = [0; 6];
            client.read_exact(&mut word).await.expect("not reset");
            assert_eq!(&word, b"served");
        }
        serving.drained().await;
        let refused = TcpStream::connect(addr).await.expect_err("closed");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn sessions_hear_of_the_stop() {
    run(2, async {
        let (listener, connector) = mem::listener(1024);
        let serving =
            Acceptor::new(vec![listener]).serve(|mut stream, mut session: Session| async move {
                assert!(!session.is_stopping());
                stream.write_all(b"hello").await.expect("written");
                session.stopping().await;
                assert!(session.is_stopping());
                stream.write_all(b"bye").await.expect("written");
            });
        let mut clients = Vec::new();
        for _ in 0..100 {
            let mut client = connector.connect().await.expect("connected");
            client.read_exact(&mut [0; 5]).await.expect("served");
            clients.push(client);
        }
        assert_eq!(serving.connections(), 100);
        serving.stop();
        for client in &mut clients {
            let mut word = [0; 3];
            client.read_exact(&mut word).await.expect("told");
            assert_eq!(&word, b"bye");
        }
        serving.drained().await;
    });
}

#[test]
fn what_does_not_end_in_time_is_cut_and_counted() {
    let runtime = Builder::new()
        .cores(1)
        .test_clock(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let dropped = Arc::new(AtomicUsize::new(0));
        struct Bomb(Arc<AtomicUsize>);
        impl Drop for Bomb {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::AcqRel);
            }
        }
        let (listener, connector) = mem::listener(1024);
        let counter = Arc::clone(&dropped);
        let serving = Acceptor::new(vec![listener]).serve(move |mut stream: MemStream, session| {
            let bomb = Bomb(Arc::clone(&counter));
            async move {
                stream.write_all(b"x").await.expect("written");
                // Every third one ends when asked to; the others hang.
                let mut session: Session = session;
                session.stopping().await;
                let mut kind = [0];
                stream.read_exact(&mut kind).await.expect("told");
                if kind[0] != 0 {
                    std::future::pending::<()>().await;
                }
                drop(bomb);
            }
        });
        let mut clients = Vec::new();
        for n in 0..30_u8 {
            let mut client = connector.connect().await.expect("connected");
            client.read_exact(&mut [0]).await.expect("served");
            client.write_all(&[n % 3]).await.expect("written");
            clients.push(client);
        }
        let before = time::now();
        assert_eq!(serving.shut_down(Duration::from_secs(3600)).await, 20);
        assert!(time::now() - before >= Duration::from_secs(3600));
        assert_eq!(dropped.load(Ordering::Acquire), 30);
        assert_eq!(serving.connections(), 0);
        for client in &mut clients {
            assert_eq!(client.read(&mut [0]).await.expect("the end"), 0);
        }
    });
}

#[test]
fn the_connection_limit_holds_and_everybody_is_served() {
    // In batches: with twenty thousand at a time the kernel drops SYNs of a full backlog and spends
    // milliseconds on each search for a free port, which is not what this is about.
    let (rounds, clients) = (count(1, 70), 300);
    run(2, async move {
        const LIMIT: usize = 7;
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (now_, most_) = (Arc::clone(&now), Arc::clone(&most));
        let serving = Acceptor::bind("127.0.0.1:0")
            .expect("bound")
            .max_connections(LIMIT)
            .serve(move |mut stream: TcpStream, _| {
                let (now, most) = (Arc::clone(&now_), Arc::clone(&most_));
                async move {
                    most.fetch_max(now.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
                    task::yield_now().await;
                    let mut byte = [0];
                    stream.read_exact(&mut byte).await.expect("read");
                    stream.write_all(&byte).await.expect("written");
                    now.fetch_sub(1, Ordering::AcqRel);
                }
            });
        let addr = serving.local_addr().expect("an address");
        for _ in 0..rounds {
            let tasks: Vec<_> = (0..clients)
                .map(|n| {
                    ringspun_runtime::spawn(async move {
                        let mut client = TcpStream::connect(addr).await.expect("connected");
                        client.write_all(&[n as u8]).await.expect("written");
                        let mut byte = [0];
                        client
                            .read_exact(&mut byte)
                            .await
                            .expect("served in the end");
                        assert_eq!(byte[0], n as u8);
                    })
                })
                .collect();
            for task in tasks {
                task.await.expect("no panic");
            }
        }
        let most = most.load(Ordering::Acquire);
        assert!((1..=LIMIT).contains(&most), "{most} at a time");
        serving.stop();
        serving.drained().await;
    });
}

#[test]
fn a_panic_in_a_handler_ends_its_connection_only() {
    run(2, async {
        let (listener, connector) = mem::listener(1024);
        let serving = Acceptor::new(vec![listener]).serve(|mut stream: MemStream, _| async move {
            let mut byte = [0];
            while stream.read_exact(&mut byte).await.is_ok() {
                assert!(byte[0] != b'!', "asked to panic");
                stream.write_all(&byte).await.expect("written");
            }
        });
        let mut calm = connector.connect().await.expect("connected");
        for _ in 0..20 {
            let mut wild = connector.connect().await.expect("connected");
            wild.write_all(b"!").await.expect("written");
            assert!(
                matches!(wild.read(&mut [0]).await, Ok(0) | Err(_)),
                "closed"
            );
            calm.write_all(b"x").await.expect("written");
            calm.read_exact(&mut [0]).await.expect("unaffected");
        }
        drop(calm);
        serving.stop();
        serving.drained().await;
    });
}

/// The closure itself may panic as well, before it has made a future.
#[test]
fn a_panic_in_the_closure_does_not_end_the_loop() {
    run(1, async {
        let (listener, connector) = mem::listener(1024);
        let calls = Arc::new(AtomicUsize::new(0));
        let serving = Acceptor::new(vec![listener]).serve(move |stream: MemStream, _| {
            assert!(calls.fetch_add(1, Ordering::AcqRel) > 2, "not yet");
            echo(stream)
        });
        for _ in 0..3 {
            let mut client = connector.connect().await.expect("connected");
            assert_eq!(client.read(&mut [0]).await.expect("closed"), 0);
        }
        let mut client = connector.connect().await.expect("connected");
        client.write_all(b"x").await.expect("written");
        client.read_exact(&mut [0]).await.expect("served");
        serving.stop();
        drop(client);
        serving.drained().await;
    });
}
