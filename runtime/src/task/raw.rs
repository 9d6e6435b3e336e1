//! The task cell, and the operations that know its future's type.

use std::alloc::Layout;
use std::any::Any;
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::header::{Header, Id, Links, Vtable};
use super::hint::panic_hint;
use super::join::JoinHandle;
use super::state::{Start, State, Stop};
use super::trail::Trail;
use super::{JoinError, block, waker};
use crate::contain::{contain, discard};
use crate::loom::UnsafeCell;
use crate::time::ticks::Ticks;

/// What a task needs of its scheduler.
pub(crate) trait Schedule: Send + Sync + 'static {
    /// Whether tasks stay on their thread.
    const LOCAL: bool = false;

    /// A wake-up, an abort, or the first run: puts the task into a queue. Somebody else keeps the task's
    /// cell, and with it the scheduler, alive until that is done.
    fn schedule(&self, task: Notified);

    /// The same where nobody does, if this thread can do it without touching the scheduler once the task
    /// is in a queue: it may run and end there before this returns. Gives the task back if not.
    ///
    /// # Safety
    ///
    /// `this` is the scheduler in the task's cell.
    unsafe fn schedule_here(this: NonNull<Self>, task: Notified) -> Result<(), Notified> {
        let _ = this;
        Err(task)
    }

    /// The task is complete: removes it from the registry. True if it was there, in which case the
    /// registry's reference is now the caller's to drop.
    fn release(&self, task: &Header) -> bool;
}

/// One allocation: header, scheduler, future or output, join waker.
#[repr(C)]
struct Cell<F: Future, S> {
    header: Header,
    scheduler: S,
    stage: UnsafeCell<Stage<F>>,
    join_waker: UnsafeCell<Option<Waker>>,
}

enum Stage<F: Future> {
    Running(F),
    Finished(Result<F::Output, JoinError>),
    Consumed,
}

/// Bytes of a future that gets a box of its own.
const LARGE_FUTURE: usize = 16 * 1024;

/// Makes a task: references for the registry, the first queue entry and the join handle.
///
/// A large future goes to the heap first: it would be copied once more from frame to frame on the way into
/// its cell, and each copy takes the spawner's stack.
#[inline]
pub(crate) fn new_task<F, S>(
    future: F,
    scheduler: S,
    shard: u32,
    location: &'static Location<'static>,
) -> (TaskRef, Notified, JoinHandle<F::Output>)
where
    F: Future + 'static,
    S: Schedule,
{
    if size_of::<F>() > LARGE_FUTURE {
        new_cell(Box::pin(future), scheduler, shard, location)
    } else {
        new_cell(future, scheduler, shard, location)
    }
}

fn new_cell<F, S>(
    future: F,
    scheduler: S,
    shard: u32,
    location: &'static Location<'static>,
) -> (TaskRef, Notified, JoinHandle<F::Output>)
where
    F: Future + 'static,
    S: Schedule,
{
    let cell = Cell {
        header: Header {
            state: State::new(),
            queue_next: UnsafeCell::new(None),
            trail: Trail::new(Ticks::get().now()),
            links: UnsafeCell::new(Links::default()),
            vtable: &Vtables::<F, S>::VTABLE,
            id: Id::next(),
            location,
            shard,
            is_local: S::LOCAL,
        },
        scheduler,
        stage: UnsafeCell::new(Stage::Running(future)),
        join_waker: UnsafeCell::new(None),
    };
    let ptr = block::alloc(Layout::new::<Cell<F, S>>()).cast::<Cell<F, S>>();
    // SAFETY: the block is fresh, and has the size and alignment of the cell.
    unsafe { ptr.write(cell) };
    let header = ptr.cast::<Header>();
    (TaskRef(header), Notified(header), JoinHandle::new(header))
}

struct Vtables<F, S>(F, S);

impl<F: Future + 'static, S: Schedule> Vtables<F, S> {
    const VTABLE: Vtable = Vtable {
        run: run::<F, S>,
        schedule: schedule::<F, S>,
        dealloc: dealloc::<F, S>,
        read_output: read_output::<F, S>,
        drop_join: drop_join::<F, S>,
        shutdown: shutdown::<F, S>,
    };
}

