//! A harness for micro-benchmarks that needs no dependency: several rounds, the least counts, because
//! noise on a shared machine only ever adds.
//!
//! These guard against regressions; what users see is measured by `benches/load`.

use std::time::Instant;

/// Rounds of each benchmark.
const ROUNDS: usize = 7;

/// Runs `round`, which does `operations` of something, a few times and prints the least time for one.
///
/// Names on the command line choose what runs.
pub fn bench(name: &str, operations: u64, mut round: impl FnMut()) {
    let mut chosen = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .peekable();
    if chosen.peek().is_some() && !chosen.any(|part| name.contains(&part)) {
        return;
    }
    round();
    let least = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            round();
            start.elapsed()
        })
        .min()
        .expect("more than no rounds");
    println!(
        "{name:<40} {:>10.1} ns",
        least.as_nanos() as f64 / operations as f64
    );
}
