//! From an accepted connection to the task that serves it, on the core that was chosen for it.
//!
//! ```text
//!   accept loop on core i:  accepted, bare
//!        | chosen: i, and we are there          | chosen: another core j, or the loop was stolen
//!        v                                      v
//!   (1) open in the reactor of i           (3) Bare: a task for the inbox of j
//!   (2) make the future, spawn it here          |  its first poll, on j
//!                                               v
//!                                          (4) open in the reactor of j
//!                                          (5) make the future and go on with it
//! ```
//!
//! - The descriptor is in no reactor while it travels: one `epoll_ctl` in its life, wherever it
//!   ends up.
//! - [`Bare`] owns everything: the descriptor, the handler, the [`Guard`] that counts the
//!   connection. Where it is dropped the connection is closed and counted out, so that nothing is
//!   lost on the way: a `cut` that overtakes it, a server or runtime that ends, a panic.
//! - If core j is stuck, the task waits in its inbox, which whoever adopts the core looks through,
//!   or j itself when it is back.
//! - A failure at (1) is the accept loop's, which pauses: the cause will meet the next connection
//!   as well. A failure at (4) is counted there and closes the connection; the loop of that core
//!   meets the cause by itself.
//!
//! Between serving `Send` futures and others only the spawn differs: the two implementations of
//! [`Place`].

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use ringspun_runtime::{Handle, current_core, spawn_local};
use tracing::{debug, error, warn};

use crate::acceptor::session::{Connection, Guard, Session};
use crate::acceptor::shard::Shard;
use crate::stream::{Listener, Stream};

/// How a connection becomes a task.
pub(super) trait Place<L: Listener, F, Fut>: 'static {
    /// Of an opened connection, on the current core.
    fn here(handle: &Handle, connection: Connection<Fut>);

    /// Of a connection that travels to core [`Bare::core`] first.
    fn there(handle: &Handle, bare: Bare<L, F>);
}

/// Tasks of `Send` futures, which other cores may steal.
#[derive(Debug)]
pub(super) struct Stealable;

impl<L, F, Fut> Place<L, F, Fut> for Stealable
where
    L: Listener,
    F: Fn(L::Stream, Session) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    fn here(handle: &Handle, connection: Connection<Fut>) {
        drop(handle.spawn(connection));
    }

    fn there(handle: &Handle, bare: Bare<L, F>) {
        let core = bare.core();
        drop(handle.spawn_on(core, Travel::Bare { bare: Some(bare) }));
    }
}

/// Tasks of any futures, each bound to the thread that it begins on.
#[derive(Debug)]
pub(super) struct ThreadBound;

impl<L, F, Fut> Place<L, F, Fut> for ThreadBound
where
    L: Listener,
    F: Fn(L::Stream, Session) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    fn here(_handle: &Handle, connection: Connection<Fut>) {
        drop(spawn_local(connection));
    }

    fn there(handle: &Handle, mut bare: Bare<L, F>) {
        let core = bare.core();
        drop(handle.spawn_on(core, async move {
            // The one that travels may be stolen. Where it is now the connection stays, so it had
            // better be registered and counted there too.
            if let Some(here) = current_core() {
                bare.divert(here);
            }
            if let Some(connection) = bare.arrive::<Fut>() {
                drop(spawn_local(connection));
            }
        }));
    }
}

/// A connection that was accepted and is in no reactor yet.
pub(super) struct Bare<L: Listener, F> {
    // Dropped first: the connection is closed, then it is counted out.
    pub(super) accepted: L::Accepted,
    pub(super) handler: F,
    /// Of the listener that accepted it.
    pub(super) listener: usize,
    /// Whether it comes from another core, and is not just on its way home from a thief.
    pub(super) is_handed_over: bool,
    pub(super) guard: Guard,
    /// By core.
    pub(super) shards: Arc<[Arc<Shard>]>,
}

impl<L: Listener, F> Bare<L, F> {
    /// Where it goes.
    pub(super) fn core(&self) -> usize {
        self.guard.shard().core
    }

    /// Makes `core` the end of the travel.
    fn divert(&mut self, core: usize) {
        if core != self.core() {
            self.guard.move_to(&self.shards[core]);
        }
    }

