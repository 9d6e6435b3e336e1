//! The acceptor: listeners, their accept loops, and the connections that come from them.
//!
//! ```text
//!   core 0: listener --accept--> open, spawn on core 0 --> handler(stream, session)
//!                           \ core 0 has clearly more than core 1: the bare descriptor
//!                            v
//!   core 1: listener --accept--> open, spawn on core 1 --> handler(stream, session)
//!      ...      (one port, SO_REUSEPORT; the kernel spreads by a hash)
//!
//!   Serving: stop -> last look into the backlogs -> listeners close -> drained -> (cut)
//! ```
//!
//! - Each listener is registered in the reactor of its core and its accept task is placed there.
//!   So are its connections, also when the accept task itself happens to have been stolen, unless
//!   another core has clearly fewer ([`balance`]). Once placed they stay.
//! - At most [`TURN`](accept::TURN) connections or errors per turn, then the other tasks run.
//! - **The loop never ends by itself and never spins.** Errors are classed ([`errors`]): those
//!   that concern one connection are passed over, those that do not pass at once are waited out
//!   with a doubling pause, and a connection that ends cuts the pause short, because it has given
//!   back what was missing.
//! - A connection limit pauses the accepting; clients wait in the backlog then.
//!
//! Files: [`accept`] is the loop, [`balance`] the choice of a core, [`place`] the way there,
//! [`shared`] the count and who is woken when, [`shard`] the connections of a core, [`session`]
//! what a handler sees and the future around it.

mod accept;
mod balance;
mod errors;
mod place;
mod session;
mod shard;
mod shared;
mod stats;
mod tidy;

use std::future::{self, Future};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ringspun_runtime::{Handle, time};

use crate::acceptor::accept::{AcceptLoop, Around};
use crate::acceptor::balance::Balance;
use crate::acceptor::place::{Place, Stealable, ThreadBound};
use crate::acceptor::shard::Shard;
use crate::acceptor::shared::Shared;
use crate::acceptor::stats::Counters;
use crate::stream::Listener;
use crate::tcp::{ListenOptions, TcpListener};

