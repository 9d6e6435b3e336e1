//! A contender: smol with hyper 1, on one executor that as many threads as cores run.

use std::convert::Infallible;
use std::net::TcpListener;
use std::{io, thread};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use peer_common::Options;
use peer_common::hyper_routes::answer;
use smol::{Async, Executor};
use smol_hyper::rt::FuturesIo;

fn main() -> io::Result<()> {
    let options = Options::from_args(&[]);
    let listener = options.listen(1)?.remove(0);
    // Tasks live as long as the process: no reference counts.
    let executor: &Executor<'_> = Box::leak(Box::default());
    for _ in 1..options.cores {
        thread::spawn(|| smol::block_on(executor.run(smol::future::pending::<Infallible>())));
    }
    // A task of its own, as on the other runtimes.
    let serving = executor.spawn(serve(listener, executor));
    smol::block_on(executor.run(serving))
}

async fn serve(listener: TcpListener, executor: &'static Executor<'static>) -> io::Result<()> {
    let listener = Async::<TcpListener>::new(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        executor
            .spawn(async move {
                let connection = http1::Builder::new().pipeline_flush(true).serve_connection(
                    FuturesIo::new(stream),
                    service_fn(|request| answer(request, "smol")),
                );
                // The client went away: nothing to do about it.
                let _ = connection.await;
            })
            .detach();
    }
}
