//! A set of arms, a bit each, and the random choice among them.

use std::cell::Cell;

use crate::rng::Rng;

/// What holds the bits: as many words as a `select!` has arms for, mostly one, which the compiler keeps in a
/// register; or as many as it comes to.
pub(super) trait Words: Clone + AsRef<[u64]> + AsMut<[u64]> {
    /// No arm.
    fn none() -> Self;

    /// Makes room for so many words.
    fn grow(&mut self, words: usize);
}

impl<const N: usize> Words for [u64; N] {
    fn none() -> Self {
        [0; N]
    }

    fn grow(&mut self, _: usize) {}
}

impl Words for Vec<u64> {
    fn none() -> Self {
        Self::new()
    }

    fn grow(&mut self, words: usize) {
        if words > self.len() {
            self.resize(words, 0);
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct ArmSet<W>(W);

impl<W: Words> Default for ArmSet<W> {
    fn default() -> Self {
        Self(W::none())
    }
}

impl<W: Words> ArmSet<W> {
    pub(super) fn insert(&mut self, arm: usize) {
        *self.word(arm / 64) |= 1 << (arm % 64);
    }

    pub(super) fn remove(&mut self, arm: usize) {
        *self.word(arm / 64) &= !(1 << (arm % 64));
    }

    /// Adds arms that come as words of 64 bits.
    pub(super) fn add_words(&mut self, words: impl Iterator<Item = u64>) {
        for (n, word) in words.enumerate() {
            if word != 0 {
                *self.word(n) |= word;
            }
        }
    }

    /// Becomes a copy of `other`; allocates only if it never was as large.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.0.clone_from(&other.0);
    }

    /// Adds the arms of `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.add_words(other.0.as_ref().iter().copied());
    }

    /// Drops the arms that are not in `other`.
    pub(super) fn keep(&mut self, other: &Self) {
        for (n, word) in self.0.as_mut().iter_mut().enumerate() {
            *word &= other.bits(n);
        }
    }

    /// Takes the first arm out.
    pub(super) fn pop_first(&mut self) -> Option<usize> {
        let mut words = self.0.as_mut().iter_mut().enumerate();
        let (n, word) = words.find(|(_, word)| **word != 0)?;
        Some(64 * n + take_bit(word, 0))
    }

    /// Takes the arm out that stands above `skip` others, which is there.
    fn pop_nth(&mut self, mut skip: u32) -> Option<usize> {
        let (last, words) = self.0.as_mut().split_last_mut()?;
        let last_n = words.len();
        for (n, word) in words.iter_mut().enumerate() {
            let here = word.count_ones();
            if skip < here {
                return Some(64 * n + take_bit(word, skip));
            }
            skip -= here;
        }
        Some(64 * last_n + take_bit(last, skip))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.as_ref().iter().all(|word| *word == 0)
    }

    /// How many arms are in it.
    fn len(&self) -> u32 {
        self.0.as_ref().iter().map(|word| word.count_ones()).sum()
    }

    /// Whether it has more than one arm that is not in `other`.
    pub(super) fn has_two_besides(&self, other: &Self) -> bool {
        let mut has_one = false;
        for (n, word) in self.0.as_ref().iter().enumerate() {
            let besides = word & !other.bits(n);
            if besides & besides.wrapping_sub(1) != 0 || has_one && besides != 0 {
                return true;
            }
            has_one |= besides != 0;
        }
        false
    }

    /// The bits of the word `n`.
    fn bits(&self, n: usize) -> u64 {
        self.0.as_ref().get(n).copied().unwrap_or(0)
    }

    /// The same to be changed.
    fn word(&mut self, n: usize) -> &mut u64 {
        self.0.grow(n + 1);
        &mut self.0.as_mut()[n]
    }
}

/// Clears the bit above `skip` others, and says which it was.
fn take_bit(word: &mut u64, skip: u32) -> usize {
    // One of two, which is most selects: no loop, whose end nobody can predict. (Among more the same guess is
    // made at the jump to the arm, and costs more there.)
    if *word == 0b11 {
        *word &= !(1 << skip);
        return skip as usize;
    }
    let mut rest = *word;
    for _ in 0..skip {
        rest &= rest - 1;
    }
    *word &= !(rest & rest.wrapping_neg());
    rest.trailing_zeros() as usize
}

/// How many words hold so many arms.
pub const fn words(arms: usize) -> usize {
    arms.div_ceil(64)
}

/// Luck for one pass over the arms, each of which has the same chance to be the next.
#[derive(Debug)]
pub(super) struct Draws {
    /// How many arms there are to choose among.
    left: u32,
    /// What was not used of the last draw, as a fraction of 2^64.
    fraction: u64,
    /// Into how many parts the choices have cut it so far. 0: there was none yet.
    parts: u64,
}

impl Draws {
    /// A draw is used up when it was cut into so many: half of its bits are left for the last choice.
    const MOST_PARTS: u64 = 1 << 32;

