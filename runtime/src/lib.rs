//! ringspun's runtime: it decides what runs where.
//!
//! ```text
//!                      wake, spawn                         full ring, foreign threads
//!   task ------------------------------> LIFO slot, ring ------------> inject queue
//!    ^                                       |                              |
//!    | poll                                  v                              |
//!   worker (a thread) <------------- next task of its core <----------------+
//!    |        \                              ^
//!    |         \ nothing to do: steal from other cores' rings
//!    v                                       |
//!   park in the core's reactor --- ready descriptors, due timers: wake a batch into the ring
//! ```
//!
//! - [`Runtime`] and [`Builder`] start it, [`Handle`] reaches it, [`spawn`] makes a task.
//! - [`spawn_blocking`] runs code that blocks on threads of its own.
//! - [`scope`] is how work ends together: tokens, deadlines, groups of tasks, cleanups.
//! - [`sync`] has what tasks wait for: locks, semaphores, notifications.
//! - [`task`] is what a task is, [`time`] its timers, [`io`] the door to its reactors.
//! - [`Handle::core`] and [`mesh`] send work and messages to other cores; a [`Snapshot`] shares what hardly
//!   ever changes.
//! - `scheduler/mod.rs` has the protocols, `scheduler/worker.rs` the loop.
//!
//! Programs use it through the facade crate `ringspun`.

mod around;
mod block_on;
mod blocking;
#[cfg(feature = "tokio")]
mod bridge;
mod builder;
mod contain;
mod context;
mod core_handle;
mod cpus;
mod descriptors;
mod dump;
mod handle;
mod in_place;
mod local;
mod loom;
mod metrics;
mod rng;
mod runtime;
mod scheduler;
mod slice;
mod snapshot;
mod trace;
mod wait_list;

pub mod budget;
pub mod channel;
pub mod io;
pub mod mesh;
pub mod scope;
pub mod sync;
pub mod task;
pub mod time;

pub use blocking::{BlockingMetrics, spawn_blocking};
pub use builder::Builder;
pub use context::{EnterGuard, backlog, current_core};
pub use core_handle::CoreHandle;
pub use dump::{Dump, TaskDump, TaskState};
pub use handle::{Handle, NoRuntime, spawn};
pub use in_place::block_in_place;
pub use local::spawn_local;
pub use metrics::{CoreMetrics, Histogram, Metrics};
/// For `select!`.
#[doc(hidden)]
pub use ringspun_macros::clean_pattern as __clean_pattern;
pub use runtime::Runtime;
pub use snapshot::{Snapshot, SnapshotGuard};
pub use task::JoinHandle;
