//! The accept loop: one task per listener.
//!
//! ```text
//! poll --closed?--> last look --> end
//!   |
//!   |  pausing? --timer due, or a connection ended--> go on      else Pending
//!   |  room?    --no: a connection that ends wakes us-->              Pending
//!   v
//! accept --none waiting: the level-triggered source wakes us-->       Pending
//!   |--Ok--> count in, choose the core --this one--> open, spawn --> next
//!   |                                  '--another--> the bare descriptor goes there --> next
//!   '--Err--> by class: next | pause | end
//!
//! after TURN rounds: wake ourselves, Pending: the other tasks run.
//! ```

use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use ringspun_runtime::time::{self, Sleep};
use ringspun_runtime::{Handle, current_core};
use tracing::warn;

use crate::acceptor::balance::Balance;
use crate::acceptor::errors::{BackOff, Class};
use crate::acceptor::place::{Bare, Place, begin, guarded};
use crate::acceptor::session::{Guard, Session};
use crate::acceptor::shard::Shard;
use crate::acceptor::shared::Shared;
use crate::acceptor::stats::Counters;
use crate::stream::Listener;

/// Connections and errors per turn. Each costs 5 to 10 µs with its task's spawn, so a turn ends
/// within 160 µs; fewer would pay more turns in a storm of connections.
pub(super) const TURN: usize = 16;

/// Attempts of the last look: the largest backlog is a few thousand, and new connections may
/// come while it runs.
const LAST_LOOK: usize = 4096;

/// See the head of the file.
pub(super) struct AcceptLoop<L: Listener, F, Fut, P> {
    /// `None` once closed.
    listener: Option<L>,
    /// Of the listener, among those of the server.
    index: usize,
    shared: Arc<Shared>,
    /// By core.
    shards: Arc<[Arc<Shard>]>,
    counters: Arc<Counters>,
    balance: Balance,
    handle: Handle,
    handler: F,
    /// Accepted when there was no room any more: another loop was faster.
    waiting: Option<L::Accepted>,
    back_off: BackOff,
    /// The timer of the pause; made on the first one, kept for the next.
    timer: Option<Sleep>,
    pausing: bool,
    /// The waker that `Shared` has.
    waker: Option<Waker>,
    /// What it makes, and how; it has none of them.
    makes: PhantomData<fn() -> (Fut, P)>,
}

/// What a loop shares with the server and its other loops.
pub(super) struct Around {
    pub(super) shared: Arc<Shared>,
    pub(super) shards: Arc<[Arc<Shard>]>,
    pub(super) counters: Arc<Counters>,
    pub(super) balance: Balance,
    pub(super) handle: Handle,
}

impl<L: Listener, F, Fut, P> AcceptLoop<L, F, Fut, P> {
    pub(super) fn new(index: usize, listener: L, handler: F, around: Around) -> Self {
        Self {
            listener: Some(listener),
            index,
            shared: around.shared,
            shards: around.shards,
            counters: around.counters,
            balance: around.balance,
            handle: around.handle,
            handler,
            waiting: None,
            back_off: BackOff::new(),
            timer: None,
            pausing: false,
            waker: None,
            makes: PhantomData,
        }
    }

    fn store_waker(&mut self, cx: &Context<'_>) {
        if !self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            self.waker = Some(cx.waker().clone());
            self.shared.set_loop_waker(self.index, self.waker.clone());
        }
    }

    /// Ready when the pause is over, or there is none.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.pausing
            && self.shared.is_waiting()
            && let Some(timer) = &mut self.timer
        {
            ready!(Pin::new(timer).poll(cx));
        }
        self.pausing = false;
        Poll::Ready(())
    }

    /// What the loop does next: `false` ends it.
    fn fail(&mut self, error: &io::Error, class: Class) -> bool {
        self.counters.errors.bump();
        match class {
            Class::Retry => return true,
            Class::End => return false,
            Class::Resources if !self.back_off.is_first() => {}
            Class::Resources | Class::Unknown => {
                warn!(%error, listener = self.index, "accept failed; pausing, then going on");
            }
        }
        self.pause();
        true
    }

    #[cold]
    fn pause(&mut self) {
        self.counters.back_offs.bump();
        let deadline = time::now() + self.back_off.take();
        match &mut self.timer {
            Some(timer) => timer.reset(deadline),
            None => self.timer = Some(time::sleep_until(deadline)),
        }
        self.pausing = true;
        self.shared.wait_for_leave();
    }

    /// Where the next connection is at home: with its listener, or here if that has no core.
    fn own_core(&self) -> usize {
        let of_listener = self.listener.as_ref().and_then(Listener::core);
        of_listener.or_else(current_core).unwrap_or(0)
    }
}

