//! What handlers may return.

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};

use super::body::Body;
use super::body_error::BodyError;
use super::response::Response;
use crate::proto::{InvalidHeader, Refusal};

/// Something that a handler can answer with.
///
/// | type | response |
/// |---|---|
/// | [`Response`] | itself |
/// | `&'static str`, `String`, `Cow<'static, str>` | 200, text in UTF-8 |
/// | [`Bytes`], `Vec<u8>`, `&'static [u8]`, [`Body`] | 200, `application/octet-stream` |
/// | [`Sse`](crate::sse::Sse) | 200, `text/event-stream` |
/// | `Json<T>` (feature `json`) | 200, `application/json` |
/// | `()` | 204 |
/// | [`StatusCode`] | that status, no body |
/// | `(StatusCode, T)` | T with that status |
/// | `(StatusCode, [(HeaderName, HeaderValue); N], T)` | T with that status and those lines |
/// | `Option<T>` | T, or 404 |
/// | `Result<T, E>` | T or E, so that a handler can use `?` |
///
/// # Examples
/// ```
/// use ringspun_http::{BodyError, Request, StatusCode};
///
/// async fn double(mut request: Request) -> Result<String, (StatusCode, &'static str)> {
///     let text = request.body().text(100).await.map_err(|error| (error.status(), "no text"))?;
///     let number: u32 = text.parse().map_err(|_| (StatusCode::BAD_REQUEST, "no number"))?;
///     Ok((2 * number).to_string())
/// }
/// ```
pub trait IntoResponse {
    /// The response.
    fn into_response(self) -> Response;
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::new(StatusCode::NO_CONTENT)
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        Response::new(self)
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::text(self)
    }
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Response {
        match self {
            Cow::Borrowed(text) => text.into_response(),
            Cow::Owned(text) => text.into_response(),
        }
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Response {
        Response::ok()
            .with_content_type("application/octet-stream")
            .with_body(self)
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        Body::from(self).into_response()
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        Body::from(self).into_response()
    }
}

impl IntoResponse for &'static [u8] {
    fn into_response(self) -> Response {
        Body::from(self).into_response()
    }
}

impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Response {
        self.1.into_response().with_status(self.0)
    }
}

impl<T: IntoResponse, const N: usize> IntoResponse
    for (StatusCode, [(HeaderName, HeaderValue); N], T)
{
    fn into_response(self) -> Response {
        let (status, headers, body) = self;
        let response = body.into_response().with_status(status);
        headers
            .into_iter()
            .fold(response, |response, (name, value)| {
                response.with_header(name, value)
            })
    }
}

impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Response {
        self.map_or(Response::new(StatusCode::NOT_FOUND), T::into_response)
    }
}

impl<T: IntoResponse, E: IntoResponse> IntoResponse for Result<T, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(value) => value.into_response(),
            Err(error) => error.into_response(),
        }
    }
}

/// The status that fits; the text says what the client did wrong. Of an error of the
/// application's own stream the client learns nothing.
impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        let status = self.status();
        let text = if status.is_client_error() {
            self.to_string()
        } else {
            String::new()
        };
        Response::text(text).with_status(status)
    }
}

/// The status of the rule, and its text.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Response::text(self.text()).with_status(self.status())
    }
}

/// 500: the handler has tried to send what cannot be sent.
impl IntoResponse for InvalidHeader {
    fn into_response(self) -> Response {
        Response::new(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table() {
        let of = |response: Response| {
            let content_type = response.header("content-type").map(|value| value.to_vec());
            let content_type = content_type.map(|value| String::from_utf8(value).unwrap());
            (
                response.status().as_u16(),
                content_type.unwrap_or_default(),
                response.body().length(),
            )
        };
        let text = "text/plain; charset=utf-8".to_owned();
        let binary = "application/octet-stream".to_owned();
        assert_eq!(of("ab".into_response()), (200, text.clone(), Some(2)));
        assert_eq!(
            of(String::from("ab").into_response()),
            (200, text.clone(), Some(2))
        );
        assert_eq!(
            of(Cow::from("ab").into_response()),
            (200, text.clone(), Some(2))
        );
        assert_eq!(of(vec![1].into_response()), (200, binary.clone(), Some(1)));
        assert_eq!(of(Bytes::from("a").into_response()), (200, binary, Some(1)));
        assert_eq!(of(().into_response()), (204, String::new(), Some(0)));
        assert_eq!(
            of(StatusCode::GONE.into_response()),
            (410, String::new(), Some(0))
        );
        assert_eq!(
            of((StatusCode::GONE, "ab").into_response()),
            (410, text.clone(), Some(2))
        );
        assert_eq!(
            of(None::<&str>.into_response()),
            (404, String::new(), Some(0))
        );
        let failed: Result<&str, (StatusCode, &str)> = Err((StatusCode::CONFLICT, "abc"));
        assert_eq!(of(failed.into_response()), (409, text, Some(3)));
        let line = (
            HeaderName::from_static("x-a"),
            HeaderValue::from_static("b"),
        );
        let response = (StatusCode::OK, [line], "ab").into_response();
        assert_eq!(response.header("X-A"), Some(&b"b"[..]));
        assert_eq!(Refusal::BodyTimeout.into_response().status(), 408);
    }
}
