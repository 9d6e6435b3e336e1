//! So many tasks wait for one another: a count behind a lock, and a [`Notify`].

use std::fmt;
use std::future::poll_fn;

use super::Notify;
use crate::budget::{self, Proceed};
use crate::loom::Mutex;

/// Lets nobody on until a number of tasks have come; then lets them all on and begins anew.
///
/// ```
/// use std::sync::Arc;
/// use ringspun_runtime::sync::Barrier;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let barrier = Arc::new(Barrier::new(3));
/// let tasks: Vec<_> = (0..3)
///     .map(|_| {
///         let barrier = barrier.clone();
///         ringspun_runtime::spawn(async move { barrier.wait().await.is_leader() })
///     })
///     .collect();
/// let mut leaders = 0;
/// for task in tasks {
///     leaders += usize::from(task.await.unwrap());
/// }
/// assert_eq!(leaders, 1);
/// # });
/// ```
pub struct Barrier {
    parties: usize,
    arrived: Mutex<Arrived>,
    opened: Notify,
}

#[derive(Debug, Default)]
struct Arrived {
    /// In this round; fewer than the parties.
    count: usize,
    /// How many times the barrier has opened.
    round: u64,
}

impl Barrier {
    /// A barrier for so many tasks. 0 and 1 stop nobody.
    pub fn new(parties: usize) -> Self {
        Self {
            parties,
            arrived: Mutex::default(),
            opened: Notify::new(),
        }
    }

    /// Waits until all have come. One of them, the last to come, is told that it is the leader.
    ///
    /// # Cancel safety
    ///
    /// Who drops the future before the barrier has opened has not come.
    pub async fn wait(&self) -> BarrierWaitResult {
        // Paid before it counts: nothing may be dropped between its arrival and the end.
        poll_fn(|cx| budget::poll_proceed_quick(cx).map(Proceed::made_progress)).await;
        let Some(arrival) = self.arrive() else {
            self.opened.notify_waiters();
            return BarrierWaitResult(true);
        };
        let open = || (self.arrived.lock().round != arrival.round).then_some(());
        self.opened.until(open).await;
        BarrierWaitResult(false)
    }

    /// Counts one more. `None` for the last one, who has opened the barrier.
    fn arrive(&self) -> Option<Arrival<'_>> {
        let mut arrived = self.arrived.lock();
        if arrived.count + 1 >= self.parties {
            arrived.count = 0;
            arrived.round += 1;
            return None;
        }
        arrived.count += 1;
        Some(Arrival {
            barrier: self,
            round: arrived.round,
        })
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("arrived", &self.arrived.lock().count)
            .finish()
    }
}

/// One that waits. Dropped before the barrier has opened, it has not come.
struct Arrival<'a> {
    barrier: &'a Barrier,
    round: u64,
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        let mut arrived = self.barrier.arrived.lock();
        if arrived.round == self.round {
            arrived.count -= 1;
        }
    }
}

/// What [`Barrier::wait`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether this is the one of its round that came last.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}
