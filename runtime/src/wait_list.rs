//! The list of those who wait: its nodes live in the futures that wait, so that waiting allocates nothing.
//!
//! Doubly linked, first in, first out. The list itself is not synchronised: it lives behind the lock of
//! the thing that is waited for, and every call needs that lock. A node belongs to one list for its whole
//! life; `linked` says whether it is in it.
//!
//! Invariant, kept by the owners of the nodes: a node that is linked is neither moved nor freed. They keep
//! it by pinning (`Node` is `!Unpin`) and by removing the node, under the lock, in their destructor.

use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr::NonNull;

use crate::loom::UnsafeCell;

/// A list of pinned nodes. Dropped only when empty: whoever waits holds a reference to the list's owner.
#[derive(Debug)]
pub(crate) struct List<T> {
    head: Option<NonNull<Node<T>>>,
    tail: Option<NonNull<Node<T>>>,
}

/// A place in a list.
#[derive(Debug)]
pub(crate) struct Node<T> {
    /// Guarded by the lock of the list.
    links: UnsafeCell<Links<T>>,
    /// What the list's owner keeps for each waiter; who may touch it when is the owner's protocol.
    pub(crate) data: T,
    _pinned: PhantomPinned,
}

#[derive(Debug)]
struct Links<T> {
    prev: Option<NonNull<Node<T>>>,
    next: Option<NonNull<Node<T>>>,
    linked: bool,
}

// SAFETY: the pointers are followed under the lock of the list only, and lead to nodes that stay where
// they are; what a node holds is shared as `&T` or moved by its owner.
unsafe impl<T: Send + Sync> Send for List<T> {}
// SAFETY: the links are touched under the lock of the list only.
unsafe impl<T: Send + Sync> Send for Node<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Node<T> {}

impl<T> Node<T> {
    pub(crate) fn new(data: T) -> Self {
        Self {
            links: UnsafeCell::new(Links {
                prev: None,
                next: None,
                linked: false,
            }),
            data,
            _pinned: PhantomPinned,
        }
    }

    /// Whether the node is in its list.
    ///
    /// # Safety
    ///
    /// The lock of the list is held, or the node was never linked.
    pub(crate) unsafe fn is_linked(&self) -> bool {
        // SAFETY: the caller holds the lock.
        self.links.with(|links| unsafe { (*links).linked })
    }
}

impl<T> List<T> {
    pub(crate) const fn new() -> Self {
        Self {
            head: None,
            tail: None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The node that has waited longest. It is alive while it is linked, so while the lock is held and
    /// nobody removes it.
    pub(crate) fn front(&self) -> Option<NonNull<Node<T>>> {
        self.head
    }

    /// The node behind `node`, which is linked.
    ///
    /// # Safety
    ///
    /// `node` is in this list.
    pub(crate) unsafe fn after(&self, node: NonNull<Node<T>>) -> Option<NonNull<Node<T>>> {
        // SAFETY: a linked node is alive.
        let node = unsafe { node.as_ref() };
        // SAFETY: `&self` means that the lock is held.
        node.links.with(|links| unsafe { (*links).next })
    }

    /// Puts `node` behind all others.
    ///
    /// # Safety
    ///
    /// `node` belongs to this list, is not linked, and its owner removes it before it is freed.
    pub(crate) unsafe fn push_back(&mut self, node: Pin<&Node<T>>) {
        let node = NonNull::from(node.get_ref());
        let prev = self.tail.replace(node);
        // SAFETY: the node was given by reference.
        unsafe {
            edit(node, |links| {
                debug_assert!(!links.linked);
                links.prev = prev;
                links.next = None;
                links.linked = true;
            });
        }
        match prev {
            // SAFETY: `prev` is linked, so alive.
            Some(prev) => unsafe { edit(prev, |links| links.next = Some(node)) },
            None => self.head = Some(node),
        }
    }

    /// Takes `node` out; false if it was not in.
    ///
    /// # Safety
    ///
    /// `node` is alive and belongs to this list.
    pub(crate) unsafe fn remove(&mut self, node: NonNull<Node<T>>) -> bool {
        // SAFETY: the caller knows the node alive.
        let neighbours = unsafe {
            edit(node, |links| {
                std::mem::take(&mut links.linked).then(|| (links.prev.take(), links.next.take()))
            })
        };
        let Some((prev, next)) = neighbours else {
            return false;
        };
        match prev {
            // SAFETY: a neighbour is linked, so alive.
            Some(prev) => unsafe { edit(prev, |links| links.next = next) },
            None => self.head = next,
        }
        match next {
            // SAFETY: as above.
            Some(next) => unsafe { edit(next, |links| links.prev = prev) },
            None => self.tail = prev,
        }
        true
    }
}

/// Changes the links of a node.
///
/// # Safety
///
/// The node is alive and the lock of its list is held.
unsafe fn edit<T, R>(node: NonNull<Node<T>>, f: impl FnOnce(&mut Links<T>) -> R) -> R {
    // SAFETY: the caller knows it alive.
    let node = unsafe { node.as_ref() };
    node.links.with_mut(|links| {
        // SAFETY: under the lock nobody else has the links.
        f(unsafe { &mut *links })
    })
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::pin::pin;

    use super::*;

    #[test]
    fn first_in_first_out_and_out_of_the_middle() {
        let (a, b, c) = (pin!(Node::new(1)), pin!(Node::new(2)), pin!(Node::new(3)));
        let (a, b, c) = (a.as_ref(), b.as_ref(), c.as_ref());
        let mut list = List::new();
        for node in [a, b, c] {
            // SAFETY: the node belongs to this list, and is removed before the end.
            unsafe { list.push_back(node) };
        }
        let middle = NonNull::from(b.get_ref());
        // SAFETY: alive, and of this list.
        assert!(unsafe { list.remove(middle) });
        // SAFETY: as above.
        assert!(!unsafe { list.remove(middle) });
        // SAFETY: as the first time.
        unsafe { list.push_back(b) };
        let mut order = Vec::new();
        while let Some(node) = list.front() {
            // SAFETY: the nodes live to the end of the test.
            order.push(unsafe { node.as_ref() }.data);
            // SAFETY: linked.
            unsafe { list.remove(node) };
        }
        assert_eq!(order, [1, 3, 2]);
        assert!(list.is_empty() && list.front().is_none());
    }
}
