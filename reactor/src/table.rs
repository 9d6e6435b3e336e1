//! `Table`: the memory of all sources of a reactor, type-stable and never moved.
//!
//! Slots lie in pages that double in size: page p holds `FIRST << p` slots, so that an index finds
//! its page by counting leading zeros and 26 page pointers reach over two thousand million
//! descriptors:
//!
//! ```text
//! index + FIRST = 1xxxxxx          page 0: 64 slots      0 ..   63
//!                 1xxxxxxx         page 1: 128 slots    64 ..  191
//!                 1xxxxxxxx        page 2: 256 slots   192 ..  447   ...
//!                 ^-- which page    ^-- which slot of it
//! ```
//!
//! Invariants:
//! - A page is never freed or moved while the table lives. A look at any slot by any index that
//!   was ever given out is a look at a `Source`: that is what allows dispatching events without a
//!   lock or a reference count.
//! - A slot is either in the free list or owned by one registration.
//! - The generation of a slot changes when its owner retires it, before it enters the free list.
//! - A slot is zeroed, hence in generation 0, or in a generation that no event carries yet.
//!
//! Pages are mapped zeroed and never touched before use (`page.rs`): a page of a million slots costs
//! address space, not a stall of the thread that happens to open it.

//! # Giving memory back
//!
//! Pages stay mapped, but what is free of them can be given back 64 slots at a time, which zeroes
//! it ([`Table::trim`]). Two things must survive that. *Generations*: a late event of an old
//! registration must not fit a new one, so zeroed slots begin with a generation as high as any of
//! those 64 has reached. Until then they are in generation 0, which fits no event. *Cells*: a
//! dispatcher that moves a waker out of a retired slot's cell goes on reading it, so slots with
//! TAKING set are left alone; a free slot's TAKING can only be cleared, because to set it takes an
//! event that fits. Other looks of dispatchers are at the words, and find no generation of theirs.

use std::fmt;
use std::sync::OnceLock;

use crate::loom::{Mutex, lock};
#[cfg(not(loom))]
use crate::page::Page;
use crate::source::Source;
#[cfg(not(loom))]
use crate::token::GENERATION_MAX;

#[cfg(loom)]
type Page = Box<[Source]>;

/// Slots of the first page; a power of two. Under loom small, to keep a model's state small.
const FIRST: usize = if cfg!(loom) { 2 } else { 64 };

/// The first and all larger pages: indices up to 2^31.
const PAGES: usize = 26;

/// All slots of a reactor.
pub(crate) struct Table {
    /// The pages; page p is allocated when the first of its slots is given out.
    pages: [OnceLock<Page>; PAGES],
    /// Which slots are free. Taken when descriptors come and go, never on dispatch.
    free: Mutex<Free>,
}

