//! The acceptor: listeners, their accept loops, and the connections that come from them.
//!
//! ```text
//!   core 0: listener --accept--> Session, stream --spawn on core 0--> handler
//!   core 1: listener --accept--> Session, stream --spawn on core 1--> handler
//!      ...      (one port, SO_REUSEPORT; the kernel spreads by a hash)
//!
//!   Serving: stop -> last look into the backlogs -> listeners close -> drained -> (cut)
//! ```
//!
//! - Each listener is registered in the reactor of its core, its accept task is placed there, and
//!   so are the connections, also when the accept task itself happens to have been stolen.
//! - At most [`TURN`](accept::TURN) connections or errors per turn, then the other tasks run.
//! - **The loop never ends by itself and never spins.** Errors are classed ([`errors`]): those
//!   that concern one connection are passed over, those that do not pass at once are waited out
//!   with a doubling pause, and a connection that ends cuts the pause short, because it has given
//!   back what was missing.
//! - A connection limit pauses the accepting; clients wait in the backlog then.
//!
//! Files: [`accept`] is the loop, [`shared`] the count and who is woken when, [`shard`] the
//! connections of a listener, [`session`] what a handler sees and the future around it.

mod accept;
mod errors;
mod session;
mod shard;
mod shared;

use std::future::{self, Future};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ringspun_runtime::{Handle, time};

use crate::acceptor::accept::AcceptLoop;
use crate::acceptor::shard::Shard;
use crate::acceptor::shared::Shared;
use crate::stream::Listener;
use crate::tcp::{ListenOptions, TcpListener};

pub use session::Session;

/// Listeners that are about to serve.
///
/// # Examples
/// An echo server on all cores:
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().build()?.block_on(async {
/// use std::time::Duration;
/// use ringspun_net::{Acceptor, TcpStream, io, signal};
///
/// let serving = Acceptor::bind("127.0.0.1:7000")?.serve(|mut stream: TcpStream, _session| async move {
///     let (mut read, mut write) = stream.split();
///     // An error here is the client's affair.
///     let _ = io::copy(&mut read, &mut write).await;
/// });
/// signal::shutdown().await?;
/// let cut = serving.shut_down(Duration::from_secs(10)).await;
/// println!("{cut} connections did not end in time");
/// # std::io::Result::Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct Acceptor<L> {
    listeners: Vec<L>,
    max_connections: usize,
}

impl Acceptor<TcpListener> {
    /// One listener per core of the current runtime, all on one address.
    ///
    /// Port 0 picks a free port for all of them.
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_with(addr, &ListenOptions::new())
    }

    /// [`bind`](Self::bind) with options.
    ///
    /// # Errors
    /// As [`TcpListener::bind`].
    pub fn bind_with(addr: impl ToSocketAddrs, options: &ListenOptions) -> io::Result<Self> {
        Ok(Self::new(TcpListener::bind_per_core(addr, options)?))
    }
}

impl<L: Listener> Acceptor<L> {
    /// Serves these listeners, of whatever transport.
    #[must_use]
    pub fn new(listeners: Vec<L>) -> Self {
        Self {
            listeners,
            max_connections: shared::MAX_CONNECTIONS,
        }
    }

    /// Serves at most `max` connections at a time (at least 1). Above it the accepting pauses:
    /// clients wait in the backlog until a connection ends.
    #[must_use]
    pub fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max.clamp(1, shared::MAX_CONNECTIONS);
        self
    }

    /// The address of the first listener.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listeners.first()?.local_addr()
    }

    /// Starts accepting. `handler` makes the future that serves one connection; it becomes a task
    /// of its own on the core that accepted it.
    ///
    /// A handler that panics ends its connection only.
    ///
    /// # Panics
    /// Outside a runtime.
    pub fn serve<F, Fut>(self, handler: F) -> Serving
    where
        F: Fn(L::Stream, Session) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let handle = Handle::current();
        let local_addr = self.local_addr();
        let shared = Arc::new(Shared::new(self.max_connections, self.listeners.len()));
        let mut shards = Vec::with_capacity(self.listeners.len());
        for (index, listener) in self.listeners.into_iter().enumerate() {
            let core = listener.core();
            let shard = Arc::new(Shard::new(Arc::clone(&shared), index));
            shards.push(Arc::clone(&shard));
            let accept = AcceptLoop::new(listener, shard, handle.clone(), handler.clone());
            match core {
                Some(core) => drop(handle.spawn_on(core, accept)),
                None => drop(handle.spawn(accept)),
            }
        }
        Serving {
            shared,
            shards: shards.into(),
            local_addr,
        }
    }
}

/// The running server: what it does, and how to end it. Clones are the same server.
///
/// Dropping it stops nothing.
#[derive(Clone, Debug)]
pub struct Serving {
    shared: Arc<Shared>,
    shards: Arc<[Arc<Shard>]>,
    local_addr: Option<SocketAddr>,
}

impl Serving {
    /// The address of the first listener.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// Connections that are being served.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// What the accept loops have done, one entry per listener.
    #[must_use]
    pub fn stats(&self) -> Vec<AcceptStats> {
        self.shards.iter().map(|shard| shard.stats()).collect()
    }

    /// Stops accepting, and tells every [`Session`]. Returns at once.
    ///
    /// The accept loops take what is in their backlogs already and close the listeners;
    /// connections go on. More than once is fine.
    pub fn stop(&self) {
        if self.shared.stop() {
            self.shared.wake_loops();
            self.shards.iter().for_each(|shard| shard.wake_sessions());
        }
    }

    /// Waits until the listeners are closed. Somebody has to call [`stop`](Self::stop).
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn stopped(&self) {
        future::poll_fn(|cx| self.shared.poll_done(cx, || self.shared.loops() == 0)).await;
    }

    /// Waits until the listeners are closed and every connection has ended.
    ///
    /// # Cancel safety
    /// May be dropped and called again.
    pub async fn drained(&self) {
        let done = || self.shared.loops() == 0 && self.shared.connections() == 0;
        future::poll_fn(|cx| self.shared.poll_done(cx, done)).await;
    }

    /// Ends every connection now: each handler's future is dropped at its next poll, which
    /// follows at once. Also [stops](Self::stop) accepting. Returns how many there were.
    pub fn cut(&self) -> usize {
        self.stop();
        let cut = self.shared.connections();
        self.shared.cut();
        self.shards.iter().for_each(|shard| shard.wake_tasks());
        cut
    }

    /// The whole end: [`stop`](Self::stop), wait at most `grace` for the connections, then
    /// [`cut`](Self::cut). Returns how many had to be cut.
    ///
    /// # Cancel safety
    /// Dropped while it waits, it leaves the server stopped and its connections alive.
    pub async fn shut_down(&self, grace: Duration) -> usize {
        self.stop();
        if time::timeout(grace, self.drained()).await.is_ok() {
            return 0;
        }
        let cut = self.cut();
        self.drained().await;
        cut
    }
}

/// What one accept loop has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AcceptStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Errors of the listener, of whatever class.
    pub errors: u64,
    /// Pauses taken because of errors.
    pub back_offs: u64,
}
