//! R6: tasks that are woken for nothing, all the time, carry every byte all the same.

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use ringspun::net::{TcpListener, TcpStream, io, mem};
use ringspun::{Builder, spawn};
use support::{count, within_limit};

type Wakers = Arc<Mutex<Vec<Waker>>>;

/// Leaves a waker for the shaker at each poll.
struct Shaken<F>(Pin<Box<F>>, Wakers);

impl<F: Future> Future for Shaken<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut wakers = self.1.lock().unwrap();
        if wakers.len() < 64 {
            wakers.push(cx.waker().clone());
        }
        drop(wakers);
        self.0.as_mut().poll(cx)
    }
}

/// Sends a pattern through an echo and compares, with both ends shaken.
macro_rules! transfer {
    ($client:expr, $server:expr, $wakers:expr, $bytes:expr) => {{
        let (mut client, mut server) = ($client, $server);
        let echo = spawn(Shaken(
            Box::pin(async move {
                let (mut read, mut write) = server.split();
                io::copy(&mut read, &mut write).await.unwrap();
                write.close().await.unwrap();
            }),
            $wakers.clone(),
        ));
        let (wakers, bytes) = ($wakers.clone(), $bytes);
        let compare = spawn(Shaken(
            Box::pin(async move {
                let (mut read, mut write) = client.split();
                let pattern = |at: usize| (at % 253) as u8;
                let mut send = pin!(async {
                    let data: Vec<u8> = (0..bytes).map(pattern).collect();
                    write.write_all(&data).await.unwrap();
                    write.close().await.unwrap();
                });
                let mut receive = pin!(async {
                    let (mut at, mut buffer) = (0, [0; 4096]);
                    loop {
                        let n = read.read(&mut buffer).await.unwrap();
                        if n == 0 {
                            return at;
                        }
                        for byte in &buffer[..n] {
                            assert_eq!(*byte, pattern(at), "byte {at}");
                            at += 1;
                        }
                    }
                });
                let mut sent = false;
                std::future::poll_fn(move |cx| {
                    sent = sent || send.as_mut().poll(cx).is_ready();
                    receive.as_mut().poll(cx)
                })
                .await
            }),
            wakers,
        ));
        assert_eq!(compare.await.unwrap(), $bytes);
        echo.await.unwrap();
    }};
}

#[test]
fn wake_ups_for_nothing_lose_and_change_nothing() {
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        let wakers = Wakers::default();
        let stop = Arc::new(AtomicBool::new(false));
        let shaker = std::thread::spawn({
            let (wakers, stop) = (wakers.clone(), stop.clone());
            move || {
                while !stop.load(SeqCst) {
                    let taken = std::mem::take(&mut *wakers.lock().unwrap());
                    taken.into_iter().for_each(Waker::wake);
                    std::thread::yield_now();
                }
            }
        });
        let bytes = count(2_000_000, 200_000_000);
        runtime.block_on(async {
            let mut listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let (server, _) = listener.accept().await.unwrap();
            transfer!(client, server, wakers, bytes);
            let (client, server) = mem::pair(1000);
            transfer!(client, server, wakers, bytes);
        });
        stop.store(true, SeqCst);
        shaker.join().unwrap();
    });
}
