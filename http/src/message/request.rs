//! The request as handlers see it.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use http::{Method, Version};
use ringspun_runtime::scope::CancelToken;
use ringspun_runtime::sync::Worker;

use super::body::Body;
use super::headers::Headers;
use super::parts::Parts;
use crate::percent;
use crate::proto::{InvalidHeader, Refusal, TargetForm, append_header};

/// A request: a head and a body.
///
/// # Examples
/// ```
/// use ringspun_http::{Request, Response};
///
/// async fn hello(request: Request) -> Response {
///     let agent = request.header("user-agent").unwrap_or("somebody");
///     Response::text(format!("{agent} wants {}\n", request.path()))
/// }
/// ```
///
/// For tests of handlers a request can be made by hand:
/// ```
/// use ringspun_http::Request;
///
/// let request = Request::new("POST", "/users?page=2")?.with_body("name=x");
/// assert_eq!(request.path(), "/users");
/// assert_eq!(request.query(), Some("page=2"));
/// # Ok::<(), ringspun_http::proto::Refusal>(())
/// ```
pub struct Request {
    parts: Parts,
    body: Body,
}

impl Request {
    /// A request in version 1.1 without a body, for the host of the target, or for `localhost`
    /// where the target names none.
    ///
    /// # Errors
    /// Method or target are not what a client could send.
    pub fn new(method: &str, target: &str) -> Result<Self, Refusal> {
        let host = match target.split_once("://") {
            Some((_, rest)) if !target.starts_with('/') => {
                rest.split(['/', '?']).next().unwrap_or_default()
            }
            None if method == "CONNECT" => target,
            _ => "localhost",
        };
        let pieces = [method, " ", target, " HTTP/1.1\r\nHost: ", host, "\r\n\r\n"];
        let head = pieces.concat();
        let request = Self::parse(head.as_bytes())?;
        // Text that ends its line early has become lines of its own.
        if request.method().as_str() != method {
            return Err(Refusal::RequestLine);
        }
        if request.target() != target {
            return Err(Refusal::TargetBytes);
        }
        Ok(request)
    }

    /// A request with this head and without a body.
    pub(super) fn parse(head: &[u8]) -> Result<Self, Refusal> {
        let mut parts = Parts::take();
        parts.head.parse_whole(head)?;
        Ok(Self {
            parts,
            body: Body::empty(),
        })
    }

    pub(crate) const fn from_parts(parts: Parts, body: Body) -> Self {
        Self { parts, body }
    }

    pub(crate) fn into_parts(self) -> (Parts, Body) {
        (self.parts, self.body)
    }

    pub(crate) fn parts_mut(&mut self) -> &mut Parts {
        &mut self.parts
    }

    /// Adds a header line behind the others.
    ///
    /// # Errors
    /// The line is not what a client could send, or frames the body: that is the body's own
    /// matter. A Host line replaces the one that is there.
    pub fn try_with_header(mut self, name: &str, value: &str) -> Result<Self, Refusal> {
        let mut line = Vec::new();
        append_header(&mut line, name, value.as_bytes()).map_err(refusal_of)?;
        self.parts.head.insert_lines(&line)?;
        Ok(self)
    }

    /// Adds header lines behind the others, all at once. As [`Request::try_with_header`], with any
    /// bytes that a value may have.
    ///
    /// # Errors
    /// As [`Request::try_with_header`].
    pub fn try_with_headers<'a>(
        mut self,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, Refusal> {
        let mut lines = Vec::new();
        for (name, value) in headers {
            append_header(&mut lines, name, value).map_err(refusal_of)?;
        }
        self.parts.head.insert_lines(&lines)?;
        Ok(self)
    }

