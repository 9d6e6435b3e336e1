//! Ratios for scripts to compare.

use std::fs::{File, OpenOptions};
use std::io::Write;

/// Above this a ratio is a finding.
pub(crate) const NOISE: f64 = 1.07;

/// A file that gets a line for each row: its name, cores, the best of the others, ringspun's ratio to it.
#[derive(Debug)]
pub(crate) struct Report(Option<File>);

impl Report {
    /// At the end of what is there already; without a path nothing is written.
    pub(crate) fn open(path: Option<&str>) -> Result<Self, String> {
        let open = |path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.map_err(|e| format!("{path}: {e}"))
        };
        path.map(open).transpose().map(Self)
    }

    /// A row; one without a peer is left out.
    pub(crate) fn row(
        &mut self,
        name: &str,
        cores: usize,
        ours: Option<(&str, f64)>,
        best: Option<(&str, f64)>,
    ) -> Result<(), String> {
        let (Some(file), Some((_, ours)), Some((peer, theirs))) = (&mut self.0, ours, best) else {
            return Ok(());
        };
        writeln!(file, "{name}\t{cores}\t{peer}\t{:.3}", ours / theirs)
            .map_err(|e| format!("cannot write ratios: {e}"))
    }
}
