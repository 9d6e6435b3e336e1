//! Requests to the `http` crate's, and its responses to ours, at the cost of few allocations.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, SERVER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::BoxError;
use crate::message::{Body, BodyError, Request, Response};
use crate::proto::InvalidHeader;

/// The same request in the `http` crate's types. Its target and values share one copy of the head.
///
/// # Errors
/// The target is no URI for the `http` crate, which is stricter about some bytes.
pub(super) fn to_http(mut request: Request) -> Result<http::Request<Body>, http::Error> {
    let body = std::mem::take(request.body());
    let head = &request.parts_mut().head;
    let bytes = share(head.bytes());
    let mut converted = http::Request::new(body);
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

/// A body of a length that is not known.
struct Nothing;

impl Stream for Nothing {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
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

/// The same response, to a request that was HEAD or not, in our types. A body that is at hand is taken out at once.
///
/// # Errors
/// The head has a line that only a server may set.
pub(super) fn from_http<B>(
    response: http::Response<B>,
    is_head: bool,
) -> Result<Response, InvalidHeader>
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = response.into_parts();
    let mut converted = Response::new(parts.status);
    let is_plain =
        |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 4;
    converted
        .lines
        .reserve(parts.headers.iter().map(is_plain).sum());
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
    converted.body = Body::from_http_body(body);
    if is_head && converted.body.is_empty() && converted.length.is_none() {
        // Services take the body away from an answer to HEAD: how long it was is not known.
        converted.body = Body::stream(Nothing);
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
        to_http(request.with_body("abc")).unwrap()
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
    fn responses_keep_all_lines_but_those_of_the_server() {
        let response = http::Response::builder()
            .status(201)
            .header("x-a", "1")
            .header("x-a", "2")
            .header("content-type", "a/b")
            .header("transfer-encoding", "Chunked")
            .header("connection", "close")
            .body(Body::from("abc"))
            .unwrap();
        let response = from_http(response, false).unwrap();
        assert_eq!(response.lines, b"x-a: 1\r\nx-a: 2\r\ncontent-type: a/b\r\n");
        assert!(response.closes);
        assert_eq!(
            (response.status().as_u16(), response.body().length()),
            (201, Some(3))
        );
    }

    #[test]
    fn an_answer_to_head_says_the_length_that_it_knows() {
        let empty = || http::Response::new(Body::empty());
        let length = |response| {
            from_http(response, true).map(|response| (response.length, response.body.length()))
        };
        assert_eq!(length(empty()).unwrap(), (None, None), "not known");
        let mut known = empty();
        known.headers_mut().insert(CONTENT_LENGTH, 5.into());
        assert_eq!(length(known).unwrap(), (Some(5), Some(0)));
        assert_eq!(
            length(http::Response::new(Body::from("abc"))).unwrap(),
            (None, Some(3))
        );
    }
}
