//! The command line.

use std::time::Duration;

pub(crate) const USAGE: &str = "usage: versus micro|channels|parts|losses|burners|balance
  [--go PATH]         Go's counterpart takes part
  [--cores \"N...\"]    of micro, channels and losses (1 2)
  [--rounds N]        of micro, channels and parts (7)
  [--only TEXT]       of micro, channels and parts: rows with that in their name
  [--who TEXT]        of channels and losses: contenders with that in their name
  [--cpu]             of micro and channels: the time of CPUs, not that on the wall
  [--ratios PATH]     of micro, channels and parts: appends row, cores, best other, ratio to it
  [--tasks \"N...\"]    of burners (4 64)
  [--seconds S]       of burners and balance (3)";

const COMMANDS: [&str; 6] = ["micro", "channels", "parts", "losses", "burners", "balance"];

/// What to measure.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) command: String,
    pub(crate) go: Option<String>,
    pub(crate) cores: Vec<usize>,
    pub(crate) rounds: usize,
    pub(crate) only: String,
    pub(crate) who: String,
    pub(crate) cpu: bool,
    pub(crate) ratios: Option<String>,
    pub(crate) tasks: Vec<usize>,
    pub(crate) seconds: Duration,
}

impl Options {
    pub(crate) fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let command = args.next().ok_or("what?")?;
        if !COMMANDS.contains(&command.as_str()) {
            return Err(format!("{command}: unknown"));
        }
        let mut options = Self {
            command,
            go: None,
            cores: vec![1, 2],
            rounds: 7,
            only: String::new(),
            who: String::new(),
            cpu: false,
            ratios: None,
            tasks: vec![4, 64],
            seconds: Duration::from_secs(3),
        };
        while let Some(name) = args.next() {
            if name == "--cpu" {
                options.cpu = true;
                continue;
            }
            let value = args.next().ok_or_else(|| format!("{name}: no value"))?;
            match name.as_str() {
                "--go" => options.go = Some(value),
                "--cores" => options.cores = counts(&value)?,
                "--rounds" => options.rounds = count(&value)?,
                "--only" => options.only = value,
                "--who" => options.who = value,
                "--ratios" => options.ratios = Some(value),
                "--tasks" => options.tasks = counts(&value)?,
                "--seconds" => {
                    let seconds = value.parse().map_err(|e| format!("{value}: {e}"))?;
                    options.seconds = Duration::try_from_secs_f64(seconds)
                        .map_err(|e| format!("{value}: {e}"))?;
                }
                _ => return Err(format!("{name}: unknown")),
            }
        }
        Ok(options)
    }
}

fn counts(text: &str) -> Result<Vec<usize>, String> {
    text.split_whitespace().map(count).collect()
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("0: nothing to do".into()),
        Ok(n) => Ok(n),
        Err(e) => Err(format!("{text}: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line() {
        let parse = |args: &[&str]| Options::from_args(args.iter().map(|&arg| arg.into()));
        let options = parse(&["micro", "--cores", "1 16", "--only", "yield"]).expect("well-formed");
        assert_eq!(options.cores, [1, 16]);
        assert_eq!((options.rounds, options.only.as_str()), (7, "yield"));
        for bad in [
            &[][..],
            &["macro"],
            &["micro", "--rounds", "0"],
            &["micro", "--rounds"],
            &["burners", "--tasks", "4 x"],
            &["burners", "--seconds", "-1"],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
