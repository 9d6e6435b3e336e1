//! A load generator that never sleeps.
//!
//! One thread, plain non-blocking sockets, `epoll_wait` with a timeout of zero: while the server
//! works, the generator spins, so that the server never waits for a client to be woken (with a
//! sleeping generator the slower server pays for waking it, and the ranking changes). Closed loop:
//! each connection has one batch of requests under way. Every answer's status, length and body are
//! checked; the first wrong one, or five seconds without any, end the run with status 1.
//!
//! The result is one line of `key=value` pairs. With `--pid` it has the CPU time which the server used
//! between the first and the last counted request.
//!
//! ```text
//! spin --addr 127.0.0.1:8080 --connections 64 --seconds 3 --pid 4711
//! spin --addr 127.0.0.1:8080 --connections 64 --pipeline 16 --requests 10000
//! spin --addr 127.0.0.1:8080 --mode close --uses 10
//! spin --addr 127.0.0.1:8080 --connections 10000 --active 500
//! spin --addr 127.0.0.1:7000 --mode echo --size 64
//! spin --addr 127.0.0.1:8080 --connections 10000 --hold
//! spin answers --addr 127.0.0.1:8080 /plaintext
//! spin open --addr 127.0.0.1:8080 --rate 4000 --connections 256 --every 100 --other /burn/10000
//! spin headline --addr 127.0.0.1:8080 --stuck 2 --path /burn/10000
//! ```
//!
//! `open` and `headline` are other loads, and these two sleep: see [`neighbours`]. `answers` makes no load
//! but prints what a server answers: see [`answers`].

use std::process::ExitCode;

use crate::options::Options;

mod answers;
mod connection;
mod cpu;
mod histogram;
mod load;
mod neighbours;
mod options;
mod reply;
mod sys;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    if let Some(mode) = args.next_if(|word| neighbours::is_mode(word)) {
        return neighbours::main(&mode, args);
    }
    if args.next_if(|word| word == "answers").is_some() {
        return answers::main(args);
    }
    let options = match Options::from_args(args) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("spin: {problem}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let result = if options.hold {
        load::hold(&options)
    } else {
        load::run(&options)
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("spin: {problem}");
            ExitCode::FAILURE
        }
    }
}
