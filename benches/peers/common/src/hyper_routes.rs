//! The routes, for every contender that stands on hyper: these differ by their runtime alone.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::{Method, Request, Response, StatusCode};

use crate::pause;

/// Answers a request; `name` is the contender's, for the header `Server`.
///
/// # Errors
/// None: the type is what hyper wants of a service.
pub async fn answer(
    request: Request<Incoming>,
    name: &'static str,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = route(request).await;
    response
        .headers_mut()
        .insert(SERVER, HeaderValue::from_static(name));
    Ok(response)
}

async fn route(request: Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/plaintext") => ok("text/plain", Bytes::from_static(b"Hello, World!")),
        (&Method::GET, "/json") => ok(
            "application/json",
            Bytes::from_static(br#"{"message":"Hello, World!"}"#),
        ),
        (&Method::POST, "/echo") => match request.into_body().collect().await {
            Ok(body) => ok("application/octet-stream", body.to_bytes()),
            Err(_) => status(StatusCode::BAD_REQUEST),
        },
        (&Method::GET, path) => match pause::pause(path) {
            Some(()) => ok("text/plain", Bytes::from_static(pause::DONE.as_bytes())),
            None => status(StatusCode::NOT_FOUND),
        },
        _ => status(StatusCode::NOT_FOUND),
    }
}

fn ok(kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
