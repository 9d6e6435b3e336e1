//! What holds for every input of the codec, however odd: functions that take bytes and panic where
//! it does not hold. The fuzz targets (`fuzz/`) call them with what a fuzzer thinks up, the test
//! `codec_properties.rs` with damaged rows of the table of conformance.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each fuzz target has a use for one of them"
)]

use std::fmt::Write as _;

use http::StatusCode;
use ringspun_http::proto::{
    BodyLength, Chunk, ChunkedDecoder, ClientConn, Conn, Event, Head, HeadLimits, Next,
    ReceiveLimits, Refusal, ResponseHead, Sending, StatusHead, TargetForm,
};

/// A head's verdict is the same whether it came whole or not, and what was read of it says the
/// same when it is written and read once more.
pub fn head(input: &[u8]) {
    let mut cuts = Cuts::of(input);
    let limits = head_limits(&mut cuts);
    let mut whole = Head::new();
    let verdict = whole.parse(input, &limits);
    #[cfg(fuzzing)]
    {
        let mut long = Head::new();
        assert_eq!(long.parse_without_scan(input, &limits), verdict);
        assert_eq!(describe(&long), describe(&whole));
    }
    for _ in 0..4 {
        let cut = cuts.below(input.len() + 1);
        match Head::new().parse(&input[..cut], &limits) {
            Ok(None) => {}
            Ok(early) => assert_eq!(Ok(early), verdict, "at {cut}"),
            Err(refusal) => assert_eq!(
                Err(refusal.status()),
                verdict.map_err(Refusal::status),
                "at {cut}"
            ),
        }
    }
    reused(&mut whole, input, &limits, &mut cuts);
    let Ok(Some(len)) = verdict else { return };
    assert!(len >= 16 && len <= input.len().min(limits.bytes), "{len}");
    assert_eq!(
        Head::new().parse(&input[..len - 1], &limits),
        Ok(None),
        "it was complete a byte before its end"
    );

    let written = write_head(&whole);
    let mut again = Head::new();
    let again_len = again.parse(&written, &HeadLimits::default());
    assert_eq!(again_len, Ok(Some(written.len())));
    assert_eq!(describe(&again), describe(&whole));
}

/// What a head has held before changes nothing: neither itself, nor what differs from it in a byte, nor
/// what it was refused for, nor other limits.
fn reused(used: &mut Head, input: &[u8], limits: &HeadLimits, cuts: &mut Cuts) {
    let mut damaged = input.to_vec();
    if !damaged.is_empty() {
        let at = cuts.below(damaged.len());
        damaged[at] ^= 1 << cuts.below(8);
    }
    for bytes in [input, &damaged, input] {
        for limits in [limits, &HeadLimits::default()] {
            let mut fresh = Head::new();
            let verdict = fresh.parse(bytes, limits);
            assert_eq!(used.parse(bytes, limits), verdict);
            if let Ok(Some(_)) = verdict {
                assert_eq!(describe(used), describe(&fresh));
            }
        }
    }
}

/// The decoder of chunks gives the same however its input is cut, and gives back what our own
/// encoder has made of it.
pub fn chunked(input: &[u8]) {
    let mut cuts = Cuts::of(input);
    let whole = decode(&[input]);
    assert_eq!(decode(&cuts.bytes(input)), whole);
    for _ in 0..2 {
        assert_eq!(decode(&cuts.pieces(input)), whole);
    }
    if let Ok((content, _)) = &whole {
        assert!(content.len() <= input.len(), "content out of nowhere");
    }

    let chunks = cuts.pieces(input);
    let mut encoded = encode(&chunks);
    let length = encoded.len();
    encoded.extend_from_slice(b"next");
    let expected = Ok((input.to_vec(), Some(length)));
    assert_eq!(decode(&[&encoded]), expected);
    assert_eq!(decode(&cuts.pieces(&encoded)), expected);
}

/// A connection reports the same events, and reads equally far, however its input is cut.
pub fn connection(input: &[u8]) {
    let mut cuts = Cuts::of(input);
    let limits = receive_limits(&mut cuts);
    let whole = serve(&[input], &limits);
    assert_eq!(serve(&cuts.bytes(input), &limits), whole);
    for _ in 0..2 {
        assert_eq!(serve(&cuts.pieces(input), &limits), whole);
    }
}

/// The same, cut in two at every position.
pub fn connection_at_every_cut(input: &[u8]) {
    let limits = ReceiveLimits::default();
    let whole = serve(&[input], &limits);
    assert_eq!(serve(&Cuts::of(input).bytes(input), &limits), whole);
    for cut in 1..input.len() {
        let (a, b) = input.split_at(cut);
        assert_eq!(serve(&[a, b], &limits), whole, "at {cut}");
    }
}

