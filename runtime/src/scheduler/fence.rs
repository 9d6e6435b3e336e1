//! An asymmetric fence: free on the side that runs all the time, dear on the side that hardly ever does.
//!
//! Two threads each write one word and then read the other's: with a full fence between the write and
//! the read on both sides, at least one of them sees the other's write (Dekker). [`light`] and
//! [`heavy`] are such a pair: where the kernel has `membarrier(PRIVATE_EXPEDITED)`, `heavy` makes every
//! running thread of the process execute a full fence, so that `light` need only keep the compiler from
//! reordering. Elsewhere, and under loom, both are full fences.
//!
//! Measured: membarrier 0.4 to 9 µs, a full fence about 3 ns.

use std::sync::OnceLock;

use crate::loom::atomic::Ordering::SeqCst;
use crate::loom::atomic::fence;

/// Which of the two ways this process uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    /// `membarrier` on the heavy side.
    Asymmetric,
    /// A full fence on both sides.
    Symmetric,
}

impl Fence {
    /// The best that this system offers. It is asked once.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Fence> = OnceLock::new();
        *BEST.get_or_init(|| {
            if cfg!(not(loom)) && membarrier::register() {
                Self::Asymmetric
            } else {
                Self::Symmetric
            }
        })
    }

    /// Between the write and the read on the frequent side.
    #[inline(always)]
    pub(crate) fn light(self) {
        match self {
            #[cfg(not(loom))]
            Self::Asymmetric => std::sync::atomic::compiler_fence(SeqCst),
            #[cfg(loom)]
            Self::Asymmetric => fence(SeqCst),
            Self::Symmetric => fence(SeqCst),
        }
    }

    /// Between the write and the read on the rare side.
    pub(crate) fn heavy(self) {
        fence(SeqCst);
        if self == Self::Asymmetric {
            membarrier::all_threads();
        }
    }
}

mod membarrier {
    // linux/membarrier.h
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    pub(super) fn register() -> bool {
        call(REGISTER_PRIVATE_EXPEDITED)
    }

    pub(super) fn all_threads() {
        let done = call(PRIVATE_EXPEDITED);
        // A registered process cannot be refused.
        assert!(done, "membarrier failed after it was registered");
    }

    fn call(command: libc::c_int) -> bool {
        // SAFETY: membarrier takes three integers and touches no memory.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}