pub use session::Session;
pub use stats::AcceptStats;

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
    hand_over: bool,
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
            hand_over: true,
        }
    }

    /// Serves at most `max` connections at a time (at least 1). Above it the accepting pauses:
    /// clients wait in the backlog until a connection ends.
    #[must_use]
    pub fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max.clamp(1, shared::MAX_CONNECTIONS);
        self
    }

    /// Whether an accept loop passes connections to other cores; on unless it is turned off.
    ///
    /// The kernel spreads connections over the listeners without knowing how many each core has,
    /// and one listener has all of them. So for each connection the loop looks at one other core,
    /// drawn at random: if its own has more than 1.25 times the other's connections and 8, the
    /// connection goes there and is served there. It is registered in one reactor only, and does
    /// not move again.
    ///
    /// Without it a connection stays on the core that accepted it, however many there are: for
    /// servers that have arranged their listeners and cores themselves.
    ///
    /// # Examples
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// # ringspun_runtime::Builder::new().build()?.block_on(async {
    /// use ringspun_net::{Acceptor, Session, TcpStream};
    ///
    /// let serving = Acceptor::bind("127.0.0.1:7000")?.hand_over(false).serve(
    ///     |mut stream: TcpStream, session: Session| async move {
    ///         let _ = stream.write_all(format!("core {}\n", session.core()).as_bytes()).await;
    ///     },
    /// );
    /// # std::io::Result::Ok(()) }) }
    /// ```
    #[must_use]
    pub fn hand_over(mut self, hand_over: bool) -> Self {
        self.hand_over = hand_over;
        self
    }

    /// The address of the first listener.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listeners.first()?.local_addr()
    }

    /// Starts accepting. `handler` makes the future that serves one connection; it becomes a task
    /// of its own, on the core that accepted it or the one that it was
    /// [handed over](Self::hand_over) to. There, too, the handler is called.
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
        self.start::<F, Fut, Stealable>(handler)
    }

    /// [`serve`](Self::serve) for handlers whose futures are not `Send`: they may hold an `Rc` or
    /// a `RefCell` while they wait.
    ///
    /// The task of each connection stays on the thread of the core that the connection was placed
    /// on, as with [`spawn_local`](ringspun_runtime::spawn_local): no other core can help when
    /// that thread is busy. The handler itself is sent to each core.
    ///
    /// # Panics
    /// Outside a runtime.
    ///
    /// # Examples
    /// ```no_run
    /// # fn main() -> std::io::Result<()> {
    /// # ringspun_runtime::Builder::new().build()?.block_on(async {
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use ringspun_net::{Acceptor, TcpStream};
    ///
    /// thread_local! {
    ///     static VISITS: Rc<Cell<u64>> = Rc::default();
    /// }
    ///
    /// let serving = Acceptor::bind("127.0.0.1:7000")?.serve_local(
    ///     |mut stream: TcpStream, _session| async move {
    ///         let visits = VISITS.with(Rc::clone);
    ///         visits.set(visits.get() + 1);
    ///         let _ = stream.write_all(b"welcome\n").await;
    ///         println!("{} visits on this core", visits.get());
    ///     },
    /// );
    /// # std::io::Result::Ok(()) }) }
    /// ```
    pub fn serve_local<F, Fut>(self, handler: F) -> Serving
    where
        F: Fn(L::Stream, Session) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        self.start::<F, Fut, ThreadBound>(handler)
    }

    fn start<F, Fut, P>(self, handler: F) -> Serving
    where
        F: Fn(L::Stream, Session) -> Fut + Clone + Send + 'static,
        Fut: 'static,
        P: Place<L, F, Fut>,
    {
        let handle = Handle::current();
        let local_addr = self.local_addr();
        let shared = Arc::new(Shared::new(self.max_connections, self.listeners.len()));
        let shards: Arc<[Arc<Shard>]> = (0..handle.cores())
            .map(|core| Arc::new(Shard::new(Arc::clone(&shared), core)))
            .collect();
        let mut loops = Vec::with_capacity(self.listeners.len());
        for (index, listener) in self.listeners.into_iter().enumerate() {
            let core = listener.core();
            let counters = Arc::new(Counters::default());
            loops.push((core, Arc::clone(&counters)));
            let around = Around {
                shared: Arc::clone(&shared),
                shards: Arc::clone(&shards),
                counters,
                balance: Balance::new(self.hand_over, index),
                handle: handle.clone(),
            };
            let accept = AcceptLoop::<L, F, Fut, P>::new(index, listener, handler.clone(), around);
            match core {
                Some(core) => drop(handle.spawn_on(core, accept)),
                None => drop(handle.spawn(accept)),
            }
        }
        Serving {
            shared,
            shards,
            loops: loops.into(),
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
    /// By core.
    shards: Arc<[Arc<Shard>]>,
    /// By listener: its core, and what its loop has counted.
    loops: Arc<[(Option<usize>, Arc<Counters>)]>,
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

    /// Connections that are being served, one entry for each core. One that is under way to a
    /// core is counted there.
    #[must_use]
    pub fn connections_by_core(&self) -> Vec<usize> {
        self.shards
            .iter()
            .map(|shard| shard.connections())
            .collect()
    }

    /// How often accepting has paused because there were as many connections as
    /// [allowed](Acceptor::max_connections).
    #[must_use]
    pub fn pauses(&self) -> u64 {
        self.shared.full()
    }

    /// What the accept loops have done, one entry per listener.
    #[must_use]
    pub fn stats(&self) -> Vec<AcceptStats> {
        let read = |(_, counters): &(_, Arc<Counters>)| counters.read();
        let mut stats: Vec<AcceptStats> = self.loops.iter().map(read).collect();
        for shard in &*self.shards {
            let is_of_core = |(core, _): &(Option<usize>, _)| *core == Some(shard.core);
            let index = self.loops.iter().position(is_of_core).unwrap_or(0);
            if let Some(stats) = stats.get_mut(index) {
                stats.received += shard.received();
                stats.failed += shard.failed();
            }
        }
        stats
    }

    /// Stops accepting, and tells nobody: connections are served as before. Returns at once.
    ///
    /// The accept loops take what is in their backlogs already and close the listeners. More than
    /// once is fine, and after [`stop`](Self::stop) nothing is left to do.
    pub fn close(&self) {
        if self.shared.close() {
            self.shared.wake_loops();
        }
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

    /// Waits until the listeners are closed. Somebody has to call [`close`](Self::close) or
    /// [`stop`](Self::stop).
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
