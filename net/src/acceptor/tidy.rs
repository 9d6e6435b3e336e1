//! Memory that many connections leave behind.
//!
//! What they had is freed, but glibc's allocator gives back to the system only what lies at the end
//! of a heap, and the pages between a few survivors stay. Asked for it, it gives all free pages
//! back; that takes some milliseconds in which others wait for the allocator. So it is asked when
//! the last of a core's many connections has ended: nobody there waits for anything.

/// Has the allocator give free pages back to the system, on a thread for blocking code. Does
/// nothing with other allocators than glibc's, or outside a runtime.
#[cold]
pub(super) fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    if let Ok(handle) = ringspun_runtime::Handle::try_current() {
        drop(handle.spawn_blocking(|| {
            // SAFETY: it may be called at any time, from any thread.
            unsafe { libc::malloc_trim(0) }
        }));
    }
}
