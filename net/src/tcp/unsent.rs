//! How much of what was written a peer has not taken.

use std::os::fd::{AsFd, AsRawFd};

/// Bytes in the send queue of a connected socket: not sent, or not acknowledged. 0 where the system
/// does not tell.
pub(super) fn unsent(socket: &impl AsFd) -> usize {
    #[cfg(target_os = "linux")]
    {
        let mut count: libc::c_int = 0;
        let fd = socket.as_fd().as_raw_fd();
        // SAFETY: the descriptor is open, since it is borrowed for the call, and the kernel writes
        // one integer to `count`, which lives until behind the call. (`SIOCOUTQ` is the same number.)
        let result = unsafe { libc::ioctl(fd, libc::TIOCOUTQ, &raw mut count) };
        if result == 0 {
            return usize::try_from(count).unwrap_or(0);
        }
    }
    let _ = socket;
    0
}
