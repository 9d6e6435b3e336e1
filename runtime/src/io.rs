//! Registering descriptors in the reactor of a core: the door for crates that bring sockets.

use std::io;
use std::os::fd::BorrowedFd;

pub use ringspun_reactor::{Direction, Ready, Registration, Trigger};

use crate::context;

/// Registers `fd` in the reactor of the current core. On a thread that is not a worker but is inside a
/// runtime (such as the one in [`Runtime::block_on`](crate::Runtime::block_on)), the cores take turns.
///
/// # Errors
///
/// Those of `epoll_ctl(2)`: `EPERM` for a file that cannot be waited for, `EEXIST`, `ENOSPC`, `ENOMEM`.
/// Outside a runtime: [`io::ErrorKind::Other`] with a text that says so.
pub fn register(fd: BorrowedFd<'_>, trigger: Trigger) -> io::Result<Registration> {
    context::with_shared(|shared| {
        let shared = shared.ok_or_else(no_runtime)?;
        let core = context::core_of(shared);
        shared.remotes[core].reactor.register(fd, trigger)
    })
}

/// Registers `fd` in the reactor of core `core`.
///
/// # Errors
///
/// As [`register`].
///
/// # Panics
///
/// If the runtime has no such core.
pub fn register_on(core: usize, fd: BorrowedFd<'_>, trigger: Trigger) -> io::Result<Registration> {
    context::with_shared(|shared| {
        let shared = shared.ok_or_else(no_runtime)?;
        shared.remote(core).reactor.register(fd, trigger)
    })
}

/// Gives the memory of descriptors that are no more back to the system, of all cores of the current
/// runtime; does nothing outside of one. For when very many have ended: registering waits
/// meanwhile, some microseconds for each thousand that there were.
pub fn trim() {
    context::with_shared(|shared| {
        let remotes = shared.iter().flat_map(|shared| shared.remotes.iter());
        remotes.for_each(|remote| remote.reactor.trim());
    });
}

fn no_runtime() -> io::Error {
    io::Error::other(
        "no ringspun runtime on this thread: create sockets inside #[ringspun::main], \
         Runtime::block_on or a spawned task, or enter one with Handle::enter",
    )
}
