//! ringspun-net: sockets for ringspun's runtime.
//!
//! The life of a connection:
//!
//! ```text
//!  core i                   core k: i, or one with clearly fewer connections; another task
//!  TcpListener --accept4--> bare socket --register--> TcpStream --> handler(stream, session)
//!     ^ level-triggered        (non-blocking, CLOEXEC,           |
//!     |                         NODELAY inherited)               v
//!   Acceptor: places, limits, backs off, stops        read / write / close
//!                                                                |
//!                                                    Carry (what a cancelled call left)
//!                                                                |
//!                                             Evented::poll_op: the only would-block loop
//!                                                                |
//!                                                  Registration --> reactor of core k
//! ```
//!
//! - [`TcpListener`], [`TcpStream`] and its halves in [`tcp`]; [`mem`] is the same without
//!   sockets. Both meet the traits [`Listener`] and [`Stream`], which servers are written over.
//! - [`Acceptor`] serves: one listener per core, a connection stays on the core it was given at the
//!   start, errors are survived, and it ends in good order.
//! - [`Buffer`]: memory for reading, pooled per thread, held only while there is something to
//!   read.
//! - [`open_beneath`]: files for sending, which [`Stream::poll_send_file`] does.
//! - [`io`]: copying, and methods for any `futures_io` type. [`signal`]: signals as futures.
//!
//! Start reading at `evented.rs`.

mod acceptor;
mod buffer;
#[cfg(any(feature = "tokio", feature = "hyper"))]
pub mod compat;
mod evented;
pub mod io;
pub mod mem;
mod open_beneath;
mod resolve;
pub mod signal;
mod stream;
pub mod tcp;

pub use acceptor::{AcceptStats, Acceptor, Serving, Session};
pub use buffer::Buffer;
pub use mem::{MemConnector, MemListener, MemStream};
pub use open_beneath::open_beneath;
pub use resolve::{Target, ToAddrs, lookup_host};
pub use stream::{Listener, Stream};
pub use tcp::{ListenOptions, TcpListener, TcpStream};