    /// The end of the travel: steps (4) and (5). `None` if the connection has ended with it.
    pub(super) fn arrive<Fut>(self) -> Option<Connection<Fut>>
    where
        F: Fn(L::Stream, Session) -> Fut,
    {
        let shard = Arc::clone(self.guard.shard());
        if self.is_handed_over {
            shard.count_received();
        }
        if shard.shared.is_cut() {
            return None;
        }
        match begin::<L, F, Fut>(self.accepted, &self.handler, self.guard, self.listener) {
            Ok(connection) => connection,
            Err(error) => {
                let core = shard.core;
                if shard.count_failed() == 0 {
                    warn!(%error, core, "a core cannot register a connection passed to it; it is closed");
                } else {
                    debug!(%error, core, "a connection passed to another core is closed");
                }
                None
            }
        }
    }
}

/// Opens a connection in the reactor of its core and has the future made that serves it; `None`
/// if the handler panicked. Whatever does not come back has been closed and counted out.
pub(super) fn begin<L, F, Fut>(
    accepted: L::Accepted,
    handler: &F,
    guard: Guard,
    listener: usize,
) -> io::Result<Option<Connection<Fut>>>
where
    L: Listener,
    F: Fn(L::Stream, Session) -> Fut,
{
    let stream = L::open(accepted, guard.shard().core)?;
    let session = Session::new(&guard, listener, stream.peer_addr());
    let future = guarded("called", || handler(stream, session));
    Ok(future.map(|future| Connection::new(future, guard)))
}

/// Runs a part of the handler's closure. It is foreign code that may run in the accept loop: its
/// panic may not end that.
pub(super) fn guarded<T>(what: &str, part: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(part));
    if result.is_err() {
        error!("a connection handler panicked as it was {what}; the connection is closed");
    }
    result.ok()
}

pin_project! {
    /// The task of a connection that travels.
    #[project = TravelProj]
    enum Travel<L: Listener, F, Fut> {
        // Taken by the first poll.
        Bare { bare: Option<Bare<L, F>> },
        Arrived { #[pin] connection: Connection<Fut> },
    }
}

impl<L, F, Fut> Future for Travel<L, F, Fut>
where
    L: Listener,
    F: Fn(L::Stream, Session) -> Fut,
    Fut: Future<Output = ()>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.as_mut().project() {
                TravelProj::Bare { bare } => match bare.take().and_then(Bare::arrive) {
                    Some(connection) => self.set(Self::Arrived { connection }),
                    None => return Poll::Ready(()),
                },
                TravelProj::Arrived { connection } => {
                    ready!(connection.poll(cx));
                    return Poll::Ready(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};

    use super::*;
    use crate::acceptor::shared::{MAX_CONNECTIONS, Shared};
    use crate::mem::{self, MemListener, MemStream};

    fn handle(_stream: MemStream, session: Session) -> Ready<()> {
        assert_eq!((session.core(), session.listener()), (1, 7));
        ready(())
    }

    type Handle = fn(MemStream, Session) -> Ready<()>;

    fn bare(shared: &Arc<Shared>) -> Bare<MemListener, Handle> {
        assert!(shared.enter());
        let shards: Arc<[Arc<Shard>]> = (0..2)
            .map(|core| Arc::new(Shard::new(Arc::clone(shared), core)))
            .collect();
        Bare {
            accepted: mem::pair(16).0,
            handler: handle,
            listener: 7,
            is_handed_over: true,
            guard: Guard::new(Arc::clone(&shards[0])),
            shards,
        }
    }

    fn counts(shards: &[Arc<Shard>]) -> Vec<(usize, u64)> {
        let count = |shard: &Arc<Shard>| (shard.connections(), shard.received());
        shards.iter().map(count).collect()
    }

    #[test]
    fn a_diverted_connection_belongs_to_its_new_core() {
        let shared = Arc::new(Shared::new(MAX_CONNECTIONS, 0));
        let mut bare = bare(&shared);
        let shards = Arc::clone(&bare.shards);
        assert_eq!(counts(&shards), [(1, 0), (0, 0)]);
        bare.divert(1);
        assert_eq!(counts(&shards), [(0, 0), (1, 0)]);
        assert_eq!(shared.connections(), 1);
        let connection = bare.arrive().expect("not cut");
        assert_eq!(counts(&shards), [(0, 0), (1, 1)]);
        drop(connection);
        assert_eq!(counts(&shards), [(0, 0), (0, 1)]);
        assert_eq!(shared.connections(), 0);
    }

    #[test]
    fn a_cut_that_overtakes_a_connection_ends_it() {
        let shared = Arc::new(Shared::new(MAX_CONNECTIONS, 0));
        let bare = bare(&shared);
        shared.stop();
        shared.cut();
        // The handler is not called: it would complain of the core.
        assert!(bare.arrive().is_none());
        assert_eq!(shared.connections(), 0);
    }
}