    pub(super) fn of<W: Words>(arms: &ArmSet<W>) -> Self {
        Self {
            left: arms.len(),
            fraction: 0,
            parts: 0,
        }
    }

    /// Takes any arm out of `arms`, each with the same chance.
    pub(super) fn pop<W: Words>(&mut self, arms: &mut ArmSet<W>) -> Option<usize> {
        if self.left <= 1 {
            return arms.pop_first();
        }
        if self.parts == 0 || self.parts > Self::MOST_PARTS {
            self.fraction = random();
            self.parts = 1;
        }
        // The integer part chooses; the fraction that remains is as random as before, but for the bits used.
        let product = u128::from(self.fraction) * u128::from(self.left);
        self.fraction = product as u64;
        self.parts *= u64::from(self.left);
        self.left -= 1;
        arms.pop_nth((product >> 64) as u32)
    }
}

/// 64 random bits; each thread has a sequence of its own. A model has no chance but its schedule.
fn random() -> u64 {
    if cfg!(loom) {
        return 0;
    }
    thread_local! {
        static RNG: Cell<Option<Rng>> = const { Cell::new(None) };
    }
    let mut rng = RNG.get().unwrap_or_else(|| Rng::new(seed()));
    let bits = rng.bits();
    RNG.set(Some(rng));
    bits
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
            let mut set = ArmSet::<Vec<_>>::default();
            let arms = [0, 3, 63, 64, 130, 191];
            for arm in arms {
                set.insert(arm);
            }
            set.insert(77);
            set.remove(77);
            let mut draws = Draws::of(&set);
            let mut pop = |set: &mut ArmSet<_>| match random {
                true => draws.pop(set),
                false => set.pop_first(),
            };
            let mut taken: Vec<_> = std::iter::from_fn(|| pop(&mut set)).collect();
            if random {
                taken.sort_unstable();
            }
            assert_eq!(taken, arms);
        }
    }

    /// Also of those behind the first, and of those that one draw is not enough for.
    #[test]
    fn each_order_has_the_same_chance() {
        const ROUNDS: u32 = 100_000;
        for (count, choices) in [(3, 3), (20, 12)] {
            let mut taken = vec![[0; 20]; choices];
            for _ in 0..ROUNDS {
                let mut set = ArmSet::<[_; 1]>::default();
                (0..count).for_each(|arm| set.insert(arm));
                let mut draws = Draws::of(&set);
                for counts in &mut taken {
                    counts[draws.pop(&mut set).unwrap()] += 1;
                }
            }
            let mean = f64::from(ROUNDS) / count as f64;
            let allowed = 10.0 * mean.sqrt();
            for count in taken.iter().flat_map(|counts| &counts[..count]) {
                assert!((f64::from(*count) - mean).abs() < allowed, "{taken:?}");
            }
        }
    }

    #[test]
    fn counts_what_is_not_in_another() {
        let of = |arms: &[usize]| {
            let mut set = ArmSet::<Vec<_>>::default();
            arms.iter().for_each(|arm| set.insert(*arm));
            set
        };
        for (arms, others, two) in [
            (&[][..], &[][..], false),
            (&[5], &[], false),
            (&[0, 63], &[], true),
            (&[0, 63], &[0], false),
            (&[0, 64], &[], true),
            (&[0, 64], &[0], false),
            (&[0, 64, 130], &[0], true),
            (&[64, 130], &[130, 200], false),
        ] {
            assert_eq!(of(arms).has_two_besides(&of(others)), two, "{arms:?}");
        }
    }
}