/// What a client makes of a server's bytes is the same however they are cut; and what it sends for
/// a request reaches our own server as that request, whose answer reaches the client.
pub fn client(input: &[u8]) {
    let mut cuts = Cuts::of(input);
    let request = REQUESTS[cuts.below(REQUESTS.len())];
    let limits = head_limits(&mut cuts);
    let whole = ask(request, &[input], &limits);
    assert_eq!(ask(request, &cuts.bytes(input), &limits), whole);
    for _ in 0..2 {
        assert_eq!(ask(request, &cuts.pieces(input), &limits), whole);
    }
    round_trip(input, &mut cuts);
}

/// Requests that an answer may belong to: the body depends on the method, and on what was asked.
const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
];

/// The events of a client that has sent this request, and gets these pieces and then the end.
fn ask(request: &str, pieces: &[&[u8]], limits: &HeadLimits) -> Vec<String> {
    let mut conn = ClientConn::new();
    let request = parsed(request.as_bytes());
    let form = request.target_form();
    conn.send_head(&request, form, Some(0), &mut Vec::new());
    let (mut head, mut events) = (StatusHead::default(), Vec::new());
    let (mut input, mut body, mut used) = (Vec::new(), Vec::new(), 0);
    for number in 0..=pieces.len() {
        input.extend_from_slice(pieces.get(number).copied().unwrap_or_default());
        let is_end = number == pieces.len();
        let mut at = 0;
        loop {
            let before = at;
            let event = conn.receive(&input, &mut at, is_end, &mut head, limits);
            assert!(before <= at && at <= input.len(), "{before} {at}");
            match event {
                Ok(Event::Head) => {
                    events.push(format!("{} {:?}", head.status(), head.version()));
                    for (name, value) in head.headers() {
                        events.push(format!("{name}: {}", value.escape_ascii()));
                    }
                }
                Ok(Event::Data(len)) => {
                    assert!(len > 0 && len <= input.len() - at, "{len}");
                    body.extend_from_slice(&input[at..at + len]);
                    at += len;
                }
                Ok(Event::End) => events.push(body.escape_ascii().to_string()),
                Ok(Event::Closed) => events.push("closed".to_owned()),
                Ok(Event::NeedMore) => break,
                Err(refusal) => {
                    // Which of several faults is named may depend on how much is there.
                    events.push(refusal.status().to_string());
                    return events;
                }
            }
            if conn.is_received() || conn.is_handed_over() {
                events.push(format!("used {}, {}", used + at, conn.next_exchange()));
                return events;
            }
        }
        input.drain(..at);
        used += at;
    }
    panic!("the end of the input brought no end: {events:?}");
}

/// From our client to our server and back.
fn round_trip(input: &[u8], cuts: &mut Cuts) {
    let mut request = Head::new();
    let Ok(Some(len)) = request.parse(input, &HeadLimits::default()) else {
        return;
    };
    let is_connect = request.target_form() == TargetForm::Authority;
    // What the client adds must fit, and Host is the caller's to see to.
    if len > 4096 || request.headers().len() > 90 || request.header("host").is_none() {
        return;
    }
    let content = if is_connect { b"" } else { &input[len..] };
    let content = &content[..content.len().min(1000)];
    let is_told = content.is_empty() || cuts.below(2) == 0;

    let (mut client, mut wire) = (ClientConn::new(), Vec::new());
    let length = is_told.then_some(content.len() as u64);
    let sending = client.send_head(&request, request.target_form(), length, &mut wire);
    if sending != Sending::Nothing {
        // As a client does when the permission does not come.
        client.stop_awaiting();
        for chunk in cuts.pieces(content) {
            let behind = client.send_data(chunk.len(), &mut wire).expect("as told");
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(behind);
        }
        client.send_end(&mut wire).expect("as told");
    }
    assert!(client.is_sent());

    let limits = ReceiveLimits::default();
    let (mut server, mut head, mut at) = (Conn::new(), Head::new(), 0);
    let event = server.receive(&wire, &mut at, false, &mut head, &limits);
    assert_eq!(event, Ok(Event::Head), "{}", wire.escape_ascii());
    assert_eq!(identity(&head), identity(&request));
    let mut body = Vec::new();
    while !server.is_received() {
        match server.receive(&wire, &mut at, false, &mut head, &limits) {
            Ok(Event::Data(len)) => {
                body.extend_from_slice(&wire[at..at + len]);
                at += len;
            }
            Ok(Event::End) => {}
            other => panic!("{other:?} in a body"),
        }
    }
    assert_eq!((body.as_slice(), at), (content, wire.len()));
    if is_connect {
        return;
    }

    let mut reply = Vec::new();
    answer(&mut server, &head, &mut reply);
    let mut status = StatusHead::default();
    let (mut at, mut body) = (0, Vec::new());
    let event = client.receive(&reply, &mut at, false, &mut status, &limits.head);
    assert_eq!(event, Ok(Event::Head), "{}", reply.escape_ascii());
    while !client.is_received() {
        match client.receive(&reply, &mut at, false, &mut status, &limits.head) {
            Ok(Event::Data(len)) => {
                body.extend_from_slice(&reply[at..at + len]);
                at += len;
            }
            Ok(Event::End) => {}
            other => panic!("{other:?} in the body of an answer"),
        }
    }
    let has_body = head.path() == "/chunks" && head.method() != http::Method::HEAD;
    let expected: &[u8] = if has_body { b"hi" } else { b"" };
    assert_eq!((body.as_slice(), at), (expected, reply.len()));
    assert_eq!(client.next_exchange(), server.is_kept(), "both know it");
}

