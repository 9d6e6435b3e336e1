//! P1: the rows of the conformance table that are about framing and about what is a request at all, sent
//! to ringspun, hyper, nginx and Go in one run. Printed is where they judge differently; who is not here is
//! left out, with a line that says so. `cargo test --test verdicts -- --nocapture`
//!
//! A verdict is the statuses of the final responses: whatever a handler may answer is "seen". nginx answers
//! by itself (`return`), before it looks at the body: what is broken in a body comes too late for it to count
//! as refused.

#[path = "../../../http/tests/conformance/cases/mod.rs"]
mod cases;
mod peers;

use std::collections::BTreeMap;
use std::io::{Read, Write};

use cases::{Case, Level, PARTS};
use peers::{Address, Peer};

/// The parts of the table whose rows are compared: those where two servers that do not agree can be played
/// against each other.
const COMPARED: [&str; 7] = [
    "request line",
    "target",
    "host",
    "fields",
    "content-length",
    "transfer-encoding",
    "chunked",
];

/// What shows whether the connection is kept.
const PROBE: &[u8] = b"GET /probe HTTP/1.1\r\nHost: a\r\n\r\n";

/// What a server makes of a row.
#[derive(Clone, PartialEq, Eq)]
struct Verdict {
    /// Final responses that came from the handler, the probe's among them.
    seen: usize,
    /// The status of a refusal behind them.
    refused: Option<u16>,
    /// Something came back that is no response of HTTP/1.
    is_raw: bool,
}

impl Verdict {
    fn of(bytes: &[u8]) -> Self {
        let mut verdict = Self {
            seen: 0,
            refused: None,
            is_raw: !bytes.is_empty() && !bytes.starts_with(b"HTTP/1."),
        };
        for at in 0..bytes.len().saturating_sub(12) {
            if !bytes[at..].starts_with(b"HTTP/1.") || bytes[at + 8] != b' ' {
                continue;
            }
            let status = std::str::from_utf8(&bytes[at + 9..at + 12]).unwrap_or("0");
            match status.parse().unwrap_or(0) {
                100..200 => {}
                200..300 | 404 => verdict.seen += 1,
                status => verdict.refused = Some(status),
            }
        }
        verdict
    }

    fn text(&self) -> String {
        let refused = self.refused.map(|status| format!(" {status}"));
        let raw = if self.is_raw { " raw" } else { "" };
        format!("{} seen{}{raw}", self.seen, refused.unwrap_or_default())
    }
}

fn judge(address: &Address, case: &Case) -> Verdict {
    let mut stream = address.connect();
    let probe = if case.wants.is_cut { b"" } else { PROBE };
    // The server may have gone before all is sent.
    let _ = stream.write_all(&[&case.input[..], probe].concat());
    let _ = stream.finish();
    let mut bytes = Vec::new();
    // A reset behind the answer, or a server that waits for more: what came counts.
    let _ = stream.read_to_end(&mut bytes);
    Verdict::of(&bytes)
}

/// How a peer differs in a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Difference {
    /// It lets a handler see more.
    Laxer,
    /// It refuses what is accepted here.
    Stricter,
    /// Both refuse, with another status, or without one.
    Status,
}

fn difference(ours: &Verdict, theirs: &Verdict) -> Option<Difference> {
    if theirs.seen > ours.seen || theirs.is_raw && !ours.is_raw {
        Some(Difference::Laxer)
    } else if theirs.seen < ours.seen {
        Some(Difference::Stricter)
    } else {
        (theirs.refused != ours.refused).then_some(Difference::Status)
    }
}

fn rows() -> Vec<(&'static str, Case)> {
    PARTS
        .iter()
        .filter(|(part, _)| COMPARED.contains(part))
        .flat_map(|(part, cases)| cases().into_iter().map(move |case| (*part, case)))
        // Those are about what the handler of the conformance test leaves unread.
        .filter(|(_, case)| !case.input.windows(7).any(|bytes| bytes == b"/ignore"))
        .collect()
}

#[test]
fn servers_are_compared() {
    let rows = rows();
    let ours = Peer::ringspun();
    let verdicts: Vec<Verdict> = rows
        .iter()
        .map(|(_, case)| judge(&ours.address, case))
        .collect();
    // The rows themselves are the conformance test's matter; here it is enough that they mean the same.
    let is_off = |case: &Case, verdict: &Verdict| {
        let is_broken = case.wants.seen.iter().any(|seen| seen.ends_with('!'));
        let seen = case.wants.seen.len() + usize::from(case.wants.is_kept);
        verdict.seen != seen && !is_broken
    };
    let off: Vec<String> = rows
        .iter()
        .zip(&verdicts)
        .filter(|((_, case), verdict)| is_off(case, verdict))
        .map(|((_, case), verdict)| format!("{}: {}", case.name, verdict.text()))
        .collect();
    assert!(off.is_empty(), "{off:#?}");
    println!("{} rows", rows.len());
    for peer in Peer::others() {
        let mut counts = BTreeMap::<(&str, Difference), usize>::new();
        let mut lines = Vec::new();
        for ((part, case), ours) in rows.iter().zip(&verdicts) {
            let theirs = judge(&peer.address, case);
            let Some(difference) = difference(ours, &theirs) else {
                continue;
            };
            *counts.entry((part, difference)).or_default() += 1;
            if difference != Difference::Status {
                lines.push(format!(
                    "| {} | {difference:?} | {} | {} | {} | {} | {} |",
                    peer.name,
                    reason(case.level),
                    case.section,
                    case.name,
                    ours.text(),
                    theirs.text()
                ));
            }
        }
        println!("\n{}: differences by part: {counts:?}", peer.name);
        println!("| server | it is | the row is | section | row | ringspun | it |");
        println!("|---|---|---|---|---|---|---|");
        println!("{}", lines.join("\n"));
    }
}

/// Why a row may be judged differently.
fn reason(level: Level) -> &'static str {
    match level {
        Level::Must => "a MUST",
        Level::Should => "a SHOULD",
        Level::May => "left open",
        Level::Stricter => "stricter here than the RFC",
    }
}
