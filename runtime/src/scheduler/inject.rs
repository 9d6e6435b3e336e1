//! The inject queue: where tasks go that no core's queue can take.
//!
//! From foreign threads, from a full ring. Intrusive, so pushing allocates nothing; a lock, because
//! nothing on the path of a request comes here. The length is kept beside the lock, so that looking
//! costs one load.

use std::ptr::NonNull;

use crate::loom::Mutex;
use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::{Acquire, Release};
use crate::task::{Header, Notified};

/// A queue of tasks under a lock.
#[derive(Debug)]
pub(crate) struct Inject {
    state: Mutex<State>,
    /// Written under the lock. Release/Acquire: who sees a length may go and lock.
    len: AtomicUsize,
}

#[derive(Debug)]
struct State {
    list: List,
    closed: bool,
}

/// Tasks, linked through their headers; oldest first.
#[derive(Debug, Default)]
pub(super) struct List {
    head: Option<NonNull<Header>>,
    tail: Option<NonNull<Header>>,
}

// SAFETY: each pointer is a `Notified` in pieces, and that is `Send`.
unsafe impl Send for List {}

impl Inject {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                list: List::default(),
                closed: false,
            }),
            len: AtomicUsize::new(0),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Acquire)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Queues a task; drops the entry if the queue is closed (the registry has cancelled the task).
    /// True if it was queued.
    pub(crate) fn push(&self, task: Notified) -> bool {
        let mut state = self.state.lock();
        if state.closed {
            // Dropping may free the task, whose future is gone already; its scheduler is not ours
            // to drop under a lock.
            drop(state);
            drop(task);
            return false;
        }
        state.list.push(task);
        self.len.store(self.len_locked() + 1, Release);
        true
    }

    /// Takes the oldest task.
    pub(crate) fn pop(&self) -> Option<Notified> {
        if self.is_empty() {
            return None;
        }
        let mut state = self.state.lock();
        let task = state.list.pop()?;
        self.len.store(self.len_locked() - 1, Release);
        Some(task)
    }

    /// Takes up to `n` tasks, oldest first, and hands each to `each` under the lock: `each` must not
    /// run or drop them.
    pub(crate) fn pop_batch(&self, n: usize, mut each: impl FnMut(Notified)) -> usize {
        if self.is_empty() || n == 0 {
            return 0;
        }
        let mut state = self.state.lock();
        let mut taken = 0;
        while taken < n {
            let Some(task) = state.list.pop() else { break };
            taken += 1;
            each(task);
        }
        self.len.store(self.len_locked() - taken, Release);
        taken
    }

    /// Takes no more tasks. True the first time.
    pub(crate) fn close(&self) -> bool {
        !std::mem::replace(&mut self.state.lock().closed, true)
    }

    fn len_locked(&self) -> usize {
        // The lock orders this load after the last store.
        self.len.load(Acquire)
    }
}

impl List {
    pub(super) fn push(&mut self, task: Notified) {
        let ptr = task.into_raw();
        set_next(ptr, None);
        match self.tail.replace(ptr) {
            Some(tail) => set_next(tail, Some(ptr)),
            None => self.head = Some(ptr),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    pub(super) fn pop(&mut self) -> Option<Notified> {
        let ptr = self.head?;
        // SAFETY: the entry keeps the task alive.
        self.head = unsafe { ptr.as_ref() }.queue_next.with(|next| {
            // SAFETY: this queue owns the entry, and its lock is held.
            unsafe { *next }
        });
        if self.head.is_none() {
            self.tail = None;
        }
        // SAFETY: `ptr` came from `into_raw` in `push`, and has left the list.
        Some(unsafe { Notified::from_raw(ptr) })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// The queue owns the entry `task`, and its lock is held.
fn set_next(task: NonNull<Header>, next: Option<NonNull<Header>>) {
    // SAFETY: the entry keeps the task alive.
    unsafe { task.as_ref() }.queue_next.with_mut(|field| {
        // SAFETY: the owner of the entry has the right to the link.
        unsafe { *field = next }
    });
}
