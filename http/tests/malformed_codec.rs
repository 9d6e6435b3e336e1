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
                // Nothing but empty lines.
                Event::Closed => return Ok(()),
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

/// Requests of the corpus with random bytes changed, lost and doubled: no panic, and the verdict
/// is the same however the input is cut.
#[test]
fn damaged_requests_have_one_verdict() {
    let mut random = Random::new(4);
    let sound = corpus::ACCEPTED.iter().copied();
    let rows: Vec<&[u8]> = sound
        .chain(corpus::REFUSED.iter().map(|row| row.input))
        .collect();
    let mut refused = 0;
    let rounds = if std::env::var_os("RINGSPUN_FULL").is_some() {
        10_000_000
    } else {
        20_000
    };
    for _ in 0..rounds {
        let mut input = rows[random.below(rows.len())].to_vec();
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
        let whole = verdict(&[&input]).map_err(|refusal| refusal.status());
        refused += usize::from(whole.is_err());
        let single: Vec<&[u8]> = input.chunks(1).collect();
        let name = input.escape_ascii().to_string();
        assert_eq!(
            verdict(&single).map_err(|refusal| refusal.status()),
            whole,
            "{name}"
        );
        let (a, b) = input.split_at(random.below(input.len()));
        assert_eq!(
            verdict(&[a, b]).map_err(|refusal| refusal.status()),
            whole,
            "{name}"
        );
    }
    assert!(
        refused > rounds / 2 && refused < rounds,
        "{refused} of {rounds}"
    );
}

/// Numbers that look random: xorshift, seeded.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below a usize")
    }
}
