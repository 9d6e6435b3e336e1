//! [`Listen`]: what `serve` can listen on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use ringspun_net::{ListenOptions, TcpListener};

/// What [`serve`](crate::serve()) can listen on: an address, for which each core has a listener, or one
/// listener of somebody else's, whose connections are spread over the cores.
pub trait Listen: Send + 'static {
    /// The listeners. Called inside the runtime that will serve them.
    ///
    /// # Errors
    /// The address cannot be listened on, or the listener cannot be taken over.
    fn listen(self) -> io::Result<Vec<TcpListener>>;
}

macro_rules! addresses {
    ($($type:ty),*) => {$(
        impl Listen for $type {
            fn listen(self) -> io::Result<Vec<TcpListener>> {
                TcpListener::bind_per_core(self, &ListenOptions::new())
            }
        }
    )*};
}

addresses!(SocketAddr, SocketAddrV4, SocketAddrV6, &'static str);
addresses!(
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16),
    (&'static str, u16)
);

impl Listen for String {
    fn listen(self) -> io::Result<Vec<TcpListener>> {
        TcpListener::bind_per_core(&*self, &ListenOptions::new())
    }
}

impl Listen for std::net::TcpListener {
    fn listen(self) -> io::Result<Vec<TcpListener>> {
        Ok(vec![TcpListener::from_std(self)?])
    }
}

#[cfg(feature = "tokio")]
impl Listen for tokio::net::TcpListener {
    fn listen(self) -> io::Result<Vec<TcpListener>> {
        Ok(vec![self.try_into()?])
    }
}
