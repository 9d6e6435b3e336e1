//! A kept connection answers without allocating, once its thread has warmed up.
//!
//! The allocator counts everything in the process, so the client must not allocate either: it
//! works on buffers of its own. This is the only test of its binary, so that nothing runs beside.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::IntoFuture;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ringspun_http::{Request, Response, Router, Server};
use ringspun_net::{MemStream, mem};
use ringspun_runtime::{Builder, spawn, time};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract, which is the same one.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps to the contract, which is the same one.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract, which is the same one.
        unsafe { System.realloc(ptr, layout, size) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

/// Sends `request` so many times, each time waiting for a response of `length` bytes.
async fn drive(stream: &mut MemStream, request: &[u8], length: usize, rounds: usize) -> usize {
    let mut buffer = [0; 8192];
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..rounds {
        stream.write_all(request).await.expect("the server reads");
        stream
            .read_exact(&mut buffer[..length])
            .await
            .expect("the server answers");
        assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

/// The least of several [`drive`]s: where the host takes the CPU away for long, a poll is cut short or
/// reported as slow, and that allocates once. What allocates for each request does so in all of them.
async fn steady(stream: &mut MemStream, request: &[u8], length: usize, count: usize) -> usize {
    let mut least = usize::MAX;
    for _ in 0..20 {
        least = least.min(drive(stream, request, length, count).await);
        if least == 0 {
            break;
        }
    }
    least
}

/// The length of the response to `request`.
async fn length_of(stream: &mut MemStream, request: &[u8]) -> usize {
    let mut buffer = [0; 8192];
    stream.write_all(request).await.expect("the server reads");
    let mut length = 0;
    while !buffer[..length].ends_with(b"!") {
        length += stream
            .read(&mut buffer[length..])
            .await
            .expect("the server answers");
    }
    length
}

#[test]
fn a_kept_connection_answers_without_allocating() {
    let app = Router::new()
        .get("/plaintext", async |_| "Hello, World!")
        .get("/users/{id}", async |request: Request| {
            let is_seven = request.raw_param("id") == Some("7");
            if is_seven { "seven!" } else { "another!" }
        })
        .get("/headers", async |request: Request| {
            let agent = request.header("user-agent").is_some();
            Response::json(if agent { "{\"agent\":1}!" } else { "{}!" })
        });
    // No hand-off where the machine is busy: another thread begins with empty pools.
    let builder = Builder::new().cores(1).hand_off_after(None);
    let runtime = builder.build().expect("a runtime");
    let figures = runtime.block_on(async {
        let (listener, connector) = mem::listener(64 * 1024);
        let server = Server::from_listener(listener).without_signals().serve(app);
        spawn(server.into_future());
        let client = spawn(async move {
            let mut stream = connector.connect().await.expect("the server listens");
            let mut figures = Vec::new();
            for path in ["/plaintext", "/users/7", "/headers"] {
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"
                );
                let length = length_of(&mut stream, request.as_bytes()).await;
                drive(&mut stream, request.as_bytes(), length, 200).await;
                // The server waits for once: its timer is made at the first wait.
                time::sleep(Duration::from_millis(1)).await;
                let count = steady(&mut stream, request.as_bytes(), length, 10_000).await;
                figures.push((path, count));
            }
            let pipelined = b"GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n".repeat(16);
            let length = 16 * length_of(&mut stream, &pipelined[..pipelined.len() / 16]).await;
            drive(&mut stream, &pipelined, length, 200).await;
            let count = steady(&mut stream, &pipelined, length, 1000).await;
            figures.push(("pipelined", count));
            figures
        });
        client.await.expect("the client does not panic")
    });
    for (what, count) in figures {
        println!("{what}: {count} allocations in steady state");
        assert_eq!(count, 0, "{what}");
    }
}
