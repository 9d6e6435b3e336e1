//! Who sleeps, who searches, and whom to wake.
//!
//! One word packs two counts, so that the question "is anybody looking, and is anybody asleep?" is
//! answered by one read-modify-write:
//!
//! ```text
//!   bits 0..16   searching   workers that look for a task
//!   bits 16..32  unparked    workers that are awake (searching ones included)
//! ```
//!
//! Beside it a bit for each worker says who sleeps; the bits and the count of those awake change together,
//! under a lock. The sleeper with the lowest number is woken first: so the same few cores are warm, and the
//! others sleep on.
//!
//! **No lost wake-up.** A task is pushed while workers fall asleep:
//!
//! - the pusher: (1) publishes the task in a queue; (2) reads the word by `fetch_add(0)`; wakes a
//!   sleeper unless somebody searches or all are awake.
//! - the sleeper: (3) takes itself out of the counts, by `fetch_sub`; (4) looks into all queues again.
//!
//! (2) and (3) are read-modify-writes of one word, so one comes first. If (2) does, (3) synchronises
//! with it and (4) sees the task. If (3) does, (2) sees the sleeper asleep: it finds a worker to wake,
//! or a searching one. A *searching* worker keeps the promise in its turn: it either finds the task,
//! or passes through (3) and (4) itself. [`Searching`] is that promise as a value.
//!
//! SeqCst is not needed for the proof; AcqRel on one word orders the two sides.
//!
//! **Who looks looks at those that are awake.** Cores that sleep have nothing in their rings and are in no
//! task, so a look at each of them is for nothing, and on a machine of many cores most of what a look costs.
//! A worker that wakes has its bit before it puts anything into its ring, so before (1); a sleeper that sees
//! (2) in its (3) sees the bit with it.
//!
//! Rejected: a stack of sleepers, the last one on top. Who wakes by itself has to be looked for in it, under the
//! lock that all share: as many steps as others have fallen asleep since.
//!
//! Models: `loom_idle` below: two workers fall asleep against a submitter (M2, L1).

use crate::loom::atomic::Ordering::{AcqRel, Relaxed};
use crate::loom::atomic::{AtomicU64, AtomicUsize};
use crate::loom::{CachePadded, Mutex};

const SEARCHING_ONE: usize = 1;
const SEARCHING_MASK: usize = 0xffff;
const UNPARKED_ONE: usize = 1 << 16;

/// The most workers the counts can hold.
pub(crate) const MAX_WORKERS: usize = 0xffff;

/// The counts and the sleepers.
#[derive(Debug)]
pub(crate) struct Idle {
    /// `{unparked, searching}`; the protocol at the head of this file.
    state: AtomicUsize,
    /// Held while a worker falls asleep or is woken.
    changing: Mutex<()>,
    /// A bit for each worker that neither sleeps nor is about to; written under the lock, read by all.
    awake: Box<[CachePadded<AtomicU64>]>,
    workers: usize,
    /// At most this many search at once: max(1, workers / 16). More only burn CPU.
    max_searching: usize,
}

/// Proof that its holder is counted as searching. Consumed by [`Idle::stop_searching`] or
/// [`Idle::park`].
#[derive(Debug)]
#[must_use = "the count of searching workers must be given back"]
pub(crate) struct Searching(());

impl Idle {
    /// All workers awake, nobody searching.
    pub(crate) fn new(workers: usize) -> Self {
        assert!(workers <= MAX_WORKERS);
        Self {
            state: AtomicUsize::new(workers * UNPARKED_ONE),
            changing: Mutex::new(()),
            awake: (0..workers.div_ceil(WORD))
                .map(|word| {
                    let here = (workers - word * WORD).min(WORD);
                    CachePadded(AtomicU64::new(u64::MAX >> (WORD - here)))
                })
                .collect(),
            workers,
            max_searching: (workers / 16).max(1),
        }
    }

    /// There is work for one more: the sleeper to wake, already counted as awake and searching.
    pub(crate) fn worker_to_notify(&self) -> Option<usize> {
        if !self.should_notify() {
            return None;
        }
        let _changing = self.changing.lock();
        // Again under the lock: somebody may have been woken since.
        if !self.should_notify() {
            return None;
        }
        let worker = self.first_asleep()?;
        self.set_awake(worker, true);
        self.state.fetch_add(UNPARKED_ONE + SEARCHING_ONE, AcqRel);
        Some(worker)
    }

