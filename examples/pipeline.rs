//! Digests of all files under a directory, in the order of their paths.
//!
//! ```sh
//! cargo run --release --example pipeline -- /usr/include 8     # directory, number of workers
//! ```
//!
//! ```text
//!   walk --- paths ---> digest (several) --- digests ---> collect
//! ```
//!
//! What to look at: the stages are tasks of one group. The end goes down the pipeline by itself: a stage that
//! is done drops its sender. An error goes everywhere: the first stage that returns one cancels the others, and
//! so does Ctrl-C, which drops the whole; `digest_all` does not return before they have ended. (In Go's blog
//! article "Pipelines and cancellation", whose program this is, a channel `done` and a `select` in each stage
//! do that.) All is bounded: one path for each worker may wait. Only jobs of `spawn_blocking` touch the disk,
//! and none of them waits for a channel.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ringspun::channel::{Receiver, Sender, channel};
use ringspun::scope::{CancelToken, GroupError, TaskGroup};
use ringspun::{select, signal, spawn_blocking};

#[ringspun::main]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let root = args.next().unwrap_or_else(|| String::from("."));
    let workers = args.next().and_then(|workers| workers.parse().ok());
    let digests = select! {
        digests = digest_all(root.into(), workers.unwrap_or(4)) => digests,
        _ = signal::shutdown() => return ExitCode::FAILURE,
    };
    match digests {
        Ok(digests) => {
            for (path, digest) in digests {
                println!("{digest:016x}  {}", path.display());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("pipeline: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The digests of all files under `root`, or the first error; by then all stages have ended.
///
/// Dropping the future ends the stages too, soon but not at once.
pub(crate) async fn digest_all(
    root: PathBuf,
    workers: usize,
) -> Result<BTreeMap<PathBuf, u64>, GroupError<io::Error>> {
    let workers = workers.max(1);
    TaskGroup::run(async |stages: &mut TaskGroup<io::Result<()>>| {
        let (found, paths) = channel(workers);
        let (digested, digests) = channel(0);
        stages.spawn(walk(root, found)).await;
        for _ in 0..workers {
            let stage = digest_each(paths.clone(), digested.clone());
            stages.spawn(stage).await;
        }
        // The stages have theirs: the digests end with the last of them.
        drop((paths, digested));
        let mut sorted = BTreeMap::new();
        while let Some(digest) = digests.recv().await {
            sorted.extend([digest]);
        }
        Ok(sorted)
    })
    .await
}

async fn walk(root: PathBuf, found: Sender<PathBuf>) -> io::Result<()> {
    let mut directories = vec![root];
    while let Some(directory) = directories.pop() {
        let listing = spawn_blocking(move || list(&directory).map_err(about(&directory)));
        let (inner, files) = listing.await??;
        directories.extend(inner);
        for file in files {
            if found.send(file).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn digest_each(paths: Receiver<PathBuf>, digested: Sender<(PathBuf, u64)>) -> io::Result<()> {
    while let Some(path) = paths.recv().await {
        // A job does not end by being no longer awaited: it looks at the token.
        let token = CancelToken::current();
        let job = spawn_blocking(move || {
            let digest = digest(&path, &token).map_err(about(&path))?;
            io::Result::Ok((path, digest))
        });
        if digested.send(job.await??).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The directories and the files in a directory. Links to directories are left out, for they may lead round
/// in circles, and so are devices, sockets and pipes; a link to nothing is an error when it is opened.
fn list(directory: &Path) -> io::Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut directories, mut files) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            directories.push(path);
        } else if fs::metadata(&path).map_or(true, |target| target.is_file()) {
            files.push(path);
        }
    }
    Ok((directories, files))
}

/// FNV-1a of a file's content.
fn digest(path: &Path, token: &CancelToken) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut block = vec![0; 64 * 1024];
    let mut hash = 0xCBF2_9CE4_8422_2325;
    while !token.is_cancelled() {
        let n = file.read(&mut block)?;
        if n == 0 {
            return Ok(hash);
        }
        for byte in &block[..n] {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }
    Err(io::Error::other("cancelled"))
}

fn about(path: &Path) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
