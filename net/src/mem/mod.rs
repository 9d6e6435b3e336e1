//! The in-memory transport: streams and a listener without a descriptor.
//!
//! A server that is generic over [`Listener`](crate::Listener) runs on it unchanged: protocol
//! tests with their timeouts need no sockets, and a hop within the process costs no system call.
//!
//! ```text
//!  MemConnector::connect ----> backlog ----> MemListener::accept
//!         |                                        |
//!     MemStream A <==== two pipes, bounded ====> MemStream B
//! ```
//!
//! The semantics are those of TCP on Linux where a program can see them:
//!
//! | what happens | what the other side sees |
//! |---|---|
//! | `close` (half-close) | reads what was sent, then 0 for ever; its own direction goes on |
//! | stream dropped, everything read | reads what was sent, then 0; its writes: `BrokenPipe` |
//! | stream dropped with unread bytes | reads what was sent, then `ConnectionReset` once, then 0 |
//! | peer does not read | writes take `capacity` bytes and then wait |
//! | listener dropped | `connect`: `ConnectionRefused`; connections in the backlog: reset |
//!
//! Deliberately different: the first write to a peer that is gone fails at once, where TCP
//! accepts it and fails the next; there are no addresses; `linger` and the like do not exist.

mod listener;
mod pipe;
mod split;
mod stream;

pub use listener::{MemConnector, MemListener, listener};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::{MemStream, pair};
