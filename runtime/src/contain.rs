//! Panics that are nobody's affair: of wakers, and of the destructors of what nobody waits for. The
//! panic hook has reported them; the worker goes on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs user code; a panic ends here.
pub(crate) fn contain(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        discard(payload);
    }
}

/// Drops what a panic carried, whose destructor is user code too.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(next) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // Leaked: a chain of such payloads need not have an end.
        std::mem::forget(next);
    }
}
