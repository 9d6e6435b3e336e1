//! One connection's side of HTTP/1 as a state machine without I/O: the server's role.
//!
//! The caller owns all bytes. It hands what it has read to [`Conn::receive`] and gets events;
//! it hands responses to [`Conn::send_whole`] or [`Conn::send_head`] and its siblings and gets bytes in an output buffer.
//! The machine never looks at a clock, a socket or the content of a body.
//!
//! ```text
//!  reading                                        writing
//!
//!  Head --(1) Head, no body--------> Done         Waiting --(5) no body-------> Done
//!   |                                 ^             |                            ^
//!   +-----(2) Head--> Body --(3) End--+             +--(6) head--> Body --(7) end+
//!   ^                                 |             ^                            |
//!   +------------------------(4)------+             +--------------(4)-----------+
//! ```
//! (1), (2), (3): `receive`. (5), (6): `send_head`, `send_whole`. (7): `send_end`. (4): `next_exchange`, once both
//! sides are done and the connection is to be kept.
//!
//! Rules of keeping (RFC 9112 9.3): version 1.1 keeps unless either side says close; version 1.0
//! closes unless the client asks for keep-alive and the length of the answer is known. CONNECT
//! closes: whatever follows a refused tunnel was meant for the tunnel. After `send_switch` the
//! bytes belong to another protocol.
//!
//! Invariants:
//! - After a [`Refusal`] nothing more is read: where the next message begins is in doubt.
//! - The bytes behind a message are not touched before its response is sent; so an answer to
//!   request n + 1 cannot overtake the answer to n.
//! - Events depend on the bytes, never on how they were cut.

use http::{HeaderMap, Method, StatusCode, Version};

use super::chunked::ChunkedDecoder;
use super::encode::{self, ConnectionLine, LengthLine, ResponseHead};
use super::framing::{BodyLength, is_bodyless};
use super::head::{Head, HeadLimits};
use super::reading::{receive_chunks, receive_known};
use super::refusal::Refusal;
use super::writing::{Sending, Writing, WrongLength};

/// Limits on what a connection receives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ReceiveLimits {
    /// Limits on each head.
    pub head: HeadLimits,
    /// Bytes of each body; beyond it 413.
    pub body: u64,
}

impl Default for ReceiveLimits {
    fn default() -> Self {
        Self {
            head: HeadLimits::default(),
            body: 2 * 1024 * 1024,
        }
    }
}

/// What [`Conn::receive`] has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// Nothing more in this input.
    NeedMore,
    /// A head, now in the [`Head`] that was given.
    Head,
    /// So many bytes from the position on are content of the body. The caller moves the
    /// position behind them.
    Data(usize),
    /// The body is there to its end. Not reported for a request without a body.
    End,
    /// The peer ended the connection between two messages.
    Closed,
}

/// What to do when a response is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Go on with the next request.
    Continue,
    /// The request's body is still coming. Take in the rest first, or close.
    Drain,
    /// Close the connection.
    Close,
}

/// The state machine of one connection; see the module's text.
#[derive(Clone, Debug)]
pub struct Conn {
    reading: Reading,
    writing: Writing,
    /// Bytes of an incomplete head that were looked at already.
    tried: usize,
    /// Empty lines before this request line.
    empty_lines: u8,
    /// Content of this request's body so far.
    received: u64,
    /// Whether the connection is kept after this response.
    keep_alive: bool,
    /// Whether the request was made in version 1.0.
    is_version_10: bool,
    /// The request's method is HEAD: its answer has no body.
    is_head: bool,
    /// The request's method is CONNECT.
    is_connect: bool,
    /// The client waits for 100 before it sends the body.
    awaits_continue: bool,
    /// The client itself wants the connection closed, and has kept to the rules.
    is_client_closing: bool,
    /// What stood behind this request's body.
    trailers: Option<Box<HeaderMap>>,
}

#[derive(Clone, Debug)]
enum Reading {
    Head,
    Known(u64),
    Chunked(ChunkedDecoder),
    Done,
}

