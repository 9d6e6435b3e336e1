//! The response as a client gets it.

use std::cell::RefCell;
use std::fmt;
use std::mem;

use bytes::Bytes;
use http::{StatusCode, Version};

use crate::message::{Body, BodyError, Headers, IntoResponse, Response};
use crate::proto::StatusHead;
use crate::upgrade::Upgraded;

/// The response of a server to a request of a [`Client`](super::Client).
///
/// (A [`Response`] is what a handler makes. A reply can be turned into one, to pass it on.)
///
/// The body is read from the connection as it is asked for; a slow reader slows the server. When it
/// was read to its end the connection is kept for the next request. A reply that is dropped before
/// that closes its connection, unless the rest is small and there already.
///
/// # Examples
/// ```no_run
/// use ringspun_http::Client;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new();
/// let mut reply = client.get("http://127.0.0.1:8080/users").await?;
/// println!("{} {}", reply.status(), reply.header("content-type").unwrap_or("?"));
/// println!("{}", reply.text(64 * 1024).await?);
/// # Ok(()) }
/// ```
pub struct Reply {
    head: PooledHead,
    body: Body,
    upgraded: Option<Box<Upgraded>>,
}

impl Reply {
    pub(super) fn new(head: PooledHead, body: Body, upgraded: Option<Box<Upgraded>>) -> Self {
        Self {
            head,
            body,
            upgraded,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.head.get().status()
    }

    /// The version: 1.0 or 1.1.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.get().version()
    }

    /// All header lines, those about the connection included.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        Headers::new(self.head.get().lines())
    }

    /// The value of the first header line of this name, in any case, where it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get_str(name)
    }

    /// The body, to be read.
    pub fn body(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The body alone.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }

    /// The rest of the body in one piece, at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Body::bytes`]; an error of the connection has a [`ClientError`](super::ClientError) as
    /// its source.
    ///
    /// # Cancel safety
    /// Not cancel safe: what was read is lost.
    pub async fn bytes(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        self.body.bytes(limit).await
    }

    /// The rest of the body as text, at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Reply::bytes`], or it is not UTF-8.
    ///
    /// # Cancel safety
    /// Not cancel safe: what was read is lost.
    pub async fn text(&mut self, limit: usize) -> Result<String, BodyError> {
        self.body.text(limit).await
    }

    /// The connection itself, if it speaks another protocol from here on: after 101 for a request
    /// with `Connection: Upgrade`, or after a CONNECT that was granted.
    ///
    /// # Errors
    /// It does not; the reply comes back.
    pub fn into_upgraded(mut self) -> Result<Upgraded, Self> {
        self.upgraded.take().map(|io| *io).ok_or(self)
    }
}

/// The reply as an intermediary passes it on (RFC 9110 7.6.1): without the lines that are about
/// the connection to the server, which are those that Connection names and a few more.
impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        let mut response = Self::new(reply.status());
        for (name, value) in reply.headers().end_to_end() {
            // Only what would frame the message is refused, and that is gone.
            let _ = response.add_header(name, value);
        }
        response.with_body(reply.into_body())
    }
}

/// All of the reply, its lines about the connection as well.
impl From<Reply> for http::Response<Body> {
    fn from(reply: Reply) -> Self {
        let mut converted = Self::new(Body::empty());
        *converted.status_mut() = reply.status();
        *converted.version_mut() = reply.version();
        *converted.headers_mut() = reply.headers().to_map();
        *converted.body_mut() = reply.into_body();
        converted
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        self.into()
    }
}

impl fmt::Debug for Reply {
    /// Status and names of headers; their values may be somebody's secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers().iter().map(|(name, _)| name).collect();
        f.debug_struct("Reply")
            .field("status", &self.status())
            .field("headers", &names)
            .field("body", &self.body)
            .field("upgraded", &self.upgraded.is_some())
            .finish()
    }
}

/// A head from the pool of this thread: its memory goes round.
pub(super) struct PooledHead(
    /// Present until the drop.
    Option<Box<StatusHead>>,
);

impl PooledHead {
    pub(super) fn take() -> Self {
        let pooled = POOL.try_with(|pool| pool.borrow_mut().pop()).ok().flatten();
        Self(Some(pooled.unwrap_or_default()))
    }

    pub(super) fn get(&self) -> &StatusHead {
        self.0.as_ref().expect("the box is there until the drop")
    }

    pub(super) fn get_mut(&mut self) -> &mut StatusHead {
        self.0.as_mut().expect("the box is there until the drop")
    }
}

impl Drop for PooledHead {
    fn drop(&mut self) {
        let Some(mut head) = mem::take(&mut self.0) else {
            return;
        };
        head.trim();
        // An error means that this thread ends; the box is freed with the closure.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEEP {
                pool.push(head);
            }
        });
    }
}

/// Boxes kept on each thread: as many as replies are alive at once on a busy core.
const KEEP: usize = 256;

thread_local! {
    #[allow(clippy::vec_box, reason = "the boxes are what is pooled")]
    static POOL: RefCell<Vec<Box<StatusHead>>> = const { RefCell::new(Vec::new()) };
}
