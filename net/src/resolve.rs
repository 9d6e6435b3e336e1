//! Addresses to connect to, and the lookup of names.
//!
//! `getaddrinfo` blocks, for half a minute when no name server answers, and it cannot be
//! interrupted. A worker must not run it: its core would stand still. So numeric addresses never
//! come near it ([`Target::Addrs`]), and names are looked up by the runtime's threads for blocking
//! code.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll};

use ringspun_runtime::{Handle, JoinHandle};

/// What can be connected to: a socket address, an address with a port, or a name with a port.
///
/// Implemented for the types that one expects: [`SocketAddr`], `(IpAddr, u16)`, `"host:port"` as
/// `&str` or `String`, `(host, port)`, and slices of addresses, which are tried in turn.
pub trait ToAddrs {
    /// The addresses, or the name that has to be looked up first.
    ///
    /// # Errors
    /// `InvalidInput` when a text is no `host:port`.
    fn target(&self) -> io::Result<Target>;
}

/// The result of [`ToAddrs::target`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Numeric addresses; no lookup is needed.
    Addrs(Vec<SocketAddr>),
    /// A name for the system's resolver.
    Name {
        /// The host, without port.
        host: String,
        /// The port.
        port: u16,
    },
}

impl Target {
    fn new(host: &str, port: u16) -> Self {
        match host.parse::<IpAddr>() {
            Ok(ip) => Self::Addrs(vec![SocketAddr::new(ip, port)]),
            Err(_) => Self::Name {
                host: host.to_owned(),
                port,
            },
        }
    }
}

/// The addresses to connect to. Names are looked up by the system on a helper thread.
///
/// [`TcpStream::connect`](crate::TcpStream::connect) does this itself; it is for those who have to
/// know whether the lookup or the connecting has failed.
///
/// # Errors
/// What the system's resolver reports; an error if no thread can be started for it, the runtime is
/// shut down, or there is none; `InvalidInput` when a text is no `host:port`.
///
/// # Cancel safety
/// Dropping the future drops the answer.
///
/// # Examples
/// ```
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let addrs = ringspun_net::lookup_host(("127.0.0.1", 80)).await.unwrap();
/// assert_eq!(addrs, ["127.0.0.1:80".parse().unwrap()]);
/// # });
/// ```
pub async fn lookup_host(addr: impl ToAddrs) -> io::Result<Vec<SocketAddr>> {
    resolve(addr.target()?).await
}

/// Looks `target` up, off this thread if it is a name.
///
/// # Errors
/// What the system's resolver reports; an error if no thread can be started for it, the runtime is
/// shut down, or there is none.
///
/// # Cancel safety
/// Dropping the future drops the answer. A lookup that has not begun never runs; one that has runs to
/// its end.
pub(crate) async fn resolve(target: Target) -> io::Result<Vec<SocketAddr>> {
    match target {
        Target::Addrs(addrs) => Ok(addrs),
        Target::Name { host, port } => look_up(host, port)?.await,
    }
}

impl<T: ToAddrs + ?Sized> ToAddrs for &T {
    fn target(&self) -> io::Result<Target> {
        (**self).target()
    }
}

