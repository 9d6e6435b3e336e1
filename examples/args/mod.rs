//! The options that the example servers share: `--addr HOST:PORT` and `--cores N`, and flags.

#![allow(dead_code, reason = "each example uses its own part")]

use std::process::exit;

/// What the command line said.
pub(crate) struct Args {
    pub(crate) addr: String,
    pub(crate) cores: Option<usize>,
    /// Other options, `--name value`.
    values: Vec<(String, String)>,
    flags: Vec<String>,
}

impl Args {
    /// Reads the command line; ends the program with a usage line if it makes no sense.
    pub(crate) fn parse(default_addr: &str, flags: &[&str], values: &[&str]) -> Self {
        let mut args = Self {
            addr: default_addr.to_owned(),
            cores: None,
            values: Vec::new(),
            flags: Vec::new(),
        };
        let usage = |text: String| -> ! {
            let values: String = values
                .iter()
                .map(|name| format!(" [{name} VALUE]"))
                .collect();
            let flags: String = flags.iter().map(|name| format!(" [{name}]")).collect();
            eprintln!("{text}\nusage: [--addr HOST:PORT] [--cores N]{values}{flags}");
            exit(2);
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            if flags.contains(&word.as_str()) {
                args.flags.push(word);
                continue;
            }
            let known = word == "--addr" || word == "--cores" || values.contains(&word.as_str());
            if !known {
                usage(format!("unknown option {word}"));
            }
            let Some(value) = words.next() else {
                usage(format!("{word} needs a value"))
            };
            match word.as_str() {
                "--addr" => args.addr = value,
                "--cores" => match value.parse() {
                    Ok(cores) => args.cores = Some(cores),
                    Err(_) => usage(format!("--cores {value}: not a number")),
                },
                _ => args.values.push((word, value)),
            }
        }
        args
    }

    /// Whether the flag was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|given| given == flag)
    }

    /// The value of an option, or `default`; ends the program if it does not parse.
    pub(crate) fn value<T: std::str::FromStr>(&self, name: &str, default: T) -> T {
        let Some((_, text)) = self.values.iter().rfind(|(given, _)| given == name) else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            eprintln!("{name} {text}: not understood");
            exit(2);
        })
    }

    /// Prints the scheduler's counters, if the flag `--metrics` asks for that.
    pub(crate) fn print_metrics(&self, runtime: &ringspun::Runtime) {
        if !self.has("--metrics") {
            return;
        }
        let metrics = runtime.handle().metrics();
        let total = metrics.total();
        println!(
            "metrics: polls={} injected={} wakes_sent={} steals={} stolen_tasks={} parks={} \
             empty_searches={} reactor_waits={} watchdog={} adoptions={} hand_offs={}",
            total.polls,
            // From outside, or because a ring was full.
            metrics.foreign_pushes + total.overflows,
            total.wakes_sent,
            total.steals,
            total.stolen_tasks,
            total.parks,
            total.empty_searches,
            total.reactor_waits,
            total.watchdog_fires,
            total.adoptions,
            total.hand_offs,
        );
    }

    /// A runtime with the cores that were asked for.
    pub(crate) fn runtime(&self) -> std::io::Result<ringspun::Runtime> {
        let builder = ringspun::Builder::new();
        match self.cores {
            Some(cores) => builder.cores(cores).build(),
            None => builder.build(),
        }
    }
}
