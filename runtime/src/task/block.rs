//! Memory of tasks and pooled futures: blocks that each thread keeps for reuse.
//!
//! malloc and free together cost about 19 ns, most of what a spawn costs. A freed block goes to a
//! short list of the freeing thread, one list for each class of sizes, and the next allocation of that
//! class takes it from there. Classes are 64 bytes apart where tasks of connections are, which come in
//! tens of thousands, and powers of two above. A block may be freed by another thread than the one that made it. Lists
//! are bounded ([`KEPT`]); what does not fit, is too large, or comes at thread exit goes to the global
//! allocator.

use std::alloc::{Layout, alloc as global_alloc, dealloc, handle_alloc_error};
use std::cell::RefCell;
use std::ptr::NonNull;

/// How far apart the small classes are, and the size of the first.
const STEP: usize = 64;
/// Small classes end here.
const SMALL: usize = 512;
const SMALL_CLASSES: usize = SMALL / STEP;
/// Then come 1, 2 and 4 KiB: tasks and handlers are rarely larger.
const CLASSES: usize = SMALL_CLASSES + 3;
const LARGEST: usize = SMALL << (CLASSES - SMALL_CLASSES);
/// How many free blocks a thread keeps in each class: at most 592 KiB in all. None with
/// `--cfg ringspun_unpooled`, for sanitizers: they see no use of a block that is only kept.
const KEPT: usize = if cfg!(ringspun_unpooled) { 0 } else { 64 };
/// Every block has this alignment; a layout that needs more bypasses the pool.
const ALIGN: usize = 16;

struct Pool([Vec<NonNull<u8>>; CLASSES]);

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool([const { Vec::new() }; CLASSES])) };
}

/// Allocates a block for `layout`; aborts as `Box` does when memory is gone.
pub(crate) fn alloc(layout: Layout) -> NonNull<u8> {
    let Some(class) = class_of(layout) else {
        return fresh(layout);
    };
    POOL.try_with(|pool| pool.borrow_mut().0[class].pop())
        .ok()
        .flatten()
        .unwrap_or_else(|| fresh(class_layout(class)))
}

/// Frees a block.
///
/// # Safety
///
/// `block` came from [`alloc`] with the same layout, and nobody uses it any more.
pub(crate) unsafe fn free(block: NonNull<u8>, layout: Layout) {
    let Some(class) = class_of(layout) else {
        // SAFETY: `alloc` took the same branch for this layout.
        return unsafe { dealloc(block.as_ptr(), layout) };
    };
    let kept = POOL.try_with(|pool| {
        let list = &mut pool.borrow_mut().0[class];
        let room = list.len() < KEPT;
        if room {
            list.push(block);
        }
        room
    });
    if kept != Ok(true) {
        // SAFETY: blocks of a class are allocated with the class's layout.
        unsafe { dealloc(block.as_ptr(), class_layout(class)) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for (class, list) in self.0.iter_mut().enumerate() {
            for block in list.drain(..) {
                // SAFETY: free blocks of a class were allocated with the class's layout.
                unsafe { dealloc(block.as_ptr(), class_layout(class)) }
            }
        }
    }
}

fn class_of(layout: Layout) -> Option<usize> {
    let size = layout.size();
    if layout.align() > ALIGN || size > LARGEST {
        return None;
    }
    Some(match size {
        0 => 0,
        1..=SMALL => (size - 1) / STEP,
        _ => SMALL_CLASSES - 1 + (size.next_power_of_two() / SMALL).trailing_zeros() as usize,
    })
}

fn class_layout(class: usize) -> Layout {
    let size = if class < SMALL_CLASSES {
        (class + 1) * STEP
    } else {
        SMALL << (class + 1 - SMALL_CLASSES)
    };
    Layout::from_size_align(size, ALIGN).expect("a small size and alignment are a valid layout")
}

fn fresh(layout: Layout) -> NonNull<u8> {
    debug_assert!(layout.size() > 0);
    // SAFETY: no class and no task cell has size zero.
    let block = unsafe { global_alloc(layout) };
    NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn classes_cover_sizes() {
        let class = |size, align| class_of(Layout::from_size_align(size, align).unwrap());
        assert_eq!(class(1, 1), Some(0));
        assert_eq!(class(64, 8), Some(0));
        assert_eq!(class(65, 8), Some(1));
        assert_eq!(class(512, 8), Some(7));
        assert_eq!(class(513, 8), Some(8));
        assert_eq!(class(4096, 16), Some(CLASSES - 1));
        for size in 1..=LARGEST {
            let fits = class_layout(class(size, 16).unwrap()).size();
            assert!(
                fits >= size && (fits - size < STEP || fits < 2 * size),
                "{size}"
            );
        }
        assert_eq!(class(4097, 8), None);
        assert_eq!(class(64, 32), None);
    }

    #[test]
    #[cfg(not(ringspun_unpooled))]
    fn a_freed_block_is_reused_and_lists_are_bounded() {
        let layout = Layout::from_size_align(100, 8).unwrap();
        let first = alloc(layout);
        // SAFETY: allocated above with this layout.
        unsafe { free(first, layout) };
        assert_eq!(alloc(layout), first);
        let blocks: Vec<_> = (0..2 * KEPT).map(|_| alloc(layout)).collect();
        for block in blocks.into_iter().chain([first]) {
            // SAFETY: allocated above with this layout.
            unsafe { free(block, layout) };
        }
        POOL.with(|pool| assert_eq!(pool.borrow().0[1].len(), KEPT));
    }

    #[test]
    fn blocks_move_between_threads() {
        let layout = Layout::from_size_align(48, 16).unwrap();
        let block = alloc(layout).as_ptr() as usize;
        std::thread::spawn(move || {
            let block = NonNull::new(block as *mut u8).unwrap();
            // SAFETY: allocated on the other thread with this layout, and given away.
            unsafe { free(block, layout) };
        })
        .join()
        .unwrap();
    }
}
