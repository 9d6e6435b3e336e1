//! The text: a summary of ratios, then every table.

use std::fmt::Write;

use crate::results::{FLOOR, OURS, Results, Row, Table};

/// Key of a figure, its heading, and the digits after the point.
type Column = (&'static str, &'static str, usize);

const COLUMNS: [Column; 9] = [
    ("rps", "requests/s", 0),
    ("cpu_us", "CPU µs", 2),
    ("user_us", "of it user", 2),
    ("calls", "calls", 2),
    ("mean_us", "mean µs", 0),
    ("p50_us", "p50 µs", 0),
    ("p90_us", "p90 µs", 0),
    ("p99_us", "p99 µs", 0),
    ("p999_us", "p99.9 µs", 0),
];

pub(crate) fn text(results: &Results, chart: &str) -> String {
    let mut out = String::from("# Comparison\n\n");
    for (key, value) in &results.about {
        writeln!(out, "- {key}: {value}").expect("a string takes everything");
    }
    out += "\nCPU is the server's time for each request, calls are its system calls for each request. In \
            parentheses the ratio to the floor, a hand-written epoll loop that is no HTTP server. Of the \
            rounds the least CPU time counts, the most requests, and the median of the latencies. An \
            empty cell: that contender does not do this. The method is in `benches/README.md`.\n\n";
    writeln!(out, "![CPU time for each request]({chart})\n").expect("a string takes everything");
    for placement in placements(results) {
        summary(&mut out, results, placement);
    }
    for table in &results.tables {
        figures(&mut out, table);
    }
    if !results.idle_bytes.is_empty() {
        idle(&mut out, results);
    }
    out
}

fn placements(results: &Results) -> Vec<&str> {
    let mut placements: Vec<&str> = Vec::new();
    for table in &results.tables {
        if !placements.contains(&table.placement.as_str()) {
            placements.push(&table.placement);
        }
    }
    placements
}

/// CPU time of all scenarios, as a ratio to the floor.
fn summary(out: &mut String, results: &Results, placement: &str) {
    let tables: Vec<&Table> = results
        .tables
        .iter()
        .filter(|table| table.placement == placement && table.has("cpu_us"))
        .collect();
    let mut names: Vec<&str> = Vec::new();
    for row in tables.iter().flat_map(|table| &table.rows) {
        if !names.contains(&row.contender.as_str()) {
            names.push(&row.contender);
        }
    }
    *out += &format!("## CPU time for each request, to the floor's: {placement}\n\n");
    let scenarios = tables.iter().map(|table| table.scenario.as_str());
    heading(out, scenarios);
    for name in names {
        let cells = tables.iter().map(|table| {
            let row = table.rows.iter().find(|row| row.contender == name)?;
            Some(format!("{:.2}", row.to_floor.get("cpu_us")?))
        });
        line(out, name, cells);
    }
    out.push('\n');
}

fn figures(out: &mut String, table: &Table) {
    *out += &format!("## {}: {}\n\n", table.scenario, table.placement);
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .filter(|(key, ..)| table.has(key))
        .collect();
    heading(out, columns.iter().map(|(_, heading, _)| *heading));
    for row in &table.rows {
        let cells = columns.iter().map(|column| cell(row, *column));
        line(out, &row.contender, cells);
    }
    out.push('\n');
}

fn cell(row: &Row, (key, _, digits): Column) -> Option<String> {
    let value = row.figures.get(key)?;
    let mut text = format!("{value:.digits$}");
    if row.contender != FLOOR
        && let Some(ratio) = row.to_floor.get(key)
    {
        text += &format!(" ({ratio:.2})");
    }
    Some(text)
}

fn idle(out: &mut String, results: &Results) {
    *out += "## User memory of an idle connection\n\n";
    heading(out, ["bytes"].into_iter());
    for (name, bytes) in &results.idle_bytes {
        line(out, name, [Some(format!("{bytes:.0}"))].into_iter());
    }
}

fn heading<'a>(out: &mut String, names: impl Iterator<Item = &'a str>) {
    let mut rule = String::from("|---|");
    *out += "| |";
    for name in names {
        *out += &format!(" {name} |");
        rule += "---:|";
    }
    *out += &format!("\n{rule}\n");
}

fn line(out: &mut String, name: &str, cells: impl Iterator<Item = Option<String>>) {
    let ours = name == OURS;
    let bold = |text: String| if ours { format!("**{text}**") } else { text };
    *out += &format!("| {} |", bold(name.to_owned()));
    for cell in cells {
        *out += &cell.map_or_else(|| " |".to_owned(), |cell| format!(" {} |", bold(cell)));
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_cells_and_ratios() {
        let records = "\
            contender=floor scenario=json placement=pinned cpu_us=4 rps=100\n\
            contender=ringspun scenario=json placement=pinned cpu_us=5 rps=80\n\
            contender=ringspun scenario=echo-64 placement=pinned cpu_us=3\n\
            contender=floor scenario=idle placement=pinned bytes=65\n";
        let results = Results::read(records, [("date".into(), "today".into())].into());
        let text = text(&results.expect("well-formed"), "x.svg");
        for line in [
            "- date: today",
            "![CPU time for each request](x.svg)",
            "| | json | echo-64 |",
            "| floor | 1.00 | |",
            "| **ringspun** | **1.25** | |",
            "| **ringspun** | **80 (0.80)** | **5.00 (1.25)** |",
            "| **ringspun** | **3.00** |",
            "| floor | 65 |",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }
}
