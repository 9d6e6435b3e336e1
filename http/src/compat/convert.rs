//! The `http` crate's responses to ours, at the cost of few allocations.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::BoxError;
use crate::message::{Body, BodyError, Response, response_of};
use crate::proto::InvalidHeader;

/// A body of a length that is not known.
struct Nothing;

impl Stream for Nothing {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(None)
    }
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
    let mut converted = response_of(&parts)?;
    converted.body = Body::from_http_body(body);
    if is_head && converted.body.is_empty() && converted.length.is_none() {
        // Services take the body away from an answer to HEAD: how long it was is not known.
        converted.body = Body::stream(Nothing);
    }
    Ok(converted)
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_LENGTH;

    use super::*;

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