/// A queue's reference to a scheduled task. Dropping it gives the reference back without running:
/// only shutdown does that, after the registry has cancelled the task.
pub(crate) struct Notified(NonNull<Header>);

/// The registry's reference to a task.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: a task's future and output are `Send` (or, for a future that is not, touched on its thread
// only: `scheduler/locals.rs` says why), and every field's right of access moves by the state word's AcqRel transitions.
unsafe impl Send for Notified {}
// SAFETY: as above; a shared `Notified` gives access to the header's atomics and constants only.
unsafe impl Sync for Notified {}
// SAFETY: as for `Notified`.
unsafe impl Send for TaskRef {}
// SAFETY: as for `Notified`.
unsafe impl Sync for TaskRef {}

impl Notified {
    /// Runs the task once. Gives it back if it woke itself meanwhile: it goes behind the others.
    #[inline]
    #[must_use = "a task that woke itself goes back into a queue"]
    pub(crate) fn run(self) -> Option<Self> {
        let ptr = self.into_raw();
        // SAFETY: the entry's reference keeps the cell alive.
        let run = unsafe { ptr.as_ref() }.vtable.run;
        // SAFETY: `run` belongs to this cell, and the entry's reference goes to it.
        let again = unsafe { run(ptr) };
        again.then(|| Self(ptr))
    }

    pub(crate) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    ///
    /// `ptr` came from [`into_raw`](Self::into_raw), once.
    pub(crate) unsafe fn from_raw(ptr: NonNull<Header>) -> Self {
        Self(ptr)
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the entry's reference keeps the cell alive.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Notified {
    fn drop(&mut self) {
        drop_ref(self.0);
    }
}

impl fmt::Debug for Notified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notified({})", self.header().id)
    }
}

impl TaskRef {
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    ///
    /// `ptr` came from [`into_raw`](Self::into_raw), once.
    pub(crate) unsafe fn from_raw(ptr: NonNull<Header>) -> Self {
        Self(ptr)
    }

    /// Cancels the task unless it runs or is done.
    pub(crate) fn shutdown(self) {
        let ptr = self.into_raw();
        // SAFETY: this reference keeps the cell alive.
        let shutdown = unsafe { ptr.as_ref() }.vtable.shutdown;
        // SAFETY: `shutdown` belongs to this cell, and this reference goes to it.
        unsafe { shutdown(ptr) }
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        drop_ref(self.0);
    }
}

/// Gives one reference back.
pub(super) fn drop_ref(ptr: NonNull<Header>) {
    // SAFETY: the caller's reference keeps the cell alive until `ref_dec`.
    let header = unsafe { ptr.as_ref() };
    let dealloc = header.vtable.dealloc;
    if header.state.ref_dec(1) {
        // SAFETY: that was the last reference, and `dealloc` belongs to this cell.
        unsafe { dealloc(ptr) }
    }
}

/// A live cell whose types are known.
struct Harness<F: Future, S>(NonNull<Cell<F, S>>);

