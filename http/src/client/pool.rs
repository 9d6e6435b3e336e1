//! Connections that are kept between requests.
//!
//! ```text
//!   Pool: one shard for each core, one more for threads that are none
//!    shard i --- "host:port" --> idle connections, the last used one last
//!            \-- sweeper: a task while the shard has any, closes those that have waited too long
//! ```
//! A connection is registered in the reactor of the core that opened it, and its shard is that
//! core's: so a request, its connection and the wake-ups of both stay on one core, and the lock of a
//! shard is hardly ever contended. The one exception: where connections to a host are bounded and a
//! core has none, it takes one from another core rather than wait.
//!
//! The last used connection is the first taken: what is not needed grows old and is closed. Before
//! it is used it is looked at: an end, or bytes that nobody has asked for, and it is dropped. So it is
//! where it belongs to another runtime, which may have ended: nobody would hear of its readiness. What
//! a runtime has left is closed when that ends, by the end of the sweeper.
//!
//! Invariants:
//! - `count` is the sum of all lists, and at most `idle_total`.
//! - No connection is dropped with a lock held.
//! - A shard with connections has a sweeper, unless there was no runtime when they came.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use ringspun_net::Stream;
use ringspun_runtime::time::{coarse_now, sleep};
use ringspun_runtime::{Handle, JoinHandle, current_core};

use super::exchange::Exchange;
use super::gate::{Gates, Ticket};
use super::rules::Rules;
use crate::server::alarm::after;

/// See the module's text.
pub(super) struct Pool<S> {
    rules: Arc<Rules>,
    /// Made at the first use, when it is known how many cores there are.
    shards: OnceLock<Box<[Shard<S>]>>,
    /// Idle connections in all shards.
    count: AtomicUsize,
    gates: Option<Gates>,
}

struct Shard<S> {
    state: Mutex<State<S>>,
}

struct State<S> {
    /// By key. Lists that have become empty stay for the next time, up to a bound.
    hosts: HashMap<Arc<str>, Vec<Idle<S>>>,
    sweeper: Option<JoinHandle<()>>,
}

/// A connection that nobody uses.
struct Idle<S> {
    exchange: Box<Exchange<S>>,
    home: Handle,
    until: Instant,
    ticket: Option<Ticket>,
}

/// A connection in use. Dropped, it is closed.
pub(super) struct Lease<S: Stream> {
    pub(super) exchange: Box<Exchange<S>>,
    pool: Arc<Pool<S>>,
    pub(super) key: Arc<str>,
    /// The runtime in whose reactor its socket is.
    home: Handle,
    /// Where it belongs.
    shard: usize,
    ticket: Option<Ticket>,
    /// It has been used before, and may have been closed by the server meanwhile.
    pub(super) is_used: bool,
}

/// What a request gets.
pub(super) enum Found<S: Stream> {
    /// A connection.
    Used(Lease<S>),
    /// The right to open one.
    Vacancy(Vacancy),
}

/// The right to open a connection.
pub(super) struct Vacancy {
    shard: usize,
    ticket: Option<Ticket>,
}

impl<S: Stream> Pool<S> {
    pub(super) fn new(rules: Arc<Rules>) -> Self {
        let gates = rules.connections_per_host.map(Gates::new);
        Self {
            rules,
            shards: OnceLock::new(),
            count: AtomicUsize::new(0),
            gates,
        }
    }

    /// A kept connection of this core to this host.
    pub(super) fn take_own(self: &Arc<Self>, key: &str) -> Option<Lease<S>> {
        self.take(key, self.own_shard())
    }

    /// The right to open a connection, where [`Pool::take_own`] has found none. Where connections to
    /// a host are bounded it waits, and may give one that another core has kept; not with `fresh`.
    pub(super) async fn find(self: &Arc<Self>, key: &str, fresh: bool) -> Found<S> {
        let shard = self.own_shard();
        let Some(gates) = &self.gates else {
            let ticket = None;
            return Found::Vacancy(Vacancy { shard, ticket });
        };
        let gate = gates.of(key);
        loop {
            // Before the looks, so that what comes behind them is not missed.
            let mut changed = std::pin::pin!(gate.changed.notified());
            changed.as_mut().enable();
            if let Some(ticket) = gates.try_enter(&gate) {
                let ticket = Some(ticket);
                return Found::Vacancy(Vacancy { shard, ticket });
            }
            let shards = self.shards();
            let mut found = (0..shards.len()).map(|step| (shard + step) % shards.len());
            if let Some(lease) = found.find_map(|shard| self.take(key, shard)) {
                if !fresh {
                    return Found::Used(lease);
                }
                // Its place is what is wanted.
                drop(lease);
                continue;
            }
            changed.await;
        }
    }

    /// A connection that was just opened.
    pub(super) fn lease(self: &Arc<Self>, stream: S, key: &str, vacancy: Vacancy) -> Lease<S> {
        Lease {
            exchange: Box::new(Exchange::new(stream, Arc::clone(&self.rules))),
            pool: Arc::clone(self),
            key: Arc::from(key),
            home: Handle::current(),
            shard: vacancy.shard,
            ticket: vacancy.ticket,
            is_used: false,
        }
    }

