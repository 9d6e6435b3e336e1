//! What needs no runtime, beside the crates that do the same.

use crate::cost::{Cost, Watch};
use crate::options::Options;
use crate::report::{NOISE, Report};

mod buffer;
mod http;
mod reactor;
mod ring;

/// A line of the table.
pub(crate) struct Part {
    name: &'static str,
    operations: u64,
    /// ringspun first.
    contenders: &'static [Contender],
}

/// Who does it, and how.
pub(crate) struct Contender {
    name: &'static str,
    /// Whether it does the same work; else it is shown in brackets.
    is_bar: bool,
    run: Run,
}

/// Does so many operations.
enum Run {
    /// All of it counts.
    Whole(fn(u64)),
    /// It says itself what a part of it has cost.
    Watched(fn(u64) -> Cost),
}

const fn ours(run: fn(u64)) -> Contender {
    bar("ringspun", run)
}

const fn bar(name: &'static str, run: fn(u64)) -> Contender {
    Contender {
        name,
        is_bar: true,
        run: Run::Whole(run),
    }
}

/// One that does less, or not the same.
const fn listed(name: &'static str, run: fn(u64)) -> Contender {
    Contender {
        name,
        is_bar: false,
        run: Run::Whole(run),
    }
}

const fn watched(name: &'static str, is_bar: bool, run: fn(u64) -> Cost) -> Contender {
    Contender {
        name,
        is_bar,
        run: Run::Watched(run),
    }
}

/// All of them, in turns; the least of the rounds counts.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    println!(
        "ns of the CPU per operation, the least of {} rounds; (in brackets): does less",
        options.rounds
    );
    let all: [&[Part]; 4] = [ring::PARTS, http::PARTS, buffer::PARTS, reactor::PARTS];
    for part in all.into_iter().flatten() {
        if part.name.contains(&options.only) {
            let times = measure(part, options.rounds);
            print(part, &times);
            let best = best(part, &times);
            report.row(part.name, 1, Some((part.name, times[0])), Some(best))?;
        }
    }
    Ok(())
}

/// Nanoseconds of each contender.
fn measure(part: &Part, rounds: usize) -> Vec<f64> {
    let mut least = vec![f64::INFINITY; part.contenders.len()];
    // One more than asked for: the first warms up and does not count.
    for round in 0..=rounds {
        for (contender, least) in part.contenders.iter().zip(&mut least) {
            let cost = match contender.run {
                Run::Whole(run) => {
                    let watch = Watch::start();
                    run(part.operations);
                    watch.stop(part.operations)
                }
                Run::Watched(run) => run(part.operations),
            };
            if round > 0 {
                *least = least.min(cost.cpu);
            }
        }
    }
    least
}

/// The best of those that do the same, beside ringspun.
fn best(part: &Part, times: &[f64]) -> (&'static str, f64) {
    let others = part.contenders.iter().zip(times).skip(1);
    others
        .filter(|(contender, _)| contender.is_bar)
        .map(|(contender, time)| (contender.name, *time))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .expect("every part has a bar")
}

fn print(part: &Part, times: &[f64]) {
    let ratio = times[0] / best(part, times).1;
    let miss = if ratio > NOISE { "MISS" } else { "" };
    print!("{:<20} {ratio:>6.2} {miss:>4}", part.name);
    for (contender, time) in part.contenders.iter().zip(times) {
        let name = contender.name;
        if contender.is_bar {
            print!("  {name} {time:.1}");
        } else {
            print!("  ({name} {time:.1})");
        }
    }
    println!();
}
