//! [`ListenOptions`]: how a listener is opened.

use std::fmt;
use std::io;
use std::net::{self, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// How a [`TcpListener`](crate::TcpListener) is opened.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// use ringspun_net::{ListenOptions, TcpListener};
///
/// let options = ListenOptions::new().backlog(64).nodelay(false);
/// let listener = TcpListener::bind_with("127.0.0.1:0", &options)?;
/// # drop(listener);
/// # std::io::Result::Ok(()) }) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenOptions {
    backlog: i32,
    nodelay: bool,
    share_port: bool,
    only_v6: Option<bool>,
    recv_buffer: Option<usize>,
    send_buffer: Option<usize>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: BACKLOG,
            nodelay: true,
            share_port: false,
            only_v6: None,
            recv_buffer: None,
            send_buffer: None,
        }
    }
}

impl ListenOptions {
    /// The defaults: the kernel's largest backlog, `TCP_NODELAY` on, the port ours alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Connections that may wait to be accepted. The kernel caps it at `net.core.somaxconn`,
    /// which is also the default.
    #[must_use]
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = i32::try_from(connections).unwrap_or(BACKLOG);
        self
    }

    /// Whether accepted connections have `TCP_NODELAY`. Set once on the listener: Linux hands it
    /// down, so it costs no system call per connection.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// Whether other processes of the same user may listen on the port at the same time
    /// (`SO_REUSEPORT` while binding). For a restart without a gap: the new process opens its
    /// listeners before the old one closes its own.
    ///
    /// Off by default, so that starting a server twice is an error and not half the connections.
    #[must_use]
    pub fn share_port(mut self, share: bool) -> Self {
        self.share_port = share;
        self
    }

    /// Whether an IPv6 listener refuses IPv4 (`IPV6_V6ONLY`). The system's default if not set.
    #[must_use]
    pub fn only_v6(mut self, only: bool) -> Self {
        self.only_v6 = Some(only);
        self
    }

    /// `SO_RCVBUF` of accepted connections. Setting it turns the kernel's own tuning off.
    #[must_use]
    pub fn recv_buffer(mut self, bytes: usize) -> Self {
        self.recv_buffer = Some(bytes);
        self
    }

    /// `SO_SNDBUF` of accepted connections. Setting it turns the kernel's own tuning off.
    #[must_use]
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// Opens `count` listeners on one address. With port 0 the first one picks the port and the
    /// others share it.
    ///
    /// The first listener is bound *and listening* before it gets `SO_REUSEPORT`: until then the
    /// kernel refuses the port to anybody and refuses us a port that anybody has. The others are
    /// bound with `SO_REUSEPORT`, and the kernel makes them one group.
    pub(super) fn open(&self, addr: SocketAddr, count: usize) -> io::Result<Vec<net::TcpListener>> {
        let first = self.open_one(addr, self.share_port)?;
        let addr = first.local_addr()?.as_socket().unwrap_or(addr);
        if count > 1 {
            first.set_reuse_port(true)?;
        }
        let mut listeners = vec![first.into()];
        for _ in 1..count {
            listeners.push(self.open_one(addr, true)?.into());
        }
        Ok(listeners)
    }

    fn open_one(&self, addr: SocketAddr, share: bool) -> io::Result<Socket> {
        let socket = Socket::new(
            Domain::for_address(addr),
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        // Restarting must not wait for the old connections' TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.set_tcp_nodelay(self.nodelay)?;
        if share {
            socket.set_reuse_port(true)?;
        }
        if let (Some(only), SocketAddr::V6(_)) = (self.only_v6, addr) {
            socket.set_only_v6(only)?;
        }
        // Before listening: the window scale of accepted connections depends on it.
        if let Some(bytes) = self.recv_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        socket
            .bind(&addr.into())
            .map_err(|error| explain(addr, error))?;
        socket
            .listen(self.backlog)
            .map_err(|error| explain(addr, error))?;
        Ok(socket)
    }
}

/// Larger than any `net.core.somaxconn`, which caps it.
const BACKLOG: i32 = i32::MAX;

/// Says what failed, where, and what to do about it.
#[cold]
fn explain(addr: SocketAddr, source: io::Error) -> io::Error {
    io::Error::new(source.kind(), BindError { addr, source })
}

/// The text of a failed bind; the system's error is its source.
#[derive(Debug)]
struct BindError {
    addr: SocketAddr,
    source: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {}: {}", self.addr, self.source)?;
        match self.source.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "; another socket listens there: stop that program (`ss -ltnp 'sport = :{}'` \
                 shows it), or choose another port, or port 0 for a free one",
                self.addr.port()
            ),
            io::ErrorKind::AddrNotAvailable => f.write_str(
                "; this machine has no such address: `ip addr` lists those it has, 0.0.0.0 and \
                 [::] stand for all of them",
            ),
            io::ErrorKind::PermissionDenied => f.write_str(
                "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: choose a higher port",
            ),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