/// The free list of a table.
struct Free {
    /// Slots given back, the warmest last.
    list: Vec<u32>,
    /// Slots from here on were never given out.
    next: u32,
    /// For each [`FIRST`] slots in order of their indices: with which generation they begin if
    /// they are zeroed. 1 for those behind the end.
    begin: Vec<u32>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self {
            pages: [const { OnceLock::new() }; PAGES],
            free: Mutex::new(Free {
                list: Vec::new(),
                next: 0,
                begin: Vec::new(),
            }),
        }
    }

    /// Takes a free slot; `None` if all 2^31 are in use.
    pub(crate) fn take(&self) -> Option<(u32, &Source)> {
        let mut free = lock(&self.free);
        let index = match free.list.pop() {
            Some(index) => index,
            None => {
                let index = free.next;
                let (page, _) = locate(index);
                self.pages.get(page)?.get_or_init(|| new_page(page));
                free.next += 1;
                index
            }
        };
        let begin = free.begin.get(index as usize / FIRST).copied();
        drop(free);
        let source = self.get(index)?;
        if source.generation() == 0 {
            source.begin(begin.unwrap_or(1));
        }
        Some((index, source))
    }

    /// Gives a retired slot back.
    pub(crate) fn give_back(&self, index: u32) {
        lock(&self.free).list.push(index);
    }

    /// Gives memory that holds free slots only back to the system. For the end of a time of many:
    /// it looks at all free slots, with the lock taken.
    #[cfg(not(loom))]
    pub(crate) fn trim(&self) {
        let mut free = lock(&self.free);
        let Free { list, next, begin } = &mut *free;
        let mut counts = vec![0; (*next as usize).div_ceil(FIRST)];
        list.iter()
            .for_each(|&index| counts[index as usize / FIRST] += 1);
        begin.resize(counts.len(), 1);
        for (chunk, _) in counts
            .iter()
            .enumerate()
            .filter(|&(_, &free)| free == FIRST)
        {
            let (page, first) = locate((chunk * FIRST) as u32);
            let Some(page) = self.pages[page].get() else {
                continue;
            };
            let slots = first..first + FIRST;
            let highest = page[slots.clone()].iter().map(Source::generation).max();
            // Those of 0 are zeroed already. Far from the end of the numbers, a step up to the
            // highest of 64 is no step around.
            let in_bounds = (1..GENERATION_MAX / 2).contains(&highest.unwrap_or(0));
            if !in_bounds || page[slots.clone()].iter().any(Source::is_being_emptied) {
                continue;
            }
            begin[chunk] = highest.unwrap_or(1);
            if !page.discard(slots) {
                return;
            }
        }
    }

    /// The slot of an index, if its page exists.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&Source> {
        let (page, slot) = locate(index);
        self.pages.get(page)?.get()?.get(slot)
    }

    /// How many slots are in use.
    pub(crate) fn len(&self) -> usize {
        let free = lock(&self.free);
        free.next as usize - free.list.len()
    }

    /// Every slot that was ever given out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Source> {
        let end = lock(&self.free).next;
        (0..end).filter_map(|index| self.get(index))
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // A source has no destructor, so that pages can go without being looked at; the wakers of
        // registrations that were leaked are dropped here.
        for source in self.iter() {
            drop(source.take_wakers());
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("len", &self.len()).finish()
    }
}

/// The page and the slot in it of an index: `{page, slot}`.
#[inline]
fn locate(index: u32) -> (usize, usize) {
    // In 64 bits: an index from a foreign event word may be anything.
    let position = u64::from(index) + FIRST as u64;
    let page = position.ilog2() - FIRST.ilog2();
    (
        page as usize,
        (position - ((FIRST as u64) << page)) as usize,
    )
}

/// The memory of page `page`, every slot in generation 0.
#[cfg(not(loom))]
fn new_page(page: usize) -> Page {
    Page::new(FIRST << page)
}

