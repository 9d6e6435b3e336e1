//! Descriptors in, wakers out: the reactor of the ringspun server framework.
//!
//! A [`Reactor`] is one event queue of the operating system. A descriptor is registered in it once
//! and yields a [`Registration`], through which a task learns whether an attempt to read or write
//! is worth while. A thread that has nothing to run polls the reactor and gets the wakers of the
//! tasks that may go on. This crate knows wakers; it knows nothing of tasks, threads or sockets.
//!
//! # The life of an edge
//!
//! ```text
//!     kernel                       reactor                              task
//!
//!  bytes arrive
//!     |                                              Registration::poll_ready
//!     |                                                 not ready: store the waker,
//!     |                                                 look again, return Pending
//!  epoll's ready list                                             |
//!     |                                                           |
//!     +--- (token, IN) ----> Reactor::poll                        |
//!                               token -> slot of the table        |
//!                               generation right? else drop it    |
//!                               CAS: READY, take the waker <------+
//!                               waker -> WakeList
//!                                   |
//!                     the caller wakes the list, no lock held
//!                                   |
//!                                   +------------------------> the task runs
//!                                                              Registration::consume
//!                                                              read ... until short
//!                                                              (a full read: restore)
//!                                                              poll_ready: Pending again
//! ```
//!
//! Where to read on: `source.rs` is the lock-free heart, `table.rs` its memory, `reactor.rs`
//! dispatch and wake-up, `sys/mod.rs` what is asked of an operating system.
//!
//! # Examples
//!
//! One task's worth of waiting for a byte, without any runtime:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::os::fd::AsFd;
//! use std::os::unix::net::UnixStream;
//! use std::sync::Arc;
//! use std::task::{Context, Poll, Waker};
//!
//! use ringspun_reactor::{Direction, Events, Reactor, Trigger, WakeList};
//!
//! # fn main() -> std::io::Result<()> {
//! let reactor = Arc::new(Reactor::new()?);
//! let (mut here, mut there) = UnixStream::pair()?;
//! here.set_nonblocking(true)?;
//! let registration = reactor.register(here.as_fd(), Trigger::Edge)?;
//!
//! let mut cx = Context::from_waker(Waker::noop());
//! assert!(registration.poll_ready(&mut cx, Direction::Read).is_pending());
//!
//! there.write_all(b"x")?;
//! let (mut events, mut wakers) = (Events::new(), WakeList::new());
//! while registration.poll_ready(&mut cx, Direction::Read).is_pending() {
//!     reactor.poll(&mut events, 64, None, &mut wakers)?;
//!     wakers.wake_all();
//! }
//!
//! registration.consume(Direction::Read);
//! let mut buffer = [0; 16];
//! assert_eq!(here.read(&mut buffer)?, 1);
//! // A short read: the socket is drained, the next event is a new byte.
//! assert_eq!(registration.poll_ready(&mut cx, Direction::Read), Poll::Pending);
//! drop(registration); // before the socket
//! # Ok(())
//! # }
//! ```

#[cfg(not(target_os = "linux"))]
compile_error!("ringspun-reactor runs on Linux only: its one selector so far is epoll");

#[cfg(target_os = "linux")]
mod alarm;
#[cfg(target_os = "linux")]
mod interest;
#[cfg(target_os = "linux")]
mod loom;
#[cfg(all(loom, test))]
mod loom_tests;
#[cfg(all(target_os = "linux", not(loom)))]
mod page;
#[cfg(target_os = "linux")]
mod reactor;
#[cfg(target_os = "linux")]
mod ready;
#[cfg(target_os = "linux")]
mod registration;
#[cfg(target_os = "linux")]
mod source;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod token;
#[cfg(target_os = "linux")]
mod wake_list;

#[cfg(target_os = "linux")]
pub use self::{
    alarm::Alarm,
    interest::{Direction, Trigger},
    reactor::{Polled, Reactor, wait_any},
    ready::Ready,
    registration::Registration,
    sys::Events,
    sys::script::Script,
    wake_list::WakeList,
};
