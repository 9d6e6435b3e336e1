//! Messages between tasks of different cores: from every port a ring to every port.
//!
//! ```text
//!            to 0      to 1      to 2
//!   port 0   ring      ring      ring      a row: what port 0 sends
//!   port 1   ring      ring      ring
//!   port 2   ring      ring      ring
//!              a column: what port 0 receives
//! ```
//!
//! Each ring has one producer and one consumer, so a message takes no lock and no loop: one
//! exchange on a line that hardly anybody else writes (`mesh/ring.rs` has the proofs). A mesh
//! of n ports holds n * n rings, each with room for `capacity` messages, all allocated at the start.
//!
//! **Waking.** A receiver that finds nothing marks its rings and sleeps. The first sender that comes upon
//! the mark takes it away and wakes; the messages that follow find none, so a batch wakes its receiver
//! once. Nothing has to be flushed: each message can be received as soon as `send` returns. A sender that
//! finds no room sleeps and is woken in the same way.
//!
//! **Fairness.** A receiver goes round its senders, and takes at most 16 messages of one in a row while
//! others wait. Messages of one sender come in the order in which they were sent.
//!
//! **Where the tasks are.** A port belongs to whoever holds it, not to a core: a woken task goes to the
//! core of the waker, as always, unless it is a [local one](crate::spawn_local). The example of [`mesh`]
//! keeps each port on its core in that way.

mod error;
mod receiver;
mod ring;
mod seat;
mod sender;

#[cfg(all(test, loom))]
mod loom_mesh;

use std::fmt;
use std::sync::Arc;

use self::ring::{MAX_CAPACITY, ring};
use self::seat::Seat;
use crate::loom::CachePadded;
use crate::scheduler::fence::Fence;

pub use self::error::{SendError, TrySendError};
pub use self::receiver::Receiver;
pub use self::sender::Sender;

/// Makes a mesh of `ports` ports; between each two of them `capacity` messages may wait in each direction.
///
/// # Panics
///
/// If `capacity` is 0, or more than memory can hold.
///
/// # Examples
///
/// Every core owns the keys that hash to it, and is asked by the others:
///
/// ```
/// use std::collections::HashMap;
///
/// use ringspun_runtime::{mesh, spawn_local};
///
/// # let runtime = ringspun_runtime::Builder::new().cores(2).build().unwrap();
/// # let handle = runtime.handle().clone();
/// let ports = mesh::mesh::<(u64, u64)>(handle.cores(), 64);
/// let owners = ports.into_iter().map(|mut port| {
///     let core = handle.core(port.index());
///     core.call(|| {
///         spawn_local(async move {
///             let mut mine = HashMap::new();
///             for key in 0..10 {
///                 let owner = key as usize % port.ports();
///                 port.send(owner, (key, 1)).await.unwrap();
///             }
///             while mine.values().sum::<u64>() < 10 {
///                 let Some((_from, (key, n))) = port.recv().await else { break };
///                 *mine.entry(key).or_insert(0) += n;
///             }
///             mine.len()
///         })
///     })
/// });
/// let owners: Vec<_> = owners.collect();
/// # runtime.block_on(async {
/// for owner in owners {
///     assert_eq!(owner.await.unwrap().await.unwrap(), 5);
/// }
/// # });
/// ```
pub fn mesh<T: Send>(ports: usize, capacity: usize) -> Vec<Port<T>> {
    assert!(capacity > 0, "a mesh needs room for one message at least");
    assert!(capacity <= MAX_CAPACITY, "a mesh cannot be that large");
    let fence = Fence::best();
    let seats: Seats = (0..ports).map(|_| CachePadded::default()).collect();
    let mut columns: Vec<_> = (0..ports).map(|_| Vec::with_capacity(ports)).collect();
    let mut senders = Vec::with_capacity(ports);
    for from in 0..ports {
        let row = columns.iter_mut().map(|column| {
            let (producer, consumer) = ring(capacity, fence);
            column.push(consumer);
            producer
        });
        senders.push(Sender::new(from, row.collect(), seats.clone()));
    }
    let receivers = columns
        .into_iter()
        .enumerate()
        .map(|(index, column)| Receiver::new(index, column, seats.clone()));
    let ports = senders.into_iter().zip(receivers);
    ports
        .map(|(sender, receiver)| Port { sender, receiver })
        .collect()
}

/// A place in a mesh: it sends to every port, itself included, and receives from every port.
///
/// When it is dropped, the others get what it has sent; what waits for it is dropped, and sends to it give
/// their values back.
///
/// A task that waits for room does not receive meanwhile. If all do so with full rings, they wait for ever:
/// where that can be, [`split`](Self::split) the port and let another task receive, or
/// [`try_send`](Self::try_send) and receive when there is no room.
pub struct Port<T> {
    sender: Sender<T>,
    receiver: Receiver<T>,
}

/// Where the tasks of each port wait.
type Seats = Arc<[CachePadded<PortSeats>]>;

#[derive(Debug, Default)]
struct PortSeats {
    sender: Seat,
    receiver: Seat,
}

impl<T> Port<T> {
    /// The number of this port.
    pub fn index(&self) -> usize {
        self.sender.index()
    }

    /// How many ports the mesh has.
    pub fn ports(&self) -> usize {
        self.sender.ports()
    }

    /// Sends a message to port `to`; waits while there is no room.
    ///
    /// # Errors
    ///
    /// [`SendError`] if the receiver of port `to` is gone.
    ///
    /// # Panics
    ///
    /// If the mesh has no port `to`.
    ///
    /// # Cancel safety
    ///
    /// The value is sent when the future returns `Ok`; dropped before that, the value goes with it.
    pub async fn send(&mut self, to: usize, value: T) -> Result<(), SendError<T>> {
        self.sender.send(to, value).await
    }

    /// Sends a message to port `to` if there is room for it.
    ///
    /// # Errors
    ///
    /// [`TrySendError`] if there is no room, or the receiver of port `to` is gone.
    ///
    /// # Panics
    ///
    /// If the mesh has no port `to`.
    pub fn try_send(&mut self, to: usize, value: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(to, value)
    }

    /// The next message, and the number of the port that it comes from; waits for one. `None` when all
    /// the other senders are gone and nothing is left.
    ///
    /// # Cancel safety
    ///
    /// A message is taken only when the future returns it.
    pub async fn recv(&mut self) -> Option<(usize, T)> {
        self.receiver.recv().await
    }

    /// The next message if there is one now, and the number of the port that it comes from.
    pub fn try_recv(&mut self) -> Option<(usize, T)> {
        self.receiver.try_recv()
    }

    /// Takes the port apart, so that two tasks can use it, or two arms of one. The receiver then waits
    /// for the own sender as well.
    pub fn split(self) -> (Sender<T>, Receiver<T>) {
        let Self {
            sender,
            mut receiver,
        } = self;
        receiver.holds_sender = false;
        (sender, receiver)
    }
}

impl<T> fmt::Debug for Port<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port")
            .field("index", &self.index())
            .field("ports", &self.ports())
            .finish_non_exhaustive()
    }
}
