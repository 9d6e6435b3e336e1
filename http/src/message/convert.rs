//! Conversions to and from the `http` crate's requests and responses.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HOST, SERVER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::body::Body;
use super::request::Request;
use super::response::Response;
use crate::proto::{InvalidHeader, Refusal, append_header};

/// Its target and values share one copy of the head. Fails where the target is not a URI: the `http`
/// crate is stricter about some bytes.
impl TryFrom<Request> for http::Request<Body> {
    type Error = http::Error;

    fn try_from(mut request: Request) -> Result<Self, http::Error> {
        let body = std::mem::take(request.body());
        let head = &request.parts_mut().head;
        let bytes = share(head.bytes());
        let mut converted = Self::new(body);
        *converted.method_mut() = head.method().clone();
        *converted.version_mut() = head.version();
        let (target, lines) = head.positions();
        *converted.uri_mut() = Uri::from_maybe_shared(bytes.slice(target))?;
        *converted.headers_mut() = HeaderMap::with_capacity(lines.len());
        for position in lines {
            // Both were checked when the head was parsed, by the same grammar.
            let name = HeaderName::from_bytes(&bytes[position.name.range()]);
            let value = HeaderValue::from_maybe_shared(bytes.slice(position.value.range()));
            if let (Ok(name), Ok(value)) = (name, value) {
                converted.headers_mut().append(name, value);
            }
        }
        Ok(converted)
    }
}

/// A copy in memory that many heads share: it is recycled once all parts of all of them are dropped,
/// so that in steady state nothing is allocated.
fn share(head: &[u8]) -> Bytes {
    let copy = SHARED.try_with(|shared| {
        let mut shared = shared.borrow_mut();
        if shared.capacity() < head.len() {
            // Takes the block back from the front if nobody else holds a part of it.
            shared.reserve(head.len().max(BLOCK));
        }
        shared.extend_from_slice(head);
        shared.split().freeze()
    });
    copy.unwrap_or_else(|_| Bytes::copy_from_slice(head))
}

/// Some ten heads of browsers. Who keeps one value keeps the block.
const BLOCK: usize = 8 * 1024;

thread_local! {
    static SHARED: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// Fails where the request could not have come from a client. Content-Length and
/// Transfer-Encoding are dropped: the body knows its length.
impl<B: Into<Body>> TryFrom<http::Request<B>> for Request {
    type Error = Refusal;

    fn try_from(request: http::Request<B>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        let version = if parts.version == http::Version::HTTP_10 {
            "1.0"
        } else {
            "1.1"
        };
        let mut head = format!("{} {} HTTP/{version}\r\n", parts.method, parts.uri).into_bytes();
        if !parts.headers.contains_key(HOST) {
            let host = parts
                .uri
                .authority()
                .map_or("localhost", |authority| authority.as_str());
            append_header(&mut head, "host", host.as_bytes()).map_err(|_| Refusal::HostInvalid)?;
        }
        for (name, value) in &parts.headers {
            if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
                append_header(&mut head, name.as_str(), value.as_bytes())
                    .map_err(|_| Refusal::HeaderValue)?;
            }
        }
        head.extend_from_slice(b"\r\n");
        Ok(Self::parse(&head)?.with_body(body))
    }
}

impl From<Response> for http::Response<Body> {
    fn from(response: Response) -> Self {
        let mut converted = Self::new(Body::empty());
        *converted.status_mut() = response.status();
        let headers = converted.headers_mut();
        for (name, value) in response.headers() {
            let name = http::HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        *converted.body_mut() = response.into_body();
        converted
    }
}

/// Fails where the headers name a transfer coding other than chunked. That one, and
/// Content-Length of a body that knows its length, are the server's matter and are dropped.
impl<B: Into<Body>> TryFrom<http::Response<B>> for Response {
    type Error = InvalidHeader;

