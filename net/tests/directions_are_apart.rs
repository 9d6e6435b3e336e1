//! H7: what happens in one direction does not poll the task that waits in the other.

mod common;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{both, cancel_after, count, run};
use ringspun_net::{TcpListener, TcpStream};
use ringspun_runtime::{spawn, task};
use socket2::SockRef;

#[test]
fn who_waits_to_read_sleeps_through_write_events() {
    let rounds = count(1000, 100_000);
    run(1, async move {
        let mut listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let (peer, stream) = both(TcpStream::connect(addr), listener.accept()).await;
        let (mut peer, stream) = (peer.expect("connected"), stream.expect("accepted").0);
        SockRef::from(&stream)
            .set_send_buffer_size(1 << 16)
            .expect("set");
        let (mut read, mut write) = stream.into_split();
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = polls.clone();
        let reader = spawn(async move {
            let mut byte = [0];
            let mut read = pin!(read.read(&mut byte));
            std::future::poll_fn(|cx| {
                counted.fetch_add(1, Ordering::Relaxed);
                read.as_mut().poll(cx)
            })
            .await
        });
        while polls.load(Ordering::Relaxed) == 0 {
            task::yield_now().await;
        }
        let piece = vec![0; 1 << 16];
        let mut buffer = vec![0; 1 << 16];
        for _ in 0..rounds {
            let mut sent = 0;
            while let Some(written) = cancel_after(1, write.write(&piece)).await {
                sent += written.expect("written");
            }
            while sent > 0 {
                sent -= peer.read(&mut buffer).await.expect("read");
            }
            // Waits for the event that says that there is room again.
            let written = write.write(&piece[..1]).await.expect("written");
            peer.read_exact(&mut buffer[..written]).await.expect("read");
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1, "a busy poll");
        println!("H7 {rounds} write events: 0 polls of the task that reads");
        peer.write_all(b"x").await.expect("written");
        assert_eq!(reader.await.expect("no panic").expect("read"), 1);
    });
}