impl ToAddrs for str {
    fn target(&self) -> io::Result<Target> {
        if let Ok(addr) = self.parse() {
            return Ok(Target::Addrs(vec![addr]));
        }
        let parts = self
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match parts {
            Some((host, port)) if !host.is_empty() => Ok(Target::new(host, port)),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{self}` is not an address: write host:port, such as 127.0.0.1:80"),
            )),
        }
    }
}

impl ToAddrs for String {
    fn target(&self) -> io::Result<Target> {
        self.as_str().target()
    }
}

impl ToAddrs for (&str, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::new(self.0, self.1))
    }
}

impl ToAddrs for (String, u16) {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::new(&self.0, self.1))
    }
}

impl ToAddrs for [SocketAddr] {
    fn target(&self) -> io::Result<Target> {
        Ok(Target::Addrs(self.to_vec()))
    }
}

/// Types that are one numeric address.
macro_rules! numeric {
    ($($type:ty),*) => {$(
        impl ToAddrs for $type {
            fn target(&self) -> io::Result<Target> {
                Ok(Target::Addrs(vec![SocketAddr::from(*self)]))
            }
        }
    )*};
}
numeric!(
    SocketAddr,
    SocketAddrV4,
    SocketAddrV6,
    (IpAddr, u16),
    (Ipv4Addr, u16),
    (Ipv6Addr, u16)
);

fn look_up(host: String, port: u16) -> io::Result<Lookup> {
    let handle = Handle::try_current().map_err(io::Error::other)?;
    Ok(Lookup(handle.spawn_blocking(move || {
        let addrs = (host.as_str(), port).to_socket_addrs()?;
        Ok(addrs.collect())
    })))
}

/// A lookup queued or under way.
struct Lookup(JoinHandle<io::Result<Vec<SocketAddr>>>);

impl Future for Lookup {
    type Output = io::Result<Vec<SocketAddr>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|joined| joined?)
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        // Nobody wants to know: a thread that comes to it goes on to the next.
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};
    use std::time::Duration;

    use ringspun_runtime::{Builder, Runtime, spawn_blocking, time};

    use super::*;

    #[test]
    fn numeric_addresses_need_no_lookup() {
        let v4: SocketAddr = "127.0.0.1:80".parse().expect("an address");
        let v6: SocketAddr = "[::1]:80".parse().expect("an address");
        let targets = [
            ("127.0.0.1:80".target(), v4),
            ("[::1]:80".target(), v6),
            (("127.0.0.1", 80).target(), v4),
            (("::1", 80).target(), v6),
            ((String::from("::1"), 80).target(), v6),
            (String::from("127.0.0.1:80").target(), v4),
            ((Ipv4Addr::LOCALHOST, 80).target(), v4),
            (v4.target(), v4),
            ([v6][..].target(), v6),
        ];
        for (target, addr) in targets {
            assert_eq!(target.expect("an address"), Target::Addrs(vec![addr]));
        }
    }

    #[test]
    fn names_are_told_from_nonsense() {
        let name = Target::Name {
            host: "localhost".into(),
            port: 8080,
        };
        assert_eq!("localhost:8080".target().expect("a name"), name);
        assert_eq!(("localhost", 8080).target().expect("a name"), name);
        for nonsense in [
            "",
            "localhost",
            ":80",
            "localhost:",
            "localhost:http",
            "host:65536",
        ] {
            let error = nonsense.target().expect_err(nonsense);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains("host:port"));
        }
    }

    fn runtime() -> Runtime {
        Builder::new()
            .cores(1)
            .blocking_threads(4)
            .build()
            .expect("a runtime")
    }

    /// Waits for an answer, at most a generous minute.
    fn answer(
        runtime: &Runtime,
        lookup: impl Future<Output = io::Result<Vec<SocketAddr>>>,
    ) -> io::Result<Vec<SocketAddr>> {
        runtime
            .block_on(time::timeout(Duration::from_secs(60), lookup))
            .expect("an answer")
    }

    #[test]
    fn many_lookups_share_a_bounded_number_of_threads() {
        let runtime = runtime();
        let lookups: Vec<_> = (0..200)
            .map(|_| {
                let target = "localhost:80".target().expect("a name");
                runtime.handle().spawn(resolve(target))
            })
            .collect();
        for lookup in lookups {
            let lookup = async { lookup.await.expect("no panic") };
            let addrs = answer(&runtime, lookup).expect("localhost is known");
            assert!(!addrs.is_empty());
            assert!(
                addrs
                    .iter()
                    .all(|addr| addr.ip().is_loopback() && addr.port() == 80)
            );
        }
        let blocking = runtime.handle().metrics().blocking;
        assert!((1..=4).contains(&blocking.threads));
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        let runtime = runtime();
        let target = "nobody.invalid:80".target().expect("a name");
        answer(&runtime, resolve(target)).expect_err("reserved to be unknown");
    }

    #[test]
    fn without_a_runtime_the_error_says_so() {
        let target = "localhost:80".target().expect("a name");
        let lookup = std::pin::pin!(resolve(target));
        let polled = lookup.poll(&mut Context::from_waker(std::task::Waker::noop()));
        let Poll::Ready(Err(error)) = polled else {
            panic!("{polled:?}");
        };
        assert!(error.to_string().contains("no ringspun runtime"), "{error}");
    }

    #[test]
    fn a_dropped_lookup_is_thrown_away() {
        let runtime = runtime();
        let _entered = runtime.handle().enter();
        // All threads are held up, so that the lookups wait.
        let gate = Arc::new(Barrier::new(5));
        for _ in 0..4 {
            let gate = gate.clone();
            drop(spawn_blocking(move || {
                gate.wait();
                gate.wait();
            }));
        }
        gate.wait();
        for _ in 0..50 {
            drop(look_up("localhost".into(), 80).expect("a runtime"));
        }
        let last = look_up("localhost".into(), 81).expect("a runtime");
        assert_eq!(runtime.handle().metrics().blocking.queued, 51);
        gate.wait();
        assert!(
            answer(&runtime, last).is_ok(),
            "the ones before do not stand in the way"
        );
    }
}
