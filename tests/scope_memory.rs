//! Scopes that live for ever keep nothing of what has come and gone in them. Counted in bytes, so these
//! tests are alone in their file, and run one at a time.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::AtomicIsize;
use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Waker};
use std::time::Duration;

use ringspun::scope::{CancelToken, TaskGroup};
use ringspun::{Builder, task};
use support::{alone, becomes, count};

/// Bytes allocated and not freed, by all threads.
static LIVE: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    /// The same of this thread: the test harness has threads of its own.
    static HERE: Cell<isize> = const { Cell::new(0) };
}

fn add(bytes: isize) {
    LIVE.fetch_add(bytes, SeqCst);
    HERE.set(HERE.get() + bytes);
}

struct Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as isize);
        // SAFETY: the caller's contract is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        add(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `f` allocates, and its result keeps.
fn bytes<T>(f: impl FnOnce() -> T) -> isize {
    let before = HERE.get();
    let value = f();
    let bytes = HERE.get() - before;
    drop(value);
    assert_eq!(HERE.get(), before, "something is left");
    bytes
}

#[test]
fn dead_children_waits_and_functions_leave_no_trace() {
    let _alone = alone();
    let token = CancelToken::new();
    let before = HERE.get();
    for _ in 0..count(1_000_000, 10_000_000) {
        let child = token.child();
        let mut waits = pin!(child.cancelled());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waits.as_mut().poll(&mut cx).is_pending());
        drop(token.on_cancel(|| {}));
    }
    assert_eq!(HERE.get(), before);
}

#[test]
fn a_token_is_small_and_waiting_allocates_nothing() {
    let _alone = alone();
    let token = CancelToken::new();
    let sizes = (bytes(CancelToken::new), bytes(|| token.child()));
    println!("a token takes {} bytes, a child {}", sizes.0, sizes.1);
    assert!(sizes.0 <= 192 && sizes.1 <= 320, "{sizes:?}");
    let mut waits = pin!(token.cancelled());
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(bytes(|| waits.as_mut().poll(&mut cx).is_pending()), 0);
}

#[test]
fn deadlines_leave_no_trace() {
    let _alone = alone();
    let runtime = Builder::new().cores(1).build().unwrap();
    let _entered = runtime.handle().enter();
    let token = CancelToken::new();
    let round = |n| {
        for _ in 0..n {
            let child = token.child_with_timeout(Duration::from_secs(3600));
            assert!(!child.is_cancelled());
        }
    };
    round(1_000);
    let before = HERE.get();
    round(count(100_000, 1_000_000));
    assert_eq!(HERE.get(), before);
}

/// A server's group: children come and go for ever, and half of them fail.
#[test]
fn a_group_that_discards_keeps_nothing() {
    let _alone = alone();
    let runtime = Builder::new().cores(2).build().unwrap();
    let mut group = TaskGroup::<Result<[u8; 64], ()>>::supervisor()
        .limit(16)
        .discard();
    let mut round = async |n: usize| {
        for i in 0..n {
            group
                .spawn(async move {
                    task::yield_now().await;
                    if i % 2 == 0 { Ok([0; 64]) } else { Err(()) }
                })
                .await;
        }
    };
    runtime.block_on(round(20_000));
    becomes(0, || runtime.handle().dump().tasks().len());
    let before = LIVE.load(SeqCst);
    runtime.block_on(round(count(300_000, 3_000_000)));
    becomes(0, || runtime.handle().dump().tasks().len());
    let grown = LIVE.load(SeqCst) - before;
    // Less than a byte for each child; a thread that the runtime starts meanwhile takes some.
    assert!(grown < 256 * 1024, "{grown} bytes more");
    assert_eq!(group.len(), 0);
    assert!(runtime.block_on(group.join_next()).is_none());
}
