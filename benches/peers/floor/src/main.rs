//! The floor: what one must pay on Linux to answer HTTP/1 requests with readiness events.
//!
//! A thread, an epoll instance and a listener per core, nothing shared. Edge-triggered, registered
//! once; one `recv` and one `send` per batch of requests; no read that finds nothing. The answer is
//! pre-rendered once a second, the head of a request is searched for its end and for
//! `Connection: close` and not parsed further: this is no HTTP server, it is the measure of them.
//!
//! With `--echo` it sends back what it receives: the floor of the TCP servers.

use std::io;
use std::thread;

use peer_common::Options;

use crate::protocol::{Echo, Http};
use crate::worker::Worker;

mod answers;
mod connection;
mod protocol;
mod sys;
mod worker;

fn main() -> io::Result<()> {
    let options = Options::from_args(&["--echo"]);
    let echo = !options.flags.is_empty();
    let threads: Vec<_> = options
        .listen(options.cores)?
        .into_iter()
        .map(|listener| {
            thread::spawn(move || match echo {
                true => Worker::new(listener, Echo)?.run(),
                false => Worker::new(listener, Http::new())?.run(),
            })
        })
        .collect();
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().expect("a server thread panicked"))
}
