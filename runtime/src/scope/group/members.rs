//! The children of a group, as they and the parent share them.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::contain::contain;
use crate::loom::Mutex;
use crate::task::JoinHandle;

pub(super) struct Members<T> {
    state: Mutex<State<T>>,
    /// Which outputs are failures. `None`: the children do not depend on each other.
    pub(super) fails: Option<fn(&T) -> bool>,
}

struct State<T> {
    children: Slab<Member<T>>,
    /// Keys of children that have ended and were not joined.
    ended: VecDeque<usize>,
    running: usize,
    discard: bool,
    /// The parent, if it waits.
    waiter: Option<Waker>,
}

pub(super) struct Member<T> {
    /// The number of the child, in the order of spawning.
    pub(super) number: u64,
    /// Unset for the moment in which the task is spawned. The output is `None` if it was cancelled.
    pub(super) handle: Option<JoinHandle<Option<T>>>,
}

impl<T> Members<T> {
    pub(super) fn new(fails: Option<fn(&T) -> bool>) -> Self {
        let state = State {
            children: Slab::new(),
            ended: VecDeque::new(),
            running: 0,
            discard: false,
            waiter: None,
        };
        Self {
            state: Mutex::new(state),
            fails,
        }
    }

    pub(super) fn set_discard(&self) {
        self.state.lock().discard = true;
    }

    pub(super) fn running(&self) -> usize {
        self.state.lock().running
    }

    /// Those that run or have ended and are still here.
    pub(super) fn len(&self) -> usize {
        let state = self.state.lock();
        state.running + state.ended.len()
    }

    /// Counts a new child; its key.
    pub(super) fn admit(&self, number: u64) -> usize {
        let mut state = self.state.lock();
        state.running += 1;
        state.children.insert(Member {
            number,
            handle: None,
        })
    }

    /// Keeps the handle of a child; unless it has ended, and nothing is to be kept of it.
    pub(super) fn keep(&self, key: usize, handle: JoinHandle<Option<T>>) {
        let mut state = self.state.lock();
        let dropped = match state.children.get_mut(key) {
            Some(member) => member.handle.replace(handle),
            None => Some(handle),
        };
        drop(state);
        drop(dropped);
    }

    /// A child has ended. The waker of the parent, if it waits.
    #[must_use]
    pub(super) fn ended(&self, key: usize, failed: bool) -> Option<Waker> {
        let mut state = self.state.lock();
        state.running -= 1;
        let discarded = if state.discard && !failed {
            state.children.try_remove(key)
        } else {
            state.ended.push_back(key);
            None
        };
        let waiter = state.waiter.take();
        drop(state);
        contain(|| drop(discarded));
        waiter
    }

    /// The next child that has ended; `None` if there is none and none will come.
    pub(super) fn poll_ended(&self, cx: &Context<'_>) -> Poll<Option<Member<T>>> {
        self.poll(cx, |state| match state.ended.pop_front() {
            Some(key) => Some(Some(state.children.remove(key))),
            None => (state.running == 0).then_some(None),
        })
    }

    /// Ready when fewer than `limit` run.
    pub(super) fn poll_room(&self, limit: usize, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, |state| (state.running < limit).then_some(()))
    }

    /// Ready when `look` finds something; else the parent will be woken when a child ends.
    fn poll<R>(
        &self,
        cx: &Context<'_>,
        mut look: impl FnMut(&mut State<T>) -> Option<R>,
    ) -> Poll<R> {
        if let Some(found) = look(&mut self.state.lock()) {
            return Poll::Ready(found);
        }
        // Cloned, and the other one dropped, without the lock.
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        if let Some(found) = look(&mut state) {
            drop(state);
            return Poll::Ready(found);
        }
        let old = state.waiter.replace(waker);
        drop(state);
        drop(old);
        Poll::Pending
    }
}
