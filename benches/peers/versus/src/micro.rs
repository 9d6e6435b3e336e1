//! The table of the benchmarks.

use std::time::Duration;

use crate::go;
use crate::options::Options;
use crate::peer::{Peer, Ringspun, Tokio};
use crate::rows::{ROWS, Row};

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let rows = ROWS.iter().filter(|row| row.name.contains(&options.only));
    println!("ns per operation, the least of {} rounds", options.rounds);
    println!(
        "{:<18} {:>5} {:>10} {:>10} {:>10} {:>8} {:>8}",
        "", "cores", "ringspun", "tokio", "go", "/tokio", "/go"
    );
    for row in rows {
        for &cores in &options.cores {
            print(row, cores, measure(row, cores, options)?);
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
    let each = |time: Duration| time.as_nanos() as f64 / row.operations as f64;
    let mut least: Option<Least> = None;
    // One more than asked for: the first warms up and does not count.
    for round in 0..=options.rounds {
        let this = Least {
            ringspun: each((row.ringspun)(&ringspun, row.operations)),
            tokio: each((row.tokio)(&tokio, row.operations)),
            go: match &options.go {
                Some(program) if row.go && round > 0 => {
                    Some(go::row(program, row.name, cores, row.operations)?.0)
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
