//! From listeners and a handler to a running server.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ringspun_net::{Acceptor, Listener, Serving, TcpListener};
use ringspun_runtime::Handle;

use super::admission::Admission;
use super::config::Limits;
use super::readiness::Readiness;
use super::service::{Common, Own, Rules};
use super::shutdown::{self, Ended, Phases, Trigger};
use super::stop::Stop;
use super::strikes::Strikes;
use super::take_over::TakeOver;
use super::task::Task;
use crate::handler::Handler;
use crate::message::{IntoResponse, Request};
use crate::proto::{InvalidHeader, is_field_value};

/// A server that is about to serve.
///
/// # Examples
/// ```no_run
/// use ringspun_http::{Request, Response, Router, Server};
///
/// async fn hello(request: Request) -> Response {
///     let name = request.param("name").unwrap_or_default();
///     Response::text(format!("Hello, {name}!\n"))
/// }
///
/// async fn run() -> std::io::Result<()> {
///     let app = Router::new().get("/hello/{name}", hello);
///     let server = Server::bind("127.0.0.1:8080")?;
///     println!("listening on http://{}", server.local_addr().expect("TCP has addresses"));
///     let ended = server.serve(app).await?;
///     println!("{} connections were cut", ended.cut());
///     Ok(())
/// }
/// # let _ = run;
/// ```
#[derive(Debug)]
pub struct Server<L = TcpListener> {
    listeners: Vec<L>,
    limits: Limits,
    server_line: Vec<u8>,
    take_over: Option<Box<dyn TakeOver>>,
    phases: Phases,
    readiness: Readiness,
    stop: Arc<Stop>,
    strikes: Strikes,
    heeds_signals: bool,
    hand_over: bool,
    half_close: bool,
}

impl Server {
    /// Listens on an address, with one listener for each core of the current runtime. Port 0
    /// picks a free port, see [`Server::local_addr`].
    ///
    /// # Errors
    /// The address cannot be listened on, or there is no runtime here.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::from_listeners(TcpListener::bind_per_core(
            addr,
            &Default::default(),
        )?))
    }
}

impl<L: Listener> Server<L> {
    /// Serves one listener, of whatever transport.
    ///
    /// # Examples
    /// A server without sockets, for tests:
    /// ```
    /// use ringspun_http::Server;
    /// use ringspun_net::mem;
    ///
    /// let (listener, connector) = mem::listener(16);
    /// let server = Server::from_listener(listener).without_signals();
    /// # let _ = (server, connector);
    /// ```
    #[must_use]
    pub fn from_listener(listener: L) -> Self {
        Self::from_listeners(vec![listener])
    }

    /// Serves several listeners, usually one for each core.
    #[must_use]
    pub fn from_listeners(listeners: Vec<L>) -> Self {
        Self {
            listeners,
            limits: Limits::default(),
            server_line: b"Server: ringspun\r\n".to_vec(),
            take_over: None,
            phases: Phases {
                announce: None,
                grace: Duration::from_secs(25),
            },
            readiness: Readiness::new(),
            stop: Arc::default(),
            strikes: Strikes::new(),
            heeds_signals: true,
            hand_over: true,
            half_close: true,
        }
    }

