//! From settings to a client.

use std::fmt;
use std::time::Duration;

use super::Client;
use super::connect::{Connect, Tcp};
use super::error::{ClientError, Failure, Phase, What};
use super::origin::Origin;
use super::rules::Rules;
use crate::proto::Refusal;

/// Settings of a [`Client`].
///
/// | setting | default | what it bounds |
/// |---|---|---|
/// | `connect_timeout` | 10 s | lookup and connecting, or waiting for a connection of a full host |
/// | `head_timeout` | 60 s | from the end of the request to the end of the response's head |
/// | `stall_timeout` | 30 s | time in which a body that could move does not, in either direction |
/// | `timeout` | none | the whole: from the call to the end of the reply's body |
/// | `idle_timeout` | 60 s | how long a connection that nobody uses is kept; zero keeps none |
/// | `idle_per_host` | 32 | connections kept for one host, on each core |
/// | `idle_total` | 1024 | connections kept in total |
/// | `connections_per_host` | none | connections to one host, used and kept |
/// | `head_bytes` | 64 KiB | the head of a response |
/// | `headers` | 100 | header lines of a response |
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use ringspun_http::Client;
///
/// let client = Client::builder()
///     .connect_timeout(Duration::from_secs(2))
///     .timeout(Duration::from_secs(30))
///     .connections_per_host(8)
///     .build();
/// # let _ = client;
/// ```
#[must_use = "`build` makes the client"]
pub struct ClientBuilder<C = Tcp> {
    connector: C,
    rules: Rules,
    proxy: Option<Origin>,
}

impl ClientBuilder<Tcp> {
    pub(super) fn new() -> Self {
        Self {
            connector: Tcp,
            rules: Rules::default(),
            proxy: None,
        }
    }
}

impl<C: Connect> ClientBuilder<C> {
    /// Connects by other means than TCP: see [`Connect`].
    pub fn connector<D: Connect>(self, connector: D) -> ClientBuilder<D> {
        ClientBuilder {
            connector,
            rules: self.rules,
            proxy: self.proxy,
        }
    }

    /// Sends all requests to a proxy: those for `http://` URLs in absolute form, and CONNECT, which
    /// asks for a tunnel. `proxy` is the proxy's own URL, such as `http://proxy:3128`. `https://` URLs
    /// are refused then: what is secret goes through a tunnel.
    ///
    /// # Errors
    /// It is no URL of the scheme `http` with a host and nothing behind it.
    pub fn proxy(mut self, proxy: &str) -> Result<Self, ClientError> {
        let authority = proxy.strip_prefix("http://").unwrap_or_default();
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let origin = crate::proto::is_host(authority.as_bytes())
            .then(|| Origin::new(false, authority))
            .flatten();
        let Some(origin) = origin else {
            let what = What::Refused(Refusal::HostInvalid);
            return Err(Failure::new(Phase::Request, what).at(proxy));
        };
        self.proxy = Some(origin);
        Ok(self)
    }

    /// How long to connect, the lookup of the name included. It also bounds the wait for a
    /// connection of a host that has as many as it may.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.rules.connect_timeout = limit;
        self
    }

    /// How long a server may take from the end of the request to the end of the response's head,
    /// interim responses included.
    pub fn head_timeout(mut self, limit: Duration) -> Self {
        self.rules.head_timeout = limit;
        self
    }

    /// How long nothing may move of a body that could move: of the request while it is being sent,
    /// of the reply while it is being read.
    pub fn stall_timeout(mut self, limit: Duration) -> Self {
        self.rules.stall_timeout = limit;
        self
    }

    /// How long everything may take, from the call to the end of the reply's body. Without it a
    /// server that sends a byte now and then can go on for ever.
    ///
    /// The deadline of a [scope](ringspun_runtime::scope) around the call ends the call as well,
    /// whichever comes first.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.rules.timeout = Some(limit);
        self
    }

    /// How long a connection is kept that nobody uses. Zero: none is kept, and servers are told so.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.rules.idle_timeout = limit;
        self
    }

    /// Connections that are kept for one host on each core while nobody uses them.
    pub fn idle_per_host(mut self, connections: usize) -> Self {
        self.rules.idle_per_host = connections;
        self
    }

    /// Connections that are kept in total while nobody uses them. Beyond it a connection is closed
    /// after its response.
    pub fn idle_total(mut self, connections: usize) -> Self {
        self.rules.idle_total = connections;
        self
    }

    /// Connections to one host, over all cores, used or kept. Who needs one more waits until one
    /// becomes free or is closed; the reply that holds it must be read or dropped for that. At
    /// least 1.
    pub fn connections_per_host(mut self, connections: usize) -> Self {
        self.rules.connections_per_host = Some(connections.max(1));
        self
    }

    /// Bytes of a response's head. At most 64 KiB.
    pub fn head_bytes(mut self, bytes: usize) -> Self {
        self.rules.head.bytes = bytes.min(crate::proto::MAX_HEAD_BYTES);
        self
    }

    /// Header lines of a response. At most 100.
    pub fn headers(mut self, headers: usize) -> Self {
        self.rules.head.headers = headers.min(crate::proto::MAX_HEADERS);
        self
    }

    /// The client.
    #[must_use]
    pub fn build(self) -> Client<C> {
        Client::from_parts(self.connector, self.rules, self.proxy)
    }
}

impl<C> fmt::Debug for ClientBuilder<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("rules", &self.rules)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}
