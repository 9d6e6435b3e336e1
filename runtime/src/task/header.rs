//! The part of a task that does not depend on its future's type.

use std::fmt;
use std::panic::Location;
use std::ptr::NonNull;
use std::task::Waker;

use super::state::State;
use super::trail::Trail;
use crate::loom::UnsafeCell;

/// The first field of every task cell, so that a pointer to it is a pointer to the task. What a wake-up and a
/// poll use comes first.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Header {
    /// Life cycle and reference count.
    pub(crate) state: State,
    /// The operations that know the future's type.
    pub(crate) vtable: &'static Vtable,
    /// Where the task was spawned.
    pub(crate) location: &'static Location<'static>,
    /// The next task of an intrusive queue; the owner of the queue entry writes it.
    pub(crate) queue_next: UnsafeCell<Option<NonNull<Self>>>,
    /// For whoever looks on.
    pub(crate) trail: Trail,
    /// The neighbours in the registry; under the lock of shard `shard`.
    pub(crate) links: UnsafeCell<Links>,
    /// Unique in this process.
    pub(crate) id: Id,
    /// The registry shard that holds the task.
    pub(crate) shard: u32,
    /// It stays on its thread.
    pub(crate) is_local: bool,
}

/// Neighbours in a registry shard.
#[derive(Debug, Default)]
pub(crate) struct Links {
    pub(crate) prev: Option<NonNull<Header>>,
    pub(crate) next: Option<NonNull<Header>>,
    /// Whether the task is in the list at all.
    pub(crate) linked: bool,
}

/// What a task does that depends on its future's type. Each function takes a live cell.
#[derive(Debug)]
pub(crate) struct Vtable {
    /// Polls once; consumes the queue entry's reference, unless the task has woken itself meanwhile: true,
    /// and the caller has an entry again.
    pub(crate) run: unsafe fn(NonNull<Header>) -> bool,
    /// Puts the task into a queue; the entry takes over one reference.
    pub(crate) schedule: unsafe fn(NonNull<Header>),
    /// Frees the cell after the last reference went.
    pub(crate) dealloc: unsafe fn(NonNull<Header>),
    /// Moves the output to `dst: *mut Poll<Result<T, JoinError>>` if complete, else stores the waker.
    pub(crate) read_output: unsafe fn(NonNull<Header>, *mut (), &Waker),
    /// The join handle goes; consumes its reference.
    pub(crate) drop_join: unsafe fn(NonNull<Header>),
    /// Cancels the task unless it runs; consumes one reference.
    pub(crate) shutdown: unsafe fn(NonNull<Header>),
}

/// Identifies a task; unique in the process, never reused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(u64);

impl Id {
    /// The next free id. Threads take blocks of ids, so that spawning touches no shared counter.
    pub(crate) fn next() -> Self {
        use std::cell::Cell;
        use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

        const BLOCK: u64 = 1024;
        static BLOCKS: AtomicU64 = AtomicU64::new(0);
        thread_local!(static NEXT: Cell<u64> = const { Cell::new(0) });

        NEXT.with(|next| {
            let mut id = next.get();
            if id.is_multiple_of(BLOCK) {
                // Relaxed: only uniqueness matters.
                id = BLOCKS.fetch_add(1, Relaxed) * BLOCK;
            }
            next.set(id + 1);
            Self(id)
        })
    }

    /// The number behind the id, for logs.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.0)
    }
}
