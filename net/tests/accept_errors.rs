//! Errors of `accept` (F2, F3): injected ten thousand times each, by a listener that fails; the
//! loop goes on, pauses only where waiting helps, and never spins.

mod common;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use common::{count, run, run_by};
use ringspun_net::{Acceptor, Listener, MemConnector, MemListener, MemStream, mem};
use ringspun_runtime::{Builder, task, time};

/// Fails with `errno` the next `failures` times, then accepts from memory.
struct Faulty {
    inner: MemListener,
    errno: i32,
    failures: Arc<AtomicUsize>,
    /// When the attempts were made, while there are failures.
    attempts: Arc<Mutex<Vec<std::time::Instant>>>,
}

impl Faulty {
    fn new(errno: i32, failures: usize) -> (Self, MemConnector) {
        let (inner, connector) = mem::listener(1024);
        let failures = Arc::new(AtomicUsize::new(failures));
        (
            Self {
                inner,
                errno,
                failures,
                attempts: Arc::default(),
            },
            connector,
        )
    }
}

impl Listener for Faulty {
    type Accepted = MemStream;
    type Stream = MemStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<MemStream>> {
        let left = self.failures.load(Ordering::Acquire);
        if left > 0 {
            self.failures.store(left - 1, Ordering::Release);
            self.attempts.lock().expect("no panic").push(time::now());
            return Poll::Ready(Err(io::Error::from_raw_os_error(self.errno)));
        }
        self.inner.poll_accept(cx)
    }

    fn try_accept(&mut self) -> io::Result<MemStream> {
        self.inner.try_accept()
    }

    fn open(accepted: MemStream, core: usize) -> io::Result<MemStream> {
        MemListener::open(accepted, core)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// On virtual time: the pauses of ten thousand errors take hours.
fn on_virtual_time<F: Future>(test: F) -> F::Output {
    let runtime = Builder::new()
        .cores(1)
        .test_clock(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async { runtime.handle().spawn(async {}).await.expect("runs") });
    runtime.block_on(test)
}

async fn echoes(connector: &MemConnector) {
    let mut client = connector.connect().await.expect("connected");
    client.write_all(b"alive").await.expect("written");
    let mut word = [0; 5];
    client.read_exact(&mut word).await.expect("served");
    assert_eq!(&word, b"alive");
}

async fn echo(mut stream: MemStream) {
    let mut buf = [0; 64];
    while let Ok(n) = stream.read(&mut buf).await {
        if n == 0 || stream.write_all(&buf[..n]).await.is_err() {
            break;
        }
    }
}

#[test]
fn errors_about_resources_pause_and_recover() {
    let errors = count(1000, 10_000);
    for errno in [
        libc::ENFILE,
        libc::EMFILE,
        libc::ENOBUFS,
        libc::ENOMEM,
        libc::EPERM,
    ] {
        on_virtual_time(async move {
            let (listener, connector) = Faulty::new(errno, errors);
            let attempts = Arc::clone(&listener.attempts);
            let serving = Acceptor::new(vec![listener]).serve(|stream, _| echo(stream));
            echoes(&connector).await;
            let stats = serving.stats()[0];
            assert_eq!(
                (stats.errors, stats.back_offs),
                (errors as u64, errors as u64)
            );
            let attempts = attempts.lock().expect("no panic").clone();
            let mut pauses = attempts.windows(2).map(|pair| pair[1] - pair[0]);
            let mut expected = Duration::from_millis(5);
            for pause in pauses.by_ref() {
                // The clock may run a little beside the virtual time.
                assert!(pause >= expected, "{pause:?} instead of {expected:?}");
                expected = (expected * 2).min(Duration::from_secs(1));
            }
            println!(
                "F2 errno {errno}: {errors} errors, 0 loop exits, {} attempts",
                attempts.len()
            );
            serving.stop();
            serving.stopped().await;
        });
    }
}

#[test]
fn aborted_connections_are_passed_over_without_a_pause() {
    let errors = count(10_000, 100_000);
    for errno in [
        libc::ECONNABORTED,
        libc::EPROTO,
        libc::EINTR,
        libc::ENETDOWN,
    ] {
        run(1, async move {
            let (listener, connector) = Faulty::new(errno, errors);
            let serving = Acceptor::new(vec![listener]).serve(|stream, _| echo(stream));
            echoes(&connector).await;
            let stats = serving.stats()[0];
            assert_eq!(
                (stats.errors, stats.back_offs, stats.accepted),
                (errors as u64, 0, 1)
            );
            println!("F3 errno {errno}: {errors} errors, 0 back-offs");
        });
    }
}

#[test]
fn a_storm_of_errors_lets_other_tasks_run() {
    // No hand-off where the machine is busy: then both tasks would run at once.
    run_by(Builder::new().cores(1).hand_off_after(None), async {
        let (listener, _connector) = Faulty::new(libc::ECONNABORTED, usize::MAX);
        let failures = Arc::clone(&listener.failures);
        let serving = Acceptor::new(vec![listener]).serve(|stream, _| echo(stream));
        // A task on the same core gets its turns: at most 16 errors between two of them, as soon
        // as both tasks are there.
        let other = ringspun_runtime::spawn(async move {
            while failures.load(Ordering::Acquire) == usize::MAX {
                task::yield_now().await;
            }
            let mut most = 0;
            for _ in 0..1000 {
                let before = failures.load(Ordering::Acquire);
                task::yield_now().await;
                most = most.max(before - failures.load(Ordering::Acquire));
            }
            most
        });
        let most = other.await.expect("no panic");
        assert!((1..=64).contains(&most), "{most} errors in one turn");
        serving.stop();
        serving.stopped().await;
    });
}

#[test]
fn a_connection_that_ends_cuts_the_pause_short() {
    on_virtual_time(async {
        let (listener, connector) = Faulty::new(libc::EMFILE, 0);
        let failures = Arc::clone(&listener.failures);
        let serving = Acceptor::new(vec![listener]).serve(|stream, _| echo(stream));
        let mut held = connector.connect().await.expect("connected");
        held.write_all(b"x").await.expect("written");
        held.read_exact(&mut [0]).await.expect("served");
        // From now on there are no descriptors.
        failures.store(usize::MAX, Ordering::Release);
        let mut next = connector.connect().await.expect("in the backlog");
        next.write_all(b"y").await.expect("written");
        while serving.stats()[0].back_offs < 12 {
            time::sleep(Duration::from_millis(100)).await;
        }
        // The pause is one second now. One descriptor comes back.
        failures.store(0, Ordering::Release);
        let freed = time::now();
        drop(held);
        next.read_exact(&mut [0]).await.expect("served");
        let waited = time::now() - freed;
        println!("F1 accept after a descriptor came free: {waited:?}");
        assert!(
            waited < Duration::from_millis(500),
            "waited for the timer: {waited:?}"
        );
    });
}

#[test]
fn a_listener_nobody_can_reach_ends_its_loop() {
    run(1, async {
        let (listener, connector) = mem::listener(1024);
        let serving = Acceptor::new(vec![listener]).serve(|stream, _| echo(stream));
        echoes(&connector).await;
        drop(connector);
        serving.stopped().await;
    });
}
