//! A contender: compio with hyper 1, by way of cyper-core; a runtime and a listener for each core.
//!
//! io_uring where the kernel lets it, else epoll.

use std::net::TcpListener;
use std::{io, thread};

use compio::net;
use compio::runtime::Runtime;
use cyper_core::HyperStream;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use peer_common::Options;
use peer_common::hyper_routes::answer;

fn main() -> io::Result<()> {
    let options = Options::from_args(&[]);
    let threads: Vec<_> = options
        .listen(options.cores)?
        .into_iter()
        .map(|listener| thread::spawn(move || Runtime::new()?.block_on(serve(listener))))
        .collect();
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().expect("a server thread panicked"))
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let listener = net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        compio::runtime::spawn(async move {
            let connection = http1::Builder::new().pipeline_flush(true).serve_connection(
                HyperStream::new_plain(stream),
                service_fn(|request| answer(request, "compio")),
            );
            // The client went away: nothing to do about it.
            let _ = connection.await;
        })
        .detach();
    }
}
