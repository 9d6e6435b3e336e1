//! The two ways to run a server on tokio: one runtime with workers, or a runtime per thread.

use std::future::Future;
use std::io;
use std::thread;

use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::Options;

/// Runs `serve` until it fails: on one multi-threaded runtime with one listener (`--cores N`), or on
/// N single-threaded ones with a listener each (`--threads N`).
///
/// # Errors
/// Those of binding and of `serve`.
///
/// # Panics
/// If a thread of `--threads` panicked.
pub fn run<S, F>(options: &Options, serve: S) -> io::Result<()>
where
    S: Fn(TcpListener) -> F + Copy + Send + 'static,
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    if !options.separate {
        let listener = options.listen(1)?.remove(0);
        let runtime = Builder::new_multi_thread()
            .worker_threads(options.cores)
            .enable_all()
            .build()?;
        // A task of its own: `block_on` runs beside the workers and would accept from afar.
        return runtime.block_on(async move {
            tokio::spawn(serve(TcpListener::from_std(listener)?))
                .await
                .map_err(io::Error::other)?
        });
    }
    let threads: Vec<_> = options
        .listen(options.cores)?
        .into_iter()
        .map(|listener| {
            thread::spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async move { serve(TcpListener::from_std(listener)?).await })
            })
        })
        .collect();
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().expect("a server thread panicked"))
}
