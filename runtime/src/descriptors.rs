//! Room for descriptors: the limit of the process, and the kernel's table of them.
//!
//! A connection is a descriptor. The soft limit on them is 1,024 on most systems, for the sake of
//! programs that use `select`; the hard one is what the administrator means. And the kernel's
//! table grows by doubling, which in a process with several threads makes the call that needs the
//! room wait for all of them to pass a quiet point (`synchronize_rcu` in the kernel's
//! `expand_fdtable`): 16 ms and more, in the middle of a storm of connections. Asking once for a
//! high number, before there are threads, gives the table its size.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Once;

/// Raises the soft limit to the hard one and sizes the table, the first time it is called. What
/// the system refuses is logged, and things stay as they were.
pub(crate) fn make_room() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let result = raise_limit().and_then(size_table);
        if let Err(error) = result {
            tracing::warn!(%error, "the limit on descriptors stays as it is");
        }
    });
}

/// The number of descriptors that the process may have from now on.
fn raise_limit() -> io::Result<libc::rlim_t> {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: the pointer is to room for what the call writes.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, limit.as_mut_ptr()) })?;
    // SAFETY: the call has succeeded, so it has written the limit.
    let mut limit = unsafe { limit.assume_init() };
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the pointer is to a limit that lives until the call returns.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    Ok(limit.rlim_cur)
}

/// Has the kernel make room for the highest number there is, within reason.
fn size_table(limit: libc::rlim_t) -> io::Result<()> {
    let highest = limit.min(SIZED).saturating_sub(1);
    let Ok(highest) = libc::c_int::try_from(highest) else {
        return Ok(());
    };
    let (any, _) = io::pipe()?;
    // SAFETY: `any` is open until the end of this function.
    let copy = check(unsafe { libc::fcntl(any.as_raw_fd(), libc::F_DUPFD_CLOEXEC, highest) });
    match copy {
        // SAFETY: the call has made this descriptor, and nobody else knows of it.
        Ok(copy) => drop(unsafe { OwnedFd::from_raw_fd(copy) }),
        // Somebody has that number: the table is large enough.
        Err(error) if error.raw_os_error() == Some(libc::EMFILE) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The table gets room for so many at once: 1 MiB of the kernel's memory. Beyond it it doubles as
/// connections come.
const SIZED: libc::rlim_t = 128 * 1024;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
