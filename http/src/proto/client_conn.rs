//! One connection's side of HTTP/1 as a state machine without I/O: the client's role.
//!
//! The counterpart of `conn.rs`, with the same division of labour: the caller owns all bytes, this
//! machine never looks at a clock, a socket or the content of a body.
//!
//! ```text
//!  writing                                        reading
//!
//!  Waiting --(1) no body-------> Done             Head --(4) Head, no body---------> Done
//!   |                             ^               | ^|                                ^
//!   +--(1) head--> Body --(2) end-+       (3) 1xx +-+ +--(4) Head--> Body --(5) End---+
//!   ^                                               |                                 |
//!   |                                               +--(4) 101, 2xx to CONNECT--> HandedOver
//!   +------------------------------------(6)------------------------------------------+
//! ```
//! (1): `send_head`. (2): `send_end`. (3), (4), (5): `receive`. (6): `next_exchange`, once both
//! sides are done and the connection is kept.
//!
//! Both directions go on at the same time: a response may begin, and even end, while the body of
//! its request is still being sent. In the latter case the connection is not kept, because the
//! server cannot tell the rest of the body from the next request once it has stopped reading it.
//!
//! Interim responses (1xx) are passed over, [`MAX_INTERIM`] of them at most; 100 gives the
//! permission that a request with `Expect: 100-continue` waits for. 101 hands the connection over
//! if the request has asked for it, a success to CONNECT always does.
//!
//! Invariants:
//! - After a [`Refusal`] nothing more is read, and the connection is not kept.
//! - The bytes behind a response are not touched: there should be none, and a caller who finds
//!   some does not keep the connection.
//! - Events depend on the bytes, never on how they were cut.

use http::{HeaderMap, Method, StatusCode};

use super::chunked::ChunkedDecoder;
use super::conn::Event;
use super::encode::LengthLine;
use super::encode_request::{Manner, append_request};
use super::framing::BodyLength;
use super::head::{Head, HeadLimits};
use super::reading::{receive_chunks, receive_known};
use super::refusal::Refusal;
use super::status_head::{StatusHead, VERSION};
use super::target::TargetForm;
use super::writing::{Sending, Writing, WrongLength};

/// The state machine of one connection; see the module's text.
#[derive(Clone, Debug)]
pub struct ClientConn {
    reading: Reading,
    writing: Writing,
    /// The method of the request under way.
    method: Method,
    /// Bytes of an incomplete head that were looked at already.
    tried: usize,
    /// Interim responses before this one.
    interim: u8,
    /// Whether the connection is kept after this exchange.
    keep_alive: bool,
    /// The request waits for 100 before its body is sent.
    awaits_continue: bool,
    /// The request has asked for another protocol.
    asks_switch: bool,
    /// Anything of a response was seen, be it an interim one.
    is_answered: bool,
    /// What stood behind this response's body.
    trailers: Option<Box<HeaderMap>>,
}

#[derive(Clone, Debug)]
enum Reading {
    Head,
    Known(u64),
    Chunked(ChunkedDecoder),
    UntilClose,
    Done,
    HandedOver,
}

