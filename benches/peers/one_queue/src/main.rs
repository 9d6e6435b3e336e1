//! What does it cost that threads share an event queue? An echo server that does nothing else, with one epoll
//! instance for all of its threads or, with `--own`, one for each.
//!
//! ```sh
//! one-queue --cores 8               one for all: who is free takes the next event
//! one-queue --cores 8 --own         one for each, with a listener each: nothing is shared
//! one-queue --cores 8 --timed       clocks each call, which makes it slower
//! one-queue --cores 8 --hammer      no server: all threads register and deregister for a second
//! ```
//!
//! SIGINT ends it; its last line says what it has counted, in the form of the examples' `--metrics`.
//!
//! Edges, no rearming: as Go has it. A thread that gets an edge reads until it is short and answers. With one
//! queue another thread may get the next edge of the same connection meanwhile; both then read, and one finds
//! nothing. A connection is never closed before the process ends, so that no thread can close what another
//! reads.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use peer_common::Options;

use crate::counters::Counters;
use crate::sys::Epoll;
use crate::worker::Worker;

mod clock;
mod counters;
mod hammer;
mod stop;
// The floor's system calls.
#[path = "../../floor/src/sys.rs"]
#[allow(dead_code, reason = "it needs no date")]
mod sys;
mod worker;

fn main() -> io::Result<()> {
    let options = Options::from_args(&["--own", "--timed", "--hammer"]);
    let has = |flag: &str| options.flags.iter().any(|given| given == flag);
    if has("--hammer") {
        return hammer::run(options.cores, has("--own"));
    }
    // Before there are threads, which inherit it.
    let stop = stop::Stop::block()?;
    let counters: Arc<[Counters]> = (0..options.cores).map(|_| Counters::default()).collect();
    let queues = if has("--own") { options.cores } else { 1 };
    let listeners = options.listen(queues)?;
    let queues = queues_of(listeners)?;
    for index in 0..options.cores {
        let (epoll, listener) = queues[index % queues.len()].clone();
        let (counters, timed) = (counters.clone(), has("--timed"));
        thread::spawn(move || {
            let counters = &counters[index];
            let error = Worker::new(&epoll, &listener, counters, timed).run();
            // Nothing that a connection does gets here: without a thread the figures mean nothing.
            eprintln!("one-queue: {error:?}");
            std::process::exit(1);
        });
    }
    stop.wait()?;
    println!("metrics: {}", Counters::sum(&counters));
    Ok(())
}

/// An epoll instance for each listener.
fn queues_of(listeners: Vec<TcpListener>) -> io::Result<Vec<(Arc<Epoll>, Arc<TcpListener>)>> {
    let queue = |listener| Ok((Arc::new(Epoll::new()?), Arc::new(listener)));
    listeners.into_iter().map(queue).collect()
}
