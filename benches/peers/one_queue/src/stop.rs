//! The end, by a signal that is waited for and not handled.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// SIGINT, blocked in this thread and those that it starts.
pub(crate) struct Stop(libc::sigset_t);

impl Stop {
    pub(crate) fn block() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the call makes an empty set of what the pointer points to.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: it has just been made.
        let mut set = unsafe { set.assume_init() };
        // SAFETY: a set, and a signal that exists.
        unsafe { libc::sigaddset(&raw mut set, libc::SIGINT) };
        // SAFETY: the set outlives the call; null asks for no old one.
        match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) } {
            0 => Ok(Self(set)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    pub(crate) fn wait(&self) -> io::Result<()> {
        let mut signal = 0;
        // SAFETY: both outlive the call.
        match unsafe { libc::sigwait(&raw const self.0, &raw mut signal) } {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}
