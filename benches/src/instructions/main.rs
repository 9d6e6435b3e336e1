//! Fixed pieces of work to count the instructions of, under callgrind.
//!
//! `benches/instructions.sh` runs this program twice for each row, with N and with 2N operations: the
//! difference is what N operations cost, without the start of the program. What a run does depends on
//! nothing but the row and N: one core, [a clock that cannot hurry anybody](clock), and clients
//! [whose instructions are not counted](aside).
//!
//! ```text
//! instructions              the rows, one a line: name, N
//! instructions NAME N       does N operations of a row
//! ```

use std::process::ExitCode;

mod aside;
mod clock;
mod exchange;
mod machine;
mod parts;
#[path = "../samples.rs"]
mod samples;
mod server;
mod sync;
mod tasks;

/// Something to count.
pub(crate) struct Row {
    name: &'static str,
    /// Operations of the shorter run: as many as make a difference of some million instructions.
    operations: u64,
    run: fn(u64),
}

fn rows() -> impl Iterator<Item = &'static Row> {
    let parts: [&[Row]; 4] = [server::ROWS, parts::ROWS, tasks::ROWS, sync::ROWS];
    parts.into_iter().flatten()
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let operations = args.get(1).map(|text| text.parse());
    let row = args
        .first()
        .map(|name| rows().find(|row| row.name == name.as_str()));
    match (row, operations) {
        (None, _) => {
            for row in rows() {
                println!("{} {}", row.name, row.operations);
            }
        }
        (Some(Some(row)), Some(Ok(operations))) => (row.run)(operations),
        _ => {
            eprintln!("usage: instructions [NAME OPERATIONS]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
