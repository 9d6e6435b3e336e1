//! [`TcpListener`]: accepts connections with one system call each, plus one to register them.
//!
//! A listener is level-triggered: the reactor reports it for as long as connections wait. So it
//! need not be drained, and it had better not be: an `accept4` that finds nothing has allocated a
//! file and a socket before it looks, and costs more than one that succeeds. But one accept per
//! report makes a busy listener pay one `epoll_wait` per connection. [`Burst`] finds the middle
//! without asking the kernel for the length of the backlog.

use std::future;
use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};

use ringspun_runtime::Handle;
use ringspun_runtime::io::{Direction, Trigger};
use socket2::SockRef;

use crate::evented::{Evented, Next};
use crate::stream::Listener;
use crate::tcp::options::ListenOptions;
use crate::tcp::stream::TcpStream;

/// A listening TCP socket.
///
/// Accepted connections are non-blocking, close-on-exec and have `TCP_NODELAY`, without a system
/// call for any of it. For a server on all cores, and for what to do about errors, see
/// [`Acceptor`](crate::Acceptor).
///
/// # Examples
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// use ringspun_net::{TcpListener, io};
///
/// let mut listener = TcpListener::bind("127.0.0.1:7000")?;
/// loop {
///     let (mut stream, _peer) = listener.accept().await?;
///     ringspun_runtime::spawn(async move {
///         let (mut read, mut write) = stream.split();
///         io::copy(&mut read, &mut write).await
///     });
/// }
/// # #[allow(unreachable_code)]
/// # std::io::Result::Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct TcpListener {
    io: Evented<net::TcpListener>,
    /// Where accepted sockets are registered: this core, or the one that accepts.
    core: Option<usize>,
    burst: Burst,
}

impl TcpListener {
    /// Listens on the first of `addr`'s addresses that works, registered in the current core.
    ///
    /// Port 0 picks a free port, which [`local_addr`](Self::local_addr) tells. A *name* in `addr`
    /// is looked up by the system before this returns; that blocks, so use names at the start of
    /// a program only.
    ///
    /// # Errors
    /// What the system reports, in words that say what failed, where, and what to do; an error
    /// if there is no runtime here.
    pub fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        Self::bind_with(addr, &ListenOptions::new())
    }

    /// [`bind`](Self::bind) with options.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_with(addr: impl ToSocketAddrs, options: &ListenOptions) -> io::Result<Self> {
        let listener = first_that_works(addr, |addr| options.open(addr, 1))?.remove(0);
        Self::new(listener, None)
    }

    /// Opens one listener per core of the current runtime, all on one address: the kernel spreads
    /// the connections over them by a hash of the addresses (`SO_REUSEPORT`).
    ///
    /// Each is registered in its own core's reactor and its connections stay there. With port 0
    /// all share the port that the first one picked.
    ///
    /// # Errors
    /// As [`bind`](Self::bind). Either all listeners are opened or none.
    pub fn bind_per_core(
        addr: impl ToSocketAddrs,
        options: &ListenOptions,
    ) -> io::Result<Vec<Self>> {
        let cores = Handle::try_current().map_err(io::Error::other)?.cores();
        let listeners = first_that_works(addr, |addr| options.open(addr, cores))?;
        let on_core = |(core, listener)| Self::new(listener, Some(core));
        listeners.into_iter().enumerate().map(on_core).collect()
    }

    /// Takes over a listening socket of `std` (socket activation, for instance), which is made
    /// non-blocking.
    ///
    /// # Errors
    /// If there is no runtime here, or the reactor cannot take the socket.
    pub fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::new(listener, None)
    }

    /// Leaves the reactor and gives the socket to `std`, still non-blocking.
    ///
    /// # Errors
    /// None at present.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        Ok(self.io.into_socket())
    }

    fn new(listener: net::TcpListener, core: Option<usize>) -> io::Result<Self> {
        let io = match core {
            Some(core) => Evented::new_on(core, listener, Trigger::Level)?,
            None => Evented::new(listener, Trigger::Level)?,
        };
        Ok(Self {
            io,
            core,
            burst: Burst::default(),
        })
    }

    /// Accepts one connection and says where it comes from.
    ///
    /// # Errors
    /// Any error of `accept4`. Most concern the connection or pass by themselves: a loop around
    /// this should go on, and wait a little if the error is about resources. The
    /// [`Acceptor`](crate::Acceptor) does that.
    ///
    /// # Cancel safety
    /// A connection is either returned or still in the backlog.
    pub async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = future::poll_fn(|cx| self.poll_accept(cx)).await?;
        let stream = accepted.open(self.core)?;
        let peer = stream.peer_addr()?;
        Ok((stream, peer))
    }

    /// The address listened on.
    ///
    /// # Errors
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.socket().local_addr()
    }
}

impl Listener for TcpListener {
    type Accepted = Accepted;
    type Stream = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        let burst = &mut self.burst;
        self.io.poll_op(cx, Direction::Read, |socket| {
            let result = accept4(socket);
            let next = burst.after(&result);
            result.map(|accepted| (accepted, next))
        })
    }

    fn try_accept(&mut self) -> io::Result<Accepted> {
        self.io.try_op(accept4)
    }

    fn open(accepted: Accepted, core: usize) -> io::Result<TcpStream> {
        accepted.open(Some(core))
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Self::local_addr(self).ok()
    }

    fn core(&self) -> Option<usize> {
        self.core
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.socket().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.io.socket().as_raw_fd()
    }
}

