//! The bound on connections to one host.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use ringspun_runtime::sync::Notify;

/// One for each host that has connections, if there is a bound.
pub(super) struct Gates {
    limit: usize,
    hosts: Mutex<Hosts>,
}

#[derive(Default)]
struct Hosts {
    gates: HashMap<Box<str>, Arc<Gate>>,
    /// At this many the map is looked through for hosts without connections.
    prune_at: usize,
}

/// Counts the connections to one host.
#[derive(Default)]
pub(super) struct Gate {
    open: AtomicUsize,
    /// One was closed or has become idle.
    pub(super) changed: Notify,
}

/// The right to have one connection to a host. Given back when dropped.
pub(super) struct Ticket(Arc<Gate>);

impl Gates {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            hosts: Mutex::default(),
        }
    }

    /// The gate of this host.
    pub(super) fn of(&self, key: &str) -> Arc<Gate> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = hosts.gates.get(key) {
            return Arc::clone(gate);
        }
        if hosts.gates.len() >= hosts.prune_at {
            // Who has a ticket or waits for one holds the gate.
            hosts.gates.retain(|_, gate| Arc::strong_count(gate) > 1);
            hosts.prune_at = FEW.max(2 * hosts.gates.len());
        }
        let gate = Arc::new(Gate::default());
        hosts.gates.insert(key.into(), Arc::clone(&gate));
        gate
    }

    /// The right to open one more connection, if there is one.
    pub(super) fn try_enter(&self, gate: &Arc<Gate>) -> Option<Ticket> {
        // Only a count: what the holder of a ticket does is ordered by `changed`.
        gate.open
            .fetch_update(Relaxed, Relaxed, |open| {
                (open < self.limit).then_some(open + 1)
            })
            .ok()?;
        Some(Ticket(Arc::clone(gate)))
    }
}

impl Ticket {
    /// The gate, to tell those who wait that the connection has become idle.
    pub(super) fn bell(&self) -> Arc<Gate> {
        Arc::clone(&self.0)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
        self.0.changed.notify_one();
    }
}

/// So many hosts are never looked through.
const FEW: usize = 64;
