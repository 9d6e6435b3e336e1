//! An actor: state that one task owns, requests with reply channels, and an owner that starts it again.
//!
//! ```sh
//! cargo run --example actor
//! ```
//!
//! What to look at: no lock anywhere. A request carries the channel for its answer; when the actor panics,
//! that channel is dropped with it, so the client sees at once that there will be no answer. The supervisor
//! sees the panic when it joins the actor, and starts it again on the same inbox: requests that wait are not
//! lost, only the one that killed it. When the last client is gone, the inbox is closed and all ends.
//! The message of the panic is printed to stderr; that is part of the show.

use std::collections::HashMap;

use ringspun::channel::{Receiver, Sender, channel, oneshot};
use ringspun::scope::TaskGroup;
use ringspun::task::JoinError;
use ringspun::{JoinHandle, spawn};

#[ringspun::main]
async fn main() {
    let (tally, supervisor) = start(3);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let tally = tally.clone();
            spawn(async move {
                for _ in 0..100 {
                    tally.add("apples", 1).await.expect("the actor is alive");
                }
            })
        })
        .collect();
    for client in clients {
        client.await.expect("no client panics");
    }
    println!("4 clients: {:?} apples", tally.get("apples").await);
    println!("too many: {:?}", tally.add("apples", u64::MAX).await);
    println!("after the restart: {:?} apples", tally.get("apples").await);
    drop(tally);
    let restarts = supervisor.await.expect("the supervisor does not panic");
    println!("restarts: {restarts:?}");
}

/// Starts the actor and its supervisor. The supervisor's outcome is the number of restarts; when the actor
/// panics more than `restarts` times, its last panic.
pub(crate) fn start(restarts: usize) -> (Tally, JoinHandle<Result<usize, JoinError>>) {
    let (requests, inbox) = channel(16);
    (Tally(requests), spawn(supervise(inbox, restarts)))
}

/// A client of the actor.
#[derive(Clone)]
pub(crate) struct Tally(Sender<Request>);

/// The actor died before it answered. Whether it did what was asked nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost;

pub(crate) enum Request {
    Add {
        name: String,
        n: u64,
        reply: oneshot::Sender<u64>,
    },
    Get {
        name: String,
        reply: oneshot::Sender<u64>,
    },
}

impl Tally {
    /// Adds `n`; the sum.
    pub(crate) async fn add(&self, name: &str, n: u64) -> Result<u64, Lost> {
        let name = name.to_owned();
        self.ask(|reply| Request::Add { name, n, reply }).await
    }

    /// The sum so far.
    pub(crate) async fn get(&self, name: &str) -> Result<u64, Lost> {
        let name = name.to_owned();
        self.ask(|reply| Request::Get { name, reply }).await
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Lost> {
        let (reply, answer) = oneshot::channel();
        self.0.send(request(reply)).await.map_err(|_| Lost)?;
        answer.await.map_err(|_| Lost)
    }
}

async fn supervise(inbox: Receiver<Request>, most: usize) -> Result<usize, JoinError> {
    // The actor does not outlive it.
    let mut group = TaskGroup::supervisor();
    let mut restarts = 0;
    loop {
        // State begins anew: what the panic left behind is not to be trusted.
        group.spawn(actor(inbox.clone())).await;
        match group.join_next().await.expect("one was spawned") {
            Ok(()) => return Ok(restarts),
            Err(error) if error.is_panic() && restarts < most => restarts += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn actor(inbox: Receiver<Request>) {
    let mut sums = HashMap::new();
    while let Some(request) = inbox.recv().await {
        // A client that no longer waits is none of the actor's business: replies may fail.
        let _ = match request {
            Request::Add { name, n, reply } => {
                let sum: &mut u64 = sums.entry(name).or_default();
                *sum = sum.checked_add(n).expect("the sum fits into 64 bits");
                reply.send(*sum)
            }
            Request::Get { name, reply } => {
                reply.send(sums.get(&name).copied().unwrap_or_default())
            }
        };
    }
}
