//! Response heads and chunk frames into bytes.
//!
//! Everything is appended to the connection's one output buffer, in pieces that are mostly made
//! beforehand: what the last responses began with (status line, Server, Date, type: see
//! [`append_start`]), and the handler's own lines (checked when they were set, see [`append_header`]).
//! Nothing that reaches this file can end a line early; that is what keeps a handler from
//! splitting a response.

use std::fmt;

use http::StatusCode;

use super::framing::is_token_byte;

/// The head of a response, short of what the connection adds to it.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// What it begins with, as [`append_start`] makes it for this status.
    pub start: &'a [u8],
    /// Further lines, each with its CRLF, as [`append_header`] makes them.
    pub lines: &'a [u8],
}

/// What a head says about the length of its body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LengthLine {
    /// Nothing: there is no body, or it ends with the connection.
    Nothing,
    /// Content-Length.
    Length(u64),
    /// Transfer-Encoding: chunked.
    Chunked,
}

/// What a head says about the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum ConnectionLine {
    /// Nothing: in version 1.1 the connection stays open.
    Nothing,
    /// Connection: close.
    Close,
    /// Connection: keep-alive, for clients of version 1.0.
    KeepAlive,
}

/// Appends what a head begins with, and what is mostly the same for many: the status line, `common`
/// lines such as Server and Date, each with its CRLF, and Content-Type, which its maker has checked.
pub fn append_start(
    out: &mut Vec<u8>,
    status: StatusCode,
    common: &[u8],
    content_type: Option<&str>,
) {
    append_status_line(out, status);
    out.extend_from_slice(common);
    if let Some(content_type) = content_type {
        out.extend_from_slice(b"Content-Type: ");
        out.extend_from_slice(content_type.as_bytes());
        out.extend_from_slice(CRLF);
    }
}

/// Appends a response head.
pub(super) fn append_head(
    out: &mut Vec<u8>,
    head: &ResponseHead<'_>,
    length: LengthLine,
    connection: ConnectionLine,
) {
    // One growth at most: everything of a fixed size below is within 128 bytes.
    out.reserve(128 + head.start.len() + head.lines.len());
    out.extend_from_slice(head.start);
    if !head.lines.is_empty() {
        out.extend_from_slice(head.lines);
    }
    match length {
        LengthLine::Nothing => {}
        LengthLine::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(CRLF);
        }
        LengthLine::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    match connection {
        ConnectionLine::Nothing => {}
        ConnectionLine::Close => out.extend_from_slice(b"Connection: close\r\n"),
        ConnectionLine::KeepAlive => out.extend_from_slice(b"Connection: keep-alive\r\n"),
    }
    out.extend_from_slice(CRLF);
}

/// Appends `name: value` and CRLF after checking both.
///
/// # Errors
/// The name is not a token, or the value has a control character other than the tab. Nothing is
/// appended then.
pub fn append_header(out: &mut Vec<u8>, name: &str, value: &[u8]) -> Result<(), InvalidHeader> {
    if name.is_empty() || !name.bytes().all(is_token_byte) {
        return Err(InvalidHeader(Part::Name));
    }
    if !is_field_value(value) {
        return Err(InvalidHeader(Part::Value));
    }
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(CRLF);
    Ok(())
}

/// Appends the line before the content of a chunk.
pub(super) fn append_chunk_size(out: &mut Vec<u8>, size: usize) {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[size >> (digit * 4) & 0xf]);
    }
    out.extend_from_slice(CRLF);
}

/// Whether a value can stand in a header line: no CR, no LF, no NUL, no other control character.
pub(crate) fn is_field_value(value: &[u8]) -> bool {
    value
        .iter()
        .all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// A header name or value that cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidHeader(Part);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Name,
    Value,
    Reserved,
}

impl InvalidHeader {
    /// The name belongs to the connection, which sets it itself.
    pub(crate) const RESERVED: Self = Self(Part::Reserved);

    /// The value cannot be sent.
    pub(crate) const VALUE: Self = Self(Part::Value);

    /// Whether the name is at fault: not a token, or one that only the server may set.
    #[must_use]
    pub fn is_name(&self) -> bool {
        self.0 != Part::Value
    }
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Part::Name => "the header name is not a token",
            Part::Value => "the header value has a byte that no header may have",
            Part::Reserved => "the header frames the message and is set by the server",
        })
    }
}

