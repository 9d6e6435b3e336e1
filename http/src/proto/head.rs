//! The head of a request: parsed once, kept as bytes and positions.
//!
//! Most heads are taken in one pass by `scan.rs`. For all others httparse walks the bytes; what it
//! lets pass and RFC 9112 does not is checked here: line ends of LF alone, the bytes and the form of
//! the target, Host, and the fields that frame the body (`framing.rs`). The head is then copied out
//! of the connection's buffer in one piece, and everything about it is a [`Span`] of that copy. No
//! map is built and nothing is allocated once a recycled `Head` has its capacity.
//!
//! Invariants:
//! - Every span lies inside `bytes`, and a head has at most 64 KiB, so that 16 bits hold it.
//! - The verdict on a head depends on its bytes only, not on how many calls it took: limits are
//!   looked at in the order of the bytes, and an error behind a limit is not seen.

mod scan;

use std::mem::{self, MaybeUninit};
use std::ops::Range;

use http::{Method, Version};

use super::framing::{BodyLength, Framing, is_token_byte, list_items};
use super::refusal::Refusal;
use super::target::{Target, TargetForm, is_host};

/// The most header lines that a head can have, whatever the limits say.
pub const MAX_HEADERS: usize = 100;

/// The most bytes that a head can have, whatever the limits say.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Limits on one head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct HeadLimits {
    /// Bytes of the whole head; beyond it 431. At most [`MAX_HEAD_BYTES`].
    pub bytes: usize,
    /// Header lines; beyond it 431. At most [`MAX_HEADERS`].
    pub headers: usize,
    /// Bytes of the request target; beyond it 414.
    pub target: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self {
            bytes: MAX_HEAD_BYTES,
            headers: MAX_HEADERS,
            target: 8 * 1024,
        }
    }
}

impl HeadLimits {
    /// As much of an input as a head may have.
    pub(super) fn window<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        &input[..input.len().min(self.bytes).min(MAX_HEAD_BYTES)]
    }
}

/// A piece of a head: where it begins and how long it is.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Span {
    start: u16,
    len: u16,
}

impl Span {
    /// A span of nothing.
    pub(crate) const EMPTY: Self = Self { start: 0, len: 0 };

    /// The span of these positions, which must be those of a head.
    pub(crate) fn new(range: Range<usize>) -> Self {
        debug_assert!(range.end <= MAX_HEAD_BYTES, "a head has at most 64 KiB");
        // The end of a head never belongs to a span, so a start of 65,536 cannot occur.
        Self {
            start: range.start as u16,
            len: (range.end - range.start) as u16,
        }
    }

    /// Where the span lies.
    #[must_use]
    pub const fn range(self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }

    /// How many bytes the span has.
    #[must_use]
    pub const fn len(self) -> usize {
        self.len as usize
    }

    /// Whether the span has no bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// Where one header line stands in its head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderPos {
    /// The name, as it was sent.
    pub name: Span,
    /// The value without the space around it.
    pub value: Span,
}

/// A parsed request head. Reusable: [`Head::parse`] keeps the capacity of the last one.
#[derive(Clone, Debug)]
pub struct Head {
    /// The bytes of the head, from the method to the empty line.
    bytes: Vec<u8>,
    /// The header lines in the order of the head.
    index: Vec<HeaderPos>,
    /// Where the lines of the next head are indexed: until all of it is known to be right, the last
    /// one stays as it is.
    next_index: Vec<HeaderPos>,
    /// The request target once more, as text: it is asked for with every request, and to see
    /// each time that it is text costs more than to keep it.
    target_text: String,
    /// A host that was found to be one in an earlier head: nearly all requests to a server are for
    /// the same. It says nothing about this head.
    known_host: Vec<u8>,
    /// The method; known ones need no memory.
    method: Method,
    /// 1.0 or 1.1.
    version: Version,
    /// The request target, taken apart.
    target: Target,
    /// How the body is framed.
    body: BodyLength,
    /// What the connection fields ask for.
    wishes: Wishes,
}

/// What a request asks of its connection.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Wishes {
    /// Connection: close.
    pub(crate) close: bool,
    /// Connection: keep-alive; counts in version 1.0 only.
    pub(crate) keep_alive: bool,
    /// Expect: 100-continue, in version 1.1 only.
    pub(crate) expect_continue: bool,
    /// Connection: upgrade, in version 1.1 only.
    pub(crate) upgrade: bool,
}

