//! A contender: tokio with hyper 1, HTTP/1 only, answers to pipelined requests sent together.
//!
//! No timer is given to hyper, so it watches no head or idle timeout: its cheapest form. With
//! `--eager`, in a build with `--cfg tokio_unstable`, a worker of tokio's that has events to handle
//! hands the driver to another one at once.

use std::io;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use peer_common::hyper_routes::answer;
use peer_common::{Options, tokio_runtime};
use tokio::net::TcpListener;

fn main() -> io::Result<()> {
    tokio_runtime::run(&Options::from_args(&[tokio_runtime::EAGER]), serve)
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            let connection = http1::Builder::new().pipeline_flush(true).serve_connection(
                TokioIo::new(stream),
                service_fn(|request| answer(request, "hyper")),
            );
            // The client went away: nothing to do about it.
            let _ = connection.await;
        });
    }
}
