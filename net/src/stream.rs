//! The two traits that every transport meets: [`Stream`] and [`Listener`].
//!
//! A server written over them runs on TCP and, in its tests, on the in-memory transport
//! ([`mem`](crate::mem)) without a descriptor.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::io::send_file::poll_copy_file;

/// A connection: bytes in order both ways, each way closed on its own.
///
/// Reading and writing are those of `futures_io`. Beyond their contract a `Stream` promises:
///
/// - `poll_close` is the half-close: it flushes and then ends the *write* direction
///   (`shutdown(SHUT_WR)`); reading goes on until the peer ends its own.
/// - The end of the stream is a level: once a read has returned 0, every later one does.
/// - Each direction has room for one waiting task, as `&mut self` suggests.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Waits until a read is worth trying, without holding a buffer for it.
    ///
    /// This is how an idle connection waits: the buffer is taken from the pool when this returns
    /// `Ready`. `Ready` may be spurious; the read that follows then waits as usual. Also ready
    /// are the end of the stream and an error, which the read will report.
    ///
    /// # Errors
    /// None of the transports here fails; the signature leaves room for those that do.
    ///
    /// # Cancel safety
    /// Takes nothing from the stream.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Waits until the peer is gone for good: it has reset the connection, or both directions
    /// have ended. A peer that has only ended its own direction still reads; it is not gone.
    ///
    /// For who neither reads nor writes and wants to give up work that nobody waits for. Bytes that
    /// nobody reads are no hindrance. Where the transport does not tell, it is never ready.
    ///
    /// # Cancel safety
    /// Takes nothing from the stream. It uses the place of a task that waits to read or to write.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Pending
    }

    /// Bytes that were written and that the peer has not taken yet: over TCP those that its system
    /// has not acknowledged, for a system call. 0 where the transport does not tell.
    fn unsent(&self) -> usize {
        0
    }

    /// The peer's address, `None` for transports without addresses.
    fn peer_addr(&self) -> Option<SocketAddr>;

    /// The own address, `None` for transports without addresses.
    fn local_addr(&self) -> Option<SocketAddr>;

    /// Writes at most `count` bytes of `file`, from the position `offset` on, and gives how many.
    /// 0 says that the file ends there (or that `count` is 0). The file's own position is neither
    /// used nor moved, so that several connections can send one open file.
    ///
    /// TCP uses `sendfile(2)`: the bytes go from the page cache to the socket. The method as it
    /// is here, which other transports inherit, reads a [`Buffer`](crate::Buffer) at most and
    /// writes that.
    ///
    /// Either way, what of the file is not in the page cache is read from the disk meanwhile, and
    /// the core waits for it: the kernel has no readiness for files. Whoever serves from slow disks
    /// keeps `count` small, or reads on the blocking pool.
    ///
    /// # Errors
    /// As of writing, and of reading the file.
    ///
    /// # Cancel safety
    /// What is written is told. Nothing of the file is kept.
    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        poll_copy_file(self, cx, file, offset, count)
    }
}

/// A source of connections.
///
/// A connection comes in two steps, so that it can be served on another core than the one that
/// accepts it without ever being known to two reactors: accepted it is *bare*, a descriptor that
/// any thread may carry; [`open`](Self::open) registers it where it stays.
///
/// # Examples
/// A listener around another one wraps the second step only:
/// ```
/// use std::io;
/// use std::net::SocketAddr;
/// use std::task::{Context, Poll};
/// use ringspun_net::Listener;
///
/// struct Logged<L>(L);
///
/// impl<L: Listener> Listener for Logged<L> {
///     type Accepted = L::Accepted;
///     type Stream = L::Stream;
///
///     fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<L::Accepted>> {
///         self.0.poll_accept(cx)
///     }
///     fn try_accept(&mut self) -> io::Result<L::Accepted> {
///         self.0.try_accept()
///     }
///     fn open(accepted: L::Accepted, core: usize) -> io::Result<L::Stream> {
///         println!("a connection for core {core}");
///         L::open(accepted, core)
///     }
///     fn local_addr(&self) -> Option<SocketAddr> {
///         self.0.local_addr()
///     }
///     fn core(&self) -> Option<usize> {
///         self.0.core()
///     }
/// }
/// ```
pub trait Listener: Send + 'static {
    /// A connection that is in no reactor yet. Dropping it closes the connection.
    type Accepted: Send + 'static;

    /// A connection that can be used.
    type Stream: Stream;

    /// Accepts one connection.
    ///
    /// # Errors
    /// Any error may concern the connection only; the listener stays usable. What to do about
    /// each is decided in one place, the [`Acceptor`](crate::Acceptor). An error of kind
    /// `NotConnected` that carries no error number of the system says that nobody can connect
    /// any more.
    ///
    /// # Cancel safety
    /// A connection is either returned or still in the backlog.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Accepted>>;

    /// Accepts a connection that is waiting already, without waiting for one.
    ///
    /// For the last look before a listener is dropped: what waits in its backlog is reset then.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; else as [`poll_accept`](Self::poll_accept).
    fn try_accept(&mut self) -> io::Result<Self::Accepted>;

    /// Makes an accepted connection ready for use, registered in the reactor of core `core`.
    /// Transports without a reactor just pass it on.
    ///
    /// Called in the current runtime, usually but not always on that core.
    ///
    /// # Errors
    /// The reactor cannot take it. The connection is closed; nothing else is concerned.
    fn open(accepted: Self::Accepted, core: usize) -> io::Result<Self::Stream>;

    /// The address listened on, `None` for transports without addresses.
    fn local_addr(&self) -> Option<SocketAddr>;

    /// The core in whose reactor this listener is registered, `None` when it has none.
    ///
    /// The accept task is placed there, and most of the connections with it.
    fn core(&self) -> Option<usize> {
        None
    }
}
