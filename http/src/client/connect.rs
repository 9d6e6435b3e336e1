//! How connections are made.

use std::fmt;
use std::future::Future;
use std::io;

use ringspun_net::{MemConnector, MemStream, Stream, TcpStream, lookup_host};

use super::origin::Origin;

/// Makes the connections of a [`Client`](super::Client).
///
/// [`Tcp`] is the usual one. Others go over a Unix socket, over TLS, or stay within the process:
/// [`MemConnector`] is a `Connect` too.
///
/// # Examples
/// Every host is one that listens on this machine:
/// ```
/// use std::io;
/// use ringspun_http::client::{Client, Connect, Origin};
/// use ringspun_net::TcpStream;
///
/// struct Local;
///
/// impl Connect for Local {
///     type Stream = TcpStream;
///
///     async fn connect(&self, origin: &Origin) -> io::Result<TcpStream> {
///         TcpStream::connect(("127.0.0.1", origin.port())).await
///     }
/// }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder().connector(Local).build();
/// # let _ = client;
/// # Ok(()) }
/// ```
pub trait Connect: Send + Sync + 'static {
    /// What is connected.
    type Stream: Stream;

    /// Connects. The client bounds the time and drops the future when it is over.
    ///
    /// # Errors
    /// No connection could be made.
    fn connect(&self, origin: &Origin) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Whether origins of the scheme `https` may be asked for: then `connect` has to bring up TLS
    /// for them, with a certificate for their host. No unless it says so, and the client refuses
    /// such URLs: what was meant to be secret is never sent in the clear.
    fn offers_tls(&self) -> bool {
        false
    }
}

/// Connects over TCP, to the first address of the host that answers.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tcp;

impl Connect for Tcp {
    type Stream = TcpStream;

    async fn connect(&self, origin: &Origin) -> io::Result<TcpStream> {
        let addrs = lookup_host((origin.host(), origin.port())).await;
        let addrs = addrs.map_err(|error| io::Error::new(error.kind(), Unresolved(error)))?;
        TcpStream::connect(&addrs[..]).await
    }
}

/// Whatever the host, the connection is one within the process.
impl Connect for MemConnector {
    type Stream = MemStream;

    async fn connect(&self, _: &Origin) -> io::Result<MemStream> {
        Self::connect(self).await
    }
}

/// Marks an error as one of the lookup.
#[derive(Debug)]
pub(super) struct Unresolved(io::Error);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unresolved {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
