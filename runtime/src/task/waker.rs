//! A task's waker: one pointer, one count.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::Header;
use super::raw::drop_ref;
use super::state::Wake;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that borrows the running reference instead of counting: a poll that never clones its
/// waker costs no atomic operation.
pub(super) struct Borrowed(ManuallyDrop<Waker>);

impl Deref for Borrowed {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.0
    }
}

/// The waker of a task for the time of a poll.
pub(super) fn borrowed(task: NonNull<Header>) -> Borrowed {
    // SAFETY: the vtable's functions expect a live task; the caller's running reference outlives
    // the poll, and a clone counts for itself.
    Borrowed(ManuallyDrop::new(unsafe { Waker::from_raw(raw(task)) }))
}

fn raw(task: NonNull<Header>) -> RawWaker {
    RawWaker::new(task.as_ptr().cast_const().cast(), &VTABLE)
}

fn header(data: *const ()) -> NonNull<Header> {
    NonNull::new(data.cast_mut().cast()).expect("a waker points to a task")
}

/// # Safety
/// `data` is a live task.
unsafe fn clone(data: *const ()) -> RawWaker {
    let task = header(data);
    // SAFETY: the cloned waker keeps the task alive.
    unsafe { task.as_ref() }.state.ref_inc();
    raw(task)
}

/// # Safety
/// `data` is a live task, whose reference is consumed.
unsafe fn wake(data: *const ()) {
    let task = header(data);
    // SAFETY: the waker's reference keeps the task alive until it is given back.
    let header = unsafe { task.as_ref() };
    let vtable = header.vtable;
    match header.state.wake_by_value() {
        Wake::Nothing => {}
        // SAFETY: the waker's reference is the queue entry's from here on.
        Wake::Submit => unsafe { (vtable.schedule)(task) },
        // SAFETY: that was the last reference.
        Wake::Dealloc => unsafe { (vtable.dealloc)(task) },
    }
}

/// # Safety
/// `data` is a live task.
unsafe fn wake_by_ref(data: *const ()) {
    let task = header(data);
    // SAFETY: the waker's reference keeps the task alive.
    let header = unsafe { task.as_ref() };
    if header.state.wake_by_ref() == Wake::Submit {
        // SAFETY: the transition made a reference for the queue entry.
        unsafe { (header.vtable.schedule)(task) }
    }
}

/// # Safety
/// `data` is a live task, whose reference is consumed.
unsafe fn drop_waker(data: *const ()) {
    drop_ref(header(data));
}
