//! Channels with Go's meaning, and `select!`.
//!
//! ```text
//!   Sender::send --> [ ring of `capacity` values ] --> Receiver::recv
//!        |                                                  |
//!        +------- straight to a receiver that waits --------+
//! ```
//!
//! [`channel`] makes one for many senders and many receivers. Capacity 0 is a rendezvous: a send is over when
//! its value has been taken. What Go's channels promise holds: values of one sender arrive in the order they
//! were sent, those who wait are served in their order, a value goes straight to the receiver that has waited
//! longest. Unlike in Go
//!
//! - sending into a closed channel is an error that gives the value back, not a panic, and closing twice is
//!   allowed;
//! - dropping the last receiver closes the channel: a forgotten sender does not wait for ever;
//! - an operation can be cancelled by dropping its future, and that loses, doubles and reorders nothing.
//!
//! | file | holds |
//! |---|---|
//! | `ring.rs` | the buffer, without a lock while nobody waits |
//! | `chan.rs` | the lists of those who wait, and the one lock |
//! | `lock.rs` | that lock |
//! | `waiter.rs`, `offer.rs` | one who waits, alone or as an arm of a select |
//! | `send.rs`, `recv.rs` | the futures |
//! | `select/` | `select!` and [`Select`] |
//! | `misuse.rs` | what must not compile |
//!
//! Three more kinds, each in a module of its own: [`oneshot`], one value, from one sender to one receiver;
//! [`broadcast`], every value to every receiver, out of a bounded ring; [`watch`], the latest value.

pub mod broadcast;
pub mod oneshot;
pub mod watch;

mod backoff;
mod chan;
mod error;
mod lock;
mod misuse;
mod offer;
mod receiver;
mod recv;
mod ring;
mod select;
mod send;
mod sender;
mod waiter;

#[cfg(all(test, loom))]
mod loom_channel;
#[cfg(all(test, loom))]
mod loom_select;

use std::sync::Arc;

pub use error::{RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub use receiver::Receiver;
pub use recv::{Recv, RecvTimeout, Values};
pub use select::{Select, SelectWait};
pub use send::{Send, SendFrom, SendTimeout};
pub use sender::{Sender, WeakSender};

/// What the expansion of `select!` names. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use super::chan::Evidence;
    pub use super::offer::Offer;
    pub use super::select::arm::{AnyFuture, Arm, FutureKind, Operation, OperationKind, Polled};
    pub use super::select::branch::{Branch, Once};
    pub use super::select::race::{Arms, Mode, Race, Won};
    pub use super::select::set::words;
}

use chan::Chan;

/// Makes a channel that holds up to `capacity` values; with 0, each value passes from hand to hand.
///
/// There is no unbounded channel: a queue that a peer can fill without limit takes a server down.
///
/// ```
/// # ringspun_runtime::Builder::new().cores(2).build().unwrap().block_on(async {
/// let (tx, rx) = ringspun_runtime::channel::channel(0);
/// let doubled = ringspun_runtime::spawn(async move {
///     let mut sum = 0;
///     while let Some(n) = rx.recv().await {
///         sum += 2 * n;
///     }
///     sum
/// });
/// for n in 1..=3 {
///     tx.send(n).await.unwrap();
/// }
/// drop(tx);
/// assert_eq!(doubled.await.unwrap(), 12);
/// # });
/// ```
///
/// # Panics
///
/// If the buffer does not fit into memory.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let chan = Arc::new(Chan::new(capacity));
    (Sender { chan: chan.clone() }, Receiver { chan })
}
