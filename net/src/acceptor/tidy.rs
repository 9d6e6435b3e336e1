//! Memory that many connections leave behind.
//!
//! What they had is freed, but glibc's allocator gives back to the system only what lies at the end
//! of a heap, and the pages between a few survivors stay. Asked for it, it gives all free pages
//! back; that takes some milliseconds in which others wait for the allocator. So it is asked when
//! the last of a core's many connections has ended: nobody there waits for anything. The same goes
//! for the reactors' memory.

use ringspun_runtime::{Handle, io};

/// Has the reactors, and the allocator if it is glibc's, give free pages back to the system, on a
/// thread for blocking code. Does nothing outside a runtime.
#[cold]
pub(super) fn give_memory_back() {
    if let Ok(handle) = Handle::try_current() {
        drop(handle.spawn_blocking(|| {
            io::trim();
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            // SAFETY: it may be called at any time, from any thread.
            unsafe {
                libc::malloc_trim(0)
            };
        }));
    }
}