    /// The address that is listened on, `None` for transports without addresses.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listeners.first()?.local_addr()
    }

    /// Replaces the limits on what clients may do.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long the end of the server may take, from its trigger to the cut of what is left; 25 s
    /// unless set.
    #[must_use]
    pub const fn grace(mut self, grace: Duration) -> Self {
        self.phases.grace = grace;
        self
    }

    /// How long the server goes on accepting once it is to end, while its [`Readiness`] says no and
    /// its responses say `Connection: close`. Longer than a load balancer needs to look elsewhere.
    ///
    /// Unless set, 5 s after SIGTERM and 1 s after SIGINT, but no longer than there is a connection
    /// or, after SIGTERM, a `Readiness`; and none after [`Serve::with_graceful_shutdown`]. The
    /// [grace](Self::grace) counts from the same moment.
    #[must_use]
    pub const fn announce(mut self, announce: Duration) -> Self {
        self.phases.announce = Some(announce);
        self
    }

    /// Whether the server wants to be given new work, to be asked by load balancers.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// Whether a core that has clearly more connections than another passes new ones on to it; on
    /// unless it is turned off. See [`Acceptor::hand_over`].
    #[must_use]
    pub const fn hand_over(mut self, hand_over: bool) -> Self {
        self.hand_over = hand_over;
        self
    }

    /// Whether a client that has ended its own direction still waits for the answer; it does unless
    /// this is turned off.
    ///
    /// TCP does not tell a client that has ended its direction from one that has closed the
    /// connection, until something is written to it. Turned off, either has gone away: a handler that
    /// waits is dropped, and so is a body that comes piece by piece. That is hyper's manner.
    #[must_use]
    pub const fn half_close(mut self, half_close: bool) -> Self {
        self.half_close = half_close;
        self
    }

    /// What the Server line of responses says; nothing leaves it out. `ringspun` unless set.
    ///
    /// # Errors
    /// The name cannot stand in a header line.
    pub fn name(mut self, name: &str) -> Result<Self, InvalidHeader> {
        if !is_field_value(name.as_bytes()) {
            return Err(InvalidHeader::VALUE);
        }
        self.server_line.clear();
        if !name.is_empty() {
            self.server_line = format!("Server: {name}\r\n").into_bytes();
        }
        Ok(self)
    }

    /// How often each limit has struck.
    #[must_use]
    pub fn strikes(&self) -> Strikes {
        self.strikes.clone()
    }

    /// Has connections taken over by another protocol implementation, see [`TakeOver`].
    #[must_use]
    pub fn take_over(mut self, other: impl TakeOver) -> Self {
        self.take_over = Some(Box::new(other));
        self
    }

    /// As [`Server::take_over`], unless somebody takes connections over already.
    #[cfg(feature = "hyper")]
    pub(crate) fn take_over_by_default<T: TakeOver>(self, other: impl FnOnce() -> T) -> Self {
        match self.take_over {
            Some(_) => self,
            None => self.take_over(other()),
        }
    }

    /// The limits so far.
    #[cfg(feature = "hyper")]
    pub(crate) const fn limits_in_force(&self) -> Limits {
        self.limits
    }

    /// Leaves SIGINT and SIGTERM alone. Otherwise either ends the server gracefully, and a second
    /// one at once.
    #[must_use]
    pub const fn without_signals(mut self) -> Self {
        self.heeds_signals = false;
        self
    }

    /// Makes the server a future, which serves once it is awaited.
    pub fn serve(mut self, handler: impl Handler) -> Serve<L> {
        let service = Arc::new(Common {
            is_limited: handler.has_route_limits(),
            handler: Box::new(handler),
            rules: self.rules(),
        });
        self.start_with(|acceptor| {
            acceptor.serve(move |stream, session| Task::new(stream, Arc::clone(&service), session))
        })
    }

    /// [`serve`](Self::serve) for a handler whose futures are not `Send`: they may hold an `Rc` or
    /// a `RefCell` while they wait.
    ///
    /// Each connection has a clone of the handler and stays on the thread of its core, see
    /// [`Acceptor::serve_local`]. Else it is the same server.
    ///
    /// # Examples
    /// ```no_run
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use ringspun_http::{Request, Server};
    ///
    /// thread_local! {
    ///     static VISITS: Rc<Cell<u64>> = Rc::default();
    /// }
    ///
    /// async fn visit(mut request: Request) -> String {
    ///     let visits = VISITS.with(Rc::clone);
    ///     visits.set(visits.get() + 1);
    ///     let length = request.body().bytes(1024).await.map_or(0, |body| body.len());
    ///     format!("visit {} of this core, {length} bytes\n", visits.get())
    /// }
    ///
    /// async fn run() -> std::io::Result<()> {
    ///     Server::bind("127.0.0.1:8080")?.serve_local(visit).await?;
    ///     Ok(())
    /// }
    /// # let _ = run;
    /// ```
    pub fn serve_local<F, Fut, R>(mut self, handler: F) -> Serve<L>
    where
        F: Fn(Request) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = R> + 'static,
        R: IntoResponse + 'static,
    {
        let rules = Arc::new(self.rules());
        self.start_with(|acceptor| {
            acceptor.serve_local(move |stream, session| {
                let (handler, rules) = (handler.clone(), Arc::clone(&rules));
                Task::new(stream, Own { handler, rules }, session)
            })
        })
    }

    pub(crate) fn rules(&mut self) -> Rules {
        Rules {
            limits: self.limits,
            receive: self.limits.receive(),
            server_line: self.server_line.clone(),
            strikes: self.strikes.clone(),
            admission: self.limits.admission.map(|target| {
                let cores = Handle::try_current().map_or(1, |handle| handle.cores());
                Admission::new(target, cores)
            }),
            readiness: self.readiness.clone(),
            stop: Arc::clone(&self.stop),
            half_close: self.half_close,
            take_over: self.take_over.take(),
        }
    }

    pub(crate) fn start_with(
        self,
        start: impl FnOnce(Acceptor<L>) -> Serving + Send + 'static,
    ) -> Serve<L> {
        let trigger = if self.heeds_signals {
            Trigger::Signals
        } else {
            Trigger::Never
        };
        let acceptor = Acceptor::new(self.listeners)
            .max_connections(self.limits.connections)
            .hand_over(self.hand_over);
        Serve {
            acceptor,
            start: Box::new(start),
            limits: self.limits,
            phases: self.phases,
            readiness: self.readiness,
            stop: self.stop,
            strikes: self.strikes,
            trigger,
        }
    }
}

