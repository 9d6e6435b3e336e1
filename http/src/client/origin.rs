//! Whom a request is for: scheme, host and port.

use std::borrow::Cow;
use std::fmt;

/// The server that a connection leads to (RFC 9110 4.3.1): scheme, host and port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    is_secure: bool,
    /// As in a URI: an IPv6 address has brackets.
    host: Box<str>,
    port: u16,
}

impl Origin {
    /// The origin of an authority that was checked to be a host with an optional port. `None` if
    /// the port is none.
    pub(super) fn new(is_secure: bool, authority: &str) -> Option<Self> {
        let (host, port) = split(authority);
        let port = match port {
            "" => default_port(is_secure),
            port => port.parse().ok().filter(|&port| port > 0)?,
        };
        Some(Self {
            is_secure,
            host: host.to_ascii_lowercase().into(),
            port,
        })
    }

    /// Whether the scheme is `https`: the connection has to be one over TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The name or the address; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let inner = self.host.strip_prefix('[');
        inner
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(&self.host)
    }

    /// Host and port as a key and for messages.
    pub(super) fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The port; that of the scheme where the URL has none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// One text for each origin, to look connections up by. Nearly all authorities are it already.
pub(super) fn key(is_secure: bool, authority: &str) -> Cow<'_, str> {
    let (host, port) = split(authority);
    let is_default = port.is_empty() || port.parse() == Ok(default_port(is_secure));
    let is_normal = !is_secure
        && host.bytes().all(|byte| !byte.is_ascii_uppercase())
        && (host.len() == authority.len() || !(is_default || port.starts_with('0')));
    if is_normal {
        return Cow::Borrowed(authority);
    }
    match Origin::new(is_secure, authority) {
        Some(origin) if is_default && !is_secure => Cow::Owned(origin.host.into()),
        Some(origin) if !is_secure => Cow::Owned(format!("{}:{}", origin.host, origin.port)),
        Some(origin) => Cow::Owned(origin.to_string()),
        None => Cow::Borrowed(authority),
    }
}

/// Host and port; the colons of an IPv6 address stand before its bracket.
fn split(authority: &str) -> (&str, &str) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    }
}

const fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_origins() {
        let of = |authority| {
            Origin::new(false, authority).map(|origin| (origin.host().to_owned(), origin.port()))
        };
        let some = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(of("a.example"), some("a.example", 80));
        assert_eq!(of("A:81"), some("a", 81));
        assert_eq!(of("a:"), some("a", 80));
        assert_eq!(of("127.0.0.1:8080"), some("127.0.0.1", 8080));
        assert_eq!(of("[::1]"), some("::1", 80));
        assert_eq!(of("[::1]:81"), some("::1", 81));
        assert_eq!((of("a:65536"), of("a:0")), (None, None));
        let secure = Origin::new(true, "a").unwrap();
        assert_eq!((secure.port(), secure.is_secure()), (443, true));
        assert_eq!(secure.to_string(), "https://a:443");
    }

    #[test]
    fn one_key_for_each_origin() {
        for (authority, expected) in [
            ("a", "a"),
            ("a:80", "a"),
            ("a:080", "a"),
            ("A:80", "a"),
            ("a:", "a"),
            ("a:81", "a:81"),
            ("a:081", "a:81"),
            ("A:81", "a:81"),
            ("[::1]", "[::1]"),
            ("[::1]:80", "[::1]"),
            ("[::1]:81", "[::1]:81"),
        ] {
            assert_eq!(key(false, authority), expected, "{authority}");
        }
        assert!(matches!(key(false, "a:81"), Cow::Borrowed(_)));
        assert_eq!(key(true, "a"), "https://a:443");
        assert_eq!(key(true, "A:443"), "https://a:443");
    }
}
