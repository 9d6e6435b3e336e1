//! How often a GET on a kept connection allocates, once its thread has warmed up.
//!
//! The allocator counts everything in the process; the server answers without allocating, so what
//! is left is the client's. This is the only test of its binary, so that nothing runs beside.

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::IntoFuture;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringspun_http::{Client, Router, Server};
use ringspun_net::{MemConnector, mem};
use ringspun_runtime::{Builder, spawn};

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

async fn drive(client: &Client<MemConnector>, rounds: usize) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..rounds {
        let mut reply = client.get("http://server/").await.expect("an answer");
        assert_eq!(reply.status(), 200);
        let body = reply.bytes(64).await.expect("a body");
        assert_eq!(body, "Hello, World!");
    }
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[test]
fn a_get_on_a_kept_connection_allocates_little() {
    let app = Router::new().get("/", async |_| "Hello, World!");
    // No hand-off where the machine is busy: another thread begins with empty pools.
    let builder = Builder::new().cores(1).hand_off_after(None);
    let runtime = builder.build().expect("a runtime");
    let least = runtime.block_on(async {
        let (listener, connector) = mem::listener(64 * 1024);
        let server = Server::from_listener(listener).without_signals().serve(app);
        spawn(server.into_future());
        let client = Client::builder().connector(connector).build();
        let asking = spawn(async move {
            drive(&client, 200).await;
            // The least of several: where the host takes the CPU away, others allocate as well.
            let mut least = usize::MAX;
            for _ in 0..20 {
                least = least.min(drive(&client, 1000).await);
            }
            assert_eq!(client.idle_connections(), 1);
            least
        });
        asking.await.expect("no panic")
    });
    println!("{} allocations in 1000 requests", least);
    assert!(least <= 1000 * ALLOWED, "{least} in 1000 requests");
}

/// Allocations of one request: its text, and the body of the reply.
const ALLOWED: usize = 2;