impl Head {
    /// An empty head, to parse into.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            index: Vec::new(),
            next_index: Vec::new(),
            target_text: String::new(),
            known_host: Vec::new(),
            method: Method::GET,
            version: Version::HTTP_11,
            target: Target::empty(),
            body: BodyLength::Empty,
            wishes: Wishes {
                close: false,
                keep_alive: false,
                expect_continue: false,
                upgrade: false,
            },
        }
    }

    /// Parses a head from the beginning of `input`; gives its length, or `None` if it is not
    /// there to the end yet. `self` changes only when the head is there.
    ///
    /// # Errors
    /// The head breaks a rule or a limit.
    pub fn parse(&mut self, input: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        let window = limits.window(input);
        if self.is_repeated_in(window, limits) {
            return Ok(Some(self.bytes.len()));
        }
        match self.scan(window, limits) {
            Some(len) => Ok(Some(len)),
            None => self.parse_at_length(input, limits),
        }
    }

    /// Whether the last head comes once more, byte for byte. Nothing has to be found out about it
    /// then: what a head means depends on its bytes only.
    ///
    /// Requests of programs are often the same again, and often they differ from the last in the
    /// first few bytes, so that the look costs little where it is in vain.
    #[inline]
    fn is_repeated_in(&self, window: &[u8], limits: &HeadLimits) -> bool {
        let is_same = !self.bytes.is_empty() && window.starts_with(&self.bytes);
        // It may have been another server's, with other limits.
        is_same && self.index.len() <= limits.headers && self.target_text.len() <= limits.target
    }

    /// As [`Head::parse`], without the short ways, for heads that repeat and for common ones. For
    /// comparing them.
    ///
    /// # Errors
    /// As [`Head::parse`].
    #[cfg(fuzzing)]
    pub fn parse_without_scan(
        &mut self,
        input: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, Refusal> {
        self.parse_at_length(input, limits)
    }

    /// Parses what `scan` has not taken.
    #[inline(never)]
    fn parse_at_length(
        &mut self,
        input: &[u8],
        limits: &HeadLimits,
    ) -> Result<Option<usize>, Refusal> {
        let window = limits.window(input);
        let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let lines = &mut lines[..limits.headers.min(MAX_HEADERS)];
        let mut parsed = httparse::Request::new(&mut []);
        let verdict = parsed.parse_with_uninit_headers(window, lines);
        check_request_line(&parsed, window, limits)?;
        match verdict {
            Ok(httparse::Status::Complete(len)) => {
                self.adopt(&parsed, &window[..len])?;
                Ok(Some(len))
            }
            Ok(httparse::Status::Partial) if window.len() < input.len() => {
                Err(Refusal::HeadTooLarge)
            }
            Ok(httparse::Status::Partial) => Ok(None),
            Err(httparse::Error::Version) => match version_verdict(window)? {
                Some(minor) => self.parse_as_11(input, minor, limits),
                None => Ok(None),
            },
            Err(error) => Err(refusal_of(error, window)),
        }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The version: 1.0 or 1.1.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The request target as it was sent.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target_text
    }

    /// Which of the four forms the target has.
    #[must_use]
    pub const fn target_form(&self) -> TargetForm {
        self.target.form
    }

    /// The path of the target, still percent-encoded. `*` in the asterisk form, empty in the
    /// authority form, `/` for an absolute form without a path.
    #[must_use]
    pub fn path(&self) -> &str {
        match self.target.form {
            TargetForm::Absolute if self.target.path.is_empty() => "/",
            _ => self.str(self.target.path),
        }
    }

    /// Whether the target has neither path nor query.
    pub(super) const fn has_bare_target(&self) -> bool {
        self.target.path.is_empty() && self.target.query.is_none()
    }

    /// Where the path stands in the target.
    pub(crate) const fn path_span(&self) -> Span {
        self.target.path
    }

    /// The query of the target without the question mark, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.query.map(|span| self.str(span))
    }

    /// The host that the request is for: the target's authority if it has one, else Host.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self.target.authority {
            Some(span) => Some(self.str(span)),
            None => self
                .header("host")
                .and_then(|value| std::str::from_utf8(value).ok()),
        }
    }

    /// How the body is framed.
    #[must_use]
    pub const fn body(&self) -> BodyLength {
        self.body
    }

    /// What the request asks of its connection.
    pub(crate) const fn wishes(&self) -> Wishes {
        self.wishes
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

    /// Where target and header lines stand in [`Head::bytes`].
    pub(crate) fn positions(&self) -> (Range<usize>, &[HeaderPos]) {
        let start = self.method.as_str().len() + 1;
        (start..start + self.target_text.len(), &self.index)
    }

    /// The protocols that the client would rather speak on this connection, in its order of
    /// preference: the Upgrade field, where the Connection field vouches for it (RFC 9110 7.8).
    pub fn upgrades(&self) -> impl Iterator<Item = &[u8]> {
        let lines = self
            .headers()
            .filter(|(name, _)| self.wishes.upgrade && name.eq_ignore_ascii_case("upgrade"));
        lines
            .flat_map(|(_, value)| list_items(value))
            .filter(|protocol| !protocol.is_empty())
    }

    /// Whether the client would rather speak another protocol.
    #[must_use]
    pub fn is_upgrade(&self) -> bool {
        self.wishes.upgrade && self.upgrades().next().is_some()
    }

    /// The bytes of the head.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, and where the header lines stand in them.
    pub(crate) fn lines(&self) -> (&[u8], &[HeaderPos]) {
        (&self.bytes, &self.index)
    }

    /// The text of a span of the target.
    pub(crate) fn str(&self, span: Span) -> &str {
        &self.target_text[span.range()]
    }

    /// Gives back memory that an unusually large head has taken.
    pub(crate) fn trim(&mut self) {
        let is_large = self.bytes.capacity() > KEPT_BYTES
            || self.index.capacity().max(self.next_index.capacity()) > KEPT_HEADERS
            || self.target_text.capacity() > KEPT_BYTES
            || self.method.as_str().len() > LONG_METHOD;
        if is_large {
            *self = Self::new();
        }
    }

    /// A request made by hand, as tests and conversions make it.
    ///
    /// # Errors
    /// As [`Head::parse`]; a head that is cut short is refused.
    pub(crate) fn parse_whole(&mut self, input: &[u8]) -> Result<(), Refusal> {
        match self.parse(input, &HeadLimits::default())? {
            Some(len) if len == input.len() => Ok(()),
            _ => Err(Refusal::HeadIncomplete),
        }
    }

    /// Adds lines, made by `append_header`, behind the others; a Host line replaces the old one.
    ///
    /// # Errors
    /// A line would frame the body, or the head would break a rule or a limit with them.
    pub(crate) fn insert_lines(&mut self, lines: &[u8]) -> Result<(), Refusal> {
        let is = |line: &[u8], name: &str| {
            line.len() > name.len()
                && line[name.len()] == b':'
                && line[..name.len()].eq_ignore_ascii_case(name.as_bytes())
        };
        let mut is_host = false;
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            if is(line, "content-length") || is(line, "transfer-encoding") {
                return Err(Refusal::LengthAndCoding);
            }
            is_host |= is(line, "host");
        }
        let mut head = Vec::with_capacity(self.bytes.len() + lines.len());
        let end = self.bytes.len() - 2;
        for old in self.bytes[..end].split_inclusive(|&byte| byte == b'\n') {
            if !(is_host && is(old, "host")) {
                head.extend_from_slice(old);
            }
        }
        head.extend_from_slice(lines);
        head.extend_from_slice(b"\r\n");
        self.parse_whole(&head)
    }

    /// Parses a head whose minor version, at `minor`, is higher than any that is known: it is read
    /// as 1 (RFC 9110 2.5).
    #[cold]
    fn parse_as_11(
        &mut self,
        input: &[u8],
        minor: usize,
        limits: &HeadLimits,
    ) -> Result<Option<usize>, Refusal> {
        // One byte more than a head may have tells that there is more.
        let mut head = input[..input.len().min(MAX_HEAD_BYTES + 1)].to_vec();
        head[minor] = b'1';
        self.parse(&head, limits)
    }

    /// Checks what httparse has found and copies it.
    fn adopt(&mut self, parsed: &httparse::Request<'_, '_>, head: &[u8]) -> Result<(), Refusal> {
        let (Some(method), Some(target_text), Some(minor)) =
            (parsed.method, parsed.path, parsed.version)
        else {
            return Err(Refusal::RequestLine);
        };
        let position = |piece: &[u8]| piece.as_ptr().addr() - head.as_ptr().addr();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Refusal::RequestLine)?;
        let target = Target::parse(target_text.as_bytes(), &method)?;
        let version = if minor == 0 {
            Version::HTTP_10
        } else {
            Version::HTTP_11
        };

        // "HTTP/1.x" stands one space behind the target.
        let target_end = position(target_text.as_bytes()) + target_text.len();
        let at = expect_crlf(head, target_end + 1 + 8)?;
        let mut fields = Fields::default();
        let index = &mut self.next_index;
        index_lines(parsed.headers, head, at, index, |name, value| {
            fields.take(name.as_bytes(), value)
        })?;

        self.settle(
            method,
            version,
            target,
            target_text.as_bytes(),
            &fields,
            head,
        )
    }

    /// What request line, fields and bytes say together; `text` is the target's. Changes nothing unless
    /// all of it is right: the last head may come once more.
    fn settle(
        &mut self,
        method: Method,
        version: Version,
        target: Target,
        text: &[u8],
        fields: &Fields<'_>,
        head: &[u8],
    ) -> Result<(), Refusal> {
        fields.check_host(version, target.form)?;
        let body = fields.framing.request_body(version)?;
        // A recycled head has often had the same target.
        if self.target_text.as_bytes() != text {
            let text = std::str::from_utf8(text).map_err(|_| Refusal::TargetBytes)?;
            self.target_text.clear();
            self.target_text.push_str(text);
        }
        self.body = body;
        self.wishes = fields.wishes;
        self.wishes.expect_continue &= version == Version::HTTP_11;
        self.wishes.upgrade &= version == Version::HTTP_11;
        self.method = method;
        self.version = version;
        self.target = target;
        self.bytes.clear();
        self.bytes.extend_from_slice(head);
        mem::swap(&mut self.index, &mut self.next_index);
        Ok(())
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::new()
    }
}

