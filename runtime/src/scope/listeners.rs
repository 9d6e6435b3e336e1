//! Who is told when a token is cancelled: tasks, functions, child tokens.
//!
//! A listener is a node in the memory of whoever listens, linked into a list of the token. A token begins
//! with one list. When threads meet at its lock a few times the token *spreads*: it gets a list for each
//! core (a lane), on cache lines of their own, and from then on a listener goes to the lane of the core
//! that registers it. So a token that all connections of a server wait for is no hot spot, and the token
//! of one connection stays small.
//!
//! One word says both whether the token is closed and whether it has spread; it is changed by
//! read-modify-writes only, so that these two events are ordered.
//!
//! ```text
//! register:  1. load the word; closed: refuse       close:  a. set CLOSED, learning whether it has spread
//!            2. take the lock of a list                     b. for each list: lock, take all, unlock
//!            3. load the word again; closed: refuse         c. tell them, with no lock held
//!            4. link the node, unlock
//! ```
//!
//! *No listener is lost.* Registering and closing take the lock of the list in some order. If the node is
//! linked first, (b) finds it. If (b) was there first, the lock makes (a) visible to step 3. That needs
//! (b) to visit the list: a listener goes to a lane only after it has seen SPREAD. If SPREAD was set before
//! (a), then (a) learns of it and visits all lanes. If after, the word that the listener saw holds CLOSED
//! too, and it refuses.
//!
//! *No listener is used after it is gone.* Its node is unlinked under the lock before it is freed, and (b)
//! touches nodes under the lock only: it takes what is to be told out of them.
//!
//! Orderings: closing is a release and each look an acquire, so that who sees the token cancelled sees what
//! was written before it was (the cause). SPREAD is set by a release after the lanes are made.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::AtomicUsize;
use std::task::Waker;
use std::thread;

use super::tree::Inner;
use crate::context;
use crate::loom::atomic::AtomicU8;
use crate::loom::atomic::Ordering::{AcqRel, Acquire};
use crate::loom::{CachePadded, Mutex, MutexGuard, UnsafeCell};
use crate::wait_list::List;

/// The token is cancelled, or about to be: no more listeners.
const CLOSED: u8 = 1;
/// There is a lane for each core.
const SPREAD: u8 = 2;

/// How often threads meet at the lock before the token spreads. Once may be chance; a token that is shared
/// by busy cores gets there in microseconds.
const MEETINGS: u8 = if cfg!(loom) { 1 } else { 4 };

/// The listeners of one token.
#[derive(Debug)]
pub(super) struct Listeners {
    /// CLOSED and SPREAD.
    word: AtomicU8,
    first: Mutex<Lane>,
    /// Set before SPREAD is.
    lanes: OnceLock<Box<[CachePadded<Mutex<Lane>>]>>,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) list: List<Slot>,
    /// How often a thread had to wait for the lock; of the first list only.
    meetings: u8,
}

/// What a listener's node holds: guarded by the lock of the list.
#[derive(Debug)]
pub(super) struct Slot(UnsafeCell<Option<Told>>);

// SAFETY: the cell is touched under the lock of the node's list only.
unsafe impl Sync for Slot {}

/// What is to be done when the token is cancelled.
pub(super) enum Told {
    Task(Waker),
    Function(Box<dyn FnOnce() + Send>),
    Child(std::sync::Weak<Inner>),
}

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Task(_) => "Task",
            Self::Function(_) => "Function",
            Self::Child(_) => "Child",
        })
    }
}

/// In which list a node is: 0 is the first, n the lane n - 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(usize);

impl Listeners {
    pub(super) fn new() -> Self {
        Self {
            word: AtomicU8::new(0),
            first: Mutex::new(Lane::new()),
            lanes: OnceLock::new(),
        }
    }

