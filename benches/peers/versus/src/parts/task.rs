//! What stands for a task in the run queue that is measured alone: as large as one.

use std::ptr::NonNull;

/// Something to run.
#[derive(Debug)]
pub(crate) struct Notified(NonNull<u8>);

// SAFETY: nobody looks at what the pointer points to.
unsafe impl Send for Notified {}

impl Notified {
    pub(crate) fn new() -> Self {
        Self(NonNull::dangling())
    }

    /// Something that depends on it.
    pub(crate) fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }
}
