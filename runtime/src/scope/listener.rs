//! One who listens to a token. `listeners.rs` has the protocol.

use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::listeners::{Listeners, Place, Slot, Told};
use super::tree::Inner;
use crate::wait_list::Node;

pin_project! {
    /// A place among the listeners of a token, which `owner` keeps alive. Left when dropped.
    #[derive(Debug)]
    pub(super) struct Listener<O: AsRef<Inner>> {
        owner: Option<O>,
        #[pin]
        node: Node<Slot>,
        // Where the node was linked, if ever.
        place: Option<Place>,
        // Which waker was registered last: its data and vtable. While it waits in the list it keeps its
        // task alive, so that no other waker can be taken for it.
        waker: (usize, usize),
    }

    impl<O: AsRef<Inner>> PinnedDrop for Listener<O> {
        fn drop(this: Pin<&mut Self>) {
            drop(this.leave());
        }
    }
}

impl<O: AsRef<Inner>> Listener<O> {
    pub(super) fn new(owner: O) -> Self {
        Self {
            owner: Some(owner),
            node: Node::new(Slot::new()),
            place: None,
            waker: (0, 0),
        }
    }

    /// Joins the listeners, if it is not among them. Refused if the token is cancelled.
    pub(super) fn register(self: Pin<&mut Self>, told: Told) -> Result<(), Told> {
        debug_assert!(self.place.is_none(), "registered already");
        let this = self.project();
        let Some((place, mut lane)) = listeners(this.owner).enter() else {
            return Err(told);
        };
        let node = this.node.into_ref();
        node.data.put(Some(told));
        // SAFETY: `place` is unset before and set now: the node is linked once, and `leave` unlinks it,
        // at the latest in the destructor.
        unsafe { lane.list.push_back(node) };
        *this.place = Some(place);
        Ok(())
    }

    /// Ready when the token is cancelled; else `cx` will be woken.
    pub(super) fn poll_closed(mut self: Pin<&mut Self>, cx: &Context<'_>) -> Poll<()> {
        if listeners(&self.owner).is_closed() {
            return Poll::Ready(());
        }
        let waker = (
            cx.waker().data().addr(),
            std::ptr::from_ref(cx.waker().vtable()).addr(),
        );
        if self.place.is_some() && self.waker == waker {
            return Poll::Pending;
        }
        // Cloned, and dropped, with no lock held: both are user code.
        let told = Told::Task(cx.waker().clone());
        let refused = match self.place {
            None => self.as_mut().register(told),
            Some(place) => self.as_mut().replace(place, told),
        };
        if refused.is_err() {
            return Poll::Ready(());
        }
        *self.project().waker = waker;
        Poll::Pending
    }

    /// Puts `told` in place of what was registered; gives it back if that has been taken.
    fn replace(self: Pin<&mut Self>, place: Place, told: Told) -> Result<(), Told> {
        let this = self.project();
        let node = this.node.into_ref();
        let lane = listeners(this.owner).lock(place);
        // SAFETY: the lock is held.
        if !unsafe { node.is_linked() } {
            return Err(told);
        }
        let old = node.data.put(Some(told));
        drop(lane);
        drop(old);
        Ok(())
    }

    /// Leaves the listeners: what was registered, unless that has been taken.
    pub(super) fn leave(self: Pin<&mut Self>) -> Option<Told> {
        let this = self.project();
        let place = this.place.take()?;
        let node = this.node.into_ref();
        let mut lane = listeners(this.owner).lock(place);
        // SAFETY: the node is alive, and in the list of this lock or in none.
        unsafe { lane.list.remove(NonNull::from(node.get_ref())) };
        node.data.put(None)
    }

    /// Leaves the listeners and gives the owner back.
    pub(super) fn into_owner(mut self: Pin<Box<Self>>) -> O {
        drop(self.as_mut().leave());
        self.as_mut()
            .project()
            .owner
            .take()
            .expect("taken here only")
    }

    pub(super) fn owner(&self) -> &O {
        self.owner.as_ref().expect("taken at the end only")
    }
}

fn listeners<O: AsRef<Inner>>(owner: &Option<O>) -> &Listeners {
    let owner = owner.as_ref().expect("taken at the end only");
    &owner.as_ref().listeners
}
