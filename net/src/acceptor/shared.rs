//! What accept loops, connections and [`Serving`](crate::Serving) share.
//!
//! One word says how many connections there are and what is wanted of everybody:
//!
//! ```text
//!   bits 4..   connections being served
//!   bit 3      CLOSED   no more are accepted
//!   bit 2      CUT      connections shall end now
//!   bit 1      STOPPED  no more are accepted, and the sessions are told
//!   bit 0      WAITING  an accept loop waits for a connection to end
//! ```
//!
//! All changes are read-modify-writes, so that "a connection ended" and "I wait for one to end"
//! have an order: either the loop that sets WAITING sees the smaller count, or the connection
//! that ends sees WAITING and wakes the loops. The word is touched twice in the life of a
//! connection, beside the dozen system calls it costs; it is shared between cores because a
//! limit of the whole server is.
//!
//! Wakers:
//! - of the accept loops: stored once each, woken by `stop` and by the end of a connection when
//!   WAITING is set;
//! - of the connections: in the [`Shard`](super::shard::Shard) of their core, so that cores do not meet there.
//!   `cut` wakes the task, `stop` the task's [`Session`](crate::Session) if it waits;
//! - of who waits for the end (`stopped`, `drained`): woken by the last connection that ends
//!   after the close or the stop and by each accept loop that ends. They look again; a waiter stores its waker
//!   before it looks, under the lock that the waking side takes after its change.
//!
//! No lock is held while a waker is called or dropped, and none is taken inside another.

use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

const WAITING: usize = 1;
const STOPPED: usize = 1 << 1;
const CUT: usize = 1 << 2;
const CLOSED: usize = 1 << 3;
const ONE: usize = 1 << 4;

/// The largest limit, and the limit when none is set.
pub(super) const MAX_CONNECTIONS: usize = usize::MAX / ONE;

/// See the head of the file.
#[derive(Debug)]
pub(super) struct Shared {
    /// The word.
    state: AtomicUsize,
    max_connections: usize,
    /// How often there was no room for a connection that may have waited.
    full: AtomicU64,
    /// Accept loops that have not ended.
    loops: AtomicUsize,
    /// By index of the listener. `None` before the first poll and after the end of its loop.
    loop_wakers: Mutex<Vec<Option<Waker>>>,
    /// Waiting for the end.
    done_wakers: Mutex<Vec<Waker>>,
}

impl Shared {
    pub(super) fn new(max_connections: usize, loops: usize) -> Self {
        Self {
            state: AtomicUsize::new(0),
            max_connections,
            full: AtomicU64::new(0),
            loops: AtomicUsize::new(loops),
            loop_wakers: Mutex::new(vec![None; loops]),
            done_wakers: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn connections(&self) -> usize {
        // Acquire: pairs with the release in `leave`, so that who reads 0 also sees what the
        // connections did.
        self.state.load(Ordering::Acquire) / ONE
    }

    pub(super) fn loops(&self) -> usize {
        // Acquire: pairs with `loop_ended`; the listener is closed when this says so.
        self.loops.load(Ordering::Acquire)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state.load(Ordering::Acquire) & STOPPED != 0
    }

    /// Whether no more connections are accepted.
    pub(super) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) & (STOPPED | CLOSED) != 0
    }

    pub(super) fn is_cut(&self) -> bool {
        // Relaxed: nothing is published with the flag; `wake_tasks` brings the task here after it.
        self.state.load(Ordering::Relaxed) & CUT != 0
    }

    /// Whether there is room for one more connection. If not, WAITING is set.
    pub(super) fn has_room(&self) -> bool {
        let before = self.update(|state| {
            if state / ONE < self.max_connections {
                None
            } else {
                Some(state | WAITING)
            }
        });
        if before.is_some_and(|before| before & WAITING == 0) {
            self.full.fetch_add(1, Ordering::Relaxed);
        }
        before.is_none()
    }

    /// How often accepting has paused because there was no room.
    pub(super) fn full(&self) -> u64 {
        // Relaxed: a number to look at.
        self.full.load(Ordering::Relaxed)
    }

    /// Counts one connection. If there is no room, WAITING is set instead.
    pub(super) fn enter(&self) -> bool {
        let before = self.update(|state| {
            if state / ONE < self.max_connections {
                Some(state + ONE)
            } else {
                Some(state | WAITING)
            }
        });
        before.is_some_and(|before| before / ONE < self.max_connections)
    }

    /// A connection has ended: its stream is closed, its slot is free.
    pub(super) fn leave(&self) {
        // Release: what the connection did is seen by who reads the count (`connections`).
        // Acquire: pairs with the release that set WAITING, CLOSED or STOPPED.
        let before = self.state.fetch_sub(ONE, Ordering::AcqRel);
        if before & WAITING != 0 {
            self.state.fetch_and(!WAITING, Ordering::AcqRel);
            self.wake_loops();
        }
        if before & (STOPPED | CLOSED) != 0 && before / ONE == 1 {
            self.wake_done();
        }
    }

    /// An accept loop starts to wait for the end of a connection, beside a timer.
    pub(super) fn wait_for_leave(&self) {
        self.state.fetch_or(WAITING, Ordering::AcqRel);
    }

    /// Whether no connection has ended since the last `wait_for_leave` or failed `enter`.
    pub(super) fn is_waiting(&self) -> bool {
        self.state.load(Ordering::Acquire) & WAITING != 0
    }

    /// Whether this call was the first, and came before `stop`.
    pub(super) fn close(&self) -> bool {
        self.state.fetch_or(CLOSED, Ordering::AcqRel) & (STOPPED | CLOSED) == 0
    }

    /// Whether this call was the first.
    pub(super) fn stop(&self) -> bool {
        self.state.fetch_or(STOPPED, Ordering::AcqRel) & STOPPED == 0
    }

    pub(super) fn cut(&self) {
        self.state.fetch_or(CUT, Ordering::AcqRel);
    }

    /// Stores the waker of an accept loop; called when it is polled with a new one.
    pub(super) fn set_loop_waker(&self, index: usize, waker: Option<Waker>) {
        let old = mem::replace(&mut lock(&self.loop_wakers)[index], waker);
        drop(old);
    }

    pub(super) fn wake_loops(&self) {
        let wakers = lock(&self.loop_wakers).clone();
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// An accept loop has ended and its listener is closed.
    pub(super) fn loop_ended(&self, index: usize) {
        self.set_loop_waker(index, None);
        self.loops.fetch_sub(1, Ordering::AcqRel);
        self.wake_done();
    }

    /// Waits until `done`, which is looked at after every end of a loop and after the end of the
    /// last connection.
    pub(super) fn poll_done(&self, cx: &Context<'_>, done: impl Fn() -> bool) -> Poll<()> {
        if done() {
            return Poll::Ready(());
        }
        let mut wakers = lock(&self.done_wakers);
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        drop(wakers);
        // The second look.
        if done() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn wake_done(&self) {
        let wakers = mem::take(&mut *lock(&self.done_wakers));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Applies `change` until it sticks; returns the state before, `None` if it did not want to.
    fn update(&self, change: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
            .ok()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Under these locks only allocations and clones of wakers happen; the data stays whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
