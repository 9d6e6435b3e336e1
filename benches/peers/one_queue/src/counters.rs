//! What a thread counts, on cache lines of its own.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Written by one thread, read when it is over.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    /// Calls of `epoll_wait` that returned.
    pub(crate) waits: Counter,
    /// Events they gave.
    pub(crate) events: Counter,
    /// Reads that found nothing, because another thread was there before.
    pub(crate) empty_reads: Counter,
    /// Calls of `epoll_ctl`.
    pub(crate) ctls: Counter,
    /// Nanoseconds of the CPU within those calls; with `--timed`.
    pub(crate) wait_ns: Counter,
    pub(crate) ctl_ns: Counter,
}

/// A number that orders nothing.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Not a locked instruction: one thread writes.
    pub(crate) fn add(&self, n: u64) {
        let sum = self.0.load(Ordering::Relaxed) + n;
        self.0.store(sum, Ordering::Relaxed);
    }
}

impl Counters {
    /// All together, as `key=value` pairs.
    pub(crate) fn sum(all: &[Self]) -> String {
        type Field = fn(&Counters) -> &Counter;
        let fields: [(&str, Field); 6] = [
            ("reactor_waits", |c| &c.waits),
            ("reactor_events", |c| &c.events),
            ("empty_reads", |c| &c.empty_reads),
            ("ctls", |c| &c.ctls),
            ("wait_ns", |c| &c.wait_ns),
            ("ctl_ns", |c| &c.ctl_ns),
        ];
        let mut text = String::new();
        for (name, field) in fields {
            let values = all.iter().map(|c| field(c).0.load(Ordering::Relaxed));
            write!(text, "{name}={} ", values.sum::<u64>()).expect("memory takes it");
        }
        text
    }
}