impl<L, F, Fut, P> AcceptLoop<L, F, Fut, P>
where
    L: Listener,
    F: Fn(L::Stream, Session) -> Fut + Clone,
    P: Place<L, F, Fut>,
{
    /// Ready when the loop shall end.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURN {
            if self.shared.is_closed() {
                self.last_look();
                return Poll::Ready(());
            }
            ready!(self.poll_pause(cx));
            let Some(accepted) = ready!(self.poll_accepted(cx)) else {
                return Poll::Ready(());
            };
            if let Some(accepted) = accepted
                && let Err(accepted) = self.start(accepted)
            {
                self.waiting = Some(accepted);
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// A connection to serve; `Some(None)` when there was an error to get over, `None` at the end.
    fn poll_accepted(&mut self, cx: &mut Context<'_>) -> Poll<Option<Option<L::Accepted>>> {
        if self.waiting.is_some() {
            return Poll::Ready(Some(self.waiting.take()));
        }
        if !self.shared.has_room() {
            return Poll::Pending;
        }
        let Some(listener) = &mut self.listener else {
            return Poll::Ready(None);
        };
        match ready!(listener.poll_accept(cx)) {
            Ok(accepted) => Poll::Ready(Some(Some(accepted))),
            Err(error) => {
                let goes_on = self.fail(&error, Class::of(&error));
                Poll::Ready(goes_on.then_some(None))
            }
        }
    }

    /// Makes a task of a connection, here or elsewhere. Gives it back when there is no room.
    fn start(&mut self, accepted: L::Accepted) -> Result<(), L::Accepted> {
        if !self.shared.enter() {
            return Err(accepted);
        }
        let own = self.own_core();
        let shards = &self.shards;
        let connections = |core: usize| shards[core].connections();
        let core = self.balance.choose(own, shards.len(), connections);
        let guard = Guard::new(Arc::clone(&shards[core]));
        let is_handed_over = core != own;
        if current_core() == Some(core) {
            match begin::<L, F, Fut>(accepted, &self.handler, guard, self.index) {
                Err(error) => self.fail_to_open(&error),
                Ok(connection) => {
                    self.count(is_handed_over);
                    if is_handed_over {
                        // This task was stolen by the very core that was chosen.
                        self.shards[core].count_received();
                    }
                    if let Some(connection) = connection {
                        P::here(&self.handle, connection);
                    }
                }
            }
            return Ok(());
        }
        // To another core; or back to the own one, when this task was stolen from it.
        let Some(handler) = guarded("cloned", || self.handler.clone()) else {
            return Ok(());
        };
        self.count(is_handed_over);
        let bare = Bare {
            accepted,
            handler,
            listener: self.index,
            is_handed_over,
            guard,
            shards: Arc::clone(&self.shards),
        };
        P::there(&self.handle, bare);
        Ok(())
    }

    /// One more, before anybody can have been served.
    fn count(&mut self, is_handed_over: bool) {
        self.counters.accepted.bump();
        if is_handed_over {
            self.counters.handed_over.bump();
        }
        self.back_off.reset();
    }

    /// The reactor did not take a connection, which is closed by now.
    #[cold]
    fn fail_to_open(&mut self, error: &io::Error) {
        // It says nothing about the listener, so it cannot be that one's end.
        let class = match Class::of(error) {
            Class::End => Class::Unknown,
            class => class,
        };
        self.fail(error, class);
    }

    /// Closing a listener resets the connections in its backlog: takes them first.
    fn last_look(&mut self) {
        if let Some(accepted) = self.waiting.take() {
            // Without room it is dropped.
            let _ = self.start(accepted);
        }
        for _ in 0..LAST_LOOK {
            let Some(listener) = &mut self.listener else {
                return;
            };
            match listener.try_accept() {
                Ok(accepted) => {
                    if self.start(accepted).is_err() {
                        return;
                    }
                }
                Err(error) if Class::of(&error) == Class::Retry => {}
                Err(_) => return,
            }
        }
    }
}

impl<L, F, Fut, P> Future for AcceptLoop<L, F, Fut, P>
where
    L: Listener,
    F: Fn(L::Stream, Session) -> Fut + Clone,
    P: Place<L, F, Fut>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.store_waker(cx);
        ready!(this.poll_turn(cx));
        this.listener = None;
        Poll::Ready(())
    }
}

// Nothing in it is pinned.
impl<L: Listener, F, Fut, P> Unpin for AcceptLoop<L, F, Fut, P> {}

impl<L: Listener, F, Fut, P> Drop for AcceptLoop<L, F, Fut, P> {
    fn drop(&mut self) {
        // Close before telling.
        self.listener = None;
        self.waiting = None;
        self.shared.loop_ended(self.index);
    }
}
