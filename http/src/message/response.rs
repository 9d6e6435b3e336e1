//! The response as handlers make it.

use std::fmt;

use http::{HeaderName, HeaderValue, StatusCode};

use super::body::Body;
use crate::proto::{InvalidHeader, append_header, has_item};
use crate::upgrade::{Switch, Upgraded};

/// A response: status, header lines and a body.
///
/// Content-Length, Transfer-Encoding, Connection, Date and Server are the server's matter.
///
/// # Examples
/// ```
/// use ringspun_http::{Body, Response, StatusCode};
///
/// let plain = Response::text("Hello, World!");
/// let made = Response::new(StatusCode::CREATED)
///     .try_with_header("location", "/users/7")?
///     .with_content_type("application/json")
///     .with_body(r#"{"id":7}"#);
/// assert_eq!(made.header("Location"), Some(&b"/users/7"[..]));
/// // A value cannot end its line and begin a second response.
/// assert!(plain.try_with_header("x", "a\r\n\r\nHTTP/1.1 200 OK").is_err());
/// # Ok::<(), ringspun_http::InvalidHeader>(())
/// ```
pub struct Response {
    pub(crate) status: StatusCode,
    /// The connection is to be closed after this response.
    pub(crate) closes: bool,
    /// The handler has set a Date of its own.
    pub(crate) has_date: bool,
    /// The handler has set a Server of its own.
    pub(crate) has_server: bool,
    /// The usual way to say the type: no memory is needed for it.
    pub(crate) content_type: Option<&'static str>,
    /// All other lines as they will be sent, checked when they were added.
    pub(crate) lines: Vec<u8>,
    /// What a GET would have as its length; for answers to HEAD and for 304.
    pub(crate) length: Option<u64>,
    pub(crate) body: Body,
    /// What goes on with the connection behind this response, if it is no longer HTTP.
    pub(crate) switch: Option<Box<Switch>>,
}

impl Response {
    /// A response with this status and nothing else.
    #[must_use]
    pub const fn new(status: StatusCode) -> Self {
        Self {
            status,
            closes: false,
            has_date: false,
            has_server: false,
            content_type: None,
            lines: Vec::new(),
            length: None,
            body: Body::empty(),
            switch: None,
        }
    }

    /// A response with status 200 and nothing else.
    #[must_use]
    pub const fn ok() -> Self {
        Self::new(StatusCode::OK)
    }

    /// Plain text in UTF-8.
    #[must_use]
    pub fn text(body: impl Into<Body>) -> Self {
        Self::typed("text/plain; charset=utf-8", body)
    }

    /// HTML in UTF-8.
    #[must_use]
    pub fn html(body: impl Into<Body>) -> Self {
        Self::typed("text/html; charset=utf-8", body)
    }

    /// JSON that is text already.
    #[must_use]
    pub fn json(body: impl Into<Body>) -> Self {
        Self::typed("application/json", body)
    }

