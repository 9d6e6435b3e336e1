//! The table of the benchmarks.

use crate::cost::Cost;
use crate::go;
use crate::options::Options;
use crate::peer::{Peer, Ringspun, Tokio};
use crate::report::Report;
use crate::rows::{ROWS, Row};

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<(), String> {
    let rows = ROWS.iter().filter(|row| row.name.contains(&options.only));
    let clock = if options.cpu { "of CPUs " } else { "" };
    println!(
        "ns {clock}per operation, the least of {} rounds",
        options.rounds
    );
    println!(
        "{:<18} {:>5} {:>10} {:>10} {:>10} {:>8} {:>8}",
        "", "cores", "ringspun", "tokio", "go", "/tokio", "/go"
    );
    for row in rows {
        for &cores in &options.cores {
            let least = measure(row, cores, options)?;
            print(row, cores, least);
            let tokio = ("tokio", least.tokio);
            let best = match least.go {
                Some(go) if go < least.tokio => ("go", go),
                _ => tokio,
            };
            let ours = Some(("ringspun", least.ringspun));
            report.row(row.name, cores, ours, Some(best))?;
        }
    }
    Ok(())
}

/// Nanoseconds per operation.
#[derive(Clone, Copy, Debug)]
struct Least {
    ringspun: f64,
    tokio: f64,
    go: Option<f64>,
}

fn measure(row: &Row, cores: usize, options: &Options) -> Result<Least, String> {
    let failed = |e| format!("a runtime of {cores} cores: {e}");
    let ringspun = Ringspun::new(cores).map_err(failed)?;
    let tokio = Tokio::new(cores).map_err(failed)?;
    let time = |cost: Cost| cost.time(options.cpu);
    let mut least: Option<Least> = None;
    // One more than asked for: the first warms up and does not count.
    for round in 0..=options.rounds {
        let this = Least {
            ringspun: time((row.ringspun)(&ringspun, row.operations)),
            tokio: time((row.tokio)(&tokio, row.operations)),
            go: match &options.go {
                Some(program) if row.go && round > 0 => {
                    let (wall, cpu) = go::row(program, row.name, cores, row.operations)?;
                    Some(if options.cpu { cpu } else { wall })
                }
                _ => None,
            },
        };
        least = match least {
            _ if round == 0 => None,
            None => Some(this),
            Some(before) => Some(Least {
                ringspun: this.ringspun.min(before.ringspun),
                tokio: this.tokio.min(before.tokio),
                go: this.go.zip(before.go).map(|(a, b)| a.min(b)),
            }),
        };
    }
    least.ok_or_else(|| "no rounds".into())
}

fn print(row: &Row, cores: usize, least: Least) {
    let go = |digits, value: fn(f64, f64) -> f64| {
        least.go.map_or_else(
            || "-".into(),
            |go| format!("{:.digits$}", value(least.ringspun, go)),
        )
    };
    println!(
        "{:<18} {cores:>5} {:>10.1} {:>10.1} {:>10} {:>8.2} {:>8}",
        row.name,
        least.ringspun,
        least.tokio,
        go(1, |_, go| go),
        least.ringspun / least.tokio,
        go(2, |ringspun, go| ringspun / go),
    );
}
