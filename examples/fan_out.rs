//! Work spread over all cores, its results merged in order, with a bound on what is in flight.
//!
//! ```sh
//! cargo run --release --example fan_out -- 1000 16     # blocks of 1,000 numbers, blocks in flight
//! ```
//!
//! ```text
//!            +--- jobs (job, reply) ---> worker, worker, ... ---+
//!   feeder --+                                                  +-- reply --> merged
//!            +--- order (reply's other end) ------------------------------------^
//! ```
//!
//! What to look at: the workers share one receiver, so each takes the next job when it is free. Each job has
//! a oneshot for its result, and the oneshots' receivers go to the merger in the order of the jobs, through a
//! channel whose capacity is the bound: a slow job holds the feeder up, and nothing is gathered and sorted.
//! How many blocks each core has counted is printed last; "without a core" are those of a thread that was
//! so long in one poll that its core was handed to another.

use std::collections::BTreeMap;

use ringspun::channel::{Receiver, channel, oneshot};
use ringspun::{Handle, current_core, spawn};

/// Numbers in a job.
const BLOCK: u64 = 1000;

#[ringspun::main]
async fn main() {
    let mut args = std::env::args().skip(1).map_while(|arg| arg.parse().ok());
    let blocks = args.next().unwrap_or(1000);
    let window = args.next().unwrap_or(16);
    let workers = Handle::current().cores();
    let merged = fan_out(0..blocks as u64, workers, window, |block| {
        let core = current_core();
        (count_primes(block * BLOCK), core)
    });
    let (mut done, mut primes) = (0, 0);
    let mut counted_by = BTreeMap::new();
    while let Some((count, core)) = merged.next().await {
        done += 1;
        primes += count;
        *counted_by.entry(core).or_insert(0) += 1;
        // A sum so far makes sense because the blocks come in order.
        if done % 200 == 0 || done == blocks {
            println!("{primes} primes below {}", done as u64 * BLOCK);
        }
    }
    for (core, blocks) in counted_by {
        let core = match core {
            Some(core) => format!("core {core}"),
            None => String::from("without a core"),
        };
        println!("{core}: {blocks} blocks");
    }
}

/// Results in the order of their jobs. When it is dropped, feeder and workers end.
pub(crate) struct Merged<R>(Receiver<oneshot::Receiver<R>>);

/// Calls `work` for each job in one of `workers` tasks. At most `window` jobs are begun and not merged yet.
pub(crate) fn fan_out<J, R>(
    jobs: impl IntoIterator<Item = J, IntoIter: Send + 'static>,
    workers: usize,
    window: usize,
    work: impl Fn(J) -> R + Clone + Send + 'static,
) -> Merged<R>
where
    J: Send + 'static,
    R: Send + 'static,
{
    // One more has been taken out by the merger, which waits for it.
    let (order, merged) = channel(window.saturating_sub(1));
    let (next, queue) = channel::<(J, oneshot::Sender<R>)>(0);
    for _ in 0..workers.max(1) {
        let (queue, work) = (queue.clone(), work.clone());
        spawn(async move {
            while let Some((job, reply)) = queue.recv().await {
                // The merger may have gone away.
                let _ = reply.send(work(job));
            }
        });
    }
    let jobs = jobs.into_iter();
    spawn(async move {
        for job in jobs {
            let (reply, result) = oneshot::channel();
            if order.send(result).await.is_err() || next.send((job, reply)).await.is_err() {
                return;
            }
        }
    });
    Merged(merged)
}

impl<R> Merged<R> {
    /// The result of the next job; `None` after the last one.
    pub(crate) async fn next(&self) -> Option<R> {
        let result = self.0.recv().await?;
        Some(result.await.expect("no job panics"))
    }
}

fn count_primes(first: u64) -> usize {
    let is_prime = |n: &u64| {
        let mut divisors = (2..).take_while(|d| d * d <= *n);
        *n >= 2 && divisors.all(|d| !n.is_multiple_of(d))
    };
    (first..first + BLOCK).filter(is_prime).count()
}
