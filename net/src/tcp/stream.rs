//! [`TcpStream`]: a connection.
//!
//! `{wire, unread, unsent}`: the wire is the socket with its registration; the other two are
//! what cancelled calls left, nearly always nothing. A kept connection in steady state costs one
//! `recv` and one `send` per request (see `evented.rs` for why there is no `EAGAIN`).

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::task::{Context, Poll};
use std::time::Duration;

use ringspun_runtime::io::{Direction, Trigger};
use socket2::SockRef;

use crate::evented::{Evented, Next};
use crate::io::carry::Carry;
use crate::io::read::{Reading, Wire, poll_readable, read_side};
use crate::io::write::{Writing, write_side};
use crate::resolve::ToAddrs;
use crate::stream::Stream;
use crate::tcp::connect;
use crate::tcp::send_file;
use crate::tcp::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::tcp::transfer;
use crate::tcp::unsent;

/// A TCP connection.
///
/// `TCP_NODELAY` is on unless it is turned off: a framework that gathers its output itself wants
/// each send on the wire at once. Writing to a peer that is gone is an error, never a signal.
///
/// # Reading, writing, closing
/// The inherent methods and the `futures_io` traits do the same. [`close`](Self::close) is the
/// half-close: it ends the write direction, reading goes on. Dropping the stream closes the
/// socket. [`split`](Self::split) and [`into_split`](Self::into_split) separate the directions.
///
/// # Cancel safety
/// Every method says it. In short: a single read or write that is dropped has done nothing;
/// `read_exact` puts back what it has read; `write_all` that has begun is finished by the stream
/// before anything else is sent.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// use ringspun_net::{TcpListener, TcpStream};
///
/// let mut listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut client = TcpStream::connect(listener.local_addr()?).await?;
/// let (mut server, peer) = listener.accept().await?;
/// assert_eq!(peer, client.local_addr()?);
///
/// client.write_all(b"ping").await?;
/// let mut word = [0; 4];
/// server.read_exact(&mut word).await?;
/// assert_eq!(&word, b"ping");
/// # std::io::Result::Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct TcpStream {
    pub(super) wire: TcpWire,
    /// Put back by a cancelled read.
    pub(super) unread: Carry,
    /// Left by a cancelled write.
    pub(super) unsent: Carry,
}

impl TcpStream {
    /// Connects to the first of `addr`'s addresses that answers.
    ///
    /// Numeric addresses are used as they are; names are looked up by the system on a helper
    /// thread. The addresses are tried in the order of the lookup, one after the other.
    ///
    /// There is no time limit beyond the kernel's; put [`timeout`](ringspun_runtime::time) around
    /// it.
    ///
    /// # Errors
    /// The last address's error, such as `ConnectionRefused`; what the lookup reports;
    /// `InvalidInput` when there is no address at all.
    ///
    /// # Cancel safety
    /// Dropping the future closes the half-open socket.
    pub async fn connect(addr: impl ToAddrs) -> io::Result<Self> {
        connect::connect(addr).await
    }

    /// Takes over a connected socket of `std`, which is made non-blocking.
    ///
    /// Options such as `TCP_NODELAY` are left as they are.
    ///
    /// # Errors
    /// If there is no runtime here, or the reactor cannot take the socket.
    pub fn from_std(stream: net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let peer = stream.peer_addr().ok();
        Ok(Self::from_wire(TcpWire {
            io: Evented::new(stream, Trigger::Edge)?,
            peer,
        }))
    }

