//! Connecting without blocking.
//!
//! ```text
//! socket(NONBLOCK|CLOEXEC), NODELAY
//! connect(2) --ok--> done        (EISCONN after an interrupted call: done as well)
//!     | EINPROGRESS
//! register ---> writable ---> SO_ERROR? ---> Err
//!                  ^             | none
//!                  |          getpeername --ok--> done
//!                  '--- ENOTCONN: not yet
//! ```
//!
//! The socket is registered *after* `connect(2)`: epoll reports a socket that was never connected
//! as hung up, and that flag stays in the source. A source starts out writable, so the first look
//! may come too early; `getpeername` tells, and the would-block loop goes on waiting.

use std::io;
use std::net::{self, SocketAddr};

use ringspun_runtime::io::{Direction, Trigger};
use socket2::{Domain, Protocol, Socket, Type};

use crate::evented::{Evented, Next};
use crate::resolve::{ToAddrs, resolve};
use crate::tcp::stream::{TcpStream, TcpWire};

/// Tries the addresses in turn.
pub(super) async fn connect(addr: impl ToAddrs) -> io::Result<TcpStream> {
    let addrs = resolve(addr.target()?).await?;
    let mut last = None;
    for &addr in &*addrs {
        match connect_one(addr).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "connect: no address to connect to",
        )
    }))
}

async fn connect_one(addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(addr),
        Type::STREAM.nonblocking(),
        Some(Protocol::TCP),
    )?;
    socket.set_tcp_nodelay(true)?;
    start(&socket, addr)?;
    let io = Evented::new(net::TcpStream::from(socket), Trigger::Edge)?;
    std::future::poll_fn(|cx| {
        io.poll_op(cx, Direction::Write, |socket| {
            finished(socket).map(|()| ((), Next::Ready))
        })
    })
    .await?;
    // A connect to a free ephemeral port may be given that very port for its own end, and meets
    // itself. Nobody listens there.
    if io.socket().local_addr()? == addr {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(TcpStream::from_wire(TcpWire {
        io,
        peer: Some(addr),
    }))
}

/// Sends the SYN. `Ok` says that the connection is made or under way.
fn start(socket: &Socket, addr: SocketAddr) -> io::Result<()> {
    loop {
        let Err(error) = socket.connect(&addr.into()) else {
            return Ok(());
        };
        match error.raw_os_error() {
            // An interrupted call may have begun the connection or not: the next one says.
            Some(libc::EINTR) => {}
            Some(libc::EINPROGRESS | libc::EALREADY | libc::EISCONN) => return Ok(()),
            _ => return Err(error),
        }
    }
}

/// How the connection attempt stands; `WouldBlock` while it is under way.
fn finished(socket: &net::TcpStream) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        result => result.map(drop),
    }
}