    /// Begins to search, if few enough do.
    ///
    /// A refused attempt is counted for a moment, and a pusher may take it for a searching worker and
    /// wake nobody. That is sound, because the refused worker goes on to [`park`](Self::park), whose
    /// second look finds the task: it keeps the same promise as a searching one. Callers must do so.
    pub(crate) fn try_search(&self) -> Option<Searching> {
        let before = self.state.fetch_add(SEARCHING_ONE, AcqRel);
        if before & SEARCHING_MASK < self.max_searching {
            return Some(Searching(()));
        }
        self.state.fetch_sub(SEARCHING_ONE, AcqRel);
        None
    }

    /// Ends a search that found work. True if it was the last one, so that the caller should wake
    /// another for what is left.
    pub(crate) fn stop_searching(&self, proof: Searching) -> bool {
        let Searching(()) = proof;
        self.state.fetch_sub(SEARCHING_ONE, AcqRel) & SEARCHING_MASK == 1
    }

    /// Worker `worker` is about to sleep: step (3). It must look into all queues afterwards. True if it
    /// was the last one awake.
    pub(crate) fn park(&self, worker: usize, proof: Option<Searching>) -> bool {
        let searching = if proof.is_some() { SEARCHING_ONE } else { 0 };
        let _changing = self.changing.lock();
        let before = self.state.fetch_sub(UNPARKED_ONE + searching, AcqRel);
        self.set_awake(worker, false);
        before / UNPARKED_ONE == 1
    }

    /// Worker `worker` is awake again. If it was chosen by [`worker_to_notify`](Self::worker_to_notify)
    /// it is searching, and this is the proof; if it woke by itself it is not.
    pub(crate) fn unpark(&self, worker: usize) -> Option<Searching> {
        let _changing = self.changing.lock();
        if self.is_awake(worker) {
            return Some(Searching(()));
        }
        self.set_awake(worker, true);
        self.state.fetch_add(UNPARKED_ONE, AcqRel);
        None
    }

    /// How many workers are awake now.
    pub(crate) fn awake(&self) -> usize {
        self.state.fetch_add(0, AcqRel) / UNPARKED_ONE
    }

    /// The workers that are awake, each once, beginning near `start`; those that fall asleep or wake meanwhile
    /// may be among them or not.
    pub(crate) fn awake_from(&self, start: usize) -> impl Iterator<Item = usize> {
        self.awake_walk(start, 1)
    }

    /// The same in steps of `stride`, an odd number: from each the walk goes on with the next one awake after
    /// that many. Walks that differ in stride part after they have met.
    pub(crate) fn awake_walk(&self, start: usize, stride: u32) -> impl Iterator<Item = usize> {
        debug_assert!(stride % 2 == 1);
        let (words, first) = (self.awake.len(), start / WORD);
        (0..words).flat_map(move |step| {
            let word = (first + step) % words;
            // Relaxed: see the head of the file for what orders it.
            let bits = self.awake[word].load(Relaxed);
            let at = (start % WORD) as u32;
            Bits { bits, at, stride }.map(move |bit| word * WORD + bit as usize)
        })
    }

    /// The sleeper with the lowest number. Under the lock.
    fn first_asleep(&self) -> Option<usize> {
        // Relaxed: the lock orders the writers.
        let bits = self.awake.iter().map(|word| word.load(Relaxed));
        let (word, bits) = bits.enumerate().find(|(_, bits)| *bits != u64::MAX)?;
        let worker = word * WORD + bits.trailing_ones() as usize;
        // The last word has bits of no worker, above the others and never set.
        (worker < self.workers).then_some(worker)
    }

    /// Under the lock.
    fn is_awake(&self, worker: usize) -> bool {
        // Relaxed: the lock orders the writers.
        self.awake[worker / WORD].load(Relaxed) >> (worker % WORD) & 1 == 1
    }