impl<F: Future + 'static, S: Schedule> Harness<F, S> {
    fn cell(&self) -> &Cell<F, S> {
        // SAFETY: every function of the vtable is called with a live cell of its own types.
        unsafe { self.0.as_ref() }
    }

    fn header_ptr(&self) -> NonNull<Header> {
        self.0.cast()
    }

    /// Polls the future. True if the task is done and its outcome stored.
    /// The caller holds RUNNING.
    fn poll(&self) -> bool {
        let cell = self.cell();
        let waker = waker::borrowed(self.header_ptr());
        let mut cx = Context::from_waker(&waker);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let polled = cell.stage.with_mut(|stage| {
                // SAFETY: RUNNING gives exclusive access to the stage.
                let Stage::Running(future) = (unsafe { &mut *stage }) else {
                    unreachable!("a task that can run holds its future");
                };
                // SAFETY: the future never moves: the cell is pinned in its allocation, and the
                // stage is overwritten only by dropping it in place.
                unsafe { Pin::new_unchecked(future) }.poll(&mut cx)
            });
            if polled.is_ready() {
                // Inside the catch: a destructor may panic too.
                self.set_stage(Stage::Consumed);
            }
            polled
        }));
        match outcome {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(output)) => self.set_stage(Stage::Finished(Ok(output))),
            Err(payload) => self.fail(Some(payload)),
        }
        true
    }

    /// Drops the future and stores why. The caller holds RUNNING.
    fn fail(&self, payload: Option<Box<dyn Any + Send>>) {
        let dropped = catch_unwind(AssertUnwindSafe(|| self.set_stage(Stage::Consumed)));
        let id = self.cell().header.id;
        let error = match (payload, dropped.err()) {
            (Some(first), second) => {
                if let Some(hint) = panic_hint(&*first) {
                    tracing::error!(task = %id, hint, "a task panicked");
                }
                if let Some(second) = second {
                    discard(second);
                }
                JoinError::panic(id, first)
            }
            (None, Some(payload)) => JoinError::panic(id, payload),
            (None, None) => JoinError::cancelled(id),
        };
        self.set_stage(Stage::Finished(Err(error)));
    }

    /// Overwrites the stage, dropping what was there in place.
    /// The caller has the right to the stage (table in `task/mod.rs`).
    fn set_stage(&self, next: Stage<F>) {
        self.cell().stage.with_mut(|stage| {
            // SAFETY: the caller has exclusive access.
            unsafe { *stage = next }
        });
    }

    /// The outcome is stored: publish it, tell the join handle, leave the registry, and give back
    /// one reference of the caller's.
    fn complete(self) {
        let cell = self.cell();
        let snapshot = cell.header.state.complete();
        // The output's destructor and the join waker are user code; there is nobody left to tell.
        contain(|| {
            if !snapshot.has_join_interest() {
                // The handle is gone and left the output to us.
                self.set_stage(Stage::Consumed);
            } else if snapshot.has_join_waker() {
                cell.join_waker.with(|waker| {
                    // SAFETY: JOIN_WAKER is set, so the handle does not write the field.
                    let waker = unsafe { &*waker };
                    waker
                        .as_ref()
                        .expect("JOIN_WAKER means a waker is there")
                        .wake_by_ref();
                });
                if !cell.header.state.join_waker_used().has_join_interest() {
                    self.set_join_waker(None);
                }
            }
        });
        let released = cell.scheduler.release(&cell.header);
        if cell.header.state.ref_dec(if released { 2 } else { 1 }) {
            self.dealloc();
        }
    }

    /// The caller has the right to the field (table in `task/mod.rs`).
    fn set_join_waker(&self, waker: Option<Waker>) {
        let old = self.cell().join_waker.with_mut(|field| {
            // SAFETY: the caller has exclusive access.
            unsafe { std::mem::replace(&mut *field, waker) }
        });
        drop(old);
    }

    /// True if the output may be taken; else `waker` is registered.
    fn join_ready(&self, waker: &Waker) -> bool {
        let state = &self.cell().header.state;
        let snapshot = state.load();
        if snapshot.is_complete() {
            return true;
        }
        if snapshot.has_join_waker() {
            let same = self.cell().join_waker.with(|field| {
                // SAFETY: JOIN_WAKER is set: the field is only read, by us and by the task.
                unsafe { &*field }
                    .as_ref()
                    .is_some_and(|old| old.will_wake(waker))
            });
            if same {
                return false;
            }
            if !state.unset_join_waker() {
                return true;
            }
        }
        // JOIN_WAKER is unset and the task is not complete: the field is ours.
        self.set_join_waker(Some(waker.clone()));
        if state.set_join_waker() {
            return false;
        }
        self.set_join_waker(None);
        true
    }

    fn take_output(&self) -> Result<F::Output, JoinError> {
        let stage = self.cell().stage.with_mut(|stage| {
            // SAFETY: COMPLETE was seen, so the output is the join handle's.
            unsafe { std::mem::replace(&mut *stage, Stage::Consumed) }
        });
        match stage {
            Stage::Finished(output) => output,
            _ => panic!("JoinHandle polled after it returned the output"),
        }
    }

    fn dealloc(self) {
        // SAFETY: the last reference is gone, so nobody else touches the cell.
        unsafe { self.0.drop_in_place() };
        // SAFETY: the block was allocated with this layout and its content is dropped.
        unsafe { block::free(self.0.cast(), Layout::new::<Cell<F, S>>()) };
    }
}

