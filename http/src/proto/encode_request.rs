//! Request heads into bytes.
//!
//! A request is made of a parsed [`Head`], so it has passed the checks of what a server accepts:
//! nothing in it can end a line early and begin a second request. What frames the body is written
//! anew, from what is known about the body; lines about it in the head are left out.

use super::encode::LengthLine;
use super::head::Head;
use super::target::TargetForm;

/// How the request is to be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Manner {
    /// The form of the target on the wire.
    pub(super) form: TargetForm,
    pub(super) length: LengthLine,
    /// Say that the connection is not kept.
    pub(super) closes: bool,
    /// Send an Expect line that is there: only with a body (RFC 9110 10.1.1).
    pub(super) expects: bool,
}

/// Appends a request head in version 1.1: the request line, Host first (RFC 9112 3.2), the lines
/// of the head in their order, and what frames the body.
pub(super) fn append_request(out: &mut Vec<u8>, head: &Head, manner: &Manner) {
    out.reserve(128 + head.bytes().len());
    out.extend_from_slice(head.method().as_str().as_bytes());
    out.push(b' ');
    append_target(out, head, manner.form);
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    // A head in version 1.0 may be without Host; its target names one then.
    let named = || head.host().unwrap_or_default().as_bytes();
    out.extend_from_slice(head.header("host").unwrap_or_else(named));
    out.extend_from_slice(CRLF);
    for (name, value) in head.headers() {
        let is_left_out = match name.len() {
            4 => name.eq_ignore_ascii_case("host"),
            6 => !manner.expects && name.eq_ignore_ascii_case("expect"),
            14 => name.eq_ignore_ascii_case("content-length"),
            17 => name.eq_ignore_ascii_case("transfer-encoding"),
            _ => false,
        };
        if !is_left_out {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(CRLF);
        }
    }
    match manner.length {
        LengthLine::Nothing => {}
        LengthLine::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(CRLF);
        }
        LengthLine::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    if manner.closes && !head.wishes().close {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    out.extend_from_slice(CRLF);
}

fn append_target(out: &mut Vec<u8>, head: &Head, form: TargetForm) {
    if form != TargetForm::Origin {
        out.extend_from_slice(head.target().as_bytes());
        return;
    }
    // OPTIONS of an absolute target without a path asks the server as a whole (RFC 9112 3.2.4).
    let path = head.path();
    let is_bare = head.target_form() == TargetForm::Absolute && head.has_bare_target();
    if is_bare && *head.method() == http::Method::OPTIONS {
        out.push(b'*');
        return;
    }
    // An absolute target may have a query and no path.
    out.extend_from_slice(path.as_bytes());
    if let Some(query) = head.query() {
        out.push(b'?');
        out.extend_from_slice(query.as_bytes());
    }
}

/// The end of every line.
const CRLF: &[u8] = b"\r\n";
