//! `Builder::around_threads`: what a hook holds is held on every thread that runs code of the program,
//! from its first task to its last, and given back with the thread.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use ringspun::{Builder, Handle, block_in_place, spawn, spawn_blocking, spawn_local};

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Counts what is held, on this thread and in all.
struct Held(Arc<AtomicUsize>);

impl Held {
    fn new(all: &Arc<AtomicUsize>) -> Self {
        DEPTH.set(DEPTH.get() + 1);
        all.fetch_add(1, Ordering::Relaxed);
        Self(all.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn depth() -> usize {
    DEPTH.get()
}

#[test]
fn every_thread_holds_it_for_its_life() {
    let all = Arc::new(AtomicUsize::new(0));
    let counted = all.clone();
    let builder = Builder::new().cores(2).around_threads(move |life| {
        let _held = Held::new(&counted);
        life();
    });
    let runtime = builder.build().expect("a runtime");
    runtime.block_on(async {
        assert_eq!(depth(), 1, "in block_on");
        assert_eq!(spawn(async { depth() }).await.expect("no panic"), 1);
        assert_eq!(spawn_blocking(depth).await.expect("no panic"), 1);
        let local = spawn(async { spawn_local(async { depth() }).await });
        assert_eq!(local.await.expect("no panic").expect("no panic"), 1);
        // A job that blocks on a future of the runtime holds it once more meanwhile.
        let nested = spawn_blocking(|| Handle::current().block_on(async { depth() }));
        assert_eq!(nested.await.expect("no panic"), 2);
        // Spares take over both cores while their threads block.
        let (sender, receiver) = mpsc::channel();
        let blocked = spawn(async move {
            block_in_place(|| {
                for core in 0..2 {
                    let sender = sender.clone();
                    let told = async move { sender.send(depth()).expect("the test waits") };
                    Handle::current().spawn_on(core, told);
                }
                [(); 2].map(|()| receiver.recv_timeout(Duration::from_secs(60)))
            })
        });
        assert_eq!(blocked.await.expect("no panic"), [Ok(1), Ok(1)]);
    });
    assert_eq!(depth(), 0);
    assert!(all.load(Ordering::Relaxed) >= 3);
    drop(runtime);
    assert_eq!(
        all.load(Ordering::Relaxed),
        0,
        "each thread has given it back"
    );
}

#[test]
fn a_panic_of_block_on_goes_through() {
    let builder = Builder::new().cores(1).around_threads(|life| life());
    let runtime = builder.build().expect("a runtime");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        runtime.block_on(async { panic!("the program's own") })
    }));
    let payload = panicked.expect_err("it panics");
    assert_eq!(payload.downcast_ref(), Some(&"the program's own"));
    assert_eq!(runtime.block_on(async { 7 }), 7);
}
