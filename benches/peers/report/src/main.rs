//! Makes JSON, a Markdown text and an SVG chart of what `benches/compare.sh` measured.
//!
//! ```text
//! report --records FILE --about FILE --out PATH     # writes PATH.json, PATH.md and PATH.svg
//! ```
//!
//! A line of the records is one measurement: `key=value` pairs, among them `contender`, `scenario` and
//! `placement`. A line of the other file is `key=value`, and says where, when and how it was measured.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::results::Results;

mod chart;
mod markdown;
mod results;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("report: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let mut options = BTreeMap::new();
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("{name}: no value"))?;
        options.insert(name, value);
    }
    let option = |name: &str| options.get(name).ok_or_else(|| format!("{name} is needed"));
    let read = |name: &str| {
        let file = option(name)?;
        fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))
    };
    let about = read("--about")?
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let results = Results::read(&read("--records")?, about)?;
    let out = option("--out")?;
    write(out, "json", &results.json())?;
    // The text shows the chart that lies beside it.
    let chart = Path::new(out).with_extension("svg");
    let chart = chart.file_name().unwrap_or_default().to_string_lossy();
    write(out, "md", &markdown::text(&results, &chart))?;
    write(out, "svg", &chart::draw(&results))
}

fn write(out: &str, extension: &str, text: &str) -> Result<(), String> {
    let path = Path::new(out).with_extension(extension);
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}