/// The header lines that mean something to the connection.
#[derive(Default)]
struct Fields<'a> {
    framing: Framing,
    wishes: Wishes,
    has_host: bool,
    host_is_empty: bool,
    /// A host that need not be looked at again.
    known_host: &'a [u8],
    /// There was another, and it has been looked at.
    has_new_host: bool,
}

impl Fields<'_> {
    /// Takes in one line. Most lines are told apart by the length of their name and its first
    /// letter.
    #[inline]
    fn take(&mut self, name: &[u8], value: &[u8]) -> Result<(), Refusal> {
        if !matches!(name[0] | 0x20, b'c' | b'e' | b'h' | b't') {
            return Ok(());
        }
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value),
            6 if name.eq_ignore_ascii_case(b"expect") => self.expect(value),
            10 if name.eq_ignore_ascii_case(b"connection") => {
                self.connection(value);
                Ok(())
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                self.framing.content_length(value)
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.framing.transfer_encoding(value)
            }
            _ => Ok(()),
        }
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if self.has_host {
            return Err(Refusal::HostRepeated);
        }
        if value != self.known_host && !value.is_empty() {
            if !is_host(value) {
                return Err(Refusal::HostInvalid);
            }
            self.has_new_host = true;
        }
        self.has_host = true;
        self.host_is_empty = value.is_empty();
        Ok(())
    }

    fn expect(&mut self, value: &[u8]) -> Result<(), Refusal> {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Refusal::ExpectationUnknown);
        }
        self.wishes.expect_continue = true;
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for option in list_items(value) {
            self.wishes.close |= option.eq_ignore_ascii_case(b"close");
            self.wishes.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.wishes.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }

    fn check_host(&self, version: Version, form: TargetForm) -> Result<(), Refusal> {
        if version == Version::HTTP_11 && !self.has_host {
            return Err(Refusal::HostMissing);
        }
        // Host may be empty only if the target has no authority either (RFC 9110 7.2); with an
        // authority in the target Host is ignored (RFC 9112 3.2.2).
        let ignored = matches!(form, TargetForm::Absolute | TargetForm::Authority);
        if self.host_is_empty && ignored {
            return Err(Refusal::HostInvalid);
        }
        Ok(())
    }
}

