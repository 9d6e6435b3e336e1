//! The tree of tokens.
//!
//! ```text
//!   user handles --> Inner <---- owner ---- Listener of a child (in the parent's lists) <---- Inner of the child
//!                      |                                                                          ^
//!                      +-- lists: Task(waker), Function(f), Child(weak) --------------------------+
//! ```
//!
//! A child is one more listener of its parent. It holds its parent, the parent knows it weakly; its
//! destructor takes it off the parent's list, so a dead child leaves no trace.
//!
//! **Cancelling** (`Inner::cancel`):
//! 1. set the cause, if it is the first;
//! 2. close the listeners (`listeners.rs` has the protocol and its proof); whoever was first to close goes on;
//! 3. do the same for the children found there, and theirs: by a list, not by recursion;
//! 4. then wake the tasks and call the functions, with no lock held. So whoever is told finds everything
//!    below the token cancelled, but for what another thread is cancelling at this moment.
//!
//! A child is registered when it is complete, so that its parent can reach it: if it is refused, the parent
//! is cancelled, and so is the child, by its maker. Either way none stays behind.
//!
//! **The end of a token** (`Inner::drop`) may be the end of its parent, and so on: by a loop, since chains
//! may be long.
//!
//! **A deadline** is a timer of the core that makes the token. Its waker is no task's but an [`Alarm`], which
//! cancels the token on the thread that fires the timer. A child has one only if its parent's deadline is
//! later.

use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Wake, Waker};
use std::time::Instant;

use super::cause::Cause;
use super::listener::Listener;
use super::listeners::{Listeners, Told};
use crate::contain::contain;
use crate::time::queue::Key;
use crate::time::timers::Timers;

/// A token; its handles are [`CancelToken`](super::CancelToken)s.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) listeners: Listeners,
    /// Set before the listeners are closed.
    cause: OnceLock<Cause>,
    /// The earliest of its own and its ancestors'.
    deadline: Option<Instant>,
    /// Its place at its parent, which it keeps alive. Set once, after the token is complete.
    origin: OnceLock<Pin<Box<Listener<Arc<Self>>>>>,
    /// The timer of its own deadline.
    timer: OnceLock<(Arc<Timers>, Key)>,
}

/// The waker of a deadline's timer.
struct Alarm {
    token: Weak<Inner>,
    timers: Arc<Timers>,
    /// When it is due, by the clock of the timers.
    due: u64,
}

impl Inner {
    pub(super) fn new(deadline: Option<Instant>) -> Self {
        Self {
            listeners: Listeners::new(),
            cause: OnceLock::new(),
            deadline,
            origin: OnceLock::new(),
            timer: OnceLock::new(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// A child, which is cancelled if this is. Its deadline is not watched yet.
    pub(super) fn child(self: &Arc<Self>, deadline: Option<Instant>) -> Arc<Self> {
        let child = Arc::new(Self::new(deadline));
        let mut origin = Box::pin(Listener::new(self.clone()));
        let told = Told::Child(Arc::downgrade(&child));
        if origin.as_mut().register(told).is_ok() {
            let set = child.origin.set(origin);
            set.expect("a new token has no parent yet");
        } else {
            child.cancel(self.cause());
        }
        child
    }

    /// See the head of this file.
    pub(super) fn cancel(self: &Arc<Self>, cause: Cause) {
        let mut told = Vec::new();
        let mut below = Vec::new();
        let mut next = Some(self.clone());
        while let Some(token) = next {
            // Refused if there is one: the first cause stays.
            let _ = token.cause.set(cause.clone());
            let first = token.listeners.close(|listener| match listener {
                Told::Child(child) => below.push(child),
                Told::Task(_) | Told::Function(_) => told.push(listener),
            });
            if first {
                token.stop_timer();
            }
            next = std::iter::from_fn(|| below.pop()).find_map(|child| child.upgrade());
        }
        for listener in told {
            match listener {
                Told::Task(waker) => contain(|| waker.wake()),
                Told::Function(f) => contain(f),
                Told::Child(_) => unreachable!("children were sorted out"),
            }
        }
    }

    /// Why it was cancelled, which it was.
    pub(super) fn cause(&self) -> Cause {
        self.cause.get().expect("set before cancelling").clone()
    }

    /// Watches the deadline of this new token.
    pub(super) fn set_timer(self: &Arc<Self>, timers: Arc<Timers>, deadline: Instant) {
        let due = timers.clock.ns(deadline);
        if self.listeners.is_closed() {
            return;
        }
        if due <= timers.clock.now() {
            return self.cancel(Cause::deadline());
        }
        let alarm = Waker::from(Arc::new(Alarm {
            token: Arc::downgrade(self),
            timers: timers.clone(),
            due,
        }));
        match timers.insert(due, &alarm) {
            Ok(key) => {
                let set = self.timer.set((timers, key));
                set.expect("a new token has no timer yet");
                // Cancelled meanwhile by its parent, which may have seen no timer.
                if self.listeners.is_closed() {
                    self.stop_timer();
                }
            }
            Err(_) => self.cancel(Cause::shutdown()),
        }
    }

    fn stop_timer(&self) {
        if let Some((timers, key)) = self.timer.get() {
            timers.cancel(*key);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.listeners.is_closed() {
            self.stop_timer();
        }
        let mut origin = self.origin.take();
        while let Some(listener) = origin {
            let parent = listener.into_owner();
            // The last one out goes on with the grandparent.
            origin = Arc::into_inner(parent).and_then(|mut parent| parent.origin.take());
        }
    }
}

impl AsRef<Self> for Inner {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if let Some(token) = self.token.upgrade() {
            // The end of the runtime wakes all timers.
            let cause = if self.timers.clock.now() >= self.due {
                Cause::deadline()
            } else {
                Cause::shutdown()
            };
            token.cancel(cause);
        }
    }
}
