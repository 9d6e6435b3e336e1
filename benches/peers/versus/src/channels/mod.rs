//! The table of the channels, and the race they must not lose values in.

use crate::cost::Cost;
use crate::options::Options;
use crate::report::{NOISE, Report};

use contender::Contender;
use kind::Role;
use row::{ROWS, Row};

mod contender;
mod flow;
mod kind;
mod losses;
mod oneshot;
mod random;
mod row;
mod select;

/// Nanoseconds per operation; `/best` is ringspun's ratio to the best of those that do the same work.
pub(crate) fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    let names = contenders(1, options)?;
    let clock = if options.cpu { "of CPUs " } else { "" };
    println!(
        "ns {clock}per operation, the least of {} rounds",
        options.rounds
    );
    println!(
        "MISS: ringspun takes more than 1.07 of the best; (in brackets): no bar; alloc: ringspun's allocations"
    );
    print!("{:<18} {:>5} {:>6} {:>4}", "", "cores", "/best", "");
    for contender in &names {
        let name = contender.name();
        match contender.role() {
            Role::Listed => print!(" {:>11}", format!("({name})")),
            _ => print!(" {name:>11}"),
        }
    }
    println!(" {:>6}", "alloc");
    for row in ROWS.iter().filter(|row| row.name.contains(&options.only)) {
        for &cores in &options.cores {
            let contenders = contenders(cores, options)?;
            let costs = measure(row, &contenders, options.rounds)?;
            print(row, cores, &contenders, &costs, options.cpu);
            let times = contenders
                .iter()
                .zip(&costs)
                .filter_map(|(contender, cost)| {
                    let time = cost.map(|cost| cost.time(options.cpu))?;
                    Some((contender.role(), contender.name(), time))
                });
            let best = |wanted| {
                let mine = times.clone().filter(move |(role, ..)| *role == wanted);
                mine.map(|(_, name, time)| (name, time))
                    .min_by(|a, b| a.1.total_cmp(&b.1))
            };
            report.row(row.name, cores, best(Role::Ours), best(Role::Bar))?;
        }
    }
    Ok(())
}

/// The values lost of `VALUES` whose receives are dropped at random.
pub(crate) fn losses(options: &Options) -> Result<(), String> {
    println!("values lost of {VALUES}, receives dropped at random");
    println!("{:<12} {:>5} {:>8} {:>8}", "", "cores", "capacity", "lost");
    for &cores in &options.cores {
        for contender in contenders(cores, options)? {
            for capacity in [0, 1, 64] {
                if let Some(lost) = contender.losses(capacity, VALUES) {
                    println!(
                        "{:<12} {cores:>5} {capacity:>8} {lost:>8}",
                        contender.name()
                    );
                }
            }
        }
    }
    Ok(())
}

const VALUES: u64 = 200_000;

fn contenders(cores: usize, options: &Options) -> Result<Vec<Box<dyn Contender>>, String> {
    contender::all(cores, options).map_err(|e| format!("a runtime of {cores} cores: {e}"))
}

/// Each contender's least.
fn measure(
    row: &Row,
    contenders: &[Box<dyn Contender>],
    rounds: usize,
) -> Result<Vec<Option<Cost>>, String> {
    let mut least = vec![None; contenders.len()];
    // One more than asked for: the first warms up and does not count.
    for round in 0..=rounds {
        for (contender, least) in contenders.iter().zip(&mut least) {
            let cost = contender.measure(row)?;
            if round > 0 {
                *least = least.map_or(cost, |least: Cost| cost.map(|cost| least.min(cost)));
            }
        }
    }
    Ok(least)
}

fn print(
    row: &Row,
    cores: usize,
    contenders: &[Box<dyn Contender>],
    costs: &[Option<Cost>],
    cpu: bool,
) {
    let time = |cost: Cost| cost.time(cpu);
    let least = |role| {
        let all = contenders.iter().zip(costs);
        all.filter(|(contender, _)| contender.role() == role)
            .filter_map(|(_, cost)| *cost)
            .reduce(Cost::min)
    };
    let (ours, best) = (least(Role::Ours), least(Role::Bar));
    let ratio = ours.zip(best).map(|(ours, best)| time(ours) / time(best));
    let miss = if ratio.is_some_and(|ratio| ratio > NOISE) {
        "MISS"
    } else {
        ""
    };
    print!(
        "{:<18} {cores:>5} {:>6} {miss:>4}",
        row.name,
        figure(ratio, 2)
    );
    for cost in costs {
        print!(" {:>11}", figure(cost.map(time), 1));
    }
    // With more cores the task may have been on several threads.
    let allocations = ours.filter(|_| cores == 1).map(|cost| cost.allocations);
    println!(" {:>6}", figure(allocations.flatten(), 3));
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.digits$}"))
}