    /// How many connections are kept at the moment.
    pub(super) fn idle(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// The last used connection of a shard that is still good.
    fn take(self: &Arc<Self>, key: &str, shard: usize) -> Option<Lease<S>> {
        loop {
            let (key, idle) = {
                let mut state = self.shards()[shard].lock();
                let key = Arc::clone(state.hosts.get_key_value(key)?.0);
                let idle = state.hosts.get_mut(&key)?.pop()?;
                (key, idle)
            };
            self.count.fetch_sub(1, Relaxed);
            let mut exchange = idle.exchange;
            if idle.home.is_current() && idle.until > coarse_now() && exchange.is_quiet() {
                return Some(Lease {
                    exchange,
                    pool: Arc::clone(self),
                    key,
                    home: idle.home,
                    shard,
                    ticket: idle.ticket,
                    is_used: true,
                });
            }
        }
    }

    fn put(self: &Arc<Self>, lease: Lease<S>) {
        if self.count.fetch_add(1, Relaxed) >= self.rules.idle_total {
            self.count.fetch_sub(1, Relaxed);
            return;
        }
        let bell = lease.ticket.as_ref().map(Ticket::bell);
        let surplus = {
            let mut state = self.shards()[lease.shard].lock();
            let list = match state.hosts.get_mut(&lease.key) {
                Some(list) => list,
                None => {
                    state.forget_empty();
                    state.hosts.entry(Arc::clone(&lease.key)).or_default()
                }
            };
            if list.len() < self.rules.idle_per_host {
                list.push(Idle {
                    exchange: lease.exchange,
                    home: lease.home,
                    until: after(self.rules.idle_timeout),
                    ticket: lease.ticket,
                });
                // That of a runtime that has ended is finished.
                let sweeper = state.sweeper.as_ref();
                if sweeper.is_none_or(JoinHandle::is_finished) {
                    state.sweeper = self.sweeper(lease.shard);
                }
                None
            } else {
                Some(lease.exchange)
            }
        };
        match (surplus, bell) {
            (Some(exchange), _) => {
                self.count.fetch_sub(1, Relaxed);
                drop(exchange);
            }
            (None, Some(gate)) => gate.changed.notify_one(),
            (None, None) => {}
        }
    }

    /// Starts a sweeper.
    fn sweeper(self: &Arc<Self>, shard: usize) -> Option<JoinHandle<()>> {
        let handle = Handle::try_current().ok()?;
        let period = self.rules.idle_timeout.min(SWEEP);
        let pool = Arc::downgrade(self);
        Some(handle.spawn(Sweeper { pool, shard }.run(period)))
    }

    /// Closes what has waited too long or was closed by the server. False if nothing is left.
    fn sweep(&self, shard: usize) -> bool {
        let now = coarse_now();
        let mut closed = Vec::new();
        let mut state = self.shards()[shard].lock();
        for list in state.hosts.values_mut() {
            let stale = |idle: &mut Idle<S>| idle.until <= now || !idle.exchange.is_quiet();
            closed.extend(list.extract_if(.., stale));
        }
        let is_left = state.hosts.values().any(|list| !list.is_empty());
        if !is_left {
            state.forget_empty();
            state.sweeper = None;
        }
        drop(state);
        self.count.fetch_sub(closed.len(), Relaxed);
        is_left
    }

    /// Closes all that is kept there by a runtime that ends.
    fn clear(&self, shard: usize) {
        let mut state = self.shards()[shard].lock();
        let lists = std::mem::take(&mut state.hosts);
        drop(state);
        let closed = lists.values().map(Vec::len).sum();
        self.count.fetch_sub(closed, Relaxed);
    }

    fn own_shard(&self) -> usize {
        let last = self.shards().len() - 1;
        current_core().map_or(last, |core| core.min(last))
    }

    fn shards(&self) -> &[Shard<S>] {
        self.shards.get_or_init(|| {
            let cores = Handle::try_current().map_or(0, |handle| handle.cores());
            let shard = |_| Shard {
                state: Mutex::new(State {
                    hosts: HashMap::new(),
                    sweeper: None,
                }),
            };
            (0..=cores).map(shard).collect()
        })
    }
}

impl<S> Drop for Pool<S> {
    fn drop(&mut self) {
        for shard in self.shards.get().into_iter().flatten() {
            if let Some(sweeper) = shard.lock().sweeper.take() {
                sweeper.abort();
            }
        }
    }
}

impl<S> Shard<S> {
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> State<S> {
    /// Lets go of hosts that have had no connection for a while, when there are many.
    fn forget_empty(&mut self) {
        if self.hosts.len() >= HOSTS {
            self.hosts.retain(|_, list| !list.is_empty());
        }
    }
}

impl<S: Stream> Lease<S> {
    /// Gives the connection back if it can be used again, and closes it if not.
    pub(super) fn finish(mut self) {
        if self.exchange.renew() {
            let pool = Arc::clone(&self.pool);
            pool.put(self);
        }
    }
}

/// The task that closes what is not used.
struct Sweeper<S: Stream> {
    pool: Weak<Pool<S>>,
    shard: usize,
}

impl<S: Stream> Sweeper<S> {
    async fn run(self, period: Duration) {
        loop {
            sleep(period).await;
            match self.pool.upgrade() {
                Some(pool) if pool.sweep(self.shard) => {}
                _ => return,
            }
        }
    }
}

impl<S: Stream> Drop for Sweeper<S> {
    /// The shard is empty, or the runtime ends.
    fn drop(&mut self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.clear(self.shard);
        }
    }
}

/// How often a sweeper looks. Long enough not to be felt, short against the minute that servers
/// keep a connection: what they have closed is closed here soon after.
const SWEEP: Duration = Duration::from_secs(5);

/// Hosts that a shard remembers without looking whether they still have connections.
const HOSTS: usize = 64;
