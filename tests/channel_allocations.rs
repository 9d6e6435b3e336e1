//! Nothing is allocated by a send, a receive or a select once the channel is there, and nothing stays behind.
//!
//! Each thread counts what it allocates: the test harness has threads of its own.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::pin::pin;

use ringspun::channel::{Receiver, Select, Sender, channel};
use ringspun::{Builder, select, spawn};
use support::by_hand::poll_now;
use support::{count, within_limit};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// Bytes allocated and not freed.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE.set(LIVE.get() + layout.size() as isize);
        // SAFETY: the caller's layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as isize);
        // SAFETY: the caller got `place` by `alloc` with this layout.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Runs `f` once, to let things grow, then again and again without an allocation.
fn allocates_nothing(name: &str, rounds: usize, mut f: impl FnMut()) {
    f();
    let before = (ALLOCATIONS.get(), LIVE.get());
    (0..rounds).for_each(|_| f());
    let after = (ALLOCATIONS.get(), LIVE.get());
    assert_eq!(before, after, "{name}: allocations, bytes");
}

/// The operations of one channel: at once, waiting, served, given up.
fn alone(tx: &Sender<u64>, rx: &Receiver<u64>, rounds: usize) {
    let name = |what| format!("{what}, capacity {}", tx.capacity());
    allocates_nothing(&name("receive that waits"), rounds, || {
        let mut recv = pin!(rx.recv());
        assert_eq!(poll_now(recv.as_mut()), None);
        assert_eq!(poll_now(recv.as_mut()), None);
        tx.try_send(1).unwrap();
        assert_eq!(poll_now(recv.as_mut()), Some(Some(1)));
    });
    allocates_nothing(&name("receive given up"), rounds, || {
        assert_eq!(poll_now(pin!(rx.recv())), None);
    });
    allocates_nothing(&name("value given back"), rounds, || {
        {
            let mut recv = pin!(rx.recv());
            assert_eq!(poll_now(recv.as_mut()), None);
            tx.try_send(1).unwrap();
        }
        assert_eq!(rx.try_recv(), Ok(1));
    });
    allocates_nothing(&name("fill, send that waits, drain"), rounds, || {
        for n in 0..tx.capacity() as u64 {
            assert_eq!(poll_now(pin!(tx.send(n))), Some(Ok(())));
        }
        let mut send = pin!(tx.send(64));
        assert_eq!(poll_now(send.as_mut()), None);
        assert_eq!(poll_now(pin!(tx.send(65))), None);
        assert!(tx.try_send(66).is_err());
        for _ in 0..=tx.capacity() {
            assert!(poll_now(pin!(rx.recv())).is_some());
        }
        assert_eq!(poll_now(send.as_mut()), Some(Ok(())));
    });
}

fn selects(tx: &Sender<u64>, rx: &Receiver<u64>, rounds: usize) {
    let name = |what| format!("{what}, capacity {}", tx.capacity());
    let (_open, quiet) = channel::<u64>(1);
    let once = || async {
        select! { value = rx.recv() => value, value = quiet.recv() => value }
    };
    allocates_nothing(&name("select on idle channels"), rounds, || {
        assert_eq!(poll_now(pin!(once())), None);
    });
    allocates_nothing(&name("select that waits"), rounds, || {
        let mut select = pin!(once());
        assert_eq!(poll_now(select.as_mut()), None);
        tx.try_send(1).unwrap();
        assert_eq!(poll_now(select.as_mut()), Some(Some(1)));
    });
    allocates_nothing(&name("select with default"), rounds, || {
        let select = async {
            select! { _ = rx.recv() => 1, _ = quiet.recv() => 2, default => 3 }
        };
        assert_eq!(poll_now(pin!(select)), Some(3));
    });
    allocates_nothing(&name("select that sends"), rounds, || {
        let mut recv = pin!(rx.recv());
        assert_eq!(poll_now(recv.as_mut()), None);
        let select = async {
            select! { sent = tx.send(5) => sent.is_ok(), _ = quiet.recv() => false }
        };
        assert_eq!(poll_now(pin!(select)), Some(true));
        assert_eq!(poll_now(recv.as_mut()), Some(Some(5)));
    });
}

fn dynamic_selects(tx: &Sender<u64>, rx: &Receiver<u64>, arms: usize, rounds: usize) {
    let others: Vec<_> = (1..arms).map(|_| channel::<u64>(1)).collect();
    let mut select = Select::new();
    select.recv(rx, |value| value);
    for (_, other) in &others {
        select.recv(other, |value| value);
    }
    let name = |what| format!("{what} of {arms}, capacity {}", tx.capacity());
    allocates_nothing(&name("idle dynamic select"), rounds, || {
        assert_eq!(poll_now(pin!(select.wait())), None);
        assert_eq!(poll_now(pin!(select.try_wait())), Some(None));
    });
    allocates_nothing(&name("dynamic select that waits"), rounds, || {
        let mut wait = pin!(select.wait());
        assert_eq!(poll_now(wait.as_mut()), None);
        tx.try_send(1).unwrap();
        assert_eq!(poll_now(wait.as_mut()), Some(Some((0, Some(1)))));
    });
}

/// Two tasks that pass values back and forth.
fn ping_pong(capacity: usize, rounds: usize) {
    // The task stays on the thread that counts.
    let builder = Builder::new().cores(1);
    let runtime = builder.hand_off_after(None).build().unwrap();
    let ((there, ping), (back, pong)) = (channel(capacity), channel(capacity));
    let playing = runtime.handle().spawn(async move {
        spawn(async move {
            while let Some(n) = ping.recv().await {
                back.send(n).await.unwrap();
            }
        });
        let mut before = 0;
        for n in 0..rounds + 100 {
            if n == 100 {
                before = ALLOCATIONS.get();
            }
            there.send(n).await.unwrap();
            let got = select! { got = pong.recv() => got, got = pong.recv() => got };
            assert_eq!(got, Some(n));
        }
        ALLOCATIONS.get() - before
    });
    // A few for the report of a poll that was slow because the thread did not run.
    let allocations = runtime.block_on(playing).unwrap();
    assert!(allocations < 10, "{allocations}, capacity {capacity}");
}

#[test]
fn no_operation_allocates() {
    let rounds = count(2_000, 1_000_000);
    within_limit(move || {
        for capacity in [0, 1, 64] {
            let (tx, rx) = channel(capacity);
            alone(&tx, &rx, rounds.min(100_000));
            selects(&tx, &rx, rounds);
            for arms in [2, 64, 200] {
                dynamic_selects(&tx, &rx, arms, rounds);
            }
            ping_pong(capacity, rounds.min(100_000));
        }
    });
}
