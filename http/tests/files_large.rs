//! A file of 100 MiB to a client over each transport: every byte arrives, and the process never
//! holds more than a little of it. The only test of its binary, since it watches the memory of all.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::tcp::{connect, head, serve};
use common::tree::Tree;
use common::{Host, run};
use ringspun_http::files::OpenFile;
use ringspun_http::{Request, Response, Router};
use ringspun_net::ListenOptions;

/// Counts the bytes that are taken, and the most that ever were.
struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = TAKEN.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(taken, Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract, which is the same one.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract, which is the same one.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

const LENGTH: usize = 100 << 20;

/// Checks that a piece at this position is that of `Tree::sparse`; gives the next position.
fn check(piece: &[u8], at: usize) -> usize {
    // What is not zero stands in the first bytes of each MiB.
    const STEP: usize = 1 << 20;
    let mut rest = piece;
    let mut position = at;
    while !rest.is_empty() {
        let (number, offset) = (position / STEP, position % STEP);
        let start = (number * STEP + 1).to_be_bytes();
        let count = if offset < 8 {
            let count = rest.len().min(8 - offset);
            assert_eq!(
                rest[..count],
                start[offset..offset + count],
                "at {position}"
            );
            count
        } else {
            let count = rest.len().min(STEP - offset);
            assert!(rest[..count].iter().all(|&byte| byte == 0), "at {position}");
            count
        };
        rest = &rest[count..];
        position += count;
    }
    position
}

#[test]
fn a_large_file_takes_little_memory() {
    let tree = Tree::new();
    let path = tree.sparse("file", LENGTH as u64);
    let app = Router::new().get("/", move |request: Request| {
        let file = File::open(&path).and_then(OpenFile::from_std);
        async move { file.map_or_else(|_| Response::text("no file"), |file| file.respond(&request)) }
    });
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    let before = TAKEN.load(Ordering::Relaxed);
    serve(app.clone(), ListenOptions::new(), move |addr| {
        let mut stream = connect(addr);
        stream.write_all(request).expect("sent");
        assert!(head(&mut stream).contains("\r\nContent-Length: 104857600\r\n"));
        let (mut buffer, mut at) = (vec![0; 100_000], 0);
        loop {
            match stream.read(&mut buffer).expect("read") {
                0 => break,
                count => at = check(&buffer[..count], at),
            }
        }
        assert_eq!(at, LENGTH);
    });
    run(async move {
        let host = Host::start(app);
        let mut client = host.connect().await;
        client.send(request).await;
        let (mut buffer, mut at) = (vec![0; 100_000], 0);
        let mut head = Vec::new();
        loop {
            let count = client.stream.read(&mut buffer).await.expect("read");
            let mut piece = &buffer[..count];
            if count == 0 {
                break;
            }
            while !head.ends_with(b"\r\n\r\n") && !piece.is_empty() {
                head.push(piece[0]);
                piece = &piece[1..];
            }
            at = check(piece, at);
        }
        assert_eq!(at, LENGTH);
    });
    let most = MOST.load(Ordering::Relaxed) - before;
    println!("at most {} KiB on the heap", most / 1024);
    assert!(most < 8 << 20, "{most}");
}
