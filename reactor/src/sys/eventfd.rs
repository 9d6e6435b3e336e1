//! The notification of an epoll selector: an eventfd, edge-triggered and never read.
//!
//! Every write is a new edge whatever the counter says, so that a read per wake-up would buy
//! nothing. The counter is 64 bits wide: at ten million wake-ups a second it lasts 58,000 years.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// An eventfd that is only ever written to.
#[derive(Debug)]
pub(super) struct EventFd(File);

impl EventFd {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes two integers and touches no memory.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just returned this descriptor, and nobody else knows of it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self(File::from(fd)))
    }

    /// Makes an edge.
    pub(super) fn write(&self) {
        loop {
            match (&self.0).write(&1_u64.to_ne_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The only error left is a full counter, and then the descriptor is readable.
                _ => return,
            }
        }
    }

    /// How many writes there have been: the counter, since nobody else reads it.
    #[cfg(all(test, not(loom)))]
    pub(super) fn take_writes(&self) -> u64 {
        use std::io::Read;

        let mut count = [0; 8];
        let read = (&self.0).read_exact(&mut count);
        read.map_or(0, |()| u64::from_ne_bytes(count))
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
