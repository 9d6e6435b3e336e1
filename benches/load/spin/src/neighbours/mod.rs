//! What a long request does to the short ones beside it.
//!
//! Both loads sleep until the next thing happens (`epoll_pwait2`, timer slack 1 ns), so that they
//! leave the CPUs to a server that wants both of a small machine:
//!
//! - `open`: requests come at a given rate whatever the server does. A latency counts from when the
//!   request was *due*: a request that waits in the generator for a free connection, or because the
//!   generator itself woke late, pays for that too. Every k-th goes to another path, and its
//!   latencies are told apart.
//! - `headline`: one or two long requests to an idle server, 300 µs later a short one on another
//!   connection, many times over.
//!
//! A generator that must wait for a CPU would charge its own wait to the server: it asks the kernel to
//! run it before everything else (`SCHED_FIFO`; `first=1` says that it does). `late_p99_us` is how late
//! it noticed that a request was due.
//!
//! A connection has one request under way, never more. As in the other modes the result is one line of
//! `key=value` pairs, and the first wrong answer ends the run.

use std::process::ExitCode;

use crate::neighbours::options::{Options, USAGE};

mod clients;
mod headline;
mod open;
mod options;

pub(crate) fn is_mode(word: &str) -> bool {
    matches!(word, "open" | "headline")
}

pub(crate) fn main(mode: &str, args: impl Iterator<Item = String>) -> ExitCode {
    let run = if mode == "open" {
        open::run
    } else {
        headline::run
    };
    let options = match Options::from_args(args) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("spin {mode}: {problem}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("spin {mode}: {problem}");
            ExitCode::FAILURE
        }
    }
}
