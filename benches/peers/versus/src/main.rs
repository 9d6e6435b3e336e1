//! What tasks and channels cost on ringspun, tokio and Go, measured in turns in one run.
//!
//! ```sh
//! versus micro    [--cores "1 2"] [--rounds N] [--only NAME] [--go PATH]
//! versus channels [--cores "1 2"] [--rounds N] [--only NAME] [--who NAME] [--cpu] [--go PATH]
//! versus parts    [--rounds N] [--only NAME]
//! versus losses   [--cores "1 2"] [--who NAME]
//! versus burners  [--tasks "4 64"] [--seconds S] [--go PATH]
//! versus balance  [--seconds S]
//! ```
//!
//! - `micro`: nanoseconds for each operation, the least of the rounds, and ringspun's ratio to the
//!   others. The last row is 10,000 tasks of 50 µs spawned by one task: with two cores it takes half
//!   the time if the other core steals well.
//! - `channels`: the same for channels and selects, against the best that other crates have.
//! - `parts`: what needs no runtime: the run queue, parsing, encoding, the pool of buffers, a reactor.
//! - `losses`: values that never come when receives are dropped at random.
//! - `burners`: one core, tasks that compute for 100 µs and yield for ever, and a TCP echo beside them:
//!   how long does its client wait, and how much of the core do the burners get?
//! - `balance`: two cores with as much to do each: how often does one steal from the other all the same?
//!
//! `PATH` is the program of `../go/versus`; without it Go stays out.

use std::process::ExitCode;

use crate::options::Options;
use crate::report::Report;

mod allocations;
mod balance;
mod burners;
mod channels;
mod cost;
mod go;
// What the run queue takes its atomics from: see `parts/ring.rs`.
#[path = "../../../../runtime/src/loom.rs"]
#[allow(
    dead_code,
    unexpected_cfgs,
    unused_imports,
    reason = "the run queue needs a part of it, and no model checker"
)]
mod loom;
mod micro;
mod options;
mod parts;
mod peer;
mod report;
mod rows;
mod signal;
// What the run queue holds: see `parts/ring.rs`.
#[path = "parts/task.rs"]
mod task;

fn main() -> ExitCode {
    let options = match Options::from_args(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("versus: {problem}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let result = run(&options);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("versus: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let mut report = Report::open(options.ratios.as_deref())?;
    match options.command.as_str() {
        "micro" => micro::run(options, &mut report),
        "channels" => channels::run(options, &mut report),
        "parts" => parts::run(options, &mut report),
        "losses" => channels::losses(options),
        "burners" => burners::run(options),
        _ => balance::run(options),
    }
}
