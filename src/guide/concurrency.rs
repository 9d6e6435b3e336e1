//! Concurrency: channels, `select!`, cancellation, groups of tasks.
//!
//! # Tasks
//!
//! [`spawn`](crate::spawn) starts a task; dropping its handle detaches it, `abort` ends it at its next await, and
//! a panic comes out of the handle. It may be stolen by an idle core. [`spawn_local`](crate::spawn_local) keeps a
//! task that is not `Send` on its thread; [`spawn_blocking`](crate::spawn_blocking) is for code that blocks;
//! [`Handle::core(i).call(f)`](crate::Handle::core) runs a closure on a core.
//!
//! # Channels
//!
//! | channel | for |
//! |---|---|
//! | [`channel(n)`](crate::channel::channel) | many senders, many receivers, each value to one; 0 is a rendezvous |
//! | [`oneshot`](crate::channel::oneshot) | one answer |
//! | [`broadcast`](crate::channel::broadcast) | every value to every receiver; the slow miss some and are told |
//! | [`watch`](crate::channel::watch) | the latest value: configuration, state |
//! | [`mesh`](crate::mesh) | core to core, without locks |
//!
//! None is unbounded. Closing is [`close`](crate::channel::Sender::close), or dropping the last sender or the last
//! receiver; sending into a closed one gives the value back. Dropping a send or receive that waits loses, doubles
//! and reorders nothing.
//!
//! # `select!`
//!
//! Exactly one arm commits, each ready one with the same chance; the others have sent and received nothing. An arm is
//! an operation of a channel or **any future**; a losing future is dropped, so it must be cancel-safe.
//!
//! ```
//! use std::time::Duration;
//! use ringspun::channel::{Receiver, Sender};
//! use ringspun::{select, time};
//!
//! async fn relay(inbox: Receiver<u32>, next: Sender<u32>, mut quiet: bool) {
//!     loop {
//!         select! {
//!             // A pattern that refuses switches its arm off for this select.
//!             Some(n) = inbox.recv() => {
//!                 if next.send(n).await.is_err() {
//!                     break;
//!                 }
//!                 quiet = false;
//!             }
//!             // A guard does what a nil channel does in Go.
//!             () = time::sleep(Duration::from_secs(1)), if !quiet => quiet = true,
//!             // All arms are off.
//!             else => break,
//!         }
//!     }
//! }
//! # let _ = relay;
//! ```
//!
//! `default => ..` does not wait; `biased;` takes the first ready arm. For a number of arms that is known at run time:
//! [`channel::Select`](crate::channel::Select).
//!
//! # Cancellation and deadlines
//!
//! Cancelling is dropping: a future that is dropped stops at the await where it stands. A
//! [`CancelToken`](crate::scope::CancelToken) says so to many at once, and is inherited by what is awaited:
//!
//! ```
//! use std::time::Duration;
//! use ringspun::scope::{self, CancelToken};
//!
//! # #[ringspun::main(cores = 1)]
//! # async fn main() {
//! // What is awaited inside sees the deadline; a longer one within does not lengthen it.
//! let slow = scope::timeout(Duration::from_millis(5), std::future::pending::<()>()).await;
//! assert!(slow.unwrap_err().is_deadline());
//!
//! let stop = CancelToken::new();
//! let child = stop.child();
//! let worker = ringspun::spawn(async move { child.run(std::future::pending::<()>()).await });
//! stop.cancel_with("closing time");
//! assert!(worker.await.unwrap().is_err());
//! # }
//! ```
//!
//! In a handler, [`CancelToken::current`](crate::scope::CancelToken::current) is cancelled when the client is gone, the
//! time is over, or the response has been sent. Give it, or a child, to tasks that you spawn for the request: they do
//! not inherit it by themselves.
//!
//! # Groups
//!
//! [`TaskGroup`](crate::scope::TaskGroup): no child outlives the group, the first failure cancels the others.
//!
//! ```
//! use ringspun::scope::TaskGroup;
//!
//! # #[ringspun::main(cores = 1)]
//! # async fn main() {
//! let mut group = TaskGroup::new().limit(8); // at most 8 at a time; `spawn` waits
//! for n in 1..=100_u32 {
//!     group.spawn(async move { n.checked_mul(n).ok_or("too large") }).await;
//! }
//! let squares = group.try_join_all().await.expect("none is too large");
//! assert_eq!(squares.len(), 100);
//! # }
//! ```
//!
//! [`TaskGroup::supervisor`](crate::scope::TaskGroup::supervisor) is for children that do not depend on each other.
//! A [`Janitor`](crate::scope::Janitor) runs asynchronous cleanups of what was dropped.
//!
//! # Locks
//!
//! [`sync`](crate::sync): `Mutex`, `RwLock`, `Semaphore`, `Notify`, `Barrier`, `WaitGroup`, to be held across an await. For
//! a few instructions `std::sync::Mutex` is better. [`Snapshot`](crate::Snapshot): read by all, replaced rarely.
//!
//! # Longer programs
//!
//! `examples/csp` (Hoare's paper), `pipeline.rs`, `fan_out.rs`, `actor.rs`, `shared_state.rs`, `chat.rs`.