/// A TCP connection that was accepted and is in no reactor yet; see
/// [`Listener::open`]. Dropping it closes the connection.
#[derive(Debug)]
pub struct Accepted {
    socket: net::TcpStream,
    peer: Option<SocketAddr>,
}

impl Accepted {
    /// The peer's address, as `accept4` told it.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Registers it: in the reactor of `core`, or of the current one.
    fn open(self, core: Option<usize>) -> io::Result<TcpStream> {
        TcpStream::adopt(self.socket, self.peer, core)
    }
}

impl AsFd for Accepted {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// One system call: non-blocking and close-on-exec from the start, and the peer's address.
fn accept4(listener: &net::TcpListener) -> io::Result<Accepted> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    let (socket, peer) = SockRef::from(listener).accept4(flags)?;
    Ok(Accepted {
        socket: socket.into(),
        peer: peer.as_socket(),
    })
}

/// Runs `open` on each address until it succeeds.
fn first_that_works<T>(
    addr: impl ToSocketAddrs,
    open: impl Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = None;
    for addr in addr.to_socket_addrs()? {
        match open(addr) {
            Ok(opened) => return Ok(opened),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, "bind: no address to listen on")
    }))
}

/// How many connections to accept per report of the reactor.
///
/// After `size` connections the listener waits for the next report, without a last `accept4` that
/// would find nothing. Whether more were there is learnt by probing: after `patience` full bursts
/// the size doubles. A burst that ends early costs one empty `accept4`; it sets the size back to
/// what was there and doubles the patience. A probe that is filled halves the patience. So a
/// quiet server wastes one `accept4` in [`Burst::MAX_PATIENCE`] connections, and a busy one finds
/// its natural batch after a few rounds.
#[derive(Debug)]
struct Burst {
    /// Connections per report: a power of two, 1 to [`Burst::MAX`].
    size: u32,
    /// Connections accepted since the last report; less than `size`.
    taken: u32,
    /// Full bursts in a row at this size.
    full: u32,
    /// Full bursts after which a larger size is tried.
    patience: u32,
    /// Whether no burst of this size has been filled yet.
    probing: bool,
}

impl Default for Burst {
    fn default() -> Self {
        Self {
            size: 1,
            taken: 0,
            full: 0,
            patience: 1,
            probing: false,
        }
    }
}

impl Burst {
    /// The acceptor yields after as many.
    const MAX: u32 = 16;
    const MAX_PATIENCE: u32 = 64;

    /// Takes note of one attempt and says what to do after it.
    fn after<T>(&mut self, result: &io::Result<T>) -> Next {
        match result {
            Ok(_) => {
                self.taken += 1;
                if self.taken < self.size {
                    return Next::Ready;
                }
                self.filled();
                Next::Wait
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.missed();
                Next::Wait
            }
            // Says nothing about the backlog.
            Err(_) => Next::Ready,
        }
    }

    fn filled(&mut self) {
        self.taken = 0;
        self.full += 1;
        if self.probing {
            self.probing = false;
            self.patience = (self.patience / 2).max(1);
        }
        if self.full >= self.patience && self.size < Self::MAX {
            self.size *= 2;
            self.full = 0;
            self.probing = true;
        }
    }

    fn missed(&mut self) {
        self.size = 1 << self.taken.max(1).ilog2();
        self.taken = 0;
        self.full = 0;
        self.probing = false;
        self.patience = (self.patience * 2).min(Self::MAX_PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves `reports` rounds in each of which `arrivals` connections are waiting at first.
    /// Returns (accepted, empty attempts).
    fn serve(burst: &mut Burst, arrivals: u32, reports: u32) -> (u32, u32) {
        let (mut queue, mut accepted, mut empty) = (0, 0, 0);
        for _ in 0..reports {
            queue += arrivals;
            loop {
                let result = if queue > 0 {
                    queue -= 1;
                    accepted += 1;
                    Ok(())
                } else {
                    empty += 1;
                    Err(io::ErrorKind::WouldBlock.into())
                };
                let waits = result.is_err();
                if burst.after(&result) == Next::Wait || waits {
                    break;
                }
            }
        }
        (accepted, empty)
    }

    #[test]
    fn a_quiet_listener_hardly_ever_looks_in_vain() {
        let mut burst = Burst::default();
        serve(&mut burst, 1, 200);
        let (accepted, empty) = serve(&mut burst, 1, 6400);
        assert_eq!(accepted, 6400);
        assert!(empty <= 100, "{empty} empty accepts");
    }

    #[test]
    fn a_busy_listener_takes_its_batch_at_once() {
        let mut burst = Burst::default();
        serve(&mut burst, 16, 20);
        let (accepted, empty) = serve(&mut burst, 16, 100);
        assert_eq!((accepted, empty), (1600, 0));
    }

    #[test]
    fn an_odd_batch_is_served_without_falling_behind() {
        let mut burst = Burst::default();
        serve(&mut burst, 5, 100);
        let (accepted, empty) = serve(&mut burst, 5, 1000);
        assert!(accepted >= 4950, "{accepted}");
        assert!(empty <= 500, "{empty} empty accepts");
    }

    #[test]
    fn errors_end_no_burst() {
        let mut burst = Burst::default();
        let aborted = io::Result::<()>::Err(io::Error::from_raw_os_error(libc::ECONNABORTED));
        for _ in 0..10_000 {
            assert_eq!(burst.after(&aborted), Next::Ready);
        }
        assert_eq!(burst.after(&Ok(())), Next::Wait);
    }
}
