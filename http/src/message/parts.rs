//! The recycled part of a request: its head and what was found out about it.
//!
//! A request would need an allocation for its bytes, one for the positions of its headers and one
//! for its path parameters. Instead a box of all three goes round: taken from the thread's pool
//! when a head is to be parsed, returned when the request is dropped, on whatever thread that is.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Instant;

use crate::proto::{Head, Span};
use crate::server::Stop;

/// A box from the pool of this thread.
pub(crate) struct Parts(
    /// Present until the drop.
    Option<Box<Inner>>,
);

/// What is in the box.
#[derive(Default)]
pub(crate) struct Inner {
    /// The head as it came.
    pub(crate) head: Head,
    /// Where the values of the path parameters stand in the request target.
    pub(crate) params: Vec<Span>,
    /// Their names, in the same order; shared with the route that matched.
    pub(crate) names: Option<Arc<[Box<str>]>>,
    /// Who has sent the request.
    pub(crate) peer: Option<SocketAddr>,
    /// The connection's number; 0 for requests made by hand.
    pub(crate) connection: u64,
    /// When the handler must have answered.
    pub(crate) deadline: Option<Instant>,
    /// Of the server that the request came to. Stays in the box when it is recycled: mostly it is
    /// wanted for the same server again, and the reference count of what all cores share is left
    /// alone. See [`Parts::take_for`].
    stop: Option<Arc<Stop>>,
}

impl Parts {
    /// A box with an empty head, for a request that is made by hand.
    pub(crate) fn take() -> Self {
        let mut parts = Self::take_any();
        parts.stop = None;
        parts
    }

    /// A box with an empty head, for a request to the server of `stop`.
    pub(crate) fn take_for(stop: &Arc<Stop>) -> Self {
        let mut parts = Self::take_any();
        if !parts
            .stop
            .as_ref()
            .is_some_and(|old| Arc::ptr_eq(old, stop))
        {
            parts.stop = Some(Arc::clone(stop));
        }
        parts
    }

    /// The end of the server that the request came to; `None` if it was made by hand.
    pub(crate) fn stop(&self) -> Option<&Stop> {
        self.stop.as_deref()
    }

    fn take_any() -> Self {
        let pooled = POOL.try_with(|pool| pool.borrow_mut().pop()).ok().flatten();
        Self(Some(pooled.unwrap_or_default()))
    }
}

impl Deref for Parts {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        self.0.as_ref().expect("the box is there until the drop")
    }
}

impl DerefMut for Parts {
    fn deref_mut(&mut self) -> &mut Inner {
        self.0.as_mut().expect("the box is there until the drop")
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let Some(mut inner) = self.0.take() else {
            return;
        };
        inner.head.trim();
        inner.params.clear();
        inner.names = None;
        (inner.peer, inner.connection, inner.deadline) = (None, 0, None);
        // An error means that this thread ends; the box is freed with the closure.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEEP {
                pool.push(inner);
            }
        });
    }
}

/// Boxes kept on each thread: as many as requests are in handlers at once on a busy core.
const KEEP: usize = 256;

thread_local! {
    /// The names need the box: what is recycled is the allocation.
    #[allow(clippy::vec_box, reason = "the boxes are what is pooled")]
    static POOL: RefCell<Vec<Box<Inner>>> = const { RefCell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_comes_back_empty() {
        let mut parts = Parts::take();
        parts
            .head
            .parse_whole(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
            .unwrap();
        let span = parts.head.path_span();
        parts.params.push(span);
        parts.names = Some(Arc::from([Box::from("a")]));
        let address = std::ptr::from_ref::<Inner>(&parts);
        drop(parts);
        let parts = Parts::take();
        assert_eq!(std::ptr::from_ref::<Inner>(&parts), address, "recycled");
        assert!(parts.params.is_empty() && parts.names.is_none() && parts.peer.is_none());
    }

    #[test]
    fn a_box_knows_its_server_and_forgets_it() {
        let servers = [Arc::<Stop>::default(), Arc::default()];
        for server in [0, 0, 1] {
            let parts = Parts::take_for(&servers[server]);
            let stop = parts.stop().unwrap();
            assert!(std::ptr::eq(stop, &*servers[server]));
        }
        assert_eq!(Arc::strong_count(&servers[0]), 1);
        assert!(Parts::take().stop().is_none(), "made by hand");
        assert_eq!(Arc::strong_count(&servers[1]), 1);
    }
}
