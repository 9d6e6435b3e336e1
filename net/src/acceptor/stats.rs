//! What the accept loops count.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one accept loop has done so far, and what its core has got from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Errors of whatever class: of the listener, and of registering a connection here.
    pub errors: u64,
    /// Pauses taken because of errors.
    pub back_offs: u64,
    /// Of those accepted, the ones passed to other cores.
    pub handed_over: u64,
    /// Connections that loops of other cores have passed to this one's core, and that have
    /// arrived. Those under way are the difference to the sum of `handed_over`.
    ///
    /// A core without a listener of its own is counted in the first entry.
    pub received: u64,
    /// Of those received, the ones that were closed at once because their new core could not
    /// register them.
    pub failed: u64,
}

/// The counters of one loop, which alone writes them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: Counter,
    pub(super) errors: Counter,
    pub(super) back_offs: Counter,
    pub(super) handed_over: Counter,
}

impl Counters {
    /// What the loop itself has done; the rest is 0.
    pub(super) fn read(&self) -> AcceptStats {
        AcceptStats {
            accepted: self.accepted.get(),
            errors: self.errors.get(),
            back_offs: self.back_offs.get(),
            handed_over: self.handed_over.get(),
            ..AcceptStats::default()
        }
    }
}

/// A number with a single writer: no locked instruction.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn bump(&self) {
        // Relaxed: a statistic orders nothing.
        self.0
            .store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