    fn try_from(response: http::Response<B>) -> Result<Self, InvalidHeader> {
        let (parts, body) = response.into_parts();
        Ok(response_of(&parts)?.with_body(body))
    }
}

/// A response with this head and without a body, at the cost of one allocation.
///
/// # Errors
/// The head has a line that only a server may set.
pub(crate) fn response_of(parts: &http::response::Parts) -> Result<Response, InvalidHeader> {
    let mut converted = Response::new(parts.status);
    let length = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    let lines = parts.headers.iter().map(length).sum();
    converted.lines.reserve(lines);
    for (name, value) in &parts.headers {
        match *name {
            // The body's own framing; `chunked` is what the server does with it anyway.
            TRANSFER_ENCODING if value.as_bytes().eq_ignore_ascii_case(b"chunked") => {}
            CONNECTION | CONTENT_LENGTH | DATE | SERVER | TRANSFER_ENCODING => {
                converted.add_header(name.as_str(), value.as_bytes())?;
            }
            // The types vouch for name and value.
            _ => {
                let lines = &mut converted.lines;
                for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                    lines.extend_from_slice(part);
                }
            }
        }
    }
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(method: &str, target: &str) -> http::Request<Body> {
        let request = Request::new(method, target).unwrap();
        let request = request
            .try_with_headers([("X-A", &b"1"[..]), ("x-b", b""), ("X-A", b"2")])
            .unwrap();
        request.with_body("abc").try_into().unwrap()
    }

    #[test]
    fn every_form_of_target_is_converted() {
        let forms = [
            ("POST", "/a/b?c=d", "/a/b?c=d"),
            ("OPTIONS", "*", "*"),
            ("GET", "http://b:80/a?c", "http://b:80/a?c"),
            ("CONNECT", "b:443", "b:443"),
            ("BREW", "/", "/"),
        ];
        for (method, target, uri) in forms {
            let request = converted(method, target);
            assert_eq!(
                (
                    request.method().as_str(),
                    request.uri().to_string().as_str()
                ),
                (method, uri)
            );
            assert!(request.headers().contains_key("host"));
            let all: Vec<_> = request.headers().get_all("x-a").iter().collect();
            assert_eq!(all, ["1", "2"]);
            assert_eq!(request.headers()["x-b"], "");
            assert_eq!(request.body().length(), Some(3));
        }
    }

    #[test]
    fn heads_share_a_block_which_is_recycled() {
        let address = |bytes: &Bytes| bytes.as_ptr().addr();
        let first = share(&[1; 100]);
        let second = share(&[2; 100]);
        assert_eq!(address(&second), address(&first) + 100);
        let start = address(&first);
        drop((first, second));
        let blocks = (0..BLOCK / 100 + 1).map(|_| address(&share(&[3; 100])));
        assert!(blocks.min() == Some(start), "the block is taken up again");
        // Larger than a block.
        assert_eq!(share(&[4; 3 * BLOCK]).len(), 3 * BLOCK);
    }

    #[test]
    fn requests_there_and_back() {
        let request = Request::new("POST", "/a?b=c").unwrap();
        let request = request.try_with_header("X-A", "d").unwrap().with_body("e");
        let converted = http::Request::try_from(request).unwrap();
        assert_eq!(converted.uri().path_and_query().unwrap(), "/a?b=c");
        assert_eq!(converted.headers()["x-a"], "d");
        let back = Request::try_from(converted).unwrap();
        assert_eq!((back.target(), back.method().as_str()), ("/a?b=c", "POST"));
        assert_eq!(
            (back.header("x-a"), back.host()),
            (Some("d"), Some("localhost"))
        );
        assert_eq!(back.into_body().length(), Some(1));
    }

    #[test]
    fn responses_there_and_back() {
        let response = Response::text("ab").try_with_header("x-a", "b").unwrap();
        let converted = http::Response::from(response.with_status(http::StatusCode::ACCEPTED));
        assert_eq!(
            (converted.status().as_u16(), converted.headers().len()),
            (202, 2)
        );
        let back = Response::try_from(converted).unwrap();
        assert_eq!(
            (back.status().as_u16(), back.header("X-A")),
            (202, Some(&b"b"[..]))
        );
        assert_eq!(back.body().length(), Some(2));
        let odd = http::Response::builder()
            .header("transfer-encoding", "gzip")
            .body("")
            .unwrap();
        assert!(Response::try_from(odd).is_err());
    }
}
