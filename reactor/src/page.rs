//! `Page`: the memory of some sources, zeroed and untouched before use.
//!
//! It is mapped, not allocated. The alignment of a source is beyond what `calloc` gives, so Rust's
//! allocator would write the zeros itself: half a megabyte made resident for the first of the
//! 8,192 sources of a page. A mapping becomes resident 64 sources at a time.

use std::alloc::{Layout, handle_alloc_error};
use std::ops::{Deref, Range};
use std::ptr::{self, NonNull};

use crate::source::Source;

/// Sources that never move while this lives. Every slot is in generation 0 at first.
pub(crate) struct Page {
    /// A private mapping of as many bytes as the slice has, which belongs to this value alone.
    slots: NonNull<[Source]>,
}

// SAFETY: the mapping belongs to this value, whatever thread that is on, and `Source` is made of
// atomics, hence `Send`.
unsafe impl Send for Page {}
// SAFETY: a shared page gives access to shared sources only, and `Source` is `Sync`.
unsafe impl Sync for Page {}

impl Page {
    /// A page of so many slots, at least one.
    pub(crate) fn new(slots: usize) -> Self {
        let layout = Layout::array::<Source>(slots).expect("a page is smaller than memory");
        // SAFETY: a new private mapping at an address that the kernel chooses touches nothing of
        // ours.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                layout.size(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        let start = NonNull::new(start.cast::<Source>());
        match start.filter(|_| start != NonNull::new(libc::MAP_FAILED.cast())) {
            Some(start) => Self {
                slots: NonNull::slice_from_raw_parts(start, slots),
            },
            None => handle_alloc_error(layout),
        }
    }

    /// Gives the memory of some slots back to the system: they are zeroed, or left as they are
    /// where the system cannot do that. False if it is not worth trying again.
    ///
    /// The slots must be free, and no cell of theirs may be taken by a dispatcher: see
    /// [`Table::trim`](crate::table::Table::trim).
    pub(crate) fn discard(&self, slots: Range<usize>) -> bool {
        let bytes = slots.len() * size_of::<Source>();
        let start = self[slots].as_ptr().cast_mut();
        // The kernel would round up to its pages, and zero what is not ours to zero.
        // SAFETY: it only asks for a number.
        let granule = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let is_whole = usize::try_from(granule)
            .is_ok_and(|granule| granule > 0 && bytes.is_multiple_of(granule));
        if !is_whole {
            return false;
        }
        // SAFETY: the range is a part of the private anonymous mapping of this value, whole pages of
        // the system (madvise(2) refuses a start between two). For other threads the call is as if
        // each word were stored to zero: they read the slots' words only, by atomic operations,
        // until a registration owns the slot again, and all zeros is a value of `Source`.
        unsafe { libc::madvise(start.cast(), bytes, libc::MADV_DONTNEED) == 0 }
    }
}

impl Deref for Page {
    type Target = [Source];

    #[inline]
    fn deref(&self) -> &[Source] {
        // SAFETY: the mapping is as long as the slice, lives as long as `self`, and starts at the
        // boundary of a page of the system, which no source's alignment exceeds. It is full of
        // zeros at first, which `Source` documents to be a value; since then only sources'
        // atomics were written.
        unsafe { self.slots.as_ref() }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let bytes = self.slots.len() * size_of::<Source>();
        // SAFETY: this is the mapping that `new` made, whole, and nobody borrows from it any more.
        // A source has no destructor.
        let result = unsafe { libc::munmap(self.slots.as_ptr().cast(), bytes) };
        debug_assert_eq!(result, 0, "a mapping of our own can be unmapped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_zeroed_and_whole() {
        let page = Page::new(1 << 16);
        assert_eq!(page.len(), 1 << 16);
        for source in [&page[0], &page[(1 << 16) - 1]] {
            assert_eq!(source.generation(), 0);
            source.open(7);
            assert_eq!(source.fd(), 7);
        }
    }

    /// How much of it is resident: only what was used.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_page_is_not_touched_before_use() {
        let page = Page::new(1 << 16);
        for at in [0, 1, 40_000] {
            page[at].open(7);
        }
        // One byte for each page of 4 KiB, or for each larger one.
        let mut resident = vec![0_u8; page.len() * size_of::<Source>() / 4096];
        let (start, bytes) = (page.slots.as_ptr(), page.len() * size_of::<Source>());
        // SAFETY: the range is the mapping, and the vector has room for a byte for each page.
        let result = unsafe { libc::mincore(start.cast(), bytes, resident.as_mut_ptr()) };
        assert_eq!(result, 0);
        let count = resident.iter().filter(|&&byte| byte & 1 != 0).count();
        // Two, unless the system makes huge pages of it.
        assert!((1..=512).contains(&count), "{count} of {}", resident.len());
    }
}