impl ClientConn {
    /// A connection before its first request.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            reading: Reading::Head,
            writing: Writing::Waiting,
            method: Method::GET,
            tried: 0,
            interim: 0,
            keep_alive: true,
            awaits_continue: false,
            asks_switch: false,
            is_answered: false,
            trailers: None,
        }
    }

    /// Appends the head of a request, and says how its body is to be sent.
    ///
    /// `form` is the form of the target on the wire: origin form for the server itself, absolute
    /// form for a proxy, authority form for CONNECT. `length` is the length of the body, `None` if
    /// it is not known beforehand. Content-Length, Transfer-Encoding and, without a body, Expect of
    /// the head are left out; the rest is sent as it is, Host first.
    pub fn send_head(
        &mut self,
        head: &Head,
        form: TargetForm,
        length: Option<u64>,
        out: &mut Vec<u8>,
    ) -> Sending {
        debug_assert_eq!(self.writing, Writing::Waiting, "one request at a time");
        let (line, sending) = match length {
            // Who means to send content says that there is none (RFC 9110 8.6).
            Some(0) if means_content(head.method()) => (LengthLine::Length(0), Sending::Nothing),
            Some(0) => (LengthLine::Nothing, Sending::Nothing),
            Some(length) => (LengthLine::Length(length), Sending::Known(length)),
            None => (LengthLine::Chunked, Sending::Chunked),
        };
        let has_body = sending != Sending::Nothing;
        self.keep_alive &= !head.wishes().close;
        self.method = head.method().clone();
        self.awaits_continue = has_body && head.wishes().expect_continue;
        self.asks_switch = head.is_upgrade();
        let manner = Manner {
            form,
            length: line,
            closes: !self.keep_alive,
            expects: has_body,
        };
        append_request(out, head, &manner);
        self.writing = Writing::body(sending);
        sending
    }

    /// Announces `len` bytes of content: appends what stands before them and returns what stands
    /// behind them. The caller puts the content between the two.
    ///
    /// # Errors
    /// The body is longer than its head has told. The connection must be closed at once, so that
    /// the server does not take the rest for a request.
    pub fn send_data(
        &mut self,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<&'static [u8], WrongLength> {
        self.writing.data(len, out)
    }

    /// Ends the body of the request.
    ///
    /// # Errors
    /// The body is shorter than its head has told. The connection must be closed at once.
    pub fn send_end(&mut self, out: &mut Vec<u8>) -> Result<(), WrongLength> {
        self.writing.end(out)
    }

    /// As [`ClientConn::send_end`], with a trailer. Only the chunked coding can carry one; it is left
    /// out of other bodies, and so are lines that may not stand there
    /// ([`is_trailer_field`](super::is_trailer_field)).
    ///
    /// # Errors
    /// As [`ClientConn::send_end`].
    pub fn send_end_with(
        &mut self,
        trailers: &HeaderMap,
        out: &mut Vec<u8>,
    ) -> Result<(), WrongLength> {
        self.writing.end_with(trailers, out)
    }

    /// The trailer of the response, once [`Event::End`] was reported. Given once; `None` if there is
    /// none, or nothing in it that may stand there
    /// ([`is_trailer_field`](super::is_trailer_field)).
    pub fn take_trailers(&mut self) -> Option<Box<HeaderMap>> {
        self.trailers.take()
    }

    /// Whether the request was given out to its end.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.writing == Writing::Done
    }

    /// Whether the body should not be sent yet: the server was asked to say first whether it wants
    /// it.
    #[must_use]
    pub const fn awaits_continue(&self) -> bool {
        self.awaits_continue
    }

    /// Waits for the permission no longer: a server need not give it (RFC 9110 10.1.1).
    pub fn stop_awaiting(&mut self) {
        self.awaits_continue = false;
    }

    /// Looks for the next event in `input` from `*at` on and moves `*at` behind what it was made
    /// of. `end` says that nothing follows this input. The final head is parsed into `head`.
    ///
    /// The events are those of [`Conn::receive`](super::Conn::receive): [`Event::Head`] comes
    /// once, for the final response; [`Event::End`] not for a response without a body;
    /// [`Event::Closed`] says that the server closed the connection before it has sent anything of
    /// a response.
    ///
    /// # Errors
    /// The response is refused. The connection must be closed.
    pub fn receive(
        &mut self,
        input: &[u8],
        at: &mut usize,
        end: bool,
        head: &mut StatusHead,
        limits: &HeadLimits,
    ) -> Result<Event, Refusal> {
        let there = input.len() - *at;
        let event = match &mut self.reading {
            Reading::Head => self.receive_head(input, at, end, head, limits),
            Reading::Known(left) => receive_known(left, there, end),
            Reading::UntilClose if there == 0 && end => Ok(Event::End),
            Reading::UntilClose if there == 0 => Ok(Event::NeedMore),
            Reading::UntilClose => Ok(Event::Data(there)),
            Reading::Chunked(decoder) => {
                receive_chunks(decoder, input, at, end, &mut self.trailers)
            }
            Reading::Done | Reading::HandedOver => Ok(Event::NeedMore),
        };
        match event {
            Ok(Event::End) => self.reading = Reading::Done,
            Ok(Event::Closed) | Err(_) => {
                self.reading = Reading::Done;
                self.keep_alive = false;
            }
            Ok(_) => {}
        }
        event
    }

    /// Whether anything of a response was seen, be it an interim one or the beginning of a head.
    #[must_use]
    pub const fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether the head of the final response is there.
    #[must_use]
    pub const fn is_head_received(&self) -> bool {
        !matches!(self.reading, Reading::Head)
    }

    /// Whether the response is there to its end.
    #[must_use]
    pub const fn is_received(&self) -> bool {
        matches!(self.reading, Reading::Done)
    }

    /// Whether the connection speaks another protocol from here on: what is in the input behind
    /// the head belongs to that.
    #[must_use]
    pub const fn is_handed_over(&self) -> bool {
        matches!(self.reading, Reading::HandedOver)
    }

    /// How many bytes of the body are still to come, where the head has told it.
    #[must_use]
    pub const fn body_left(&self) -> Option<u64> {
        match self.reading {
            Reading::Known(left) => Some(left),
            Reading::Chunked(_) | Reading::UntilClose | Reading::Head => None,
            Reading::Done | Reading::HandedOver => Some(0),
        }
    }

    /// Closes the connection after this exchange. To be called before `send_head`, the server is
    /// told so.
    pub fn close_after(&mut self) {
        self.keep_alive = false;
    }

    /// Stands before the next request, if both sides are done and the connection is kept; if not,
    /// it is to be closed.
    #[must_use = "the connection is to be closed if this is false"]
    pub fn next_exchange(&mut self) -> bool {
        if !(self.keep_alive && self.is_received() && self.is_sent()) {
            return false;
        }
        *self = Self::new();
        true
    }

    /// Transitions (3) and (4).
    fn receive_head(
        &mut self,
        input: &[u8],
        at: &mut usize,
        end: bool,
        head: &mut StatusHead,
        limits: &HeadLimits,
    ) -> Result<Event, Refusal> {
        loop {
            let rest = &input[*at..];
            if rest.is_empty() {
                return match (end, self.is_answered) {
                    (true, true) => Err(Refusal::HeadIncomplete),
                    (true, false) => Ok(Event::Closed),
                    (false, _) => Ok(Event::NeedMore),
                };
            }
            self.is_answered = true;
            if !self.is_worth_a_try(rest, end, limits) {
                return Ok(Event::NeedMore);
            }
            let Some(len) = head.parse(rest, limits)? else {
                self.tried = rest.len();
                return if end {
                    Err(Refusal::HeadIncomplete)
                } else {
                    Ok(Event::NeedMore)
                };
            };
            *at += len;
            self.tried = 0;
            let status = head.status();
            if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
                self.pass_over(status)?;
            } else {
                self.begin_body(head)?;
                return Ok(Event::Head);
            }
        }
    }

    /// An incomplete head is parsed again only when another line of it has come; a broken version
    /// is seen at the first byte.
    fn is_worth_a_try(&self, rest: &[u8], end: bool, limits: &HeadLimits) -> bool {
        let fresh = rest.get(self.tried..).unwrap_or_default();
        self.tried < VERSION || end || rest.len() > limits.bytes || fresh.contains(&b'\n')
    }

    /// Transition (3).
    fn pass_over(&mut self, status: StatusCode) -> Result<(), Refusal> {
        self.interim += 1;
        if self.interim > MAX_INTERIM {
            return Err(Refusal::InterimResponses);
        }
        if status == StatusCode::CONTINUE {
            self.awaits_continue = false;
        }
        Ok(())
    }

    /// Transition (4).
    fn begin_body(&mut self, head: &StatusHead) -> Result<(), Refusal> {
        let length = head.body(&self.method)?;
        let status = head.status();
        let is_switch = status == StatusCode::SWITCHING_PROTOCOLS;
        let is_tunnel = self.method == Method::CONNECT && status.is_success();
        if is_switch && !self.asks_switch {
            return Err(Refusal::SwitchUnasked);
        }
        // The answer to CONNECT, also a refusal, is the last one: what the client has sent behind
        // it was meant for the tunnel.
        self.keep_alive &= head.is_kept() && self.method != Method::CONNECT;
        // A final answer in place of the permission: the body is not wanted. It was announced, so
        // that the connection cannot be kept without it.
        if self.awaits_continue {
            self.keep_alive = false;
        }
        self.reading = match length {
            _ if is_switch || is_tunnel => Reading::HandedOver,
            BodyLength::Empty => Reading::Done,
            BodyLength::Known(length) => Reading::Known(length),
            BodyLength::Chunked => Reading::Chunked(ChunkedDecoder::new()),
            BodyLength::UntilClose => {
                self.keep_alive = false;
                Reading::UntilClose
            }
        };
        Ok(())
    }
}

impl Default for ClientConn {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether requests of this method usually have content, so that none is worth a word.
fn means_content(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Interim responses before the final one. Servers send one or two (100, 103); a few more are
/// progress reports (102).
pub const MAX_INTERIM: u8 = 16;
