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