/// What of a request must reach the server: all but what frames its body.
fn identity(head: &Head) -> (String, Vec<(String, Vec<u8>)>) {
    let framing = ["content-length", "transfer-encoding", "expect"];
    let mut lines: Vec<_> = head
        .headers()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
        .filter(|(name, _)| !framing.contains(&name.as_str()))
        .collect();
    // Host comes first.
    lines.sort_by_key(|(name, _)| name != "host");
    let (method, path, query) = (head.method(), head.path(), head.query());
    let what = format!("{method} {path:?} {query:?} {:?}", head.host());
    (what, lines)
}

fn parsed(request: &[u8]) -> Head {
    let mut head = Head::new();
    let verdict = head.parse(request, &HeadLimits::default());
    assert_eq!(verdict, Ok(Some(request.len())));
    head
}

/// What a connection has shown.
#[derive(PartialEq, Eq, Debug)]
struct Shown {
    /// Events in words, content joined.
    events: Vec<String>,
    /// How many bytes were used up, where that is not in doubt.
    used: Option<usize>,
    /// All that was sent.
    sent: Vec<u8>,
}

/// Feeds the pieces and then the end, and answers every request: those to `/early` before their
/// body, those to `/chunks` in chunks.
fn serve(pieces: &[&[u8]], limits: &ReceiveLimits) -> Shown {
    let (mut conn, mut head) = (Conn::new(), Head::new());
    let mut shown = Shown {
        events: Vec::new(),
        used: None,
        sent: Vec::new(),
    };
    let (mut input, mut body, mut used) = (Vec::new(), Vec::new(), 0);
    for number in 0..=pieces.len() {
        input.extend_from_slice(pieces.get(number).copied().unwrap_or_default());
        let is_end = number == pieces.len();
        let mut at = 0;
        loop {
            let before = at;
            let event = conn.receive(&input, &mut at, is_end, &mut head, limits);
            assert!(before <= at && at <= input.len(), "{before} {at}");
            match event {
                Ok(Event::Head) => {
                    shown.events.push(describe(&head));
                    if head.path() == "/early" {
                        answer(&mut conn, &head, &mut shown.sent);
                    }
                }
                Ok(Event::Data(len)) => {
                    assert!(len > 0 && len <= input.len() - at, "{len}");
                    body.extend_from_slice(&input[at..at + len]);
                    at += len;
                }
                Ok(Event::End) => {
                    let body = std::mem::take(&mut body);
                    shown.events.push(body.escape_ascii().to_string());
                }
                Ok(Event::NeedMore) if conn.is_received() => {
                    if !conn.is_sent() {
                        answer(&mut conn, &head, &mut shown.sent);
                    }
                    if conn.next_exchange() != Next::Continue {
                        shown.used = Some(used + at);
                        return shown;
                    }
                }
                Ok(Event::NeedMore) => break,
                Ok(Event::Closed) => {
                    shown.events.push("closed".to_owned());
                    shown.used = Some(used + at);
                    return shown;
                }
                Err(refusal) => {
                    // Which of several faults is named may depend on how much is there.
                    shown.events.push(refusal.status().to_string());
                    return shown;
                }
            }
            if conn.is_sent() && conn.next_exchange() == Next::Close {
                shown.used = Some(used + at);
                return shown;
            }
        }
        input.drain(..at);
        used += at;
    }
    panic!("the end of the input brought no end: {shown:?}");
}