    /// Under the lock.
    fn set_awake(&self, worker: usize, is_awake: bool) {
        let (word, bit) = (&self.awake[worker / WORD], 1 << (worker % WORD));
        // Relaxed: the lock orders the writers.
        let bits = word.load(Relaxed);
        word.store(if is_awake { bits | bit } else { bits & !bit }, Relaxed);
    }

    /// Whether a wake-up might find somebody: a hint, without a locked instruction, for those who may
    /// as well leave it.
    #[inline]
    pub(crate) fn may_notify(&self) -> bool {
        let state = self.state.load(Relaxed);
        state & SEARCHING_MASK == 0 && state / UNPARKED_ONE < self.workers
    }

    /// How many workers search now; for metrics.
    pub(crate) fn searching(&self) -> usize {
        self.state.fetch_add(0, AcqRel) & SEARCHING_MASK
    }

    /// How many workers sleep now; for metrics.
    pub(crate) fn parked(&self) -> usize {
        self.workers - (self.state.fetch_add(0, AcqRel) / UNPARKED_ONE)
    }

    fn should_notify(&self) -> bool {
        // A read-modify-write, not a load: step (2) of the proof.
        let state = self.state.fetch_add(0, AcqRel);
        state & SEARCHING_MASK == 0 && state / UNPARKED_ONE < self.workers
    }
}

/// Bits of a word of [`Idle::awake`].
const WORD: usize = u64::BITS as usize;

/// The numbers of the bits that are set, from `at` on and around.
struct Bits {
    bits: u64,
    at: u32,
    stride: u32,
}

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.bits == 0 {
            return None;
        }
        let after = self.bits.rotate_right(self.at).trailing_zeros();
        let bit = (self.at + after) % u64::BITS;
        self.bits &= !(1 << bit);
        self.at = (bit + self.stride) % u64::BITS;
        Some(bit)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_awake_are_visited_once_from_anywhere() {
        for workers in [1, 2, 63, 64, 65, 130, 192] {
            let idle = Idle::new(workers);
            for asleep in (0..workers).step_by(3) {
                idle.park(asleep, None);
            }
            let expected: Vec<_> = (0..workers).filter(|worker| worker % 3 != 0).collect();
            for (start, stride) in (0..workers).flat_map(|start| [1, 7, 63].map(|by| (start, by))) {
                let mut seen: Vec<_> = idle.awake_walk(start, stride).collect();
                seen.sort_unstable();
                assert_eq!(seen, expected, "{workers} workers from {start} by {stride}");
            }
            assert!(idle.unpark(0).is_none());
            assert_eq!(idle.awake_from(0).next(), Some(0));
        }
    }

    #[test]
    fn a_walk_goes_around_in_its_steps() {
        let idle = Idle::new(64);
        let seen: Vec<_> = idle.awake_walk(62, 3).take(4).collect();
        assert_eq!(seen, [62, 1, 4, 7]);
        // One that sleeps is passed over for the next one.
        idle.park(1, None);
        let seen: Vec<_> = idle.awake_walk(62, 3).take(4).collect();
        assert_eq!(seen, [62, 2, 5, 8]);
        let idle = Idle::new(5);
        assert!(idle.awake_from(3).eq([3, 4, 0, 1, 2]));
    }

    #[test]
    fn sleepers_are_woken_once_each_the_lowest_first() {
        for workers in [1, 2, 63, 64, 65, 130, 192] {
            let idle = Idle::new(workers);
            assert_eq!(idle.worker_to_notify(), None, "nobody sleeps");
            (0..workers)
                .for_each(|worker| assert_eq!(idle.park(worker, None), worker + 1 == workers));
            // One that wakes by itself is not woken again, and does not search.
            let by_itself = workers / 2;
            assert!(idle.unpark(by_itself).is_none());
            for worker in (0..workers).filter(|worker| *worker != by_itself) {
                assert_eq!(idle.worker_to_notify(), Some(worker));
                assert_eq!(idle.worker_to_notify(), None, "one searches");
                let proof = idle.unpark(worker).expect("it was told to search");
                assert!(idle.stop_searching(proof));
            }
            assert_eq!(idle.worker_to_notify(), None);
            assert_eq!((idle.awake(), idle.searching()), (workers, 0));
        }
    }
}
