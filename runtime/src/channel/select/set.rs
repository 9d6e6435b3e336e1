//! A set of arms, a bit each; up to 64 of them need no memory of their own.

use std::cell::Cell;

use crate::rng::Rng;

#[derive(Clone, Debug, Default)]
pub(super) struct ArmSet {
    few: u64,
    more: Vec<u64>,
}

impl ArmSet {
    pub(super) fn insert(&mut self, arm: usize) {
        *self.word(arm) |= 1 << (arm % 64);
    }

    pub(super) fn remove(&mut self, arm: usize) {
        *self.word(arm) &= !(1 << (arm % 64));
    }

    /// Adds arms that come as words of 64 bits.
    pub(super) fn add_words(&mut self, words: impl Iterator<Item = u64>) {
        for (n, word) in words.enumerate() {
            if word != 0 {
                *self.word(64 * n) |= word;
            }
        }
    }

    /// Becomes a copy of `other`; allocates only if it never was as large.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.few = other.few;
        self.more.clone_from(&other.more);
    }

    /// Adds the arms of `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.add_words(std::iter::once(other.few).chain(other.more.iter().copied()));
    }

    /// Drops the arms that are not in `other`.
    pub(super) fn keep(&mut self, other: &Self) {
        self.few &= other.few;
        for (n, word) in self.more.iter_mut().enumerate() {
            *word &= other.more.get(n).copied().unwrap_or(0);
        }
    }

    /// Takes the first arm out.
    pub(super) fn pop_first(&mut self) -> Option<usize> {
        let (n, word) = self.words().find(|(_, word)| **word != 0)?;
        Some(64 * n + take_bit(word, 0))
    }

    /// Takes any arm out, each with the same chance.
    pub(super) fn pop_random(&mut self) -> Option<usize> {
        let mut skip = match self.len() {
            0 => return None,
            1 => return self.pop_first(),
            len => below(len),
        };
        for (n, word) in self.words() {
            let here = word.count_ones();
            if skip < here {
                return Some(64 * n + take_bit(word, skip));
            }
            skip -= here;
        }
        unreachable!("skips fewer arms than there are")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.few == 0 && self.more.iter().all(|word| *word == 0)
    }

    /// How many arms are in it.
    pub(super) fn len(&self) -> u32 {
        let more: u32 = self.more.iter().map(|word| word.count_ones()).sum();
        self.few.count_ones() + more
    }

    fn words(&mut self) -> impl Iterator<Item = (usize, &mut u64)> {
        std::iter::once(&mut self.few)
            .chain(&mut self.more)
            .enumerate()
    }

    fn word(&mut self, arm: usize) -> &mut u64 {
        let Some(n) = (arm / 64).checked_sub(1) else {
            return &mut self.few;
        };
        if n >= self.more.len() {
            self.more.resize(n + 1, 0);
        }
        &mut self.more[n]
    }
}

/// Clears the bit above `skip` others, and says which it was.
fn take_bit(word: &mut u64, skip: u32) -> usize {
    let mut rest = *word;
    for _ in 0..skip {
        rest &= rest - 1;
    }
    *word &= !(rest & rest.wrapping_neg());
    rest.trailing_zeros() as usize
}

/// A number below `bound`; each thread has a sequence of its own. A model has no chance but its schedule.
fn below(bound: u32) -> u32 {
    if cfg!(loom) {
        return 0;
    }
    thread_local! {
        static RNG: Cell<Option<Rng>> = const { Cell::new(None) };
    }
    let mut rng = RNG.get().unwrap_or_else(|| Rng::new(seed()));
    let number = rng.below(bound);
    RNG.set(Some(rng));
    number
}

/// The next thread's seed: their count, so that a run with one thread can be repeated.
fn seed() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    static THREADS: AtomicU64 = AtomicU64::new(1);
    THREADS.fetch_add(1, Relaxed)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn takes_each_arm_once_in_order_or_in_none() {
        for random in [false, true] {
            let mut set = ArmSet::default();
            let arms = [0, 3, 63, 64, 130, 191];
            for arm in arms {
                set.insert(arm);
            }
            set.insert(77);
            set.remove(77);
            let pop = |set: &mut ArmSet| match random {
                true => set.pop_random(),
                false => set.pop_first(),
            };
            let mut taken: Vec<_> = std::iter::from_fn(|| pop(&mut set)).collect();
            if random {
                taken.sort_unstable();
            }
            assert_eq!(taken, arms);
        }
    }
}
