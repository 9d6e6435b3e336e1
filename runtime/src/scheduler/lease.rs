//! Who may use a core.
//!
//! While a worker polls a task it has lent its core out: the core lies in the lease, and whatever the
//! task does to it (wake, spawn, timer) goes through [`context::with_core`](crate::context::with_core),
//! which asks the lease. Without the core the caller takes the foreign path: the inject queue.
//!
//! The core is *taken out* while it is used, so a use within a use finds it absent, and takes the
//! foreign path too; no two borrows can meet.
//!
//! This is the seam for hand-off: to revoke a lease is to take the core out of here.

use std::cell::Cell;

use super::core::Core;

/// Where a worker leaves its core while it runs a task. Used by the worker's thread only.
#[derive(Default)]
pub(crate) struct Lease(Cell<Option<Box<Core>>>);

impl Lease {
    /// The worker goes into a task.
    #[inline]
    pub(crate) fn lend(&self, core: Box<Core>) {
        let before = self.0.replace(Some(core));
        debug_assert!(before.is_none(), "a worker holds one core");
    }

    /// The worker comes out of a task. `None` if the lease was revoked.
    #[inline]
    pub(crate) fn take_back(&self) -> Option<Box<Core>> {
        self.0.take()
    }

    /// Uses the core, if it is here. `f` runs no user code.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Core) -> R) -> Option<R> {
        let mut core = self.0.take()?;
        let result = f(&mut core);
        self.0.set(Some(core));
        Some(result)
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lease")
    }
}