/// # Safety
/// `ptr` is a live cell of these types; the caller's reference is consumed unless this returns true.
unsafe fn run<F: Future + 'static, S: Schedule>(ptr: NonNull<Header>) -> bool {
    let harness = Harness::<F, S>(ptr.cast());
    let state = &harness.cell().header.state;
    match state.start() {
        Start::Run => {}
        Start::Cancel => {
            harness.fail(None);
            harness.complete();
            return false;
        }
        Start::Done => return false,
        Start::Dealloc => {
            harness.dealloc();
            return false;
        }
    }
    if harness.poll() {
        harness.complete();
        return false;
    }
    match state.stop() {
        Stop::Idle => {}
        Stop::Resubmit => return true,
        Stop::Cancel => {
            harness.fail(None);
            harness.complete();
        }
        Stop::Dealloc => harness.dealloc(),
    }
    false
}

/// # Safety
/// `ptr` is a live cell of these types and SCHEDULED by the caller, whose reference is the queue entry's
/// from here on.
unsafe fn schedule<F: Future + 'static, S: Schedule>(ptr: NonNull<Header>) {
    let harness = Harness::<F, S>(ptr.cast());
    let scheduler = NonNull::from(&harness.cell().scheduler);
    // SAFETY: it is this cell's.
    let queued = unsafe { S::schedule_here(scheduler, Notified(ptr)) };
    if let Err(task) = queued {
        // Another worker may run the task to its end before `schedule` is over.
        task.header().state.ref_inc();
        harness.cell().scheduler.schedule(task);
        drop_ref(ptr);
    }
}

/// # Safety
/// `ptr` is a live cell of these types without references.
unsafe fn dealloc<F: Future + 'static, S: Schedule>(ptr: NonNull<Header>) {
    Harness::<F, S>(ptr.cast()).dealloc();
}

/// # Safety
/// `ptr` is a live cell of these types, `dst` points to a `Poll<Result<F::Output, JoinError>>`, and
/// the caller is the join handle.
unsafe fn read_output<F: Future + 'static, S: Schedule>(
    ptr: NonNull<Header>,
    dst: *mut (),
    waker: &Waker,
) {
    let harness = Harness::<F, S>(ptr.cast());
    if harness.join_ready(waker) {
        let dst = dst.cast::<Poll<Result<F::Output, JoinError>>>();
        // SAFETY: the caller vouches for the type behind `dst`.
        unsafe { *dst = Poll::Ready(harness.take_output()) };
    }
}

/// # Safety
/// `ptr` is a live cell of these types; the caller is the join handle, whose reference is consumed.
unsafe fn drop_join<F: Future + 'static, S: Schedule>(ptr: NonNull<Header>) {
    let harness = Harness::<F, S>(ptr.cast());
    let todo = harness.cell().header.state.drop_join_interest();
    // The waker and the output are user code: a panic in their destructors is not the affair of whoever
    // lets the handle go.
    contain(|| {
        if todo.drop_waker {
            harness.set_join_waker(None);
        }
        if todo.drop_output {
            harness.set_stage(Stage::Consumed);
        }
    });
    drop_ref(ptr);
}

/// # Safety
/// `ptr` is a live cell of these types; the caller's reference is consumed.
unsafe fn shutdown<F: Future + 'static, S: Schedule>(ptr: NonNull<Header>) {
    let harness = Harness::<F, S>(ptr.cast());
    if harness.cell().header.state.shutdown() {
        harness.fail(None);
        harness.complete();
    } else {
        drop_ref(ptr);
    }
}
