//! The figures, one row for each contender in each scenario.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

/// Who the others are compared with.
pub(crate) const FLOOR: &str = "floor";
/// Whose row is to be found at a glance.
pub(crate) const OURS: &str = "ringspun";

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Results {
    /// Where, when and how.
    pub(crate) about: BTreeMap<String, String>,
    /// In the order they were measured in.
    pub(crate) tables: Vec<Table>,
    /// User memory per idle connection in bytes.
    pub(crate) idle_bytes: BTreeMap<String, f64>,
}

/// A scenario in a placement.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) scenario: String,
    pub(crate) placement: String,
    /// In the order of the contenders.
    pub(crate) rows: Vec<Row>,
}

/// A contender's figures there.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) contender: String,
    /// The least CPU time, the most requests, the median of everything else.
    pub(crate) figures: BTreeMap<String, f64>,
    /// The same, divided by the floor's.
    pub(crate) to_floor: BTreeMap<String, f64>,
    /// What each round measured, by figure.
    pub(crate) rounds: BTreeMap<String, Vec<f64>>,
}

impl Results {
    pub(crate) fn read(records: &str, about: BTreeMap<String, String>) -> Result<Self, String> {
        let mut results = Self {
            about,
            tables: Vec::new(),
            idle_bytes: BTreeMap::new(),
        };
        for (number, line) in records.lines().enumerate() {
            results
                .add(line)
                .map_err(|problem| format!("record {}: {problem}: {line}", number + 1))?;
        }
        for table in &mut results.tables {
            table.conclude();
        }
        Ok(results)
    }

    /// As JSON, a contender's row on a line: for eyes and for `diff`.
    pub(crate) fn json(&self) -> String {
        let lines = |values: Vec<Value>, indent: &str| {
            let lines: Vec<String> = values.iter().map(Value::to_string).collect();
            lines.join(&format!(",\n{indent}"))
        };
        let tables: Vec<String> = self
            .tables
            .iter()
            .map(|table| {
                let rows = table.rows.iter().map(|row| json!(row)).collect();
                format!(
                    "    {{\"scenario\": {}, \"placement\": {}, \"rows\": [\n      {}\n    ]}}",
                    json!(table.scenario),
                    json!(table.placement),
                    lines(rows, "      "),
                )
            })
            .collect();
        format!(
            "{{\n  \"about\": {:#},\n  \"idle_bytes\": {:#},\n  \"tables\": [\n{}\n  ]\n}}\n",
            json!(self.about),
            json!(self.idle_bytes),
            tables.join(",\n"),
        )
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let mut words = BTreeMap::new();
        for pair in line.split_whitespace() {
            let (key, value) = pair.split_once('=').ok_or("not key=value")?;
            words.insert(key, value);
        }
        let mut word = |key: &str| words.remove(key).ok_or_else(|| format!("no {key}"));
        let (contender, scenario) = (word("contender")?, word("scenario")?);
        let placement = word("placement")?;
        let mut figures = BTreeMap::new();
        for (key, value) in words {
            let value = value.parse().map_err(|e| format!("{key}: {e}"))?;
            figures.insert(key.to_owned(), value);
        }
        if scenario == "idle" {
            let bytes = figures.get("bytes").ok_or("no bytes")?;
            self.idle_bytes.insert(contender.to_owned(), *bytes);
            return Ok(());
        }
        let row = self.table(scenario, placement).row(contender);
        for (key, value) in figures {
            row.rounds.entry(key).or_default().push(value);
        }
        Ok(())
    }

    fn table(&mut self, scenario: &str, placement: &str) -> &mut Table {
        let same = |table: &Table| table.scenario == scenario && table.placement == placement;
        let index = self.tables.iter().position(same).unwrap_or_else(|| {
            self.tables.push(Table {
                scenario: scenario.into(),
                placement: placement.into(),
                rows: Vec::new(),
            });
            self.tables.len() - 1
        });
        &mut self.tables[index]
    }
}

