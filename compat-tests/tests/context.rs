//! Where tokio's context is: on every thread of the runtime.

use std::time::Duration;

use ringspun::net::{TcpListener, TcpStream, mem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Handle;

/// Panics where there is no context.
fn id() -> tokio::runtime::Id {
    Handle::current().id()
}

#[test]
fn every_thread_is_in_the_context() {
    let runtime = ringspun::Builder::new()
        .cores(2)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let here = id();
        assert_eq!(
            ringspun::spawn(async { id() }).await.expect("a worker"),
            here
        );
        assert_eq!(
            ringspun::spawn_blocking(id)
                .await
                .expect("a blocking thread"),
            here
        );
        // A spare takes the core over while this thread blocks.
        let in_place = ringspun::spawn(async {
            let (sender, receiver) = std::sync::mpsc::channel();
            ringspun::block_in_place(|| {
                for core in 0..2 {
                    let sender = sender.clone();
                    let task = async move { sender.send(id()).expect("the test waits") };
                    ringspun::Handle::current().spawn_on(core, task);
                }
                let minute = Duration::from_secs(60);
                [receiver.recv_timeout(minute), receiver.recv_timeout(minute)]
            })
        });
        assert_eq!(in_place.await.expect("no panic"), [Ok(here), Ok(here)]);
        let local = ringspun::spawn(async { ringspun::spawn_local(async { id() }).await });
        assert_eq!(local.await.expect("no panic").expect("no panic"), here);
    });
    // Outside it is as before.
    assert!(Handle::try_current().is_err());
}

#[test]
fn runtimes_without_one_share_the_one_of_the_process() {
    let ids = [1, 2].map(|cores| {
        let runtime = ringspun::Builder::new()
            .cores(cores)
            .build()
            .expect("a runtime");
        runtime.block_on(async { id() })
    });
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_callers_context_is_taken() {
    let here = id();
    let runtime = ringspun::Builder::new()
        .cores(1)
        .build()
        .expect("a runtime");
    let there = runtime.handle().spawn(async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        (id(), tokio::spawn(async { id() }).await.expect("no panic"))
    });
    assert_eq!(there.await.expect("no panic"), (here, here));
    tokio::task::block_in_place(|| drop(runtime));
}

#[test]
fn a_context_can_be_chosen() {
    let theirs = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let builder = ringspun::Builder::new()
        .cores(1)
        .tokio(theirs.handle().clone());
    let runtime = builder.build().expect("a runtime");
    let there = runtime.block_on(async { ringspun::spawn(async { id() }).await });
    assert_eq!(there.expect("no panic"), theirs.handle().id());
}

/// A task of ours that tokio's `block_in_place` blocks loses its core, as with ours: the others go on.
#[test]
fn blocking_in_place_the_tokio_way_holds_nobody_up() {
    let runtime = ringspun::Builder::new()
        .cores(1)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (sender, receiver) = std::sync::mpsc::channel();
        let blocked = ringspun::spawn(async move {
            tokio::task::block_in_place(|| receiver.recv_timeout(Duration::from_secs(60)))
        });
        let other = ringspun::spawn(async move { sender.send(7) });
        other.await.expect("no panic").expect("received");
        assert_eq!(blocked.await.expect("no panic"), Ok(7));
    });
}

/// tokio's budget is for tokio's tasks. In ours, a loop over its channels goes on as long as there is
/// something, and others are served all the same.
#[test]
fn tokios_budget_does_not_count_here() {
    let runtime = ringspun::Builder::new()
        .cores(1)
        .build()
        .expect("a runtime");
    let sum = runtime.block_on(async {
        ringspun::spawn(async {
            assert!(tokio::task::coop::has_budget_remaining());
            let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
            let producer = ringspun::spawn(async move {
                for n in 0..20_000_u64 {
                    sender.send(n).await.expect("received");
                }
            });
            let mut sum = 0;
            while let Some(n) = receiver.recv().await {
                sum += n;
            }
            producer.await.expect("no panic");
            tokio::task::coop::unconstrained(tokio::task::yield_now()).await;
            tokio::task::coop::consume_budget().await;
            sum
        })
        .await
    });
    assert_eq!(sum.expect("no panic"), 199_990_000);
}

/// The text that the hint about the feature looks for is still tokio's.
#[test]
fn tokios_panics_say_what_the_hint_looks_for() {
    let calls: [fn(); 3] = [
        || drop(tokio::spawn(async {})),
        || drop(tokio::time::sleep(Duration::ZERO)),
        || {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
            socket.set_nonblocking(true).expect("not blocking");
            drop(tokio::net::UdpSocket::from_std(socket));
        },
    ];
    for call in calls {
        let payload = std::panic::catch_unwind(call).expect_err("no context here");
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| {
            payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
        });
        let text = text.expect("text");
        assert!(text.contains("context of a Tokio 1.x runtime"), "{text}");
    }
}

/// Our streams through tokio's traits, both kinds of them, with the half-close.
#[test]
fn our_streams_are_tokios() {
    async fn talk(
        mut near: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        mut far: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    ) {
        let echo = ringspun::spawn(async move {
            let mut all = Vec::new();
            AsyncReadExt::read_to_end(&mut far, &mut all)
                .await
                .expect("read");
            AsyncWriteExt::write_all(&mut far, &all)
                .await
                .expect("written");
            AsyncWriteExt::shutdown(&mut far).await.expect("shut down");
        });
        let long = vec![7; 100_000];
        AsyncWriteExt::write_all(&mut near, &long)
            .await
            .expect("written");
        AsyncWriteExt::shutdown(&mut near).await.expect("shut down");
        let mut back = Vec::new();
        AsyncReadExt::read_to_end(&mut near, &mut back)
            .await
            .expect("read");
        assert_eq!(back, long);
        echo.await.expect("no panic");
    }
    let runtime = ringspun::Builder::new()
        .cores(2)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut listener = TcpListener::bind("127.0.0.1:0").expect("listens");
        let addr = listener.local_addr().expect("an address");
        let near = TcpStream::connect(addr).await.expect("connected");
        let (far, _) = listener.accept().await.expect("accepted");
        talk(near, far).await;
        let (near, far) = mem::pair(1024);
        talk(near, far).await;
        // Around what has futures_io's traits only, and back again.
        let (near, far) = mem::pair(1024);
        let wrap = |stream| {
            ringspun::net::compat::ForTokio::new(ringspun::net::compat::FromTokio::new(stream))
        };
        talk(wrap(near), wrap(far)).await;
        // A connection of tokio's, in our reactor.
        let near = tokio::net::TcpStream::connect(addr)
            .await
            .expect("connected");
        let (far, _) = listener.accept().await.expect("accepted");
        talk(TcpStream::try_from(near).expect("taken over"), far).await;
    });
}
