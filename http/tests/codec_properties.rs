//! The codec alone, with all rows of the table of conformance and with rows whose bytes are
//! changed, lost and doubled: what `properties` says holds for each. The fuzz targets in `fuzz/`
//! look for inputs for which it does not; this is their short form for every run of the tests.

#[path = "conformance/cases/mod.rs"]
mod cases;
mod common;
mod properties;

use common::{Random, rounds};

#[test]
fn every_row_at_every_cut() {
    for case in cases::all().iter().filter(|case| case.input.len() < 2000) {
        properties::connection_at_every_cut(&case.input);
    }
}

#[test]
fn damaged_heads() {
    let rows = inputs();
    for_damaged(4, &rows, rounds(30_000, 10_000_000), properties::head);
}

#[test]
fn damaged_connections() {
    let rows = inputs();
    for_damaged(5, &rows, rounds(15_000, 5_000_000), properties::connection);
}

#[test]
fn damaged_answers_and_requests_of_a_client() {
    let mut rows = inputs();
    for head in [
        "200 OK",
        "100 Continue",
        "101 Switching",
        "204 ",
        "304 x",
        "404",
    ] {
        for (lines, body) in [
            ("", "until the end"),
            ("Content-Length: 5\r\n", "hello"),
            ("Connection: close\r\nContent-Length: 0\r\n", ""),
            (
                "Transfer-Encoding: chunked\r\n",
                "5\r\nhello\r\n0\r\nA: b\r\n\r\n",
            ),
            (
                "Content-Length: 0\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            ),
        ] {
            rows.push(format!("HTTP/1.1 {head}\r\n{lines}\r\n{body}").into_bytes());
        }
    }
    for_damaged(7, &rows, rounds(15_000, 5_000_000), properties::client);
}

#[test]
fn damaged_chunks() {
    let mut bodies: Vec<Vec<u8>> = inputs()
        .into_iter()
        .filter(|input| input.windows(7).any(|word| word == b"chunked"))
        .filter_map(|input| {
            let body = input.windows(4).position(|end| end == b"\r\n\r\n")?;
            Some(input[body + 4..].to_vec())
        })
        .collect();
    bodies.retain(|body| !body.is_empty());
    for_damaged(6, &bodies, rounds(30_000, 10_000_000), properties::chunked);
}

/// The inputs of the table that are not large.
fn inputs() -> Vec<Vec<u8>> {
    let cases = cases::all().into_iter().map(|case| case.input);
    cases.filter(|input| input.len() < 2000).collect()
}

/// Calls `holds` with one or two rows behind one another, damaged at up to three places.
fn for_damaged(seed: u64, rows: &[Vec<u8>], rounds: usize, holds: fn(&[u8])) {
    let mut random = Random::new(seed);
    for _ in 0..rounds {
        let mut input = rows[random.below(rows.len())].clone();
        if random.below(3) == 0 {
            input.extend_from_slice(&rows[random.below(rows.len())]);
        }
        for _ in 0..1 + random.below(3) {
            let at = random.below(input.len());
            match random.below(5) {
                0 => input[at] = u8::try_from(random.below(256)).expect("a byte"),
                1 => input[at] = b"\r\n\t :,;0\0x"[random.below(10)],
                2 if input.len() > 1 => drop(input.remove(at)),
                3 => input.insert(at, input[at]),
                _ => input.truncate(at + 1),
            }
        }
        let held = std::panic::catch_unwind(|| holds(&input));
        if let Err(panic) = held {
            println!("the input was {}", input.escape_ascii());
            std::panic::resume_unwind(panic);
        }
    }
}
