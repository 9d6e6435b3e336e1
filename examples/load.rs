//! A load generator for HTTP servers, on ringspun itself.
//!
//! ```sh
//! cargo run --release --example hello_http -- --addr 127.0.0.1:8080 &
//! cargo run --release --example load -- --addr 127.0.0.1:8080 --connections 64 --seconds 5
//! ```
//!
//! It asks with the client of `ringspun::http`; `--by-hand` writes the bytes itself, which leaves more of
//! the machine to the server, and so does `--pipeline 16` (requests sent at once on a connection). Further
//! options: `--path /plaintext`, `--requests N` (a bound on the count), `--cores N`. Only loopback addresses are loaded: a load test
//! of somebody else's server is an attack.
//!
//! What to look at: requests/s, and how far p99 is from p50.

mod args;
mod loadgen;

use std::io;
use std::net::ToSocketAddrs;
use std::time::Duration;

fn main() -> io::Result<()> {
    let options = [
        "--connections",
        "--seconds",
        "--path",
        "--pipeline",
        "--requests",
    ];
    let args = args::Args::parse("127.0.0.1:8080", &["--by-hand"], &options);
    let addr = args
        .addr
        .to_socket_addrs()?
        .next()
        .expect("an address was parsed");
    if !addr.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{addr}: not loopback"),
        ));
    }
    let plan = loadgen::Plan {
        addr,
        path: args.value("--path", "/plaintext".to_owned()),
        connections: args.value("--connections", 64),
        pipeline: args.value("--pipeline", 1_usize).max(1),
        by_hand: args.has("--by-hand"),
        duration: Duration::from_secs_f64(args.value("--seconds", 5.0)),
        max_requests: args.value("--requests", u64::MAX),
    };
    let runtime = args.runtime()?;
    let report = runtime.block_on(loadgen::run(plan, |answered| {
        eprint!("\r{answered} answered ")
    }))?;
    eprintln!();
    println!(
        "{} requests in {:.2} s: {:.0} requests/s, {} failed connections",
        report.requests,
        report.elapsed.as_secs_f64(),
        report.requests as f64 / report.elapsed.as_secs_f64(),
        report.errors
    );
    for (name, q) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
        println!(
            "{name:>6} {:>9.1} µs",
            report.latency.quantile(q).as_nanos() as f64 / 1e3
        );
    }
    if report.errors > 0 || report.requests == 0 {
        std::process::exit(1);
    }
    Ok(())
}
