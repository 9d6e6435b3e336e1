//! What a server may be told.

use std::time::Duration;

use crate::proto::{HeadLimits, ReceiveLimits};

/// Limits on what clients may do. All are on by default but the last two.
///
/// How often each has struck is counted, see [`Server::strikes`](crate::Server::strikes). Answers to
/// pipelined requests are made one after another; so of one connection one request is in a handler
/// at a time, whatever the client sends.
///
/// | field | default | what happens beyond it |
/// |---|---|---|
/// | `head_timeout` | 10 s | 408, or the end where nothing was sent |
/// | `idle_timeout` | 75 s | the connection is closed |
/// | `body_rate`, `body_window` | 240 bytes/s, looked at every 5 s | 408 |
/// | `request_timeout` | 5 min from the head of the request to that of the response | 503, the handler is dropped |
/// | `write_timeout` | 30 s without taking a byte | the connection is closed |
/// | `write_rate`, `write_window` | 240 bytes/s, looked at every 30 s | the connection is closed |
/// | `head_bytes` | 64 KiB | 431 |
/// | `headers` | 100 | 431 |
/// | `target_bytes` | 8 KiB | 414 |
/// | `body_bytes` | 2 MiB | 413 |
/// | `unread_bytes` | 256 KiB | the connection is closed behind the response |
/// | `connections` | 100,000 | accepting pauses, clients wait in the backlog |
/// | `admission` | off | 503 with Retry-After while the core's queue is longer |
/// | `requests_per_connection` | none | `Connection: close` on the last response |
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use ringspun_http::Limits;
///
/// let mut limits = Limits::default();
/// limits.body_bytes = 100 << 20;
/// limits.idle_timeout = Duration::from_secs(15);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// How long a head may take from its first byte (of the first request: from the accept) to
    /// its last.
    pub head_timeout: Duration,
    /// How long a connection may stay open between two requests.
    pub idle_timeout: Duration,
    /// Bytes that a body must bring each second on average over a window. 0 means any.
    pub body_rate: u32,
    /// Over how long the rate of a body is looked at. Time in which the handler does not read
    /// does not count.
    pub body_window: Duration,
    /// How long a handler may take, from the end of the request's head to its response. The body
    /// of the response may take longer. See [`Handler::with_request_timeout`](crate::Handler).
    pub request_timeout: Duration,
    /// How long a client may take nothing of a response that is there.
    pub write_timeout: Duration,
    /// Bytes that a client must take each second on average over a window, of a response that does
    /// not fit into the buffers between. 0 means any. What its system has acknowledged is taken.
    pub write_rate: u32,
    /// Over how long the rate of a response is looked at. Time in which there is nothing to send
    /// does not count.
    pub write_window: Duration,
    /// Bytes of a head. At most 64 KiB.
    pub head_bytes: usize,
    /// Header lines of a head. At most 100.
    pub headers: usize,
    /// Bytes of the request target.
    pub target_bytes: usize,
    /// Bytes of a body.
    pub body_bytes: u64,
    /// Bytes of a body which the handler has not read that are taken in and dropped to keep the
    /// connection.
    pub unread_bytes: u64,
    /// How long requests may have to wait for their core before some are refused with 503 and
    /// Retry-After: those that come when the wait has been longer all the time for 100 ms. `None`
    /// serves all of them however late. See [`ringspun_runtime::backlog`]. 5 ms is a good value
    /// for handlers that take less than 1 ms.
    pub admission: Option<Duration>,
    /// Connections that are served at a time.
    pub connections: usize,
    /// Requests that are served on one connection.
    pub requests_per_connection: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_rate: 240,
            body_window: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5 * 60),
            write_timeout: Duration::from_secs(30),
            write_rate: 240,
            write_window: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            headers: 100,
            target_bytes: 8 * 1024,
            body_bytes: 2 * 1024 * 1024,
            unread_bytes: 256 * 1024,
            admission: None,
            connections: 100_000,
            requests_per_connection: u32::MAX,
        }
    }
}

impl Limits {
    /// The limits that the codec looks after: that on the body may be the route's, and is looked at
    /// once the head is there.
    pub(super) fn receive(&self) -> ReceiveLimits {
        let mut head = HeadLimits::default();
        head.bytes = self.head_bytes.min(head.bytes);
        head.headers = self.headers.min(head.headers);
        head.target = self.target_bytes;
        ReceiveLimits {
            head,
            body: u64::MAX,
        }
    }

    /// Bytes that a body must have brought after a window.
    pub(super) fn body_window_bytes(&self) -> u64 {
        bytes_in(self.body_rate, self.body_window)
    }

    /// Bytes that a client must have taken after a window.
    pub(super) fn write_window_bytes(&self) -> u64 {
        bytes_in(self.write_rate, self.write_window)
    }
}

/// Bytes at a rate, in bytes a second.
fn bytes_in(rate: u32, window: Duration) -> u64 {
    let millis = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    u64::from(rate).saturating_mul(millis) / 1000
}