/// A server with its handler; serves when it is awaited. See [`Server::serve`].
///
/// It ends when it was asked to, and every connection and every
/// [finishing](crate::Handler::finishing) handler has ended, or the grace is over.
///
/// # Errors
/// The signals cannot be listened to. Once it serves, nothing makes it fail: what goes wrong with
/// a connection, or in accepting one, is that connection's affair.
///
/// # Panics
/// When awaited outside a runtime.
///
/// # Cancel safety
/// Dropped while it serves, it stops accepting; connections finish their requests.
#[must_use = "a server serves when it is awaited"]
pub struct Serve<L> {
    acceptor: Acceptor<L>,
    /// What remains to be done: the handler and the rules are in it.
    start: Box<dyn FnOnce(Acceptor<L>) -> Serving + Send>,
    limits: Limits,
    phases: Phases,
    readiness: Readiness,
    stop: Arc<Stop>,
    strikes: Strikes,
    trigger: Trigger,
}

impl<L: Listener> Serve<L> {
    /// Ends the server gracefully when `end` is ready, instead of at a signal.
    ///
    /// From then on responses say `Connection: close`; after the [announcement](Server::announce),
    /// if there is one, nobody is accepted and idle connections are closed; and what is under way
    /// may take the [grace](Server::grace). See [`Request::stopping`] for what would go on for ever.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn run() -> std::io::Result<()> {
    /// use std::time::Duration;
    /// use ringspun_http::Server;
    ///
    /// let server = Server::bind("127.0.0.1:0")?.serve(async |_| "for a minute\n");
    /// server.with_graceful_shutdown(ringspun_runtime::time::sleep(Duration::from_secs(60))).await?;
    /// # Ok(()) }
    /// ```
    pub fn with_graceful_shutdown(
        mut self,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.trigger = Trigger::Future(Box::pin(end));
        self
    }

    async fn run(self) -> io::Result<Ended> {
        let Self {
            acceptor,
            start,
            phases,
            readiness,
            stop,
            strikes,
            trigger,
            ..
        } = self;
        let trigger = trigger.arm()?;
        let serving = start(acceptor);
        strikes.watch(&serving);
        Ok(shutdown::run(serving, trigger, phases, readiness, stop).await)
    }
}

impl<L: Listener> IntoFuture for Serve<L> {
    type Output = io::Result<Ended>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<L: fmt::Debug> fmt::Debug for Serve<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("acceptor", &self.acceptor)
            .field("limits", &self.limits)
            .field("phases", &self.phases)
            .finish_non_exhaustive()
    }
}
