//! The table of conformance: what a client sends, and what has to come of it.
//!
//! A row is: level, section of RFC 9110 or 9112, name, input, what is wanted. The rows of one part
//! of the protocol are in one file. They are run against the codec alone (`codec_properties.rs`)
//! and against a server over a transport (`conformance/main.rs`).

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each of the tests that have this module uses a part of it"
)]

mod chunked;
mod connection;
mod content_length;
mod expect;
mod fields;
mod host;
mod limits;
mod request_line;
mod responses;
mod target;
mod transfer_encoding;

use std::borrow::Cow;

/// How binding the rule of a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// An absolute requirement of the RFC.
    Must,
    /// A recommendation of the RFC.
    Should,
    /// The RFC leaves it open; the row says what is done here.
    May,
    /// The RFC would have it accepted. It is refused here because recipients are known to read it
    /// in different ways.
    Stricter,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Case {
    pub level: Level,
    /// RFC and section.
    pub section: &'static str,
    pub name: Cow<'static, str>,
    pub input: Vec<u8>,
    pub wants: Wants,
}

/// What has to come of a row's input.
#[derive(Clone, Debug)]
pub struct Wants {
    /// The final responses, in order.
    pub statuses: Vec<u16>,
    /// What the handler saw, one entry for each call: method, target, `@` and host, and the body if
    /// there was any. `!` stands for the error of a body that is broken.
    pub seen: Vec<&'static str>,
    /// The next request on the connection is answered.
    pub is_kept: bool,
    /// If it is not kept: the last response says so.
    pub is_announced: bool,
    /// The client ends its side right behind the input.
    pub is_cut: bool,
    /// 100 is sent to a client that holds the body back.
    pub is_permitted: bool,
    /// What the head of the last response has in it.
    pub has: Vec<&'static str>,
    /// What it has not.
    pub lacks: Vec<&'static str>,
}

/// All requests are answered with 200, and the connection is kept.
fn ok<const N: usize>(seen: [&'static str; N]) -> Wants {
    Wants {
        statuses: vec![200; N],
        seen: seen.to_vec(),
        is_kept: true,
        is_announced: true,
        is_cut: false,
        is_permitted: false,
        has: Vec::new(),
        lacks: Vec::new(),
    }
}

/// No handler sees it, and the connection ends behind the answer.
fn refused(status: u16) -> Wants {
    ok([]).then_refused(status)
}

/// The head is sound and reaches the handler; the body is broken.
fn broken(status: u16, seen: &'static str) -> Wants {
    ok([seen]).statuses([status]).closed()
}

impl Wants {
    /// Other statuses than 200.
    fn statuses<const N: usize>(mut self, statuses: [u16; N]) -> Self {
        self.statuses = statuses.to_vec();
        self
    }

    /// One more request, which is refused.
    fn then_refused(mut self, status: u16) -> Self {
        self.statuses.push(status);
        self.closed()
    }

    /// The connection ends behind the last answer.
    fn closed(mut self) -> Self {
        self.is_kept = false;
        self
    }

    /// The same, but it was not known yet when the last answer was sent.
    fn closed_silently(mut self) -> Self {
        self.is_announced = false;
        self.closed()
    }

    /// The client ends its side behind the input.
    fn cut(mut self) -> Self {
        self.is_cut = true;
        self.closed()
    }

    /// The client is told to go on if it waits.
    fn permitted(mut self) -> Self {
        self.is_permitted = true;
        self
    }

    /// The head of the last response has this in it.
    fn has(mut self, text: &'static str) -> Self {
        self.has.push(text);
        self
    }

    /// The head of the last response has nothing of this in it.
    fn lacks(mut self, text: &'static str) -> Self {
        self.lacks.push(text);
        self
    }
}

/// One part of the table: `LEVEL SECTION NAME: INPUT => WANTS;`.
macro_rules! cases {
    ($($level:ident $section:literal $name:literal: $input:expr => $wants:expr;)+) => {
        vec![$($crate::cases::case($crate::cases::Level::$level, $section, $name, $input, $wants),)+]
    };
}
use cases;

fn case(
    level: Level,
    section: &'static str,
    name: impl Into<Cow<'static, str>>,
    input: impl Into<Vec<u8>>,
    wants: Wants,
) -> Case {
    Case {
        level,
        section,
        name: name.into(),
        input: input.into(),
        wants,
    }
}

/// A part of the table and its rows.
type Part = (&'static str, fn() -> Vec<Case>);

/// The parts of the table.
pub const PARTS: &[Part] = &[
    ("request line", request_line::cases),
    ("target", target::cases),
    ("host", host::cases),
    ("fields", fields::cases),
    ("content-length", content_length::cases),
    ("transfer-encoding", transfer_encoding::cases),
    ("chunked", chunked::cases),
    ("connection", connection::cases),
    ("expect", expect::cases),
    ("responses", responses::cases),
    ("limits", limits::cases),
];

/// The whole table.
pub fn all() -> Vec<Case> {
    PARTS.iter().flat_map(|(_, cases)| cases()).collect()
}

/// The largest body that the table's server takes.
pub const BODY_LIMIT: u64 = 1000;