impl std::error::Error for InvalidHeader {}

fn append_status_line(out: &mut Vec<u8>, status: StatusCode) {
    let ready: &[u8] = match status.as_u16() {
        200 => b"HTTP/1.1 200 OK\r\n",
        201 => b"HTTP/1.1 201 Created\r\n",
        204 => b"HTTP/1.1 204 No Content\r\n",
        206 => b"HTTP/1.1 206 Partial Content\r\n",
        302 => b"HTTP/1.1 302 Found\r\n",
        304 => b"HTTP/1.1 304 Not Modified\r\n",
        400 => b"HTTP/1.1 400 Bad Request\r\n",
        404 => b"HTTP/1.1 404 Not Found\r\n",
        500 => b"HTTP/1.1 500 Internal Server Error\r\n",
        _ => return append_rare_status_line(out, status),
    };
    out.extend_from_slice(ready);
}

#[cold]
fn append_rare_status_line(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    // The space stays even where there is no reason phrase (RFC 9112 4).
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(CRLF);
}

/// The end of every line.
const CRLF: &[u8] = b"\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn head(
        status: u16,
        content_type: Option<&str>,
        length: LengthLine,
        connection: ConnectionLine,
    ) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        let (mut start, mut out) = (Vec::new(), Vec::new());
        append_start(&mut start, status, b"Server: s\r\n", content_type);
        let head = ResponseHead {
            status,
            start: &start,
            lines: b"X: y\r\n",
        };
        append_head(&mut out, &head, length, connection);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn heads() {
        use {ConnectionLine as Connection, LengthLine as Length};
        let text = Some("text/plain");
        assert_eq!(
            head(200, text, Length::Length(12), Connection::Nothing),
            "HTTP/1.1 200 OK\r\nServer: s\r\nContent-Type: text/plain\r\nX: y\r\n\
             Content-Length: 12\r\n\r\n"
        );
        assert_eq!(
            head(418, text, Length::Chunked, Connection::Close),
            "HTTP/1.1 418 I'm a teapot\r\nServer: s\r\nContent-Type: text/plain\r\nX: y\r\n\
             Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
        assert_eq!(
            head(299, None, Length::Nothing, Connection::KeepAlive),
            "HTTP/1.1 299 \r\nServer: s\r\nX: y\r\nConnection: keep-alive\r\n\r\n"
        );
        assert_eq!(
            head(204, None, Length::Nothing, Connection::Nothing),
            "HTTP/1.1 204 No Content\r\nServer: s\r\nX: y\r\n\r\n"
        );
    }

    #[test]
    fn every_ready_status_line_is_the_canonical_one() {
        for code in 100..=599 {
            let status = StatusCode::from_u16(code).unwrap();
            let (mut ready, mut made) = (Vec::new(), Vec::new());
            append_status_line(&mut ready, status);
            append_rare_status_line(&mut made, status);
            assert_eq!(ready, made);
        }
    }

    #[test]
    fn headers_cannot_split_a_response() {
        let mut out = Vec::new();
        for value in [
            "a\r\nb",
            "a\nb",
            "a\rb",
            "a\0b",
            "\u{7f}",
            "\u{1b}",
            "\r\n\r\nHTTP/1.1 200 OK",
        ] {
            let verdict = append_header(&mut out, "X", value.as_bytes());
            assert_eq!(verdict, Err(InvalidHeader::VALUE), "{value:?}");
        }
        for name in ["", "a b", "a:", "a\r\nb", "\u{e4}", "a\0"] {
            assert!(
                append_header(&mut out, name, b"v").unwrap_err().is_name(),
                "{name:?}"
            );
        }
        assert!(out.is_empty());
        append_header(&mut out, "X-Y", "a\tb \u{e4}".as_bytes()).unwrap();
        assert_eq!(out, "X-Y: a\tb \u{e4}\r\n".as_bytes());
    }

    #[test]
    fn chunk_sizes() {
        for size in [0, 1, 9, 10, 15, 16, 255, 256, 4095, 65_536, usize::MAX] {
            let mut out = Vec::new();
            append_chunk_size(&mut out, size);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{size:x}\r\n"));
        }
    }
}
