//! Waiting for another thread that is a few instructions from done.

use crate::loom::atomic::AtomicUsize;
use crate::loom::atomic::Ordering::{AcqRel, Acquire};

/// Spins, twice as long each time; a thread that must wait longer lets others run.
#[derive(Debug)]
pub(super) struct Backoff(u32);

impl Backoff {
    /// 2^6 spins are about 2 µs: longer means that the other thread does not run.
    const LAST_SPIN: u32 = 6;

    pub(super) fn new() -> Self {
        Self(0)
    }

    /// After a lost exchange: somebody else got on, so the next try is worth it.
    #[inline]
    pub(super) fn spin(&mut self) {
        #[cfg(not(loom))]
        for _ in 0..1 << self.0.min(Self::LAST_SPIN) {
            std::hint::spin_loop();
        }
        self.0 += 1;
    }

    /// Before a step that another thread must make first.
    #[cold]
    pub(super) fn snooze(&mut self) {
        // A model that lets two threads spin in turns while the third stands still never ends: a schedule
        // with one more spin shows nothing new.
        #[cfg(loom)]
        {
            if self.0 > 1 {
                loom::skip_branch();
            }
            loom::thread::yield_now();
        }
        #[cfg(not(loom))]
        if self.0 > Self::LAST_SPIN {
            std::thread::yield_now();
            return;
        }
        self.spin();
    }

    /// Reads a word that another thread is about to change. A model may show an old value for ever, which
    /// no machine does; after the first snooze it is asked for the newest, by an exchange that fails.
    #[inline]
    pub(super) fn read(&self, word: &AtomicUsize) -> usize {
        if cfg!(loom) && self.0 > 0 {
            let newest = word.compare_exchange(usize::MAX, usize::MAX, AcqRel, Acquire);
            return newest.unwrap_or_else(|value| value);
        }
        word.load(Acquire)
    }
}
