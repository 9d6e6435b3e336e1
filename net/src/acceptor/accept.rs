//! The accept loop: one task per listener.
//!
//! ```text
//! poll --stopped?--> last look --> end
//!   |
//!   |  pausing? --timer due, or a connection ended--> go on      else Pending
//!   |  room?    --no: a connection that ends wakes us-->              Pending
//!   v
//! accept --none waiting: the level-triggered source wakes us-->       Pending
//!   |--Ok--> count in, spawn on the core of the listener --> next
//!   '--Err--> by class: next | pause | end
//!
//! after TURN rounds: wake ourselves, Pending: the other tasks run.
//! ```

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use ringspun_runtime::time::{self, Sleep};
use ringspun_runtime::{Handle, current_core};
use tracing::{error, warn};

use crate::acceptor::errors::{BackOff, Class};
use crate::acceptor::session::{Connection, Guard, Session};
use crate::acceptor::shard::Shard;
use crate::stream::{Listener, Stream};

/// Connections and errors per turn. Each costs 5 to 10 µs with its task's spawn, so a turn ends
/// within 160 µs; fewer would pay more turns in a storm of connections.
pub(super) const TURN: usize = 16;

/// Attempts of the last look: the largest backlog is a few thousand, and new connections may
/// come while it runs.
const LAST_LOOK: usize = 4096;

/// See the head of the file.
pub(super) struct AcceptLoop<L: Listener, F> {
    /// `None` once closed.
    listener: Option<L>,
    shard: Arc<Shard>,
    handle: Handle,
    handler: F,
    /// Accepted when there was no room any more: another loop was faster.
    waiting: Option<L::Stream>,
    back_off: BackOff,
    /// The timer of the pause; made on the first one, kept for the next.
    timer: Option<Sleep>,
    pausing: bool,
    /// The waker that `Shared` has.
    waker: Option<Waker>,
}

impl<L: Listener, F> AcceptLoop<L, F> {
    pub(super) fn new(listener: L, shard: Arc<Shard>, handle: Handle, handler: F) -> Self {
        Self {
            listener: Some(listener),
            shard,
            handle,
            handler,
            waiting: None,
            back_off: BackOff::new(),
            timer: None,
            pausing: false,
            waker: None,
        }
    }

    fn store_waker(&mut self, cx: &Context<'_>) {
        if !self
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            self.waker = Some(cx.waker().clone());
            self.shard
                .shared
                .set_loop_waker(self.shard.index, self.waker.clone());
        }
    }

    /// Ready when the pause is over, or there is none.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.pausing
            && self.shard.shared.is_waiting()
            && let Some(timer) = &mut self.timer
        {
            ready!(Pin::new(timer).poll(cx));
        }
        self.pausing = false;
        Poll::Ready(())
    }

    /// What the loop does next: `false` ends it.
    fn fail(&mut self, error: &io::Error) -> bool {
        self.shard.count_error();
        let class = Class::of(error);
        match class {
            Class::Retry => return true,
            Class::End => return false,
            Class::Resources if !self.back_off.is_first() => {}
            Class::Resources | Class::Unknown => {
                warn!(%error, listener = self.shard.index, "accept failed; pausing, then going on");
            }
        }
        self.pause();
        true
    }

    #[cold]
    fn pause(&mut self) {
        self.shard.count_back_off();
        let deadline = time::now() + self.back_off.take();
        match &mut self.timer {
            Some(timer) => timer.reset(deadline),
            None => self.timer = Some(time::sleep_until(deadline)),
        }
        self.pausing = true;
        self.shard.shared.wait_for_leave();
    }
}

impl<L, F, Fut> AcceptLoop<L, F>
where
    L: Listener,
    F: Fn(L::Stream, Session) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    /// Ready when the loop shall end.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..TURN {
            if self.shard.shared.is_stopped() {
                self.last_look();
                return Poll::Ready(());
            }
            ready!(self.poll_pause(cx));
            let Some(stream) = ready!(self.poll_stream(cx)) else {
                return Poll::Ready(());
            };
            if let Some(stream) = stream
                && let Err(stream) = self.start(stream)
            {
                self.waiting = Some(stream);
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// A stream to serve; `Some(None)` when there was an error to get over, `None` at the end.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Option<L::Stream>>> {
        if self.waiting.is_some() {
            return Poll::Ready(Some(self.waiting.take()));
        }
        if !self.shard.shared.has_room() {
            return Poll::Pending;
        }
        let Some(listener) = &mut self.listener else {
            return Poll::Ready(None);
        };
        match ready!(listener.poll_accept(cx)) {
            Ok(stream) => {
                self.back_off.reset();
                self.shard.count_accepted();
                Poll::Ready(Some(Some(stream)))
            }
            Err(error) => Poll::Ready(self.fail(&error).then_some(None)),
        }
    }

    /// Makes a task of a connection. Gives it back when there is no room.
    fn start(&self, stream: L::Stream) -> Result<(), L::Stream> {
        if !self.shard.shared.enter() {
            return Err(stream);
        }
        let guard = Guard::new(Arc::clone(&self.shard));
        let session = Session::new(Arc::clone(&self.shard), guard.key(), stream.peer_addr());
        // The closure is foreign code that runs in this loop: its panic may not end it.
        let Ok(future) = catch_unwind(AssertUnwindSafe(|| (self.handler)(stream, session))) else {
            error!("a connection handler panicked before its future was made");
            return Ok(());
        };
        let connection = Connection::new(future, guard);
        match self.listener.as_ref().and_then(Listener::core) {
            // This task was stolen: the connection goes where its socket is registered.
            Some(core) if current_core() != Some(core) => {
                drop(self.handle.spawn_on(core, connection));
            }
            _ => drop(self.handle.spawn(connection)),
        }
        Ok(())
    }

    /// Closing a listener resets the connections in its backlog: takes them first.
    fn last_look(&mut self) {
        if let Some(stream) = self.waiting.take() {
            // Without room it is dropped.
            let _ = self.start(stream);
        }
        for _ in 0..LAST_LOOK {
            let Some(listener) = &mut self.listener else {
                return;
            };
            match listener.try_accept() {
                Ok(stream) => {
                    self.shard.count_accepted();
                    if self.start(stream).is_err() {
                        return;
                    }
                }
                Err(error) if Class::of(&error) == Class::Retry => {}
                Err(_) => return,
            }
        }
    }
}

impl<L, F, Fut> Future for AcceptLoop<L, F>
where
    L: Listener,
    F: Fn(L::Stream, Session) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
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
impl<L: Listener, F> Unpin for AcceptLoop<L, F> {}

impl<L: Listener, F> Drop for AcceptLoop<L, F> {
    fn drop(&mut self) {
        // Close before telling.
        self.listener = None;
        self.waiting = None;
        self.shard.shared.loop_ended(self.shard.index);
    }
}
