//! The registry of live tasks, so that shutdown reaches every one.
//!
//! Sharded, each shard an intrusive list under a lock: a task goes to the shard of the core that
//! spawned it, so two cores rarely meet. A closed shard takes no more tasks.

use std::ptr::NonNull;

use super::Header;
use super::raw::{Notified, TaskRef};
use crate::loom::{CachePadded, Mutex};

/// All live tasks of a runtime.
#[derive(Debug)]
pub(crate) struct Registry {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
}

#[derive(Debug, Default)]
struct Shard {
    head: Option<NonNull<Header>>,
    len: usize,
    closed: bool,
}

// SAFETY: the pointers are references to tasks, which may be used from any thread (see `TaskRef`).
unsafe impl Send for Shard {}

impl Registry {
    /// A registry of `shards` lists.
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            shards: (0..shards).map(|_| CachePadded::default()).collect(),
        }
    }

    /// How many shards there are.
    pub(crate) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// How many tasks live.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len).sum()
    }

    /// Adds a new task and puts its first entry into a queue. After the shutdown the task is cancelled
    /// instead: its future is dropped here, and its handle says "cancelled".
    pub(crate) fn admit(&self, task: TaskRef, entry: Notified, queue: impl FnOnce(Notified)) {
        match self.insert(task) {
            Ok(()) => queue(entry),
            Err(task) => task.shutdown(),
        }
    }

    /// Adds a new task; gives it back if the registry is closed.
    fn insert(&self, task: TaskRef) -> Result<(), TaskRef> {
        let ptr = task.into_raw();
        // SAFETY: the reference, now the list's, keeps the cell alive.
        let header = unsafe { ptr.as_ref() };
        let mut shard = self.shards[header.shard as usize].lock();
        if shard.closed {
            drop(shard);
            // SAFETY: `ptr` came from `into_raw` above and was not linked.
            return Err(unsafe { TaskRef::from_raw(ptr) });
        }
        let next = shard.head.replace(ptr);
        header.links.with_mut(|links| {
            // SAFETY: the shard's lock is held.
            let links = unsafe { &mut *links };
            links.next = next;
            links.linked = true;
        });
        if let Some(next) = next {
            set_prev(next, Some(ptr));
        }
        shard.len += 1;
        Ok(())
    }

    /// Unlinks a task; the list's reference becomes the caller's. False if it was not linked.
    pub(crate) fn remove(&self, header: &Header) -> bool {
        let mut shard = self.shards[header.shard as usize].lock();
        shard.unlink(NonNull::from(header))
    }

    /// Shows every task to `f`, under the lock of its shard, one shard after the other. `f` runs no
    /// user code, takes no lock and is quick: spawns and ends on that shard wait for it.
    pub(crate) fn for_each(&self, mut f: impl FnMut(&Header)) {
        for shard in &self.shards {
            let shard = shard.lock();
            let mut next = shard.head;
            while let Some(task) = next {
                // SAFETY: a linked task is alive, and stays linked while the lock is held.
                let header = unsafe { task.as_ref() };
                f(header);
                next = header.links.with(|links| {
                    // SAFETY: the shard's lock is held.
                    unsafe { (*links).next }
                });
            }
        }
    }

    /// Takes no more tasks, and cancels all there are. Every worker calls it at shutdown, each with
    /// another start, so that they share the work.
    pub(crate) fn close_and_shutdown(&self, start: usize) {
        for i in 0..self.shards.len() {
            let shard = &self.shards[(start + i) % self.shards.len()];
            loop {
                let task = {
                    let mut shard = shard.lock();
                    shard.closed = true;
                    shard.head.inspect(|head| {
                        shard.unlink(*head);
                    })
                };
                let Some(task) = task else { break };
                // No lock is held: the destructor of the future is user code.
                // SAFETY: unlinked just now, so the list's reference is ours.
                unsafe { TaskRef::from_raw(task) }.shutdown();
            }
        }
    }
}

impl Shard {
    /// The lock of this shard is held.
    fn unlink(&mut self, task: NonNull<Header>) -> bool {
        // SAFETY: the caller knows the task alive (it is linked, or running).
        let header = unsafe { task.as_ref() };
        let neighbours = header.links.with_mut(|links| {
            // SAFETY: the shard's lock is held.
            let links = unsafe { &mut *links };
            std::mem::take(&mut links.linked).then(|| (links.prev.take(), links.next.take()))
        });
        let Some((prev, next)) = neighbours else {
            return false;
        };
        match prev {
            Some(prev) => set_next(prev, next),
            None => self.head = next,
        }
        if let Some(next) = next {
            set_prev(next, prev);
        }
        self.len -= 1;
        true
    }
}

/// The shard's lock is held and `task` is linked.
fn set_prev(task: NonNull<Header>, prev: Option<NonNull<Header>>) {
    // SAFETY: a linked task is alive: the list holds a reference.
    let header = unsafe { task.as_ref() };
    header.links.with_mut(|links| {
        // SAFETY: the shard's lock is held.
        unsafe { (*links).prev = prev }
    });
}

/// The shard's lock is held and `task` is linked.
fn set_next(task: NonNull<Header>, next: Option<NonNull<Header>>) {
    // SAFETY: a linked task is alive: the list holds a reference.
    let header = unsafe { task.as_ref() };
    header.links.with_mut(|links| {
        // SAFETY: the shard's lock is held.
        unsafe { (*links).next = next }
    });
}