/// Limits of the request line. They hold for a head that is not complete as well, so that they
/// strike at the same byte however the input was cut.
fn check_request_line(
    parsed: &httparse::Request<'_, '_>,
    window: &[u8],
    limits: &HeadLimits,
) -> Result<(), Refusal> {
    let Some(method) = parsed.method else {
        let unfinished = window
            .iter()
            .take_while(|&&byte| is_token_byte(byte))
            .count();
        return if unfinished > LONGEST_METHOD {
            Err(Refusal::MethodTooLong)
        } else {
            Ok(())
        };
    };
    if method.len() > LONGEST_METHOD {
        return Err(Refusal::MethodTooLong);
    }
    let target = match parsed.path {
        Some(target) => target.len(),
        None => target_so_far(&window[method.len() + 1..]),
    };
    if target > limits.target {
        Err(Refusal::TargetTooLong)
    } else {
        Ok(())
    }
}

/// Bytes of a target whose end has not been found.
fn target_so_far(rest: &[u8]) -> usize {
    rest.iter()
        .position(|&byte| !byte.is_ascii_graphic())
        .unwrap_or(rest.len())
}

/// Which rule an error of httparse stands for.
#[cold]
fn refusal_of(error: httparse::Error, window: &[u8]) -> Refusal {
    match error {
        httparse::Error::HeaderName => Refusal::HeaderName,
        httparse::Error::HeaderValue => value_or_newline(window),
        httparse::Error::NewLine => Refusal::BareNewline,
        httparse::Error::TooManyHeaders => Refusal::TooManyHeaders,
        httparse::Error::Version => Refusal::BadVersion,
        httparse::Error::Token | httparse::Error::Status => Refusal::RequestLine,
    }
}