    /// Whether [`close`](Self::close) was called.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.word.load(Acquire) & CLOSED != 0
    }

    /// Takes no more listeners, and gives all there are to `take`, which runs under a lock: it calls no
    /// user code. False if that has been done before.
    pub(super) fn close(&self, mut take: impl FnMut(Told)) -> bool {
        let before = self.word.fetch_or(CLOSED, AcqRel);
        if before & CLOSED != 0 {
            return false;
        }
        self.first.lock().drain(&mut take);
        if before & SPREAD != 0 {
            self.lanes()
                .iter()
                .for_each(|lane| lane.lock().drain(&mut take));
        }
        true
    }

    /// A list for a new node, locked; `None` if closed.
    pub(super) fn enter(&self) -> Option<(Place, MutexGuard<'_, Lane>)> {
        let word = self.word.load(Acquire);
        if word & CLOSED != 0 {
            return None;
        }
        let (place, lane) = if word & SPREAD != 0 {
            self.own_lane()
        } else if let Some(first) = self.first.try_lock() {
            (Place(0), first)
        } else {
            let mut first = self.first.lock();
            first.meetings = first.meetings.saturating_add(1);
            if first.meetings < MEETINGS {
                (Place(0), first)
            } else {
                drop(first);
                if self.spread() & CLOSED != 0 {
                    return None;
                }
                self.own_lane()
            }
        };
        // Again, under the lock.
        (!self.is_closed()).then_some((place, lane))
    }

    /// Makes the lanes; the word before that.
    #[cold]
    fn spread(&self) -> u8 {
        self.lanes.get_or_init(|| {
            (0..lanes_wanted())
                .map(|_| CachePadded(Mutex::new(Lane::new())))
                .collect()
        });
        self.word.fetch_or(SPREAD, AcqRel)
    }

    fn lanes(&self) -> &[CachePadded<Mutex<Lane>>] {
        self.lanes.get().expect("made before SPREAD is set")
    }

    /// The lane of the core that this thread serves.
    fn own_lane(&self) -> (Place, MutexGuard<'_, Lane>) {
        let lanes = self.lanes();
        let own = context::current_core().unwrap_or_else(thread_number) % lanes.len();
        (Place(own + 1), lanes[own].lock())
    }

    /// The list in which a node was put.
    pub(super) fn lock(&self, place: Place) -> MutexGuard<'_, Lane> {
        match place.0 {
            0 => self.first.lock(),
            n => self.lanes()[n - 1].lock(),
        }
    }

    /// Whether there is a lane for each core.
    #[cfg(all(test, loom))]
    pub(super) fn has_spread(&self) -> bool {
        self.word.load(Acquire) & SPREAD != 0
    }
}

impl Lane {
    fn new() -> Self {
        Self {
            list: List::new(),
            meetings: 0,
        }
    }

    fn drain(&mut self, take: &mut impl FnMut(Told)) {
        while let Some(node) = self.list.front() {
            // SAFETY: linked, so alive and in this list.
            unsafe { self.list.remove(node) };
            // SAFETY: it was linked, and its owner needs the lock to free it.
            let node = unsafe { node.as_ref() };
            if let Some(told) = node.data.put(None) {
                take(told);
            }
        }
    }
}

impl Slot {
    pub(super) fn new() -> Self {
        Self(UnsafeCell::new(None))
    }

    /// The lock of the list is held.
    pub(super) fn put(&self, told: Option<Told>) -> Option<Told> {
        self.0.with_mut(|slot| {
            // SAFETY: under the lock nobody else has the cell.
            let slot = unsafe { &mut *slot };
            std::mem::replace(slot, told)
        })
    }
}

/// As many lanes as this runtime has cores, or the machine.
fn lanes_wanted() -> usize {
    if cfg!(loom) {
        return 2;
    }
    context::with_shared(|shared| shared.map(|shared| shared.remotes.len()))
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
}

/// A number for a thread without a core.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.with(|number| {
        number.get().unwrap_or_else(|| {
            // Relaxed: only a spread is wanted.
            let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            number.set(Some(next));
            next
        })
    })
}