impl Table {
    /// Whether anybody has such a figure.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.rows.iter().any(|row| row.figures.contains_key(key))
    }

    fn row(&mut self, contender: &str) -> &mut Row {
        let same = |row: &Row| row.contender == contender;
        let index = self.rows.iter().position(same).unwrap_or_else(|| {
            self.rows.push(Row {
                contender: contender.into(),
                figures: BTreeMap::new(),
                to_floor: BTreeMap::new(),
                rounds: BTreeMap::new(),
            });
            self.rows.len() - 1
        });
        &mut self.rows[index]
    }

    /// Makes one figure of the rounds', and compares with the floor.
    fn conclude(&mut self) {
        for row in &mut self.rows {
            for (key, values) in &row.rounds {
                row.figures.insert(key.clone(), one_of(key, values));
            }
            // The user part of the round whose sum counts: parts of different rounds make no sum.
            if let (Some(cpu), Some(user)) = (row.rounds.get("cpu_us"), row.rounds.get("user_us"))
                && let Some((_, user)) = cpu.iter().zip(user).min_by(|a, b| a.0.total_cmp(b.0))
            {
                row.figures.insert("user_us".into(), *user);
            }
        }
        let Some(floor) = self.rows.iter().find(|row| row.contender == FLOOR) else {
            return;
        };
        let floor = floor.figures.clone();
        for row in &mut self.rows {
            for (key, value) in &row.figures {
                if let Some(base) = floor.get(key).filter(|base| **base > 0.0) {
                    row.to_floor.insert(key.clone(), rounded(value / base));
                }
            }
        }
    }
}

/// Four digits say more than a ratio knows.
fn rounded(ratio: f64) -> f64 {
    (ratio * 1e4).round() / 1e4
}

/// Noise only ever adds to CPU time, and takes from throughput.
fn one_of(key: &str, values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    match key {
        "cpu_us" => sorted[0],
        "rps" => sorted[sorted.len() - 1],
        _ => sorted[(sorted.len() - 1) / 2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: &str = "\
        contender=floor scenario=json placement=pinned cpu_us=4 user_us=1 rps=100 p50_us=7\n\
        contender=x scenario=json placement=pinned cpu_us=9 user_us=3 rps=80 p50_us=30\n\
        contender=floor scenario=json placement=pinned cpu_us=5 user_us=0.5 rps=90 p50_us=9\n\
        contender=x scenario=json placement=pinned cpu_us=8 user_us=2 rps=70 p50_us=20\n\
        contender=x scenario=json placement=pinned cpu_us=10 user_us=1 rps=60 p50_us=10\n\
        contender=x scenario=idle placement=pinned bytes=700\n";

    #[test]
    fn one_figure_of_the_rounds() {
        let results = Results::read(RECORDS, BTreeMap::new()).expect("well-formed");
        let [table] = &results.tables[..] else {
            panic!("{results:?}")
        };
        let x = &table.rows[1];
        let figures: Vec<f64> = ["cpu_us", "user_us", "rps", "p50_us"]
            .map(|key| x.figures[key])
            .to_vec();
        assert_eq!(figures, [8.0, 2.0, 80.0, 20.0]);
        assert_eq!((x.to_floor["cpu_us"], x.to_floor["rps"]), (2.0, 0.8));
        assert_eq!(table.rows[0].figures["user_us"], 1.0);
        assert_eq!(results.idle_bytes["x"], 700.0);
        let json: Value = serde_json::from_str(&results.json()).expect("JSON");
        let row = &json["tables"][0]["rows"][1];
        assert_eq!(row["contender"], "x");
        assert_eq!(row["rounds"]["cpu_us"], json!([9.0, 8.0, 10.0]));
        assert_eq!(json["idle_bytes"]["x"], 700.0);
    }

    #[test]
    fn a_record_that_makes_no_sense_is_named() {
        for bad in [
            "contender=x scenario=json placement=pinned cpu_us=",
            "contender=x scenario=json cpu_us=1",
            "contender=x scenario=json placement=pinned word",
            "contender=x scenario=idle placement=pinned",
        ] {
            let problem = Results::read(bad, BTreeMap::new()).expect_err(bad);
            assert!(problem.starts_with("record 1: "), "{problem}");
        }
    }
}