/// A CR alone is reported as a bad value; it is the same answer with a better name.
pub(super) fn value_or_newline(window: &[u8]) -> Refusal {
    let bare = window
        .windows(2)
        .any(|pair| pair[0] == b'\r' && pair[1] != b'\n');
    if bare {
        Refusal::BareNewline
    } else {
        Refusal::HeaderValue
    }
}

/// Tells versions that are not spoken here from what is no version. Gives the position of the
/// minor version if it is one to be read as 1.1, `None` as long as that cannot be told.
#[cold]
fn version_verdict(window: &[u8]) -> Result<Option<usize>, Refusal> {
    const PATTERN: &[u8; 8] = b"HTTP/0.0";
    let version = window
        .splitn(3, |&byte| byte == b' ')
        .nth(2)
        .unwrap_or_default();
    let fits = |(&byte, &pattern): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        _ => byte == pattern,
    };
    if !version.iter().zip(PATTERN).all(fits) {
        return Err(Refusal::BadVersion);
    }
    match version {
        [_, _, _, _, _, b'1', _, b'2'..=b'9', ..] => {
            Ok(Some(window.len() - version.len() + PATTERN.len() - 1))
        }
        [_, _, _, _, _, _, _, _, ..] => Err(Refusal::UnsupportedVersion),
        _ => Ok(None),
    }
}

