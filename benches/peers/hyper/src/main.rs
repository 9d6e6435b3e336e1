//! A contender: tokio with hyper 1, HTTP/1 only, answers to pipelined requests sent together.
//!
//! No timer is given to hyper, so it watches no head or idle timeout: its cheapest form.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use peer_common::{Options, pause, tokio_runtime};
use tokio::net::TcpListener;

fn main() -> io::Result<()> {
    tokio_runtime::run(&Options::from_args(&[]), serve)
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            // The client went away: nothing to do about it.
            let _ = connection.await;
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let response = match (request.method(), request.uri().path()) {
        (&Method::GET, "/plaintext") => ok("text/plain", Bytes::from_static(b"Hello, World!")),
        (&Method::GET, "/json") => ok(
            "application/json",
            Bytes::from_static(br#"{"message":"Hello, World!"}"#),
        ),
        (&Method::POST, "/echo") => match request.into_body().collect().await {
            Ok(body) => ok("application/octet-stream", body.to_bytes()),
            Err(_) => status(StatusCode::BAD_REQUEST),
        },
        (&Method::GET, path) => {
            if let Some(micros) = path.strip_prefix("/burn/") {
                paused(micros, Duration::from_micros, pause::burn)
            } else if let Some(millis) = path.strip_prefix("/block/") {
                paused(millis, Duration::from_millis, pause::block)
            } else {
                status(StatusCode::NOT_FOUND)
            }
        }
        _ => status(StatusCode::NOT_FOUND),
    };
    Ok(response)
}

/// Keeps this worker busy or blocked, on purpose, as a handler does that knows no better.
fn paused(number: &str, unit: fn(u64) -> Duration, pause: fn(Duration)) -> Response<Full<Bytes>> {
    let Ok(time) = number.parse().map(unit) else {
        return status(StatusCode::BAD_REQUEST);
    };
    pause(time);
    ok("text/plain", Bytes::from_static(b"done\n"))
}

fn ok(kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(SERVER, HeaderValue::from_static("hyper"));
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
