//! A connection that is given to another protocol implementation before a handler sees it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::proto::Head;
use crate::upgrade::Upgraded;

/// What a connection, or the next exchange on it, begins with.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Opening<'a> {
    /// A request of HTTP/1 that has kept to all rules.
    Head(&'a Head),
    /// The preface of HTTP/2 (RFC 9113 3.4), as the first bytes of a connection.
    Http2Preface,
}

/// Takes whole connections over from the server: for HTTP/2, or for a library that must read the
/// head of an upgrade itself.
///
/// # Examples
/// ```
/// use std::future::Future;
/// use std::pin::Pin;
/// use ringspun_http::{Opening, TakeOver, Upgraded};
///
/// struct Http2;
///
/// impl TakeOver for Http2 {
///     fn wants(&self, opening: Opening<'_>) -> bool {
///         matches!(opening, Opening::Http2Preface)
///     }
///     fn take_over(&self, io: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
///         Box::pin(async move { drop(io) }) // an HTTP/2 connection over `io`
///     }
/// }
/// ```
pub trait TakeOver: Send + Sync + 'static {
    /// Whether to take the connection over. Asked for the head of every request, so it should be
    /// quick.
    fn wants(&self, opening: Opening<'_>) -> bool;

    /// Serves the rest of the connection. The first bytes that `io` reads are those of the opening
    /// itself; answers to earlier requests have been sent. The future is the connection's task
    /// from here on.
    fn take_over(&self, io: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

impl fmt::Debug for dyn TakeOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TakeOver")
    }
}

/// How a connection's first bytes stand to the preface of HTTP/2.
pub(super) enum Preface {
    /// They are it.
    Whole,
    /// They may become it.
    Begun,
    /// They are something else.
    No,
}

impl Preface {
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(PREFACE) {
            Self::Whole
        } else if PREFACE.starts_with(bytes) {
            Self::Begun
        } else {
            Self::No
        }
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
