//! The head of a response, as a client reads it: parsed once, kept as bytes and positions.
//!
//! As strict as the head of a request (`head.rs`): lines end with CRLF, a name has no space before
//! its colon, no line is folded, and the framing fields leave one reading of the body's length. A
//! recipient that repaired a broken response could be made to see two responses where a cache or
//! a proxy before it has seen one.
//!
//! Two things are let pass, because neither changes where anything ends: a status line without
//! the space that should stand before an empty reason, and bytes beyond ASCII in the reason.
//!
//! Invariants are those of `head.rs`: spans lie inside `bytes`, and the verdict depends on the
//! bytes only, not on how many calls it took.

use std::mem::MaybeUninit;

use http::{Method, StatusCode, Version};

use super::framing::{BodyLength, Framing, list_items};
use super::head::{
    HeadLimits, HeaderPos, KEPT_BYTES, KEPT_HEADERS, MAX_HEADERS, expect_crlf, index_lines,
    value_or_newline,
};
use super::refusal::Refusal;

/// A parsed response head. Reusable: [`StatusHead::parse`] keeps the capacity of the last one.
#[derive(Clone, Debug)]
pub struct StatusHead {
    /// The bytes of the head, from the version to the empty line.
    bytes: Vec<u8>,
    /// The header lines in the order of the head.
    index: Vec<HeaderPos>,
    status: StatusCode,
    /// 1.0 or 1.1.
    version: Version,
    /// What its lines say of the body and of the connection.
    fields: Fields,
}

impl StatusHead {
    /// An empty head, to parse into.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            index: Vec::new(),
            status: StatusCode::OK,
            version: Version::HTTP_11,
            fields: Fields::new(),
        }
    }

    /// Parses a head from the beginning of `input`; gives its length, or `None` if it is not
    /// there to the end yet. Of the limits, that of the target means nothing here. `self` is of
    /// use only when the head is there.
    ///
    /// # Errors
    /// The head breaks a rule or a limit.
    pub fn parse(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        let window = limits.window(input);
        // httparse would pass over empty lines and other things before the version.
        check_version(window)?;
        let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let lines = &mut lines[..limits.headers.min(MAX_HEADERS)];
        let mut parsed = httparse::Response::new(&mut []);
        let verdict = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut parsed,
            window,
            lines,
        );
        match verdict {
            Ok(httparse::Status::Complete(len)) => {
                self.adopt(&parsed, &window[..len])?;
                Ok(Some(len))
            }
            Ok(httparse::Status::Partial) if window.len() < input.len() => {
                Err(Refusal::HeadTooLarge)
            }
            Ok(httparse::Status::Partial) => Ok(None),
            // The beginning of a version that can still become one to be named.
            Err(httparse::Error::Version) if window.len() < VERSION => Ok(None),
            Err(error) => Err(refusal_of(error, window)),
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The version: 1.0 or 1.1.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The value of the first header of this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.index
            .iter()
            .find(|pos| self.bytes[pos.name.range()].eq_ignore_ascii_case(name.as_bytes()))
            .map(|pos| &self.bytes[pos.value.range()])
    }

    /// All header lines in the order of the head, names as they were sent.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> + Clone + '_ {
        self.index.iter().map(|pos| {
            // httparse has found a token there.
            let name = std::str::from_utf8(&self.bytes[pos.name.range()]).unwrap_or_default();
            (name, &self.bytes[pos.value.range()])
        })
    }

    /// The bytes, and where the header lines stand in them.
    pub(crate) fn lines(&self) -> (&[u8], &[HeaderPos]) {
        (&self.bytes, &self.index)
    }

    /// How the body is framed, in the answer to a request of this method.
    ///
    /// # Errors
    /// The framing fields contradict each other or the version, or a coding is unknown.
    pub fn body(&self, request: &Method) -> Result<BodyLength, Refusal> {
        self.fields
            .framing
            .response_body(self.version, self.status, request)
    }

    /// Whether the server keeps the connection after this response (RFC 9112 9.3).
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.fields.closes && (self.version == Version::HTTP_11 || self.fields.keeps)
    }

    /// Gives back memory that an unusually large head has taken.
    pub(crate) fn trim(&mut self) {
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
        if self.index.capacity() > KEPT_HEADERS {
            self.index = Vec::new();
        }
    }

    /// Checks what httparse has found and copies it.
    fn adopt(&mut self, parsed: &httparse::Response<'_, '_>, head: &[u8]) -> Result<(), Refusal> {
        let (Some(code), Some(minor)) = (parsed.code, parsed.version) else {
            return Err(Refusal::StatusLine);
        };
        let line_end = head.iter().position(|&byte| byte == b'\n').unwrap_or(0);
        let at = expect_crlf(head, line_end.saturating_sub(1))?;

        self.status = StatusCode::from_u16(code).map_err(|_| Refusal::StatusLine)?;
        self.version = if minor == 0 {
            Version::HTTP_10
        } else {
            Version::HTTP_11
        };
        let mut fields = Fields::new();
        index_lines(parsed.headers, head, at, &mut self.index, |name, value| {
            fields.take(name, value)
        })?;
        self.fields = fields;
        self.bytes.clear();
        self.bytes.extend_from_slice(head);
        Ok(())
    }
}

impl Default for StatusHead {
    fn default() -> Self {
        Self::new()
    }
}

/// The header lines that mean something to the connection.
#[derive(Clone, Copy, Debug)]
struct Fields {
    /// What the two framing fields say.
    framing: Framing,
    /// Connection: close.
    closes: bool,
    /// Connection: keep-alive; counts in version 1.0 only.
    keeps: bool,
}

impl Fields {
    const fn new() -> Self {
        Self {
            framing: Framing::new(),
            closes: false,
            keeps: false,
        }
    }

    /// Takes in a line that means something to the connection.
    fn take(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
        match name.len() {
            10 if name.eq_ignore_ascii_case("connection") => {
                for option in list_items(value) {
                    self.closes |= option.eq_ignore_ascii_case(b"close");
                    self.keeps |= option.eq_ignore_ascii_case(b"keep-alive");
                }
                Ok(())
            }
            14 if name.eq_ignore_ascii_case("content-length") => self.framing.content_length(value),
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                self.framing.transfer_encoding(value)
            }
            _ => Ok(()),
        }
    }
}

/// Judges the version by as much of it as is there.
fn check_version(window: &[u8]) -> Result<(), Refusal> {
    const PATTERN: &[u8; VERSION] = b"HTTP/0.0";
    let fits = |(&byte, &pattern): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        _ => byte == pattern,
    };
    if !window.iter().zip(PATTERN).all(fits) {
        return Err(Refusal::StatusLine);
    }
    match window.get(5..PATTERN.len()) {
        Some(b"1.1" | b"1.0") | None => Ok(()),
        Some(_) => Err(Refusal::UnsupportedVersion),
    }
}

/// Bytes of `HTTP/1.1`.
pub(super) const VERSION: usize = 8;

/// Which rule an error of httparse stands for.
#[cold]
fn refusal_of(error: httparse::Error, window: &[u8]) -> Refusal {
    match error {
        httparse::Error::HeaderName => Refusal::HeaderName,
        httparse::Error::HeaderValue => value_or_newline(window),
        httparse::Error::NewLine => Refusal::BareNewline,
        httparse::Error::TooManyHeaders => Refusal::TooManyHeaders,
        httparse::Error::Version | httparse::Error::Token | httparse::Error::Status => {
            Refusal::StatusLine
        }
    }
}