    /// Replaces the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.parts.head.method()
    }

    /// The version: 1.0 or 1.1.
    #[must_use]
    pub fn version(&self) -> Version {
        self.parts.head.version()
    }

    /// The target as it was sent. Of its forms nearly all requests have the origin form, a path
    /// with an optional query.
    #[must_use]
    pub fn target(&self) -> &str {
        self.parts.head.target()
    }

    /// The form of the target.
    #[must_use]
    pub fn target_form(&self) -> TargetForm {
        self.parts.head.target_form()
    }

    /// The path, percent-encoded as it was sent. `*` in the asterisk form, empty in the authority
    /// form.
    #[must_use]
    pub fn path(&self) -> &str {
        self.parts.head.path()
    }

    /// The query without its question mark, as it was sent.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.parts.head.query()
    }

    /// The host, perhaps with a port, that the request is for.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.parts.head.host()
    }

    /// All header lines.
    #[must_use]
    pub fn headers(&self) -> Headers<'_> {
        Headers::new(self.parts.head.lines())
    }

    /// The value of the first header line of this name, in any case, where it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get_str(name)
    }

    /// A parameter of the route's path, percent-decoded. What is not UTF-8 in it becomes U+FFFD.
    ///
    /// # Examples
    /// ```
    /// use ringspun_http::{Request, Response, Router};
    ///
    /// async fn user(request: Request) -> Response {
    ///     Response::text(request.param("id").unwrap_or_default().into_owned())
    /// }
    /// let app = Router::new().get("/users/{id}", user);
    /// ```
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.raw_param(name).map(percent::decode)
    }

    /// A parameter of the route's path as it was sent.
    #[must_use]
    pub fn raw_param(&self, name: &str) -> Option<&str> {
        let names = self.parts.names.as_deref()?;
        let at = names.iter().position(|other| **other == *name)?;
        self.parts
            .params
            .get(at)
            .map(|span| self.parts.head.str(*span))
    }

    /// The address of the client, `None` over transports without addresses.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.parts.peer
    }

    /// A number that no other connection of the server has or will have; for logs. 0 for a
    /// request made by hand.
    #[must_use]
    pub fn connection_id(&self) -> u64 {
        self.parts.connection
    }

    /// When the handler must have answered, see [`Limits::request_timeout`](crate::Limits).
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.parts.deadline
    }

    /// A token that is cancelled when the server stops: when its listeners are closed, and what is
    /// under way has the rest of the [grace](crate::Server::grace) to end.
    ///
    /// For what would go on for ever, such as a stream of [events](crate::sse), and for work that
    /// can be put off. It is the server's, and all its requests': who wants to cancel makes a
    /// [child](CancelToken::child). A request made by hand has a token that is never cancelled.
    ///
    /// # Examples
    /// A long poll that is answered early then:
    /// ```
    /// use ringspun_http::Request;
    ///
    /// async fn news(request: Request) -> String {
    ///     match request.stopping().run(next()).await {
    ///         Ok(news) => news,
    ///         Err(_) => "none; ask again\n".to_owned(),
    ///     }
    /// }
    /// # async fn next() -> String { String::new() }
    /// ```
    #[must_use]
    pub fn stopping(&self) -> CancelToken {
        match self.parts.stop() {
            Some(stop) => stop.token().clone(),
            None => CancelToken::new(),
        }
    }

    /// Has the end of the server wait until this is dropped; `None` for a request made by hand.
    pub(crate) fn hold_server(&self) -> Option<Worker> {
        Some(self.parts.stop()?.hold())
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
}

/// Which rule a line breaks that cannot be sent.
fn refusal_of(invalid: InvalidHeader) -> Refusal {
    if invalid.is_name() {
        Refusal::HeaderName
    } else {
        Refusal::HeaderValue
    }
}

impl fmt::Debug for Request {
    /// Method, target and names of headers; their values may be somebody's secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers().iter().map(|(name, _)| name).collect();
        f.debug_struct("Request")
            .field("method", self.method())
            .field("target", &self.target())
            .field("version", &self.version())
            .field("headers", &names)
            .field("body", &self.body)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_small() {
        assert!(size_of::<Request>() <= 48, "{}", size_of::<Request>());
    }

    #[test]
    fn headers_can_be_added_by_hand() {
        let request = Request::new("GET", "/")
            .unwrap()
            .try_with_header("X-A", "b")
            .unwrap();
        assert_eq!(request.header("x-a"), Some("b"));
        assert_eq!(request.header("host"), Some("localhost"));
        let request = request.try_with_header("Host", "b").unwrap();
        assert_eq!((request.host(), request.headers().len()), (Some("b"), 2));
        assert_eq!(request.header("x-a"), Some("b"));
        let refused = |name, value| {
            Request::new("GET", "/")
                .unwrap()
                .try_with_header(name, value)
                .unwrap_err()
        };
        assert_eq!(refused("X", "a\r\nb"), Refusal::HeaderValue);
        assert_eq!(refused("X Y", "a"), Refusal::HeaderName);
        assert_eq!(refused("Content-Length", "5"), Refusal::LengthAndCoding);
        assert_eq!(
            refused("Transfer-Encoding", "chunked"),
            Refusal::LengthAndCoding
        );
    }

    #[test]
    fn many_headers_at_once() {
        let request = Request::new("GET", "http://a:81/").unwrap();
        assert_eq!(request.header("host"), Some("a:81"));
        let other = Request::new("GET", "/?http://b/").unwrap();
        assert_eq!(other.host(), Some("localhost"));
        let lines = [("X-A", &b"\xe4"[..]), ("host", b"b"), ("X-A", b"2")];
        let request = request.try_with_headers(lines).unwrap();
        assert_eq!(request.headers().get("x-a"), Some(&b"\xe4"[..]));
        assert_eq!(request.headers().len(), 3);
        assert_eq!(
            (request.header("host"), request.host()),
            (Some("b"), Some("a:81"))
        );
        let framing = [("X-A", &b"1"[..]), ("content-length", b"5")];
        let refused = Request::new("GET", "/").unwrap().try_with_headers(framing);
        assert_eq!(refused.unwrap_err(), Refusal::LengthAndCoding);
    }

    #[test]
    fn targets_that_no_client_can_send_are_refused() {
        for target in ["", " ", "/a b", "/\r\nX: y", "a", "/#"] {
            assert!(Request::new("GET", target).is_err(), "{target:?}");
        }
        for target in [
            "http://",
            "http:///",
            "http://a b/",
            "http://a\r\nX: y/",
            "http://u@a/",
        ] {
            assert!(Request::new("GET", target).is_err(), "{target:?}");
        }
        let split = "/ HTTP/1.1\r\nX: y\r\nZ:";
        assert_eq!(
            Request::new("GET", split).unwrap_err(),
            Refusal::TargetBytes
        );
        let split = "GET / HTTP/1.1\r\nX:";
        assert_eq!(Request::new(split, "/").unwrap_err(), Refusal::RequestLine);
        assert!(Request::new("G T", "/").is_err());
        assert!(Request::new("OPTIONS", "*").is_ok());
    }
}
