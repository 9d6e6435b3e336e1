//! Tasks: spawned futures.
//!
//! A task is **one allocation** that holds header, future and output (`raw::Cell`). Four kinds of
//! reference point to it, each worth one count in the state word:
//!
//! | reference | held by | may touch |
//! |---|---|---|
//! | `TaskRef` | the registry of live tasks | links, under the registry's lock |
//! | `Notified` | a run queue, then the worker that runs it | the stage, after `State::start` gave it RUNNING; the queue link, while it owns the entry |
//! | `Waker` | whoever wakes the task | the state word |
//! | [`JoinHandle`] | the user | the output, once COMPLETE; the join waker, while JOIN_WAKER is unset |
//!
//! Who may touch which field when, in one table. `state.rs` proves that the rights exclude each other.
//!
//! | field | right | given by |
//! |---|---|---|
//! | `queue_next` | the owner of the `Notified` | SCHEDULED is set once until `start` clears it |
//! | `links` | the holder of the registry shard's lock | lock |
//! | `stage` (future) | the holder of RUNNING | `start`, `shutdown` |
//! | `stage` (output) | the task until COMPLETE, then the join handle, then whoever drops its interest | `complete`, `drop_join_interest` |
//! | `join_waker` | the handle while JOIN_WAKER is unset; shared for reading while set; the task after COMPLETE | `set_join_waker`, `unset_join_waker` |
//! | the rest | everyone, read only | written before the task is published |

pub(crate) mod block;
mod error;
mod header;
mod hint;
mod join;
pub(crate) mod list;
mod pooled;
mod raw;
mod state;
mod trail;
mod waker;
mod yield_now;

#[cfg(all(test, loom))]
mod loom_task;
#[cfg(all(test, not(loom)))]
mod tests;

pub use self::error::JoinError;
pub use self::header::Id;
pub use self::hint::panic_hint;
pub use self::join::{AbortHandle, JoinHandle};
pub use self::pooled::{LocalPooledFuture, PooledFuture};
pub use self::trail::WokenBy;
pub use self::yield_now::{YieldNow, yield_now};

pub(crate) use self::header::Header;
#[cfg(all(test, loom))]
pub(crate) use self::raw::TaskRef;
pub(crate) use self::raw::{Notified, Schedule, new_task};