    /// Leaves the reactor and gives the socket to `std`, still non-blocking.
    ///
    /// # Errors
    /// If a cancelled `read_exact` or `write_all` left bytes, which would be lost: read or flush
    /// first. The connection is closed then.
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        if self.unread.is_empty() && self.unsent.is_empty() {
            return Ok(self.wire.io.into_socket());
        }
        Err(io::Error::other(
            "into_std: a cancelled call left bytes in the stream",
        ))
    }

    /// Registers a connected, non-blocking socket; with `core`, in that core's reactor.
    pub(super) fn adopt(
        socket: net::TcpStream,
        peer: Option<SocketAddr>,
        core: Option<usize>,
    ) -> io::Result<Self> {
        let io = match core {
            Some(core) => Evented::new_on(core, socket, Trigger::Edge)?,
            None => Evented::new(socket, Trigger::Edge)?,
        };
        Ok(Self::from_wire(TcpWire { io, peer }))
    }

    pub(super) fn from_wire(wire: TcpWire) -> Self {
        Self {
            wire,
            unread: Carry::new(),
            unsent: Carry::new(),
        }
    }

    /// Borrows the two directions, to be used side by side in one task.
    ///
    /// # Examples
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
    /// # let mut listener = ringspun_net::TcpListener::bind("127.0.0.1:0")?;
    /// # let mut client = ringspun_net::TcpStream::connect(listener.local_addr()?).await?;
    /// # client.write_all(b"loop").await?;
    /// # client.close().await?;
    /// # let (mut stream, _) = listener.accept().await?;
    /// // An echo server in two lines.
    /// let (mut read, mut write) = stream.split();
    /// let echoed = ringspun_net::io::copy(&mut read, &mut write).await?;
    /// # assert_eq!(echoed, 4);
    /// # std::io::Result::Ok(()) }) }
    /// ```
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        ReadHalf::pair(self)
    }

    /// Splits into two owned halves, which may live in two tasks.
    ///
    /// Costs one allocation. [`OwnedReadHalf::reunite`] undoes it.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        OwnedReadHalf::pair(self)
    }

    /// Reads without taking: the next read gives the same bytes.
    ///
    /// # Errors
    /// What the socket reports.
    ///
    /// # Cancel safety
    /// Takes nothing from the stream.
    pub async fn peek(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.unread.is_empty() {
            let kept = self.unread.bytes();
            let n = kept.len().min(buf.len());
            buf[..n].copy_from_slice(&kept[..n]);
            return Ok(n);
        }
        if buf.is_empty() {
            return Ok(0);
        }
        let io = &self.wire.io;
        std::future::poll_fn(|cx| {
            io.poll_op(cx, Direction::Read, |socket| {
                Ok((socket.peek(buf)?, Next::Ready))
            })
        })
        .await
    }

    /// Closes one or both directions now, without flushing.
    ///
    /// [`close`](Self::close) is the polite form of `Shutdown::Write`: it first sends what a
    /// cancelled `write_all` left.
    ///
    /// # Errors
    /// `NotConnected` when the connection is gone.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.wire.io.socket().shutdown(how)
    }

    /// The peer's address.
    ///
    /// # Errors
    /// `NotConnected` when it was not known when the stream was made.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.wire
            .peer
            .map_or_else(|| self.wire.io.socket().peer_addr(), Ok)
    }

    /// The own address.
    ///
    /// # Errors
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.wire.io.socket().local_addr()
    }

    /// Whether small segments are sent at once (the default here).
    ///
    /// # Errors
    /// What the system reports.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.wire.io.socket().nodelay()
    }

    /// Sets `TCP_NODELAY`.
    ///
    /// # Errors
    /// What the system reports.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.wire.io.socket().set_nodelay(nodelay)
    }

    /// The `IP_TTL` of what is sent.
    ///
    /// # Errors
    /// What the system reports.
    pub fn ttl(&self) -> io::Result<u32> {
        self.wire.io.socket().ttl()
    }

    /// Sets `IP_TTL`.
    ///
    /// # Errors
    /// What the system reports.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.wire.io.socket().set_ttl(ttl)
    }

    /// How long the kernel keeps sending after the socket is closed (`SO_LINGER`).
    ///
    /// # Errors
    /// What the system reports.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self).linger()
    }

    /// Sets `SO_LINGER`. Zero makes the close a reset and drops what was not sent; other values
    /// block the closing thread, which is a core here: prefer `None` or zero.
    ///
    /// # Errors
    /// What the system reports.
    pub fn set_linger(&self, linger: Option<Duration>) -> io::Result<()> {
        SockRef::from(self).set_linger(linger)
    }

    /// Takes the pending error of the socket (`SO_ERROR`).
    ///
    /// # Errors
    /// What the system reports about the call itself.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.wire.io.socket().take_error()
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wire.io.socket().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.wire.io.socket().as_raw_fd()
    }
}

impl Reading for TcpStream {
    type Wire = TcpWire;

    fn reading(&mut self) -> (&TcpWire, &mut Carry) {
        (&self.wire, &mut self.unread)
    }
}

impl Writing for TcpStream {
    type Wire = TcpWire;

    fn writing(&mut self) -> (&TcpWire, &mut Carry) {
        (&self.wire, &mut self.unsent)
    }
}

read_side!(TcpStream);
write_side!(TcpStream);

impl Stream for TcpStream {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll_readable(self, cx)
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.wire.io.poll_closed(cx)
    }

    fn unsent(&self) -> usize {
        unsent::unsent(self.wire.io.socket())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        Self::peer_addr(self).ok()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Self::local_addr(self).ok()
    }

    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        send_file::poll_send_file(self, cx, file, offset, count)
    }
}

/// The socket and who is at its other end.
#[derive(Debug)]
pub(crate) struct TcpWire {
    pub(super) io: Evented<net::TcpStream>,
    /// Known from the accept or the connect, so that asking costs no system call.
    pub(super) peer: Option<SocketAddr>,
}

impl Wire for TcpWire {
    fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_op(cx, Direction::Read, |socket| {
            let n = transfer::recv(socket, buf)?;
            Ok((n, Next::after(n, buf.len())))
        })
    }

    fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        // The kernel takes no more slices at once: the part counts as the whole.
        let many = bufs.len().min(IOV_MAX);
        let bufs = &mut bufs[..many];
        let wanted = bufs.iter().map(|buf| buf.len()).sum();
        self.io.poll_op(cx, Direction::Read, |mut socket| {
            let n = socket.read_vectored(bufs)?;
            Ok((n, Next::after(n, wanted)))
        })
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_ready(cx, Direction::Read).map(Ok)
    }

    fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let consumes = buf.len() > SMALL_WRITE;
        self.io
            .poll_attempt(cx, Direction::Write, consumes, |socket| {
                let n = transfer::send(socket, buf)?;
                Ok((n, Next::after(n, buf.len())))
            })
    }

    fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // As above.
        let bufs = &bufs[..bufs.len().min(IOV_MAX)];
        let wanted = bufs.iter().map(|buf| buf.len()).sum();
        self.io.poll_op(cx, Direction::Write, |socket| {
            // Not std's: its `writev` has no flags, hence may raise SIGPIPE.
            let n = SockRef::from(socket).send_vectored_with_flags(bufs, libc::MSG_NOSIGNAL)?;
            Ok((n, Next::after(n, wanted)))
        })
    }

    fn shutdown_write(&self) -> io::Result<()> {
        match self.io.socket().shutdown(Shutdown::Write) {
            // The peer has reset the connection: the direction has ended already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

/// Bytes for which there is room nearly always.
const SMALL_WRITE: usize = 4096;

/// `UIO_MAXIOV` of Linux.
const IOV_MAX: usize = 1024;
