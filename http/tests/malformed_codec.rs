//! The corpus of malformed requests against the codec alone: every row has its verdict, whole,
//! byte by byte and at every split point.

mod corpus;

use ringspun_http::proto::{Conn, Event, Head, ReceiveLimits, Refusal};

/// Feeds the pieces and then the end; gives the refusal, if there is one.
fn verdict(pieces: &[&[u8]]) -> Result<(), Refusal> {
    let (mut conn, mut head) = (Conn::new(), Head::new());
    let limits = ReceiveLimits::default();
    let mut input = Vec::new();
    for number in 0..=pieces.len() {
        input.extend_from_slice(pieces.get(number).copied().unwrap_or_default());
        let end = number == pieces.len();
        let mut at = 0;
        loop {
            match conn.receive(&input, &mut at, end, &mut head, &limits)? {
                Event::Head if conn.is_received() => return Ok(()),
                Event::End => return Ok(()),
                Event::Head => {}
                Event::Data(content) => at += content,
                Event::NeedMore => break,
                Event::Closed => panic!("no row is empty"),
            }
        }
        input.drain(..at);
    }
    panic!("no verdict at the end")
}

#[test]
fn every_row_is_refused_with_its_status() {
    assert!(corpus::REFUSED.len() >= 80);
    for row in corpus::REFUSED {
        let name = row.input.escape_ascii().to_string();
        let refusal = verdict(&[row.input]).expect_err(&name);
        assert_eq!(refusal.status().as_u16(), row.status, "{name}: {refusal}");
    }
}

#[test]
fn the_status_does_not_depend_on_the_cut() {
    for row in corpus::REFUSED {
        let name = row.input.escape_ascii().to_string();
        let single: Vec<&[u8]> = row.input.chunks(1).collect();
        let status = verdict(&single).expect_err(&name).status().as_u16();
        assert_eq!(status, row.status, "{name} byte by byte");
        for split in 0..row.input.len() {
            let (a, b) = row.input.split_at(split);
            let status = verdict(&[a, b]).expect_err(&name).status().as_u16();
            assert_eq!(status, row.status, "{name} at {split}");
        }
    }
}

#[test]
fn odd_requests_are_accepted() {
    for input in corpus::ACCEPTED {
        let name = input.escape_ascii().to_string();
        assert_eq!(verdict(&[input]), Ok(()), "{name}");
        let single: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(verdict(&single), Ok(()), "{name} byte by byte");
    }
}

#[test]
fn limits_of_size() {
    let long = |len: usize| "x".repeat(len);
    let many: String = (0..101).map(|n| format!("X{n}: y\r\n")).collect();
    let rows = [
        (
            format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(8192)),
            414,
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", long(65_536)),
            431,
        ),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        (
            format!("GET / HTTP/1.1\r\n{}: y\r\n\r\n", long(65_536)),
            431,
        ),
        (
            format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", long(65_536)),
            501,
        ),
    ];
    for (input, status) in rows {
        let name = &input[..40];
        let refusal = verdict(&[input.as_bytes()]).expect_err(name);
        assert_eq!(refusal.status().as_u16(), status, "{name}: {refusal}");
        let pieces: Vec<&[u8]> = input.as_bytes().chunks(1000).collect();
        let refusal = verdict(&pieces).expect_err(name);
        assert_eq!(
            refusal.status().as_u16(),
            status,
            "{name} in pieces: {refusal}"
        );
    }
}
