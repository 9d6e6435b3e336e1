//! Trailers: header lines behind a body in the chunked coding (RFC 9110 6.5, RFC 9112 7.1.2).
//!
//! Whoever reads a message acts on its head before the trailer is there, so a trailer must not
//! bring what decides how the message is framed, routed, allowed or understood: a length that two
//! recipients read in two ways is how requests are smuggled. Such lines are dropped, on the way
//! in and on the way out; which they are stands in [`is_trailer_field`] alone.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::encode::append_header;

/// Whether a field may stand in a trailer, by its name in any case (RFC 9110 6.5.1).
///
/// Not allowed are fields of framing, of routing, of authentication, of the content's format,
/// modifiers of the request, and controls of the response.
#[must_use]
pub fn is_trailer_field(name: &str) -> bool {
    let is = |other: &&str| name.eq_ignore_ascii_case(other);
    let is_conditional = name
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("if-"));
    !is_conditional && !NOT_IN_TRAILERS.iter().any(is)
}

/// The fields of trailer lines that a decoder has checked, each with its CRLF. `None` if there
/// are none that may stand there.
pub(super) fn parse(lines: &[u8]) -> Option<Box<HeaderMap>> {
    let mut trailers = HeaderMap::new();
    for line in lines.split(|&byte| byte == b'\n') {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        // Both were checked when they were read, by the same grammar.
        if let (Ok(name), Ok(value)) = (name, value)
            && is_trailer_field(name.as_str())
        {
            trailers.append(name, value);
        }
    }
    (!trailers.is_empty()).then(|| Box::new(trailers))
}

/// Appends the lines of a trailer, without those that may not stand there.
pub(super) fn append(out: &mut Vec<u8>, trailers: &HeaderMap) {
    for (name, value) in trailers {
        if is_trailer_field(name.as_str()) {
            // The types vouch for the line, and what they let pass is looked at once more there:
            // a line that would be refused is left out.
            let _ = append_header(out, name.as_str(), value.as_bytes());
        }
    }
}

/// See [`is_trailer_field`]; names that begin with `If-` are not allowed either.
const NOT_IN_TRAILERS: &[&str] = &[
    // Framing.
    "content-length",
    "transfer-encoding",
    "trailer",
    "te",
    // Connection and routing.
    "connection",
    "host",
    "keep-alive",
    "proxy-connection",
    "upgrade",
    "via",
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    // Authentication and state.
    "authorization",
    "cookie",
    "proxy-authenticate",
    "proxy-authorization",
    "set-cookie",
    "www-authenticate",
    // The content's format.
    "content-encoding",
    "content-range",
    "content-type",
    // Modifiers of the request.
    "cache-control",
    "expect",
    "max-forwards",
    "pragma",
    "range",
    // Controls of the response.
    "age",
    "date",
    "expires",
    "location",
    "retry-after",
    "vary",
    "warning",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_fields_and_lines_again() {
        let trailers = parse(b"X-Sum: \t12 \r\nx-a:\r\nx-sum:13\r\n").unwrap();
        let sums: Vec<_> = trailers.get_all("x-sum").iter().collect();
        assert_eq!(sums, ["12", "13"]);
        assert_eq!(trailers["x-a"], "");
        let mut out = Vec::new();
        append(&mut out, &trailers);
        assert_eq!(out, b"x-sum: 12\r\nx-sum: 13\r\nx-a: \r\n");
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn what_decides_about_the_message_is_dropped_both_ways() {
        let mut lines = Vec::new();
        let mut trailers = HeaderMap::new();
        let names = NOT_IN_TRAILERS.iter().chain(&["if-match", "If-Range"]);
        for name in names {
            lines.extend_from_slice(format!("{}: 1\r\n", name.to_uppercase()).as_bytes());
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            trailers.insert(name, HeaderValue::from_static("1"));
        }
        assert_eq!(parse(&lines), None);
        let mut out = Vec::new();
        append(&mut out, &trailers);
        assert!(out.is_empty(), "{:?}", out.escape_ascii().to_string());
        assert!(is_trailer_field("grpc-status") && is_trailer_field("if") && is_trailer_field(""));
    }
}