    /// 101: from here on the connection speaks another protocol, with `serve` (RFC 9110 7.8).
    ///
    /// It is sent if the client has offered the protocol; if not, the client gets 426 with the
    /// name. `serve` runs in the connection's task when the response has been sent. A request
    /// with a body must have been read to its end.
    ///
    /// # Panics
    /// `protocol` is not a protocol's name: the program itself is wrong then.
    ///
    /// # Examples
    /// See [`Upgraded`].
    #[must_use]
    pub fn upgrade<F, Fut>(protocol: &str, serve: F) -> Self
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let mut response = Self::new(StatusCode::SWITCHING_PROTOCOLS);
        let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b',';
        assert!(
            !protocol.is_empty() && protocol.bytes().all(is_name),
            "a protocol's name has no space, comma or control character"
        );
        response.lines = format!("Connection: Upgrade\r\nUpgrade: {protocol}\r\n").into_bytes();
        response.switch = Some(Switch::new(serve));
        response
    }

    /// 200 for a CONNECT: from here on the connection is a tunnel, with `serve` at this end of it
    /// (RFC 9110 9.3.6). For requests of other methods it is an error, and the client gets 500.
    ///
    /// # Examples
    /// ```no_run
    /// use ringspun_http::{Request, Response, StatusCode, Upgraded};
    /// use ringspun_net::{TcpStream, io::copy_bidirectional};
    ///
    /// async fn connect(request: Request) -> Response {
    ///     let Ok(mut there) = TcpStream::connect(request.target()).await else {
    ///         return Response::new(StatusCode::BAD_GATEWAY);
    ///     };
    ///     Response::tunnel(|mut here: Upgraded| async move {
    ///         let _ = copy_bidirectional(&mut here, &mut there).await;
    ///     })
    /// }
    /// # let _ = connect;
    /// ```
    #[must_use]
    pub fn tunnel<F, Fut>(serve: F) -> Self
    where
        F: FnOnce(Upgraded) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self {
            switch: Some(Switch::new(serve)),
            ..Self::ok()
        }
    }

    /// As `with_content_type`, for types that need no check.
    fn typed(content_type: &'static str, body: impl Into<Body>) -> Self {
        Self {
            content_type: Some(content_type),
            body: body.into(),
            ..Self::ok()
        }
    }

    /// Replaces the status. A status of 1xx cannot be the answer of a handler, 500 is sent then;
    /// 101 is made by [`Response::upgrade`].
    #[must_use]
    pub const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Replaces the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Replaces the Content-Type.
    ///
    /// # Panics
    /// The text has a control character: the program itself is wrong then.
    #[must_use]
    pub fn with_content_type(mut self, content_type: &'static str) -> Self {
        assert!(
            content_type
                .bytes()
                .all(|byte| byte >= b' ' && byte != 0x7f),
            "a content type cannot have control characters"
        );
        self.remove_header("content-type");
        self.content_type = Some(content_type);
        self
    }

    /// Adds a header line behind those that are there. Of lines that the server sets itself those
    /// that say anything are heeded: `Connection: close` closes, Date and Server replace the
    /// server's, and Content-Length counts where there is no body (in answers to HEAD and in 304).
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        // The types vouch for name and value; what is left is a line that only the server may
        // set, and that one is dropped.
        let _ = self.add_header(name.as_str(), value.as_bytes());
        self
    }

    /// As [`Response::with_header`], from text.
    ///
    /// # Errors
    /// The name is not a token, the value has a control character, or the line would change the
    /// framing of the message (Transfer-Encoding, or a Content-Length that is no number).
    pub fn try_with_header(
        mut self,
        name: &str,
        value: impl AsRef<[u8]>,
    ) -> Result<Self, InvalidHeader> {
        self.add_header(name, value.as_ref())?;
        Ok(self)
    }

    /// Adds a header line in place.
    ///
    /// # Errors
    /// As [`Response::try_with_header`]; the response is as it was then.
    pub fn add_header(&mut self, name: &str, value: &[u8]) -> Result<(), InvalidHeader> {
        match name.len() {
            4 if name.eq_ignore_ascii_case("date") => self.has_date = true,
            6 if name.eq_ignore_ascii_case("server") => self.has_server = true,
            10 if name.eq_ignore_ascii_case("connection") => {
                self.closes |= has_item(value, b"close");
                return Ok(());
            }
            12 if name.eq_ignore_ascii_case("content-type") => {
                self.remove_header("content-type");
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                let text = std::str::from_utf8(value).ok().filter(|_| is_number(value));
                let length = text.and_then(|text| text.parse().ok());
                self.length = Some(length.ok_or(InvalidHeader::VALUE)?);
                return Ok(());
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                return Err(InvalidHeader::RESERVED);
            }
            _ => {}
        }
        append_header(&mut self.lines, name, value)
    }

    /// Removes all header lines of this name.
    pub fn remove_header(&mut self, name: &str) {
        if name.eq_ignore_ascii_case("content-type") {
            self.content_type = None;
        }
        if self.lines.is_empty() {
            return;
        }
        let kept = lines(&self.lines).filter(|(other, _, _)| !other.eq_ignore_ascii_case(name));
        self.lines = kept.flat_map(|(_, _, line)| line).copied().collect();
    }

    /// Closes the connection after this response.
    #[must_use]
    pub const fn with_close(mut self) -> Self {
        self.closes = true;
        self
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The value of the first header line of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The header lines that were set: names and values.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let content_type = self
            .content_type
            .map(|value| ("content-type", value.as_bytes()));
        let others = lines(&self.lines).map(|(name, value, _)| (name, value));
        content_type.into_iter().chain(others)
    }

    /// The body.
    #[must_use]
    pub const fn body(&self) -> &Body {
        &self.body
    }

    /// The body, to be read or replaced.
    pub const fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// The body alone.
    #[must_use]
    pub fn into_body(self) -> Body {
        self.body
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers().map(|(name, _)| name).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body", &self.body)
            .finish()
    }
}

/// Name, value and whole line of each line, as `append_header` has made them.
fn lines(lines: &[u8]) -> impl Iterator<Item = (&str, &[u8], &[u8])> {
    lines
        .split_inclusive(|&byte| byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            let name = std::str::from_utf8(&line[..colon]).ok()?;
            let value = line.get(colon + 2..line.len() - 2)?;
            Some((name, value, line))
        })
}

fn is_number(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_small_and_free() {
        assert!(size_of::<Response>() <= 112, "{}", size_of::<Response>());
        assert_eq!(Response::text("x").lines.capacity(), 0);
    }

    #[test]
    fn lines_are_kept_replaced_and_removed() {
        let mut response = Response::text("x")
            .try_with_header("X-A", "1")
            .and_then(|response| response.try_with_header("X-B", "2"))
            .and_then(|response| response.try_with_header("x-a", "3"))
            .unwrap();
        let names: Vec<_> = response.headers().collect();
        assert_eq!(names.len(), 4);
        assert_eq!(names[3], ("x-a", &b"3"[..]));
        response.remove_header("x-A");
        assert_eq!(response.lines, b"X-B: 2\r\n");
        let response = response.try_with_header("Content-Type", "a/b").unwrap();
        assert_eq!(
            (response.header("content-type"), response.content_type),
            (Some(&b"a/b"[..]), None)
        );
        let response = response.with_content_type("c/d");
        assert_eq!(response.header("content-type"), Some(&b"c/d"[..]));
        assert_eq!(response.headers().count(), 2);
    }

    #[test]
    fn the_server_keeps_the_framing_to_itself() {
        let response = Response::ok();
        assert!(
            response
                .try_with_header("Transfer-Encoding", "chunked")
                .unwrap_err()
                .is_name()
        );
        for value in ["5, 5", "+5", "", "x", "18446744073709551616"] {
            assert!(
                Response::ok()
                    .try_with_header("content-length", value)
                    .is_err(),
                "{value}"
            );
        }
        let response = Response::ok()
            .try_with_header("content-length", "5")
            .unwrap();
        assert_eq!((response.length, response.lines.len()), (Some(5), 0));
        let response = response.try_with_header("connection", "x, Close").unwrap();
        assert!(response.closes && response.lines.is_empty());
    }
}