impl Conn {
    /// A connection before its first request.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            reading: Reading::Head,
            writing: Writing::Waiting,
            tried: 0,
            empty_lines: 0,
            received: 0,
            keep_alive: true,
            is_version_10: false,
            is_head: false,
            is_connect: false,
            awaits_continue: false,
            is_client_closing: false,
            trailers: None,
        }
    }

    /// Looks for the next event in `input` from `*at` on and moves `*at` behind what it was made
    /// of. `end` says that nothing follows this input. A head is parsed into `head`.
    ///
    /// Until [`Event::NeedMore`] there may be more events in the same input. Once the message is
    /// there to its end, the answer is `NeedMore` until [`Conn::next_exchange`] allows the next one.
    ///
    /// # Errors
    /// The message is refused. The connection must be closed after the answer.
    pub fn receive(
        &mut self,
        input: &[u8],
        at: &mut usize,
        end: bool,
        head: &mut Head,
        limits: &ReceiveLimits,
    ) -> Result<Event, Refusal> {
        let event = match &mut self.reading {
            Reading::Head => self.receive_head(input, at, end, head, limits),
            Reading::Known(left) => receive_known(left, input.len() - *at, end),
            Reading::Chunked(decoder) => {
                receive_chunks(decoder, input, at, end, &mut self.trailers)
            }
            Reading::Done => Ok(Event::NeedMore),
        };
        let event = event.and_then(|event| self.count(event, limits));
        match event {
            Ok(Event::End) => self.reading = Reading::Done,
            Err(_) => self.stop_receiving(),
            Ok(_) => {}
        }
        event
    }

    /// Whether the request is there to its end (or none has begun after a refusal).
    #[must_use]
    pub fn is_received(&self) -> bool {
        matches!(self.reading, Reading::Done)
    }

    /// Whether a head is being waited for, that is, no request is under way.
    #[must_use]
    pub fn is_between_messages(&self) -> bool {
        matches!(self.reading, Reading::Head)
    }

    /// The trailer of the request under way, once [`Event::End`] was reported. Given once; `None`
    /// if there is none, or nothing in it that may stand there
    /// ([`is_trailer_field`](super::is_trailer_field)).
    pub fn take_trailers(&mut self) -> Option<Box<HeaderMap>> {
        self.trailers.take()
    }

    /// How many bytes of the body are still to come, where the head has told it.
    #[must_use]
    pub fn body_left(&self) -> Option<u64> {
        match self.reading {
            Reading::Known(left) => Some(left),
            Reading::Chunked(_) => None,
            Reading::Head | Reading::Done => Some(0),
        }
    }

    /// Whether the client waits for permission to send the body. Once the response has begun it
    /// cannot be given any more.
    #[must_use]
    pub fn awaits_continue(&self) -> bool {
        self.awaits_continue && self.received == 0 && self.writing == Writing::Waiting
    }

    /// Gives the permission, unless the answer is under way already.
    pub fn send_continue(&mut self, out: &mut Vec<u8>) {
        if self.awaits_continue() {
            out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.awaits_continue = false;
    }

    /// Reads nothing more: the request is refused, or its body is given up.
    pub fn stop_receiving(&mut self) {
        self.reading = Reading::Done;
        self.keep_alive = false;
        self.is_client_closing = false;
    }

    /// Whether it is the client who wants the connection closed, so that it will send nothing
    /// more.
    #[must_use]
    pub fn is_client_closing(&self) -> bool {
        self.is_client_closing
    }

    /// Whether the request under way is a HEAD.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.is_head
    }

    /// Whether the request under way is a CONNECT.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.is_connect
    }

    /// Closes the connection after the response under way, or after the next one.
    pub fn close_after(&mut self) {
        self.keep_alive = false;
    }

    /// Whether the connection is still to be kept after this response.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.keep_alive
    }

    /// Appends the head of the response, and says how its body is to be sent.
    ///
    /// `length` is the length of the body, `None` if it is not known beforehand. The answer to
    /// HEAD tells the length but sends nothing.
    pub fn send_head(
        &mut self,
        head: &ResponseHead<'_>,
        length: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Sending {
        let sending = self.append_head(head, length, out);
        self.writing = Writing::body(sending);
        sending
    }

    /// Appends the head of a response whose body is at hand, and takes the response for sent. True
    /// if the caller has to put the content behind it.
    pub fn send_whole(&mut self, head: &ResponseHead<'_>, length: u64, out: &mut Vec<u8>) -> bool {
        let sending = self.append_head(head, Some(length), out);
        self.writing = Writing::Done;
        sending != Sending::Nothing
    }

    /// Appends the head of a response behind which the connection is not HTTP any more: 101, or the
    /// grant of a CONNECT. Lines that name the protocol are the caller's.
    pub fn send_switch(&mut self, head: &ResponseHead<'_>, out: &mut Vec<u8>) {
        debug_assert!(self.is_unanswered(), "one response for one request");
        // No Content-Length and no Transfer-Encoding (RFC 9110 15.2.2 and 9.3.6).
        encode::append_head(out, head, LengthLine::Nothing, ConnectionLine::Nothing);
        self.writing = Writing::Done;
        self.keep_alive = false;
    }

    /// Announces `len` bytes of content: appends what stands before them and returns what stands
    /// behind them. The caller puts the content between the two.
    ///
    /// # Errors
    /// The body is longer than its head has told. The connection must be closed at once, so that
    /// the client does not take the rest for a response.
    pub fn send_data(
        &mut self,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<&'static [u8], WrongLength> {
        self.writing.data(len, out)
    }

    /// Ends the body of the response.
    ///
    /// # Errors
    /// The body is shorter than its head has told. The connection must be closed at once.
    pub fn send_end(&mut self, out: &mut Vec<u8>) -> Result<(), WrongLength> {
        self.writing.end(out)
    }

    /// As [`Conn::send_end`], with a trailer. Only the chunked coding can carry one; it is left out
    /// of other bodies, and so are lines that may not stand there
    /// ([`is_trailer_field`](super::is_trailer_field)).
    ///
    /// A client that did not say `TE: trailers` gets it all the same: whoever takes the coding off
    /// may drop what he does not want (RFC 9112 7.1.2).
    ///
    /// # Errors
    /// As [`Conn::send_end`].
    pub fn send_end_with(
        &mut self,
        trailers: &HeaderMap,
        out: &mut Vec<u8>,
    ) -> Result<(), WrongLength> {
        self.writing.end_with(trailers, out)
    }

    /// Whether the response is complete.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.writing == Writing::Done
    }

    /// Whether no response has begun yet.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.writing == Writing::Waiting
    }

    /// What comes after a complete response; with [`Next::Continue`] the machine stands before
    /// the next request.
    pub fn next_exchange(&mut self) -> Next {
        if !self.keep_alive {
            return Next::Close;
        }
        if !self.is_received() {
            return Next::Drain;
        }
        self.reading = Reading::Head;
        self.writing = Writing::Waiting;
        self.tried = 0;
        self.empty_lines = 0;
        self.received = 0;
        self.awaits_continue = false;
        self.trailers = None;
        Next::Continue
    }

    /// What `send_head` and `send_whole` have in common: everything but the state of writing.
    fn append_head(
        &mut self,
        head: &ResponseHead<'_>,
        length: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Sending {
        debug_assert_eq!(
            self.writing,
            Writing::Waiting,
            "one response for one request"
        );
        // A client that was not told to go on may send the body or not: where the next request
        // would begin cannot be known.
        if self.is_connect || self.awaits_continue() {
            self.keep_alive = false;
        }
        let (line, sending) = match length {
            _ if is_bodyless(head.status) => (LengthLine::Nothing, Sending::Nothing),
            // No content either, but it is said by a length (RFC 9110 15.3.6).
            _ if head.status == StatusCode::RESET_CONTENT => {
                (LengthLine::Length(0), Sending::Nothing)
            }
            Some(0) => (LengthLine::Length(0), Sending::Nothing),
            Some(length) => (LengthLine::Length(length), Sending::Known(length)),
            None if self.is_version_10 => {
                self.keep_alive = false;
                (LengthLine::Nothing, Sending::UntilClose)
            }
            None => (LengthLine::Chunked, Sending::Chunked),
        };
        let connection = match (self.keep_alive, self.is_version_10) {
            (false, _) => ConnectionLine::Close,
            (true, true) => ConnectionLine::KeepAlive,
            (true, false) => ConnectionLine::Nothing,
        };
        encode::append_head(out, head, line, connection);
        if self.is_head {
            Sending::Nothing
        } else {
            sending
        }
    }

    /// Transitions (1) and (2).
    fn receive_head(
        &mut self,
        input: &[u8],
        at: &mut usize,
        end: bool,
        head: &mut Head,
        limits: &ReceiveLimits,
    ) -> Result<Event, Refusal> {
        self.skip_empty_lines(input, at)?;
        let rest = &input[*at..];
        match rest {
            [] if end => return Ok(Event::Closed),
            [] => return Ok(Event::NeedMore),
            [b'\r'] if !end => return Ok(Event::NeedMore),
            [b'\r' | b'\n', ..] => return Err(Refusal::BareNewline),
            _ => {}
        }
        if !self.is_worth_a_try(rest, end, limits) {
            return Ok(Event::NeedMore);
        }
        let Some(len) = head.parse(rest, &limits.head)? else {
            self.tried = rest.len();
            return if end {
                Err(Refusal::HeadIncomplete)
            } else {
                Ok(Event::NeedMore)
            };
        };
        *at += len;
        self.adopt(head);
        match head.body() {
            BodyLength::Known(length) if length > limits.body => return Err(Refusal::BodyTooLarge),
            BodyLength::Known(length) => self.reading = Reading::Known(length),
            BodyLength::Chunked => self.reading = Reading::Chunked(ChunkedDecoder::new()),
            BodyLength::Empty | BodyLength::UntilClose => self.reading = Reading::Done,
        }
        // Without a body there is nothing to wait for.
        self.awaits_continue &= !matches!(self.reading, Reading::Done);
        Ok(Event::Head)
    }

    /// An incomplete head is parsed again only when another line of it has come, so that a client
    /// that sends single bytes costs a pass for each line and not for each byte.
    fn is_worth_a_try(&self, rest: &[u8], end: bool, limits: &ReceiveLimits) -> bool {
        let fresh = rest.get(self.tried..).unwrap_or_default();
        self.tried == 0 || end || rest.len() > limits.head.bytes || fresh.contains(&b'\n')
    }

    /// A server should pass over at least one empty line before a request (RFC 9112 2.2).
    fn skip_empty_lines(&mut self, input: &[u8], at: &mut usize) -> Result<(), Refusal> {
        while input[*at..].starts_with(b"\r\n") {
            *at += 2;
            self.empty_lines += 1;
            if self.empty_lines > MAX_EMPTY_LINES {
                return Err(Refusal::EmptyLines);
            }
        }
        Ok(())
    }

    /// Takes over what a head says about its connection.
    fn adopt(&mut self, head: &Head) {
        let wishes = head.wishes();
        self.is_version_10 = head.version() == Version::HTTP_10;
        self.is_head = *head.method() == Method::HEAD;
        self.is_connect = *head.method() == Method::CONNECT;
        self.awaits_continue = wishes.expect_continue;
        self.is_client_closing = wishes.close || (self.is_version_10 && !wishes.keep_alive);
        self.keep_alive &= !self.is_client_closing;
    }

    /// Counts content. The limit can strike in chunks only: a length told in the head was looked
    /// at there.
    fn count(&mut self, event: Event, limits: &ReceiveLimits) -> Result<Event, Refusal> {
        if let Event::Data(content) = event {
            self.received = self.received.saturating_add(content as u64);
            if self.received > limits.body {
                return Err(Refusal::BodyTooLarge);
            }
        }
        Ok(event)
    }
}