fn answer(conn: &mut Conn, head: &Head, out: &mut Vec<u8>) {
    let response = ResponseHead {
        status: StatusCode::OK,
        start: b"HTTP/1.1 200 OK\r\n",
        lines: b"",
    };
    let length = (head.path() != "/chunks").then_some(0);
    if conn.send_head(&response, length, out) != Sending::Nothing {
        let behind = conn.send_data(2, out).expect("any length");
        out.extend_from_slice(b"hi");
        out.extend_from_slice(behind);
        conn.send_end(out).expect("any length");
    }
}

/// The content and where the body ended, if it did.
fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<usize>), Refusal> {
    let mut decoder = ChunkedDecoder::new();
    let (mut content, mut before) = (Vec::new(), 0);
    for piece in pieces {
        let mut at = 0;
        loop {
            match decoder.decode(piece, &mut at)? {
                Chunk::NeedMore => break,
                Chunk::Data(len) => {
                    assert!(len > 0, "no content");
                    content.extend_from_slice(&piece[at..at + len]);
                    at += len;
                }
                Chunk::End => return Ok((content, Some(before + at))),
            }
        }
        before += piece.len();
    }
    Ok((content, None))
}

/// The chunks as the server sends them.
fn encode(chunks: &[&[u8]]) -> Vec<u8> {
    let (mut conn, mut head) = (Conn::new(), Head::new());
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let limits = ReceiveLimits::default();
    let event = conn.receive(request, &mut 0, false, &mut head, &limits);
    assert_eq!(event, Ok(Event::Head));
    let response = ResponseHead {
        status: StatusCode::OK,
        start: b"HTTP/1.1 200 OK\r\n",
        lines: b"",
    };
    let mut out = Vec::new();
    let sending = conn.send_head(&response, None, &mut out);
    assert_eq!(sending, Sending::Chunked);
    out.clear();
    for chunk in chunks {
        let behind = conn.send_data(chunk.len(), &mut out).expect("any length");
        out.extend_from_slice(chunk);
        out.extend_from_slice(behind);
    }
    conn.send_end(&mut out).expect("any length");
    out
}

/// All that a head says.
fn describe(head: &Head) -> String {
    let mut text = format!(
        "{} {} {:?} {:?} {:?} {:?} {:?} {:?}",
        head.method(),
        head.target(),
        head.version(),
        head.target_form(),
        head.path(),
        head.query(),
        head.host(),
        head.body(),
    );
    assert_ne!(head.body(), BodyLength::UntilClose, "no request has that");
    for (name, value) in head.headers() {
        write!(text, "\n{name}: {}", value.escape_ascii()).expect("a string");
    }
    text
}

/// The head once more, from its parts.
fn write_head(head: &Head) -> Vec<u8> {
    let (method, target) = (head.method(), head.target());
    let mut out = format!("{method} {target} {:?}\r\n", head.version()).into_bytes();
    for (name, value) in head.headers() {
        // No space, so that a head at a limit stays within it.
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// The usual limits, or such that short inputs reach them.
fn head_limits(cuts: &mut Cuts) -> HeadLimits {
    let mut limits = HeadLimits::default();
    if cuts.below(4) == 0 {
        (limits.bytes, limits.headers, limits.target) = (200, 5, 30);
    }
    limits
}

/// As [`head_limits`].
fn receive_limits(cuts: &mut Cuts) -> ReceiveLimits {
    let mut limits = ReceiveLimits::default();
    limits.head = head_limits(cuts);
    if cuts.below(4) == 0 {
        limits.body = 20;
    }
    limits
}

/// Where to cut an input: at random, but the same each time for the same input.
struct Cuts(u64);

impl Cuts {
    fn of(input: &[u8]) -> Self {
        // FNV-1a.
        let hash = input.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(hash | 1)
    }

    /// A number below `bound`: xorshift.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below a usize")
    }

    /// A few pieces, most of them short.
    fn pieces<'a>(&mut self, mut input: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !input.is_empty() {
            let most = if self.below(3) == 0 { input.len() } else { 12 };
            let (piece, rest) = input.split_at(1 + self.below(most.min(input.len())));
            pieces.push(piece);
            input = rest;
        }
        pieces
    }

    /// Single bytes; of a large input larger pieces.
    fn bytes<'a>(&self, input: &'a [u8]) -> Vec<&'a [u8]> {
        input.chunks(1 + input.len() / 2000).collect()
    }
}
