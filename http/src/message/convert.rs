//! Conversions to and from the `http` crate's requests and responses.

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};

use super::body::Body;
use super::request::Request;
use super::response::Response;
use crate::proto::{InvalidHeader, Refusal, append_header};

/// Fails where the target is not a URI: the `http` crate is stricter about some bytes.
impl TryFrom<Request> for http::Request<Body> {
    type Error = http::Error;

    fn try_from(request: Request) -> Result<Self, http::Error> {
        let mut converted = http::Request::builder()
            .method(request.method().clone())
            .uri(request.target())
            .version(request.version())
            .body(())?;
        *converted.headers_mut() = request.headers().to_map();
        Ok(converted.map(|()| request.into_body()))
    }
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
        let mut converted = Self::new(parts.status);
        for (name, value) in &parts.headers {
            let is_chunked = name == TRANSFER_ENCODING && value == "chunked";
            if !is_chunked {
                converted.add_header(name.as_str(), value.as_bytes())?;
            }
        }
        Ok(converted.with_body(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