/// The position of the first byte from `at` on that is not a space or tab.
fn skip_space(head: &[u8], mut at: usize) -> usize {
    while matches!(head.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// Records where the header lines stand that httparse has found, from position `at` of the head on,
/// and has `take` look at each. Nothing but CRLF may stand between them and behind them.
pub(super) fn index_lines(
    lines: &[httparse::Header<'_>],
    head: &[u8],
    mut at: usize,
    index: &mut Vec<HeaderPos>,
    mut take: impl FnMut(&str, &[u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    index.clear();
    index.reserve(lines.len());
    for line in lines {
        let name = Span::new(at..at + line.name.len());
        let value = if line.value.is_empty() {
            skip_space(head, name.range().end + 1)
        } else {
            line.value.as_ptr().addr() - head.as_ptr().addr()
        };
        let value = Span::new(value..value + line.value.len());
        at = expect_crlf(head, skip_space(head, value.range().end))?;
        take(line.name, line.value)?;
        index.push(HeaderPos { name, value });
    }
    expect_crlf(head, at)?;
    Ok(())
}

/// The position behind CRLF, which must stand at `at`.
pub(super) fn expect_crlf(head: &[u8], at: usize) -> Result<usize, Refusal> {
    match head.get(at..at + 2) {
        Some(b"\r\n") => Ok(at + 2),
        _ => Err(Refusal::BareNewline),
    }
}

/// The longest method in the registry of IANA has 17 bytes.
const LONGEST_METHOD: usize = 32;

/// Methods beyond this length live on the heap.
const LONG_METHOD: usize = 15;

/// What a recycled head may keep: almost every head is smaller.
pub(super) const KEPT_BYTES: usize = 4096;

/// As [`KEPT_BYTES`], for header lines.
pub(super) const KEPT_HEADERS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(input: &str) -> Result<Head, Refusal> {
        let mut head = Head::new();
        head.parse_whole(input.as_bytes()).map(|()| head)
    }

    #[test]
    fn a_head_that_comes_once_more_is_the_same_and_keeps_to_the_limits() {
        let input = b"POST /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
        let (mut head, limits) = (Head::new(), HeadLimits::default());
        let len = input.len() - 3;
        for _ in 0..2 {
            assert_eq!(head.parse(input, &limits), Ok(Some(len)));
            assert_eq!(head.body(), BodyLength::Known(3));
            assert_eq!(head.header("host"), Some(&b"x"[..]));
        }
        assert_eq!(head.parse(&input[..len - 1], &limits), Ok(None));
        let (mut few, mut short, mut small) = (limits, limits, limits);
        (few.headers, short.target, small.bytes) = (1, 3, len - 1);
        for (limits, refusal) in [
            (few, Refusal::TooManyHeaders),
            (short, Refusal::TargetTooLong),
            (small, Refusal::HeadTooLarge),
        ] {
            assert_eq!(head.parse(input, &limits), Err(refusal));
        }
        // What was refused has changed nothing: the same head is still the last one.
        let refused = b"PUT /a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 4,5\r\n\r\n";
        assert_eq!(head.parse(refused, &limits), Err(Refusal::LengthInvalid));
        assert_eq!(head.parse(input, &limits), Ok(Some(len)));
        assert_eq!(
            (head.method(), head.body()),
            (&Method::POST, BodyLength::Known(3))
        );
        // A long method takes memory, and is not kept.
        head.parse_whole(b"VERY-LONG-METHOD-NAME / HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        head.trim();
        assert!(head.bytes().is_empty() && head.headers().len() == 0);
    }

    #[test]
    fn parts_of_a_head() {
        let head = parse(
            "POST /a/b?c=d HTTP/1.1\r\nHost: x:80\r\nX-A:\t 1 \t\r\nx-empty:  \r\nContent-Length: 3\r\n\r\n",
        );
        let head = head.unwrap();
        assert_eq!(head.method(), Method::POST);
        assert_eq!(
            (head.target(), head.path(), head.query()),
            ("/a/b?c=d", "/a/b", Some("c=d"))
        );
        assert_eq!(head.header("x-a"), Some(&b"1"[..]));
        assert_eq!(head.header("X-EMPTY"), Some(&b""[..]));
        assert_eq!(head.header("x-none"), None);
        assert_eq!(head.host(), Some("x:80"));
        assert_eq!(head.body(), BodyLength::Known(3));
        let names: Vec<&str> = head.headers().map(|(name, _)| name).collect();
        assert_eq!(names, ["Host", "X-A", "x-empty", "Content-Length"]);
    }

    #[test]
    fn absolute_form_overrides_host() {
        let head = parse("GET http://a.example:1/p?q HTTP/1.1\r\nHost: b\r\n\r\n").unwrap();
        assert_eq!(head.host(), Some("a.example:1"));
        assert_eq!((head.path(), head.query()), ("/p", Some("q")));
    }

    #[test]
    fn a_higher_minor_version_is_read_as_11() {
        let input = "GET / HTTP/1.7\r\nHost: a\r\n\r\n";
        let head = parse(input).unwrap();
        assert_eq!(head.version(), Version::HTTP_11);
        assert_eq!(
            parse(&input.replace("1.7", "2.7")).err(),
            Some(Refusal::UnsupportedVersion)
        );
        assert_eq!(
            parse(&input.replace("1.7", "1.77")).err(),
            Some(Refusal::BareNewline)
        );
        for end in 0..input.len() {
            let partial = &input.as_bytes()[..end];
            let verdict = Head::new().parse(partial, &HeadLimits::default());
            assert_eq!(verdict, Ok(None), "{end}");
        }
        let large = input.replace("Host: a", &format!("Host: {}", "a".repeat(MAX_HEAD_BYTES)));
        assert_eq!(parse(&large).err(), Some(Refusal::HeadTooLarge));
    }

    #[test]
    fn partial_heads_are_not_judged_early() {
        let input = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..input.len() {
            let mut head = Head::new();
            assert_eq!(
                head.parse(&input[..end], &HeadLimits::default()),
                Ok(None),
                "{end}"
            );
        }
    }

    #[test]
    fn a_head_that_is_refused_or_not_there_leaves_the_last_one_as_it_was() {
        let good = "GET /a HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n";
        let mut head = parse(good).unwrap();
        let before = format!("{:?}", head.headers().collect::<Vec<_>>());
        for other in [
            "POST /b HTTP/1.1\r\nHost: b\r\nX-B: 2\r\nX-C: 3\r\n",
            "POST /b HTTP/1.1\r\nHost: b\r\nX-B: 2\r\n\n",
            "POST /b HTTP/1.1\r\nX-B: 2\r\n\r\n",
            "POST /b HTTP/1.1\r\nHost: b\r\nContent-Length: x\r\n\r\n",
        ] {
            let verdict = head.parse(other.as_bytes(), &HeadLimits::default());
            assert!(!matches!(verdict, Ok(Some(_))), "{other:?}");
            assert_eq!((head.method(), head.target()), (&Method::GET, "/a"));
            assert_eq!(format!("{:?}", head.headers().collect::<Vec<_>>()), before);
        }
    }

    #[test]
    fn limits_strike_at_the_byte() {
        let limits = HeadLimits {
            bytes: 64,
            headers: 2,
            target: 8,
        };
        let parse = |input: &str| Head::new().parse(input.as_bytes(), &limits);
        assert_eq!(
            parse("GET /2345678 HTTP/1.1\r\nHost: a\r\n\r\n"),
            Ok(Some(34))
        );
        assert_eq!(
            parse("GET /23456789 HTTP/1.1\r\n"),
            Err(Refusal::TargetTooLong)
        );
        assert_eq!(parse("GET /23456789"), Err(Refusal::TargetTooLong));
        let three = "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nC: d\r\n\r\n";
        assert_eq!(parse(three), Err(Refusal::TooManyHeaders));
        let long = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(64));
        assert_eq!(parse(&long), Err(Refusal::HeadTooLarge));
        let method = "M".repeat(40);
        assert_eq!(parse(&method), Err(Refusal::MethodTooLong));
        assert_eq!(
            parse(&format!("{method} / HTTP/1.1\r\n")),
            Err(Refusal::MethodTooLong)
        );
    }

    #[test]
    fn the_largest_head_fits_its_spans() {
        let with =
            |filler: &str| format!("GET / HTTP/1.1\r\nHost: a\r\nLong-One: {filler}\r\n\r\n");
        let filler = "x".repeat(MAX_HEAD_BYTES - with("").len());
        let input = with(&filler);
        assert_eq!(input.len(), MAX_HEAD_BYTES);
        let head = parse(&input).unwrap();
        assert_eq!(head.header("long-one").unwrap().len(), filler.len());
    }

    #[test]
    fn wishes() {
        let of = |lines: &str| parse(&format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")).unwrap();
        assert_eq!(of("").wishes(), Wishes::default());
        assert!(of("Connection: close\r\n").wishes().close);
        assert!(of("connection: x, CLOSE ,y\r\n").wishes().close);
        assert!(!of("Connection: closed\r\n").wishes().close);
        assert!(
            of("Connection: a\r\nConnection: keep-alive\r\n")
                .wishes()
                .keep_alive
        );
        assert!(of("Expect: 100-Continue\r\n").wishes().expect_continue);
    }
}
