//! Responses as the client's codec reads them: a table with the sections of the RFCs, each row whole
//! and cut at every place.

use ringspun_http::proto::{
    ClientConn, Event, Head, HeadLimits, MAX_INTERIM, Refusal, Sending, StatusHead, TargetForm,
};

/// What a response has come to.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Seen {
    /// Status, content, whether the connection is kept, bytes behind the response.
    Whole(u16, Vec<u8>, bool, usize),
    /// The status, and the bytes that belong to another protocol.
    HandedOver(u16, Vec<u8>),
    Refused(Refusal),
    /// The connection ended without a byte of a response.
    Closed,
}

/// One row: section, request line and further request lines, response, outcome.
struct Row(&'static str, &'static str, &'static [u8], Expected);

enum Expected {
    /// Status, content, whether the connection is kept.
    Kept(u16, &'static [u8]),
    Closes(u16, &'static [u8]),
    /// As `Closes`, because so many bytes are there that belong to no response.
    Excess(u16, &'static [u8], usize),
    Over(u16, &'static [u8]),
    No(Refusal),
    Nothing,
}
use Expected::{Closes, Excess, Kept, No, Nothing, Over};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n";
const CLOSE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
const CONNECT: &str = "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n";
const SWITCH: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Status line.
    Row("9112 4", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Kept(200, b"ok")),
    Row("9112 4", GET, b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", Kept(200, b"ok")),
    Row("9112 4", GET, b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", Kept(200, b"ok")),
    Row("9112 4", GET, b"HTTP/1.1 200 \xe4\xf6 \t!\r\nContent-Length: 0\r\n\r\n", Kept(200, b"")),
    Row("9110 15", GET, b"HTTP/1.1 599 ?\r\nContent-Length: 0\r\n\r\n", Kept(599, b"")),
    Row("9110 15", GET, b"HTTP/1.1 999 ?\r\nContent-Length: 0\r\n\r\n", Kept(999, b"")),
    Row("9112 4", GET, b"HTTP/1.1  200 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 4", GET, b"HTTP/1.1\t200 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 4", GET, b"HTTP/1.1 20 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 4", GET, b"HTTP/1.1 2000 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 4", GET, b"HTTP/1.1 2x0 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 4", GET, b"HTTP/1.1 -20 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9110 15", GET, b"HTTP/1.1 000 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9110 15", GET, b"HTTP/1.1 099 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 4", GET, b"HTTP/1.1 200 O\0K\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 4", GET, b"HTTP/1.1 200 O\x1bK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 4", GET, b"HTTP/1.1 200 OK\rX\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 2.2", GET, b"HTTP/1.1 200 OK\n\r\n", No(Refusal::BareNewline)),
    Row("9112 2.2", GET, b"HTTP/1.1 200\n\r\n", No(Refusal::BareNewline)),
    Row("9112 2.2", GET, b"\r\nHTTP/1.1 200 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 2.2", GET, b" HTTP/1.1 200 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 2.3", GET, b"http/1.1 200 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 2.3", GET, b"HTTP/1,1 200 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 2.3", GET, b"HTTP 200 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 2.3", GET, b"ICY 200 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9112 2.3", GET, b"<html>0.9 is not spoken</html>", No(Refusal::StatusLine)),
    Row("9112 2.3", GET, b"HTTP/1.10 200 OK\r\n\r\n", No(Refusal::StatusLine)),
    Row("9110 2.5", GET, b"HTTP/2.0 200 OK\r\n\r\n", No(Refusal::UnsupportedVersion)),
    Row("9110 2.5", GET, b"HTTP/0.9 200 OK\r\n\r\n", No(Refusal::UnsupportedVersion)),
    Row("9110 2.5", GET, b"HTTP/1.2 200 OK\r\n\r\n", No(Refusal::UnsupportedVersion)),
    // Header lines.
    Row("9112 5", GET, b"HTTP/1.1 200 OK\r\nX:\t a \t\r\nY:\r\nContent-Length:0\r\n\r\n", Kept(200, b"")),
    Row("9112 5.1", GET, b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n", No(Refusal::HeaderName)),
    Row("9112 5.1", GET, b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", No(Refusal::HeaderName)),
    Row("9112 5.1", GET, b"HTTP/1.1 200 OK\r\nX\t: a\r\n\r\n", No(Refusal::HeaderName)),
    Row("9112 5.1", GET, b"HTTP/1.1 200 OK\r\n: a\r\n\r\n", No(Refusal::HeaderName)),
    Row("9112 5.1", GET, b"HTTP/1.1 200 OK\r\nX\r\n\r\n", No(Refusal::HeaderName)),
    Row("9112 5.1", GET, b"HTTP/1.1 200 OK\r\nX Y: a\r\n\r\n", No(Refusal::HeaderName)),
    Row("9112 5.1", GET, b"HTTP/1.1 200 OK\r\n\xe4: a\r\n\r\n", No(Refusal::HeaderName)),
    Row("9112 5.2", GET, b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n", No(Refusal::HeaderName)),
    Row("9112 5.2", GET, b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", No(Refusal::HeaderName)),
    Row("9112 5.2", GET, b"HTTP/1.1 200 OK\r\nX: a\r\n\tb\r\n\r\n", No(Refusal::HeaderName)),
    Row("9110 5.5", GET, b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", No(Refusal::HeaderValue)),
    Row("9110 5.5", GET, b"HTTP/1.1 200 OK\r\nX: a\x7f\r\n\r\n", No(Refusal::HeaderValue)),
    Row("9112 2.2", GET, b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", No(Refusal::BareNewline)),
    Row("9112 2.2", GET, b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n", No(Refusal::BareNewline)),
    Row("9112 2.2", GET, b"HTTP/1.1 200 OK\r\nX:\n\r\n", No(Refusal::BareNewline)),
    Row("9112 2.2", GET, b"HTTP/1.1 200 OK\r\nX: a\r\n\n", No(Refusal::BareNewline)),
    Row("9112 2.2", GET, b"HTTP/1.1 200 OK\r\n\n", No(Refusal::BareNewline)),
    // The length of the body.
    Row("9112 6.3 (1)", HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Kept(200, b"")),
    Row("9112 6.3 (1)", HEAD, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Kept(200, b"")),
    Row("9112 6.3 (1)", HEAD, b"HTTP/1.1 200 OK\r\n\r\n", Kept(200, b"")),
    Row("9112 6.3 (1)", HEAD, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Excess(200, b"", 2)),
    Row("9112 6.3 (1)", GET, b"HTTP/1.1 204 No Content\r\n\r\n", Kept(204, b"")),
    Row("9112 6.3 (1)", GET, b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", Excess(204, b"", 2)),
    Row("9112 6.3 (1)", GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Kept(304, b"")),
    Row("9110 15.3.6", GET, b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", Kept(205, b"")),
    Row("9112 6.3 (2)", CONNECT, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nraw", Over(200, b"raw")),
    Row("9112 6.3 (2)", CONNECT, b"HTTP/1.1 299 OK\r\n\r\n", Over(299, b"")),
    Row("9112 6.3 (2)", CONNECT, b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", Closes(407, b"no")),
    Row("9112 6.3 (3)", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", No(Refusal::LengthAndCoding)),
    Row("9112 6.3 (4)", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Kept(200, b"ok")),
    Row("9112 6.3 (4)", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", No(Refusal::CodingNotLast)),
    Row("9112 6.3 (4)", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", No(Refusal::CodingUnknown)),
    Row("9112 6.3 (4)", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\nx", No(Refusal::CodingNotLast)),
    Row("9112 6.1", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", No(Refusal::CodingNotLast)),
    Row("9112 6.1", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", No(Refusal::CodingInvalid)),
    Row("9112 6.1", GET, b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", No(Refusal::CodingInVersion10)),
    Row("9112 6.3 (5)", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", No(Refusal::LengthRepeated)),
    Row("9112 6.3 (5)", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", No(Refusal::LengthInvalid)),
    Row("9112 6.3 (5)", GET, b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok", No(Refusal::LengthInvalid)),
    Row("9112 6.3 (5)", GET, b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok", No(Refusal::LengthInvalid)),
    Row("9110 8.6", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", No(Refusal::LengthOverflow)),
    Row("9112 6.3 (6)", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Kept(200, b"hello")),
    Row("9112 6.3 (6)", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Kept(200, b"")),
    Row("9112 6.3 (8)", GET, b"HTTP/1.1 200 OK\r\n\r\nto the end", Closes(200, b"to the end")),
    Row("9112 6.3 (8)", GET, b"HTTP/1.1 200 OK\r\n\r\n", Closes(200, b"")),
    Row("9112 6.3 (8)", GET, b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx", Closes(200, b"x")),
    Row("9112 9.2", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", Excess(200, b"ok", 19)),
    // Messages that end early.
    Row("9112 8", GET, b"", Nothing),
    Row("9112 8", GET, b"H", No(Refusal::HeadIncomplete)),
    Row("9112 8", GET, b"HTTP/1.1 200 OK\r\nContent-Le", No(Refusal::HeadIncomplete)),
    Row("9112 8", GET, b"HTTP/1.1 100 Continue\r\n\r\n", No(Refusal::HeadIncomplete)),
    Row("9112 8", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", No(Refusal::BodyIncomplete)),
    Row("9112 8", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", No(Refusal::BodyIncomplete)),
    Row("9112 8", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", No(Refusal::BodyIncomplete)),
    // Chunks.
    Row("9112 7.1.1", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0;c\r\n\r\n", Kept(200, b"ok")),
    Row("9112 7.1.2", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", Kept(200, b"")),
    Row("9112 7.1", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n", No(Refusal::ChunkSize)),
    Row("9112 7.1", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n", No(Refusal::ChunkSize)),
    Row("9112 7.1", GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokx\r\n", No(Refusal::ChunkEnd)),
    // Keeping the connection.
    Row("9112 9.3", CLOSE, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Closes(200, b"")),
    Row("9112 9.3", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", Closes(200, b"")),
    Row("9112 9.3", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nconnection: x, Close\r\n\r\n", Closes(200, b"")),
    Row("9112 9.3", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", Closes(200, b"")),
    Row("9112 9.3", GET, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: closed\r\n\r\n", Kept(200, b"")),
    Row("9112 9.3", GET, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Closes(200, b"")),
    Row("9112 9.3", GET, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", Kept(200, b"")),
    // Interim responses.
    Row("9110 15.2", GET, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", Kept(204, b"")),
    Row("9110 15.2", GET, b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n", Kept(204, b"")),
    Row("9110 15.2", GET, b"HTTP/1.1 199 ?\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No\r\n\r\n", Kept(204, b"")),
    Row("9110 15.2", GET, b"HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\nHTTP/1.1 204 No\r\n\r\n", Kept(204, b"")),
    Row("9110 15.2.2", SWITCH, b"HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nraw", Over(101, b"raw")),
    Row("9110 15.2.2", SWITCH, b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 101 Go\r\n\r\n", Over(101, b"")),
    Row("9110 7.8", SWITCH, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Kept(200, b"ok")),
    Row("9110 15.2.2", GET, b"HTTP/1.1 101 Go\r\n\r\nraw", No(Refusal::SwitchUnasked)),
];

/// A machine that has sent this request, given without its empty line.
fn after(request: &str) -> ClientConn {
    let (mut conn, mut head, mut out) = (ClientConn::new(), Head::new(), Vec::new());
    let request = format!("{request}\r\n");
    let parsed = head.parse(request.as_bytes(), &HeadLimits::default());
    assert_eq!(parsed, Ok(Some(request.len())), "{request:?}");
    let sending = conn.send_head(&head, head.target_form(), Some(0), &mut out);
    assert_eq!(sending, Sending::Nothing);
    conn
}

/// Feeds the pieces, then the end of the connection.
fn run(request: &str, pieces: &[&[u8]]) -> Seen {
    let (mut conn, mut head) = (after(request), StatusHead::new());
    let (mut input, mut at, mut pieces) = (Vec::new(), 0, pieces.iter());
    let (mut content, mut end) = (Vec::new(), false);
    loop {
        match conn.receive(&input, &mut at, end, &mut head, &HeadLimits::default()) {
            Ok(Event::NeedMore) => match pieces.next() {
                Some(piece) => input.extend_from_slice(piece),
                None => {
                    assert!(!end, "the machine wants more behind the end");
                    end = true;
                }
            },
            Ok(Event::Head) => {}
            Ok(Event::Data(count)) => {
                content.extend_from_slice(&input[at..at + count]);
                at += count;
            }
            Ok(Event::Closed) => return Seen::Closed,
            Ok(Event::End) => {}
            Err(refusal) => {
                assert!(!conn.next_exchange(), "not kept behind {refusal:?}");
                return Seen::Refused(refusal);
            }
        }
        if conn.is_received() || conn.is_handed_over() {
            let rest: Vec<u8> = pieces.flat_map(|piece| piece.iter().copied()).collect();
            let rest = [&input[at..], &rest].concat();
            let status = head.status().as_u16();
            if conn.is_handed_over() {
                return Seen::HandedOver(status, rest);
            }
            let is_kept = conn.next_exchange() && rest.is_empty();
            return Seen::Whole(status, content, is_kept, rest.len());
        }
    }
}

impl Expected {
    fn seen(&self) -> Seen {
        match *self {
            Kept(status, content) => Seen::Whole(status, content.to_vec(), true, 0),
            Closes(status, content) => Seen::Whole(status, content.to_vec(), false, 0),
            Excess(status, content, rest) => Seen::Whole(status, content.to_vec(), false, rest),
            Over(status, rest) => Seen::HandedOver(status, rest.to_vec()),
            No(refusal) => Seen::Refused(refusal),
            Nothing => Seen::Closed,
        }
    }
}

#[test]
fn responses_whole_and_at_every_split() {
    for Row(section, request, response, expected) in ROWS {
        let expected = expected.seen();
        let name = format!("RFC {section}: {}", response.escape_ascii());
        assert_eq!(run(request, &[response]), expected, "{name}");
        for split in 0..=response.len() {
            let (a, b) = response.split_at(split);
            assert_eq!(run(request, &[a, b]), expected, "{name} at {split}");
        }
        let single: Vec<&[u8]> = response.chunks(1).collect();
        assert_eq!(run(request, &single), expected, "{name} in single bytes");
    }
    println!("{} rows", ROWS.len());
}

#[test]
fn interim_responses_are_bounded() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
    let of = |count: usize| format!("{}HTTP/1.1 204 No\r\n\r\n", interim.repeat(count));
    let most = usize::from(MAX_INTERIM);
    assert_eq!(
        run(GET, &[of(most).as_bytes()]),
        Seen::Whole(204, vec![], true, 0)
    );
    let refused = Seen::Refused(Refusal::InterimResponses);
    assert_eq!(run(GET, &[of(most + 1).as_bytes()]), refused);
    let endless = interim.repeat(1000);
    let pieces: Vec<&[u8]> = endless.as_bytes().chunks(7).collect();
    assert_eq!(run(GET, &pieces), refused);
}

#[test]
fn heads_are_bounded_at_the_byte() {
    let mut limits = HeadLimits::default();
    (limits.bytes, limits.headers) = (64, 2);
    let parse = |input: &str| StatusHead::new().parse(input.as_bytes(), &limits);
    let with = |filler: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(filler));
    let room = 64 - with(0).len();
    assert_eq!(parse(&with(room)), Ok(Some(64)));
    assert_eq!(parse(&with(room + 1)), Err(Refusal::HeadTooLarge));
    let endless = format!("HTTP/1.1 200 {}", "x".repeat(52));
    assert_eq!(parse(&endless), Err(Refusal::HeadTooLarge));
    let three = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
    assert_eq!(parse(three), Err(Refusal::TooManyHeaders));
}

#[test]
fn the_largest_head_fits_its_spans() {
    let with = |filler: &str| format!("HTTP/1.1 200 OK\r\nLong-One: {filler}\r\n\r\n");
    let filler = "x".repeat(64 * 1024 - with("").len());
    let mut head = StatusHead::new();
    let parsed = head.parse(with(&filler).as_bytes(), &HeadLimits::default());
    assert_eq!(parsed, Ok(Some(64 * 1024)));
    assert_eq!(head.header("long-one").unwrap().len(), filler.len());
}

#[test]
fn parts_of_a_head() {
    let mut head = StatusHead::new();
    let input = b"HTTP/1.0 418 I'm a teapot\r\nX-A:\t 1 \t\r\nx-empty:  \r\nX-A: 2\r\n\r\n";
    head.parse(input, &HeadLimits::default()).unwrap();
    assert_eq!(head.status().as_u16(), 418);
    assert_eq!(format!("{:?}", head.version()), "HTTP/1.0");
    assert_eq!(head.header("x-a"), Some(&b"1"[..]));
    assert_eq!(head.header("X-Empty"), Some(&b""[..]));
    assert_eq!(head.header("x-none"), None);
    let names: Vec<&str> = head.headers().map(|(name, _)| name).collect();
    assert_eq!(names, ["X-A", "x-empty", "X-A"]);
}

/// What is sent for a request that was parsed from `head`.
fn sent(head: &str, form: TargetForm, length: Option<u64>) -> String {
    let (mut conn, mut parsed, mut out) = (ClientConn::new(), Head::new(), Vec::new());
    parsed
        .parse(head.as_bytes(), &HeadLimits::default())
        .unwrap()
        .unwrap();
    conn.send_head(&parsed, form, length, &mut out);
    String::from_utf8(out).unwrap()
}

/// Section, head, form on the wire, length of the body, what is sent.
type Sent = (
    &'static str,
    &'static str,
    TargetForm,
    Option<u64>,
    &'static str,
);

const REQUESTS: &[Sent] = &[
    // RFC 9112 3.2.1: origin form to the server itself, Host first (3.2).
    (
        "9112 3.2.1",
        "GET http://a:81/p?q HTTP/1.1\r\nX: y\r\nHost: b\r\n\r\n",
        TargetForm::Origin,
        Some(0),
        "GET /p?q HTTP/1.1\r\nHost: b\r\nX: y\r\n\r\n",
    ),
    (
        "9112 3.2.1",
        "GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        TargetForm::Origin,
        Some(0),
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (
        "9112 3.2.1",
        "GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n",
        TargetForm::Origin,
        Some(0),
        "GET /?q HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (
        "9112 3.2.2",
        "GET http://a/p HTTP/1.1\r\nHost: a\r\n\r\n",
        TargetForm::Absolute,
        Some(0),
        "GET http://a/p HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (
        "9112 3.2.3",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        TargetForm::Authority,
        Some(0),
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    ),
    (
        "9112 3.2.4",
        "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        TargetForm::Origin,
        Some(0),
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (
        "9112 3.2.4",
        "OPTIONS http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        TargetForm::Origin,
        Some(0),
        "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    // RFC 9110 8.6: no content is said where content is usual.
    (
        "9110 8.6",
        "POST http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        TargetForm::Origin,
        Some(0),
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    ),
    // The body's own length counts, whatever the head has said.
    (
        "9112 6",
        "POST http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n",
        TargetForm::Origin,
        Some(5),
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ),
    (
        "9112 7.1",
        "POST http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        TargetForm::Origin,
        None,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    // RFC 9110 10.1.1: nothing is expected without a body.
    (
        "9110 10.1.1",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
        TargetForm::Origin,
        Some(0),
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    // RFC 9110 2.5: an intermediary sends its own version.
    (
        "9110 2.5",
        "GET http://a/ HTTP/1.0\r\nConnection: close\r\n\r\n",
        TargetForm::Origin,
        Some(0),
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ),
];

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn request_heads() {
    for (section, head, form, length, expected) in REQUESTS {
        let name = format!("RFC {section}: {head:?}");
        assert_eq!(sent(head, *form, *length), *expected, "{name}");
    }
}

#[test]
fn a_request_that_closes_says_so() {
    let (mut conn, mut head, mut out) = (ClientConn::new(), Head::new(), Vec::new());
    head.parse(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &HeadLimits::default())
        .unwrap();
    conn.close_after();
    conn.send_head(&head, TargetForm::Origin, Some(0), &mut out);
    assert!(out.ends_with(b"\r\nConnection: close\r\n\r\n"));
}

#[test]
fn a_body_has_the_length_that_was_told() {
    let mut head = Head::new();
    let input = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    head.parse(input, &HeadLimits::default()).unwrap();
    let begin = |length| {
        let (mut conn, mut out) = (ClientConn::new(), Vec::new());
        conn.send_head(&head, TargetForm::Origin, length, &mut out);
        (conn, Vec::new())
    };
    let (mut conn, mut out) = begin(Some(5));
    assert_eq!(conn.send_data(3, &mut out), Ok(&b""[..]));
    assert!(conn.send_end(&mut out).is_err(), "too short");
    assert!(conn.send_data(3, &mut out).is_err(), "too long");
    assert!(conn.send_data(2, &mut out).is_ok() && conn.send_end(&mut out).is_ok());
    assert!(out.is_empty() && conn.is_sent());

    let (mut conn, mut out) = begin(None);
    assert_eq!(conn.send_data(0, &mut out), Ok(&b""[..]), "not the end");
    assert_eq!(conn.send_data(26, &mut out), Ok(&b"\r\n"[..]));
    conn.send_end(&mut out).unwrap();
    assert_eq!(out, b"1a\r\n0\r\n\r\n");
    assert!(conn.send_data(1, &mut out).is_err(), "nothing follows");
}

#[test]
fn permission_to_send_the_body() {
    let mut request = Head::new();
    let input = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n";
    request.parse(input, &HeadLimits::default()).unwrap();
    let begin = || {
        let (mut conn, mut out) = (ClientConn::new(), Vec::new());
        conn.send_head(&request, TargetForm::Origin, Some(5), &mut out);
        assert!(conn.awaits_continue());
        conn
    };
    let receive = |conn: &mut ClientConn, input: &[u8]| {
        let (mut head, mut at) = (StatusHead::new(), 0);
        conn.receive(input, &mut at, false, &mut head, &HeadLimits::default())
    };
    let finish = |conn: &mut ClientConn| {
        let mut out = Vec::new();
        conn.send_data(5, &mut out).unwrap();
        conn.send_end(&mut out).unwrap();
    };
    let mut conn = begin();
    let event = receive(&mut conn, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(
        (event, conn.awaits_continue()),
        (Ok(Event::NeedMore), false)
    );
    finish(&mut conn);
    assert_eq!(
        receive(&mut conn, b"HTTP/1.1 204 No\r\n\r\n"),
        Ok(Event::Head)
    );
    assert!(conn.next_exchange());

    // A final answer instead: the body is never sent, and the connection is not kept.
    let mut conn = begin();
    assert_eq!(
        receive(&mut conn, b"HTTP/1.1 204 No\r\n\r\n"),
        Ok(Event::Head)
    );
    assert!(!conn.is_sent() && !conn.next_exchange());

    // A server that does not answer is not waited for.
    let mut conn = begin();
    conn.stop_awaiting();
    finish(&mut conn);
    assert_eq!(
        receive(&mut conn, b"HTTP/1.1 204 No\r\n\r\n"),
        Ok(Event::Head)
    );
    assert!(conn.next_exchange());
}

#[test]
fn an_answer_before_the_request_is_sent_closes() {
    let mut request = Head::new();
    let input = b"POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    request.parse(input, &HeadLimits::default()).unwrap();
    let (mut conn, mut out, mut head, mut at) =
        (ClientConn::new(), Vec::new(), StatusHead::new(), 0);
    conn.send_head(&request, TargetForm::Origin, Some(5), &mut out);
    let early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
    let event = conn.receive(early, &mut at, false, &mut head, &HeadLimits::default());
    assert_eq!(event, Ok(Event::Head));
    assert!(conn.is_received() && !conn.next_exchange());
}
