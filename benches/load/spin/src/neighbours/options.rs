//! The command line of both loads.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use crate::options::{Mode, seconds};

pub(crate) const USAGE: &str = "usage: spin open --addr ADDR
  [--rate R]                requests per second (4000)
  [--arrivals even|poisson] (even)
  [--seed N]                of poisson (1)
  [--connections N]         (256)
  [--every K --other PATH]  every k-th request goes there (none)
  [--mode keep-alive|echo]  requests, or TCP echoes of 64 bytes (keep-alive)
  [--seconds S] [--warmup S]  (3, 0.5)
  [--pid PID]               of the server: adds its CPU time
usage: spin headline --addr ADDR
  [--path PATH]             of the long request (/burn/10000)
  [--stuck 1|2]             how many of them at a time (1)
  [--rounds N]              (1000)
  [--pid PID]               of the server: adds its CPU time per round";

/// What load to make.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) addr: SocketAddr,
    pub(crate) pid: Option<u32>,
    // Those of `open`.
    pub(crate) rate: f64,
    pub(crate) poisson: bool,
    pub(crate) seed: u64,
    pub(crate) connections: usize,
    pub(crate) mode: Mode,
    /// 0: no request is another.
    pub(crate) every: u64,
    pub(crate) seconds: Duration,
    pub(crate) warmup: Duration,
    // Those of `headline`.
    pub(crate) stuck: usize,
    pub(crate) rounds: u64,
    /// Where the long requests go, in both.
    pub(crate) long: String,
}

impl Options {
    pub(crate) fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut addr = None;
        let mut options = Self {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            pid: None,
            rate: 4000.0,
            poisson: false,
            seed: 1,
            connections: 256,
            mode: Mode::KeepAlive,
            every: 0,
            seconds: Duration::from_secs(3),
            warmup: Duration::from_millis(500),
            stuck: 1,
            rounds: 1000,
            long: "/burn/10000".into(),
        };
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name}: no value"))?;
            let bad = |why: &dyn Display| format!("{name} {value}: {why}");
            match name.as_str() {
                "--addr" => addr = Some(value.parse().map_err(|e| bad(&e))?),
                "--pid" => options.pid = Some(value.parse().map_err(|e| bad(&e))?),
                "--rate" => options.rate = value.parse().map_err(|e| bad(&e))?,
                "--arrivals" => {
                    options.poisson = match value.as_str() {
                        "poisson" => true,
                        "even" => false,
                        _ => return Err(bad(&"unknown")),
                    }
                }
                "--mode" => {
                    options.mode = match value.as_str() {
                        "keep-alive" => Mode::KeepAlive,
                        "echo" => Mode::Echo,
                        _ => return Err(bad(&"unknown")),
                    }
                }
                "--seed" => options.seed = value.parse().map_err(|e| bad(&e))?,
                "--connections" => options.connections = value.parse().map_err(|e| bad(&e))?,
                "--every" => options.every = value.parse().map_err(|e| bad(&e))?,
                "--seconds" => options.seconds = seconds(&value)?,
                "--warmup" => options.warmup = seconds(&value)?,
                "--stuck" => options.stuck = value.parse().map_err(|e| bad(&e))?,
                "--rounds" => options.rounds = value.parse().map_err(|e| bad(&e))?,
                "--other" | "--path" => options.long = value,
                _ => return Err(format!("{name}: unknown")),
            }
        }
        options.addr = addr.ok_or("--addr is needed")?;
        options.checked()
    }

    fn checked(self) -> Result<Self, String> {
        if !(self.rate > 0.0 && self.rate <= 1e6) {
            return Err("--rate is above 0 and at most a million".into());
        }
        if !matches!(self.stuck, 1 | 2) {
            return Err("--stuck is 1 or 2".into());
        }
        if self.mode == Mode::Echo && self.every > 0 {
            return Err("an echo has no --other".into());
        }
        if self.connections == 0 || self.rounds == 0 || self.seconds.is_zero() {
            return Err("nothing to do".into());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line() {
        let parse = |line: &str| Options::from_args(line.split_whitespace().map(String::from));
        let options = parse("--addr 127.0.0.1:80 --rate 2.5 --every 3 --other /block/1 --stuck 2")
            .expect("well-formed");
        assert_eq!((options.rate, options.every, options.stuck), (2.5, 3, 2));
        assert_eq!(options.long, "/block/1");
        for bad in [
            "",
            "--addr 127.0.0.1:80 --rate 0",
            "--addr 127.0.0.1:80 --rate NaN",
            "--addr 127.0.0.1:80 --stuck 3",
            "--addr 127.0.0.1:80 --arrivals odd",
            "--addr 127.0.0.1:80 --seconds 0",
            "--addr 127.0.0.1:80 --mode close",
            "--addr 127.0.0.1:80 --mode echo --every 2",
            "--addr 127.0.0.1:80 --pid",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