impl Default for Conn {
    fn default() -> Self {
        Self::new()
    }
}

/// The answer to a refused request: a short text, and the end of the connection.
///
/// `common` is what [`append_start`](super::append_start) takes.
pub fn append_refusal(refusal: Refusal, common: &[u8], out: &mut Vec<u8>) {
    let (text, status) = (refusal.text(), refusal.status());
    encode::append_start(out, status, common, Some("text/plain; charset=utf-8"));
    // It begins with what is there now.
    let head = ResponseHead {
        status,
        start: b"",
        lines: b"",
    };
    let length = LengthLine::Length(text.len() as u64 + 1);
    encode::append_head(out, &head, length, ConnectionLine::Close);
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

/// One is normal after a body of old browsers; more than a few is somebody keeping us busy.
const MAX_EMPTY_LINES: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a run of the machine has shown, with content joined.
    #[derive(PartialEq, Eq, Debug)]
    enum Seen {
        Head(String, BodyLength),
        Body(Vec<u8>),
        Refused(Refusal),
        Closed,
    }

    /// Feeds the pieces and answers every complete request at once.
    fn run(pieces: &[&[u8]]) -> Vec<Seen> {
        let limits = ReceiveLimits {
            body: 64,
            ..ReceiveLimits::default()
        };
        let (mut conn, mut head) = (Conn::new(), Head::new());
        let (mut seen, mut out) = (Vec::new(), Vec::new());
        let (mut input, mut body) = (Vec::new(), None::<Vec<u8>>);
        for number in 0..=pieces.len() {
            input.extend_from_slice(pieces.get(number).copied().unwrap_or_default());
            let end = number == pieces.len();
            let mut at = 0;
            loop {
                match conn.receive(&input, &mut at, end, &mut head, &limits) {
                    Ok(Event::Head) => {
                        seen.push(Seen::Head(
                            format!("{} {}", head.method(), head.target()),
                            head.body(),
                        ));
                        body = (!conn.is_received()).then(Vec::new);
                    }
                    Ok(Event::Data(len)) => {
                        body.as_mut()
                            .unwrap()
                            .extend_from_slice(&input[at..at + len]);
                        at += len;
                    }
                    Ok(Event::End) => seen.push(Seen::Body(body.take().unwrap())),
                    Ok(Event::NeedMore) if conn.is_received() => {
                        conn.send_head(&response(200), Some(0), &mut out);
                        if conn.next_exchange() != Next::Continue {
                            return seen;
                        }
                        continue;
                    }
                    Ok(Event::NeedMore) => break,
                    Ok(Event::Closed) => {
                        seen.push(Seen::Closed);
                        return seen;
                    }
                    Err(refusal) => {
                        seen.push(Seen::Refused(refusal));
                        return seen;
                    }
                }
            }
            input.drain(..at);
        }
        seen
    }

    fn response(status: u16) -> ResponseHead<'static> {
        ResponseHead {
            status: StatusCode::from_u16(status).unwrap(),
            start: b"HTTP/1.1 is the start\r\n",
            lines: b"",
        }
    }

    /// A machine that has received this request to its end.
    fn after(request: &str) -> Conn {
        let (mut conn, mut head, mut at) = (Conn::new(), Head::new(), 0);
        let limits = ReceiveLimits::default();
        let event = conn.receive(request.as_bytes(), &mut at, false, &mut head, &limits);
        assert_eq!(event, Ok(Event::Head), "{request:?}");
        conn
    }

    fn answer(conn: &mut Conn, status: u16, length: Option<u64>) -> (Sending, String) {
        let mut out = Vec::new();
        let sending = conn.send_head(&response(status), length, &mut out);
        (sending, String::from_utf8(out).unwrap())
    }

    #[test]
    fn events_are_the_same_at_every_split() {
        let input = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\n\
            Content-Length: 5\r\n\r\nhelloPOST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
            3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: t\r\n\r\nGET /4 HTTP/1.1\r\nHost: a\r\n\r\n";
        let whole = run(&[input]);
        assert_eq!(whole.len(), 7, "{whole:?}");
        assert_eq!(whole.last(), Some(&Seen::Closed));
        for split in 0..input.len() {
            let (a, b) = input.split_at(split);
            assert_eq!(run(&[a, b]), whole, "{split}");
        }
        let single: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(run(&single), whole);
        for first in (0..input.len()).step_by(3) {
            for second in (first..input.len()).step_by(7) {
                let pieces = [&input[..first], &input[first..second], &input[second..]];
                assert_eq!(run(&pieces), whole, "{first} {second}");
            }
        }
    }

    #[test]
    fn an_end_inside_a_message_is_refused() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n";
        for end in 1..head.len() {
            let expected = vec![Seen::Refused(Refusal::HeadIncomplete)];
            assert_eq!(run(&[&head.as_bytes()[..end]]), expected, "{end}");
        }
        let refused = Some(Seen::Refused(Refusal::BodyIncomplete));
        assert_eq!(run(&[head.as_bytes()]).pop(), refused);
        assert_eq!(run(&[head.as_bytes(), b"x"]).pop(), refused);
        assert_eq!(run(&[b"\r"]), [Seen::Refused(Refusal::BareNewline)]);
        assert_eq!(run(&[b"\r\n"]), [Seen::Closed]);
        assert_eq!(
            run(&[b"\r\n\r\n\r\n\r\n\r\n"]),
            [Seen::Refused(Refusal::EmptyLines)]
        );
    }

    #[test]
    fn bodies_beyond_the_limit() {
        let known = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65\r\n\r\n";
        assert_eq!(
            run(&[known.as_bytes()]),
            [Seen::Refused(Refusal::BodyTooLarge)]
        );
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = format!("21\r\n{}\r\n", "x".repeat(33));
        let seen = run(&[head.as_bytes(), chunk.as_bytes(), chunk.as_bytes()]);
        assert_eq!(seen.last(), Some(&Seen::Refused(Refusal::BodyTooLarge)));
    }

    #[test]
    fn the_trailer_of_a_request_is_given_once() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let body = b"0\r\nX-Sum: 12\r\n\r\n";
        for split in 0..=body.len() {
            let mut conn = after(head);
            let (limits, mut nothing) = (ReceiveLimits::default(), Head::new());
            for piece in [&body[..split], &body[split..]] {
                assert_eq!(conn.take_trailers(), None);
                let event = conn.receive(piece, &mut 0, false, &mut nothing, &limits);
                assert!(
                    matches!(event, Ok(Event::NeedMore | Event::End)),
                    "{event:?}"
                );
                if conn.is_received() {
                    break;
                }
            }
            assert_eq!(conn.take_trailers().unwrap()["x-sum"], "12", "{split}");
            assert_eq!(conn.take_trailers(), None);
        }
    }

    #[test]
    fn keeping_the_connection() {
        let rows = [
            ("HTTP/1.1", "", Some(1), true, ""),
            (
                "HTTP/1.1",
                "Connection: close\r\n",
                Some(1),
                false,
                "Connection: close",
            ),
            ("HTTP/1.1", "Connection: keep-alive\r\n", Some(1), true, ""),
            (
                "HTTP/1.1",
                "Connection: keep-alive, close\r\n",
                Some(1),
                false,
                "Connection: close",
            ),
            ("HTTP/1.1", "", None, true, "Transfer-Encoding: chunked"),
            ("HTTP/1.0", "", Some(1), false, "Connection: close"),
            (
                "HTTP/1.0",
                "Connection: keep-alive\r\n",
                Some(1),
                true,
                "Connection: keep-alive",
            ),
            (
                "HTTP/1.0",
                "Connection: keep-alive\r\n",
                None,
                false,
                "Connection: close",
            ),
        ];
        for row in rows {
            let (version, lines, length, kept, line) = row;
            let mut conn = after(&format!("GET / {version}\r\nHost: a\r\n{lines}\r\n"));
            let (_, head) = answer(&mut conn, 200, length);
            assert!(head.contains(line), "{row:?}: {head}");
            assert_eq!(
                head.contains("Connection"),
                line.contains("Connection"),
                "{row:?}"
            );
            assert_eq!(conn.is_kept(), kept, "{row:?}");
        }
        let mut conn = after("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n");
        answer(&mut conn, 404, Some(0));
        assert_eq!(conn.next_exchange(), Next::Close);
    }

    #[test]
    fn responses_without_a_body() {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for status in [204, 304] {
            let (sending, head) = answer(&mut after(get), status, Some(5));
            assert_eq!(sending, Sending::Nothing);
            assert!(!head.contains("Content-Length"), "{head}");
        }
        let (sending, head) = answer(&mut after(get), 205, None);
        assert_eq!(sending, Sending::Nothing);
        assert!(head.contains("Content-Length: 0\r\n"), "{head}");
        let (sending, head) = answer(
            &mut after("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"),
            200,
            Some(5),
        );
        assert_eq!(sending, Sending::Nothing);
        assert!(head.contains("Content-Length: 5\r\n"), "{head}");
        let (sending, head) = answer(&mut after(get), 200, Some(0));
        assert_eq!(sending, Sending::Nothing);
        assert!(head.contains("Content-Length: 0\r\n"), "{head}");
    }

    #[test]
    fn a_body_has_the_length_that_was_told() {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut out = Vec::new();
        let mut conn = after(get);
        answer(&mut conn, 200, Some(5));
        assert_eq!(conn.send_data(3, &mut out), Ok(&b""[..]));
        assert!(conn.send_end(&mut out).is_err());
        assert!(conn.send_data(3, &mut out).is_err());
        assert!(conn.send_data(2, &mut out).is_ok() && conn.send_end(&mut out).is_ok());
        assert!(out.is_empty() && conn.is_sent());

        let mut conn = after(get);
        answer(&mut conn, 200, None);
        assert_eq!(
            conn.send_data(0, &mut out),
            Ok(&b""[..]),
            "an empty chunk would be the end"
        );
        assert_eq!(conn.send_data(26, &mut out), Ok(&b"\r\n"[..]));
        conn.send_end(&mut out).unwrap();
        assert_eq!(out, b"1a\r\n0\r\n\r\n");
        assert!(
            conn.send_data(1, &mut out).is_err(),
            "nothing follows the end"
        );
    }

    #[test]
    fn trailers_end_chunks_and_nothing_else() {
        let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "12".parse().unwrap());
        trailers.insert("content-length", "5".parse().unwrap());
        let (mut conn, mut out) = (after(get), Vec::new());
        answer(&mut conn, 200, None);
        conn.send_end_with(&trailers, &mut out).unwrap();
        assert_eq!(out, b"0\r\nx-sum: 12\r\n\r\n");
        assert!(conn.is_sent());

        for (version, length) in [("HTTP/1.0", None), ("HTTP/1.1", Some(1))] {
            let (mut conn, mut out) = (after(&get.replace("HTTP/1.1", version)), Vec::new());
            answer(&mut conn, 200, length);
            conn.send_data(1, &mut out).unwrap();
            conn.send_end_with(&trailers, &mut out).unwrap();
            assert!(out.is_empty() && conn.is_sent(), "{version}");
        }
    }

    #[test]
    fn permission_to_send_the_body() {
        let request =
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
        let mut out = Vec::new();
        let mut conn = after(request);
        conn.send_continue(&mut out);
        conn.send_continue(&mut out);
        assert_eq!(out, b"HTTP/1.1 100 Continue\r\n\r\n", "given once");

        let mut conn = after(request);
        let (_, head) = answer(&mut conn, 403, Some(0));
        assert!(head.contains("Connection: close"), "{head}");

        let mut conn = after(&request.replace("HTTP/1.1", "HTTP/1.0"));
        assert!(!conn.awaits_continue(), "version 1.0 knows no permission");
        let mut conn_early = after(request);
        let event = conn_early.receive(
            b"he",
            &mut 0,
            false,
            &mut Head::new(),
            &ReceiveLimits::default(),
        );
        assert_eq!(event, Ok(Event::Data(2)));
        conn_early.send_continue(&mut out);
        conn.send_continue(&mut out);
        assert_eq!(out.len(), 25, "a client that sends already does not wait");
    }

    #[test]
    fn an_unread_body_is_drained_before_the_next_request() {
        let mut conn = after("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
        answer(&mut conn, 200, Some(0));
        assert_eq!(
            (conn.next_exchange(), conn.body_left()),
            (Next::Drain, Some(5))
        );
        let (mut head, mut at) = (Head::new(), 0);
        let limits = ReceiveLimits::default();
        let input = b"GET /GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(
            conn.receive(input, &mut at, false, &mut head, &limits),
            Ok(Event::Data(5))
        );
        at += 5;
        assert_eq!(
            conn.receive(input, &mut at, false, &mut head, &limits),
            Ok(Event::End)
        );
        assert_eq!(conn.next_exchange(), Next::Continue);
        assert_eq!(
            conn.receive(input, &mut at, false, &mut head, &limits),
            Ok(Event::Head)
        );
        assert_eq!(head.path(), "/x");
    }
}
