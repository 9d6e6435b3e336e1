//! The parts of HTTP/1 that need neither a runtime nor a socket, and the pool of buffers.

use std::hint::black_box;

use ringspun::http::proto::{Conn, Event, Head, HeadLimits, Next, ReceiveLimits};
use ringspun::net::Buffer;

use crate::Row;
use crate::samples::{BODY, BROWSER, RESPONSE, SMALL, decode_chunks, in_turns};

pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "parse-head",
        operations: 10_000,
        run: |n| parse(n, SMALL),
    },
    Row {
        name: "parse-head-browser",
        operations: 5_000,
        run: |n| parse(n, BROWSER),
    },
    Row {
        name: "parse-head-again",
        operations: 10_000,
        run: parse_again,
    },
    Row {
        name: "encode-response",
        operations: 10_000,
        run: encode,
    },
    // A request received and its response sent, as the connection does it.
    Row {
        name: "exchange",
        operations: 10_000,
        run: exchange,
    },
    // A body of 16 KiB in 16 chunks.
    Row {
        name: "decode-chunks",
        operations: 2_000,
        run: decode_chunks,
    },
    Row {
        name: "buffer-take-return",
        operations: 100_000,
        run: buffers,
    },
];

fn parse(n: u64, input: &[u8]) {
    let (mut head, limits) = (Head::new(), HeadLimits::default());
    for input in in_turns(input).iter().cycle().take(n as usize) {
        let parsed = head.parse(black_box(input), &limits);
        assert_eq!(parsed, Ok(Some(input.len())));
    }
}

fn parse_again(n: u64) {
    let (mut head, limits) = (Head::new(), HeadLimits::default());
    for _ in 0..n {
        let parsed = head.parse(black_box(BROWSER), &limits);
        assert_eq!(parsed, Ok(Some(BROWSER.len())));
    }
}

fn encode(n: u64) {
    let mut out = Vec::new();
    for _ in 0..n {
        out.clear();
        let mut conn = black_box(Conn::new());
        if conn.send_whole(black_box(&RESPONSE), BODY.len() as u64, &mut out) {
            out.extend_from_slice(BODY);
        }
        black_box(&out);
    }
}

fn exchange(n: u64) {
    let (mut conn, mut head, mut out) = (Conn::new(), Head::new(), Vec::new());
    let limits = ReceiveLimits::default();
    for input in in_turns(SMALL).iter().cycle().take(n as usize) {
        let mut at = 0;
        let event = conn.receive(black_box(input), &mut at, false, &mut head, &limits);
        assert_eq!(event, Ok(Event::Head));
        out.clear();
        if conn.send_whole(black_box(&RESPONSE), BODY.len() as u64, &mut out) {
            out.extend_from_slice(BODY);
        }
        black_box(&out);
        assert_eq!(conn.next_exchange(), Next::Continue);
    }
}

fn buffers(n: u64) {
    for _ in 0..n {
        drop(black_box(Buffer::take()));
    }
}
