//! The two ways to run a server on tokio: one runtime with workers, or a runtime per thread.

use std::future::Future;
use std::io;
use std::thread;

use tokio::net::TcpListener;
use tokio::runtime::Builder;

use crate::Options;

/// The flag of contenders that can have tokio's eager hand-off of its driver.
pub const EAGER: &str = "--eager";

/// Runs `serve` until it fails: on one multi-threaded runtime with one listener (`--cores N`), or on
/// N single-threaded ones with a listener each (`--threads N`).
///
/// # Errors
/// Those of binding and of `serve`; `Unsupported` for [`EAGER`] without `--cfg tokio_unstable`.
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
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(options.cores).enable_all();
        if options.flags.iter().any(|flag| flag == EAGER) {
            hand_off_eagerly(&mut builder)?;
        }
        let runtime = builder.build()?;
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

#[cfg(tokio_unstable)]
fn hand_off_eagerly(builder: &mut Builder) -> io::Result<()> {
    builder.enable_eager_driver_handoff();
    Ok(())
}

#[cfg(not(tokio_unstable))]
fn hand_off_eagerly(_builder: &mut Builder) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "--eager needs a build with RUSTFLAGS='--cfg tokio_unstable'",
    ))
}
