//! A contender: tokio with hyper 1, HTTP/1 only, answers to pipelined requests sent together.
//!
//! No timer is given to hyper, so it watches no head or idle timeout: its cheapest form.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use peer_common::{Options, tokio_runtime};
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
        _ => status(StatusCode::NOT_FOUND),
    };
    Ok(response)
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