/// The memory of page `page`, every slot in the last generation, so that models run over the wrap.
#[cfg(loom)]
fn new_page(page: usize) -> Page {
    (0..FIRST << page)
        .map(|_| Source::new(crate::token::GENERATION_MAX))
        .collect()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;
    use std::task::Waker;

    use super::*;
    use crate::interest::Direction;

    #[test]
    fn indices_map_to_pages_without_gap_or_overlap() {
        let (mut page, mut slot) = (0, 0);
        for index in 0..100_000 {
            assert_eq!(locate(index), (page, slot));
            slot += 1;
            if slot == FIRST << page {
                (page, slot) = (page + 1, 0);
            }
        }
        let (page, slot) = locate(u32::MAX >> 1);
        assert!(page < PAGES && slot < FIRST << page);
    }

    #[test]
    fn slots_are_distinct_and_reused() {
        let table = Table::new();
        let taken: Vec<u32> = (0..1000).map(|_| table.take().unwrap().0).collect();
        assert_eq!(taken.iter().collect::<HashSet<_>>().len(), 1000);
        assert_eq!(table.len(), 1000);
        let address = std::ptr::from_ref(table.get(taken[10]).unwrap());
        for index in &taken {
            table.give_back(*index);
        }
        assert_eq!(table.len(), 0);
        let again: HashSet<u32> = (0..1000).map(|_| table.take().unwrap().0).collect();
        assert_eq!(again, taken.iter().copied().collect());
        assert!(std::ptr::eq(address, table.get(taken[10]).unwrap()));
    }

    #[test]
    fn an_index_that_was_never_given_out_is_harmless() {
        let table = Table::new();
        assert!(table.get(0).is_none());
        assert!(table.get(u32::MAX).is_none());
        table.take().unwrap();
        assert!(table.get(63).is_some());
        assert!(table.get(64).is_none());
    }

    /// How many of the slots of these indices are zeroed.
    fn zeroed(table: &Table, indices: &[u32]) -> usize {
        let generation = |index: &u32| table.get(*index).unwrap().generation();
        indices
            .iter()
            .filter(|index| generation(index) == 0)
            .count()
    }

    #[test]
    fn what_is_free_is_given_back_and_its_generations_go_on() {
        let table = Table::new();
        let taken: Vec<u32> = (0..1000).map(|_| table.take().unwrap().0).collect();
        // One is in its fourth generation; one is not given back at all.
        for _ in 0..3 {
            drop(table.get(taken[200]).unwrap().retire());
        }
        let kept = taken[500];
        let given: Vec<u32> = taken.into_iter().filter(|&index| index != kept).collect();
        for &index in &given {
            drop(table.get(index).unwrap().retire());
            table.give_back(index);
        }
        table.trim();
        // All but the 64 around the one that is kept, and the last 40, which are not whole.
        assert_eq!(zeroed(&table, &given), 1000 - 40 - 64);
        assert_eq!(table.get(kept).unwrap().generation(), 1);
        table.trim();
        let again: HashSet<u32> = given.iter().map(|_| table.take().unwrap().0).collect();
        assert_eq!(again, given.iter().copied().collect());
        for index in again {
            // Slot 200 shared its 64 with those from 192 to 255.
            let least = if (192..256).contains(&index) { 5 } else { 2 };
            assert_eq!(table.get(index).unwrap().generation(), least, "{index}");
        }
    }

    /// An event of before finds nothing of its own in zeroed slots, nor in what begins there.
    #[test]
    fn late_events_of_memory_that_was_given_back_are_stale() {
        let table = Table::new();
        let taken: Vec<u32> = (0..64).map(|_| table.take().unwrap().0).collect();
        let late: Vec<u32> = taken
            .iter()
            .map(|&index| table.get(index).unwrap().generation())
            .collect();
        for &index in &taken {
            drop(table.get(index).unwrap().retire());
            table.give_back(index);
        }
        table.trim();
        assert_eq!(zeroed(&table, &taken), 64);
        let are_stale = || {
            taken.iter().zip(&late).all(|(&index, &generation)| {
                let side = table.get(index).unwrap().side(Direction::Read);
                matches!(side.set(generation, 0), crate::source::Edge::Stale)
            })
        };
        assert!(are_stale());
        for _ in 0..64 {
            table.take().unwrap().1.open(7);
        }
        assert!(are_stale());
    }

    /// A3: the wakers of registrations that were leaked go with the table.
    #[test]
    fn a_table_drops_the_wakers_left_in_it() {
        struct Silent;
        impl std::task::Wake for Silent {
            fn wake(self: Arc<Self>) {}
        }

        let counted = Arc::new(Silent);
        let table = Table::new();
        for fd in 0..200 {
            let (_, source) = table.take().unwrap();
            source.open(fd);
            let waker = Waker::from(counted.clone());
            let side = source.side(Direction::Read);
            assert!(side.poll(&waker).is_pending());
        }
        assert_eq!(Arc::strong_count(&counted), 201);
        drop(table);
        assert_eq!(Arc::strong_count(&counted), 1);
    }

    #[test]
    fn a_source_is_one_cache_line() {
        assert_eq!(size_of::<Source>(), 64);
        assert_eq!(align_of::<Source>(), 64);
    }
}
