//! What a connection needs while something is going on: its requests, one after another, from
//! bytes to handlers and back to bytes. No I/O happens here, so that the order of things can be
//! read on its own.
//!
//! ```text
//!             +--------------------------- next request ---------------------------+
//!             v                                                                    |
//!  unused bytes --> head --> handler's future --> response --> bytes in Output ----+
//!             |                     ^                  |
//!             +--> body --> Feeder -+                  +-- chunks of a streamed body
//! ```
//! [`Exchange::go_on`] runs round this circle until it needs something from outside: bytes to
//! read, room to write, or a wake-up of the handler.
//!
//! Invariants:
//! - A handler is polled only if something has happened since it was pending (`is_stirred`).
//! - Body content is asked of the codec only if somebody can take it; so what the handler does not
//!   read stays in the input, and behind that in the socket.
//! - Answers of a batch gather in the output until it is full or the input is used up.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use ringspun_net::Session;
use ringspun_runtime::budget;
use ringspun_runtime::task::PooledFuture;

use super::input::Input;
use super::output::Output;
use super::serve::Service;
use crate::message::{
    Body, BodyError, Feeder, IntoResponse, Parts, Plain, Request, Response, pipe,
};
use crate::proto::{
    BodyLength, Conn, Event, Head, Next, Refusal, ResponseHead, Sending, WrongLength,
    append_refusal, date_line,
};

/// See the module's text. Recycled: an idle connection has none.
#[derive(Default)]
pub(super) struct Exchange {
    /// The codec's state.
    pub(super) conn: Conn,
    pub(super) input: Input,
    pub(super) output: Output,
    /// The Server and Date lines of this turn.
    common: Vec<u8>,
    /// What the next head is parsed into.
    parts: Option<Parts>,
    /// The handler's future.
    call: Option<PooledFuture<Response>>,
    /// To the reader of the request's body, if there is one.
    feeder: Option<Feeder>,
    /// The body of the response, if it comes in chunks.
    body: Option<Body>,
    /// Something has happened that call or body may be waiting for.
    pub(super) is_stirred: bool,
    /// The client has ended its side.
    pub(super) is_ended: bool,
    /// Content of the request's body that was dropped unread, and how much that may become.
    unread: u64,
    unread_limit: u64,
    /// What to do when the output is empty.
    pub(super) ending: Option<Ending>,
    /// When the head under way must be there.
    pub(super) head_deadline: Option<Instant>,
    /// When the client must have taken some of the output.
    pub(super) write_deadline: Option<Instant>,
    /// When the body must have brought enough, and how much it has brought since the last look.
    pub(super) body_deadline: Option<Instant>,
    pub(super) body_bytes: u64,
}

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// The client knows; nothing is under way.
    Close,
    /// The client may be sending: closing at once could destroy the answer before it is read.
    Linger,
    /// The client must see that the response is not complete.
    Abort,
}

/// What the exchange knows of its connection.
pub(super) struct Around<'a> {
    pub(super) service: &'a Service,
    pub(super) session: &'a Session,
    /// Requests that were begun on this connection.
    pub(super) requests: &'a mut u32,
    /// The server stops: this response is the last.
    pub(super) is_stopping: bool,
}

impl Exchange {
    /// One from the pool of this thread.
    pub(super) fn take() -> Box<Self> {
        POOL.try_with(|pool| pool.borrow_mut().pop())
            .ok()
            .flatten()
            .unwrap_or_default()
    }

    /// Gives it back. Nothing is under way: the connection is idle.
    pub(super) fn put_back(mut self: Box<Self>) {
        debug_assert!(self.is_idle(), "only an idle connection gives it back");
        self.input.release();
        self.output.reset();
        self.conn = Conn::new();
        (self.is_stirred, self.unread) = (false, 0);
        (self.head_deadline, self.write_deadline, self.body_deadline) = (None, None, None);
        // An error means that this thread ends; the box is freed with the closure.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < KEEP {
                pool.push(self);
            }
        });
    }

    /// Whether nothing is under way in either direction.
    pub(super) fn is_idle(&self) -> bool {
        self.conn.is_between_messages()
            && self.input.is_empty()
            && self.output.is_empty()
            && self.ending.is_none()
            && !self.is_ended
    }

    /// Whether bytes are wanted from the client.
    pub(super) fn wants_input(&self) -> bool {
        if self.is_ended || self.ending.is_some() {
            return false;
        }
        if self.conn.is_between_messages() {
            // Who does not take answers may not ask for more.
            return self.output.is_empty();
        }
        !self.conn.is_received() && self.can_take_content()
    }

    /// Whether it is the body of a request that is wanted.
    pub(super) fn wants_body(&self) -> bool {
        !self.conn.is_between_messages() && self.wants_input()
    }

    /// Whether a head has begun and the rest of it is wanted.
    pub(super) fn wants_rest_of_head(&self) -> bool {
        self.conn.is_between_messages() && !self.input.is_empty() && self.wants_input()
    }

    /// Goes on as far as possible without I/O. True if anything was done.
    pub(super) fn go_on(&mut self, around: &mut Around<'_>, cx: &mut Context<'_>) -> bool {
        let mut has_moved = false;
        while self.ending.is_none() && !self.output.is_full() && self.step(around, cx) {
            has_moved = true;
        }
        has_moved
    }

    /// Answers with a refusal and ends the connection.
    pub(super) fn refuse(&mut self, refusal: Refusal) {
        tracing::debug!(%refusal, "request refused");
        append_refusal(refusal, &self.common, self.output.batch());
        self.ending = Some(Ending::Linger);
    }

    /// Ends the body of the request with an error: its reader answers, or has answered.
    pub(super) fn fail_body(&mut self, refusal: Refusal, cx: &Context<'_>) {
        self.conn.stop_receiving();
        if let Some(feeder) = &self.feeder {
            let waker = feeder.end(Err(BodyError::refused(refusal)));
            self.stir(waker, cx);
        }
        if self.conn.is_sent() {
            self.ending = Some(Ending::Linger);
        }
    }

    /// Whatever has woken the connection may be what call or body waits for.
    pub(super) fn begin_turn(&mut self, service: &Service) {
        self.is_stirred = true;
        self.common.clear();
        self.common.extend_from_slice(&service.server_line);
        self.common.extend_from_slice(date_line().bytes());
        if let Some(feeder) = &self.feeder {
            // The handler reads while we run.
            feeder.stop_waiting();
        }
    }

    /// Has the connection woken by the reader of the body. True if the reader has asked for
    /// something since `wants_input` said `was_wanted`: then there is something to do first.
    pub(super) fn wait_for_reader(&self, was_wanted: bool, cx: &Context<'_>) -> bool {
        if self.conn.is_received() || self.ending.is_some() {
            return false;
        }
        self.feeder.as_ref().is_some_and(|feeder| {
            let fed = feeder.wait(cx);
            let takes = fed.can_take() && self.unread_is_bearable() && !self.is_ended;
            takes && !was_wanted || fed.is_wanted && self.conn.awaits_continue()
        })
    }

    /// One step; false if there is none to take.
    fn step(&mut self, around: &mut Around<'_>, cx: &mut Context<'_>) -> bool {
        if self.is_stirred && (self.call.is_some() || self.body.is_some()) {
            self.is_stirred = false;
            return self.poll_call(around, cx)
                || self.poll_body(cx)
                || self.permit()
                || self.receive(around, cx);
        }
        if self.conn.is_sent() {
            match self.conn.next_exchange() {
                Next::Continue => {
                    self.feeder = None;
                    self.unread = 0;
                    self.body_deadline = None;
                }
                Next::Drain => {}
                Next::Close => {
                    self.ending = Some(self.how_to_close());
                    return true;
                }
            }
        }
        self.permit() || self.receive(around, cx)
    }

    /// Takes the next event out of the input.
    fn receive(&mut self, around: &mut Around<'_>, cx: &mut Context<'_>) -> bool {
        if self.conn.is_between_messages() {
            return self.receive_head(around, cx);
        }
        // The end of a body of known length can be told without room for more content.
        let is_at_end = self.conn.body_left() == Some(0);
        if self.conn.is_received() || !(is_at_end || self.can_take_content()) {
            return false;
        }
        let (limits, mut at) = (&around.service.receive, 0);
        let unused = self.input.unused();
        let mut nothing = Head::new();
        match self
            .conn
            .receive(unused, &mut at, self.is_ended, &mut nothing, limits)
        {
            Ok(Event::Data(content)) => {
                self.input.use_up(at);
                self.take_content(content, around, cx);
                true
            }
            Ok(Event::End) => {
                self.input.use_up(at);
                self.body_deadline = None;
                let waker = self.feeder.as_ref().and_then(|feeder| feeder.end(Ok(())));
                self.stir(waker, cx);
                true
            }
            Ok(_) => {
                self.input.use_up(at);
                false
            }
            Err(refusal) => {
                self.fail_body(refusal, cx);
                true
            }
        }
    }

    fn receive_head(&mut self, around: &mut Around<'_>, cx: &mut Context<'_>) -> bool {
        if self.input.is_empty() && !self.is_ended {
            return false;
        }
        // A buffer holds hundreds of small requests, and their handlers may be slow: each counts
        // as an operation of the task. Without permission the task has been woken for later.
        let Poll::Ready(permission) = budget::poll_proceed(cx) else {
            return false;
        };
        let mut at = 0;
        let parts = self.parts.get_or_insert_with(Parts::take);
        let limits = &around.service.receive;
        let unused = self.input.unused();
        let event = self
            .conn
            .receive(unused, &mut at, self.is_ended, &mut parts.head, limits);
        self.input.use_up(at);
        match event {
            Ok(Event::Head) => {
                permission.made_progress();
                self.head_deadline = None;
                self.begin(around, cx);
            }
            Ok(Event::Closed) => self.ending = Some(Ending::Close),
            Ok(_) => return at > 0,
            Err(refusal) => self.refuse(refusal),
        }
        true
    }

    /// Gives a request to its handler. Most answers are ready at once.
    fn begin(&mut self, around: &mut Around<'_>, cx: &mut Context<'_>) {
        let mut parts = self.parts.take().expect("a head was parsed into them");
        parts.peer = around.session.peer_addr();
        *around.requests = around.requests.saturating_add(1);
        if around.is_stopping || *around.requests >= around.service.limits.requests_per_connection {
            self.conn.close_after();
        }
        let body = match parts.head.body() {
            BodyLength::Empty | BodyLength::UntilClose => Body::empty(),
            length => self.begin_body(length, around),
        };
        let request = Request::from_parts(parts, body);
        let handler = &around.service.handler;
        match catch_unwind(AssertUnwindSafe(|| handler.call(request))) {
            Ok(call) => {
                self.poll_this_call(call, around, cx);
            }
            Err(_) => self.answer_panic(around),
        }
    }

    /// The body of a request: whole if it is there already, else through a pipe.
    fn begin_body(&mut self, length: BodyLength, around: &Around<'_>) -> Body {
        let length = match length {
            BodyLength::Known(length) => Some(length),
            _ => None,
        };
        let unused = self.input.unused();
        let whole = length.and_then(|length| usize::try_from(length).ok());
        if let Some(bytes) = whole.and_then(|length| unused.get(..length)) {
            let body = Bytes::copy_from_slice(bytes);
            let (mut at, mut nothing) = (0, Head::new());
            let limits = &around.service.receive;
            // Two events: the content, which is copied already, and the end.
            for _ in 0..2 {
                let event = self
                    .conn
                    .receive(unused, &mut at, false, &mut nothing, limits);
                if let Ok(Event::Data(content)) = event {
                    at += content;
                }
            }
            debug_assert!(self.conn.is_received(), "the body was there to its end");
            self.input.use_up(at);
            return Body::from(body);
        }
        let (feeder, reader) = pipe(length);
        self.feeder = Some(feeder);
        Body::incoming(reader)
    }

    fn poll_call(&mut self, around: &mut Around<'_>, cx: &mut Context<'_>) -> bool {
        match self.call.take() {
            Some(call) => self.poll_this_call(call, around, cx),
            None => false,
        }
    }

    fn poll_this_call(
        &mut self,
        mut call: PooledFuture<Response>,
        around: &mut Around<'_>,
        cx: &mut Context<'_>,
    ) -> bool {
        // The future is dropped inside as well: its destructors are the handler's code too.
        let polled = catch_unwind(AssertUnwindSafe(move || {
            match Pin::new(&mut call).poll(cx) {
                Poll::Ready(response) => {
                    drop(call);
                    Ok(response)
                }
                Poll::Pending => Err(call),
            }
        }));
        match polled {
            Ok(Ok(response)) => self.answer(response, around),
            Ok(Err(call)) => {
                self.call = Some(call);
                return false;
            }
            Err(_) => self.answer_panic(around),
        }
        true
    }

    /// Tells a client that waits for it to send the body, once somebody wants to read it.
    fn permit(&mut self) -> bool {
        let is_wanted = self.conn.awaits_continue()
            && self
                .feeder
                .as_ref()
                .is_some_and(|feeder| feeder.look().is_wanted);
        if is_wanted {
            self.conn.send_continue(self.output.batch());
        }
        is_wanted
    }

    #[cold]
    fn answer_panic(&mut self, around: &mut Around<'_>) {
        tracing::error!("a handler panicked; its connection is closed");
        let response = Response::text("internal server error\n").with_close();
        self.answer(
            response.with_status(StatusCode::INTERNAL_SERVER_ERROR),
            around,
        );
    }

    /// Turns a response into bytes, or begins to if its body comes in chunks.
    fn answer(&mut self, mut response: Response, around: &mut Around<'_>) {
        let is_tunnel = self.conn.is_connect() && response.status.is_success();
        if response.status.is_informational() || is_tunnel {
            response = misplaced(is_tunnel);
        }
        if response.closes || around.is_stopping || self.leaves_too_much(around) {
            self.conn.close_after();
        }
        let own_common;
        let common = if response.has_date || response.has_server {
            own_common = common_lines(&response, &around.service.server_line);
            &own_common
        } else {
            &self.common
        };
        let head = ResponseHead {
            status: response.status,
            content_type: response.content_type,
            lines: &response.lines,
            common,
        };
        let out = self.output.batch();
        match response.body.into_plain() {
            Ok(plain) => {
                let mut length = plain.bytes().len() as u64;
                if length == 0 && self.conn.is_head() {
                    length = response.length.unwrap_or(0);
                }
                if self.conn.send_whole(&head, length, out) {
                    self.output.push(plain, b"");
                }
            }
            Err(body) => {
                if is_read_from(&self.feeder) && self.conn.awaits_continue() {
                    // The response will read the request's body as it is sent: the client has to
                    // be told before the head of the answer says otherwise.
                    self.conn.send_continue(out);
                }
                let length = body.length().or(response.length);
                if self.conn.send_head(&head, length, out) != Sending::Nothing {
                    self.body = Some(body);
                    self.is_stirred = true;
                }
            }
        }
    }

    /// Whether more of the body than is worth taking in will be left unread.
    fn leaves_too_much(&self, around: &Around<'_>) -> bool {
        let left = self.conn.body_left().unwrap_or(0);
        left > around.service.limits.unread_bytes
            && self
                .feeder
                .as_ref()
                .is_none_or(|feeder| feeder.look().is_abandoned)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(body) = &mut self.body else {
            return false;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| body.poll_chunk(cx)));
        match polled {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(Some(Ok(chunk)))) => {
                self.is_stirred = true;
                self.send_chunk(Plain::Bytes(chunk));
            }
            Ok(Poll::Ready(None)) => {
                self.body = None;
                self.end_body();
            }
            Ok(Poll::Ready(Some(Err(error)))) => {
                tracing::debug!(%error, "the body of a response has failed");
                self.ending = Some(Ending::Abort);
            }
            Err(_) => {
                tracing::error!("the body of a response panicked; its connection is closed");
                self.body = None;
                self.ending = Some(Ending::Abort);
            }
        }
        true
    }

    fn send_chunk(&mut self, chunk: Plain) {
        match self
            .conn
            .send_data(chunk.bytes().len(), self.output.batch())
        {
            Ok(behind) => self.output.push(chunk, behind),
            Err(error) => self.cut_short(error),
        }
    }

    /// Ends a streamed body. The end goes into the batch, behind nothing large: a step is taken
    /// only when that was sent.
    fn end_body(&mut self) {
        if let Err(error) = self.conn.send_end(self.output.batch()) {
            self.cut_short(error);
        }
    }

    #[cold]
    fn cut_short(&mut self, error: WrongLength) {
        tracing::error!(%error, "a response was cut short");
        self.ending = Some(Ending::Abort);
    }

    /// Whether somebody takes content of the request's body: its reader, or nobody's bin.
    fn can_take_content(&self) -> bool {
        self.unread_is_bearable()
            && self
                .feeder
                .as_ref()
                .is_none_or(|feeder| feeder.look().can_take())
    }

    fn unread_is_bearable(&self) -> bool {
        self.unread <= self.unread_limit
    }

    /// Passes content on to the reader, or drops it if there is none.
    fn take_content(&mut self, content: usize, around: &Around<'_>, cx: &Context<'_>) {
        self.body_bytes += content as u64;
        let reader = self
            .feeder
            .as_ref()
            .filter(|feeder| !feeder.look().is_abandoned);
        let waker = match reader {
            Some(feeder) => feeder.push(Bytes::copy_from_slice(&self.input.unused()[..content])),
            None => {
                self.unread += content as u64;
                self.unread_limit = around.service.limits.unread_bytes;
                if !self.unread_is_bearable() {
                    self.conn.close_after();
                }
                None
            }
        };
        self.input.use_up(content);
        self.stir(waker, cx);
    }

    /// Has the reader woken: if it is our own handler, it is simply polled once more.
    fn stir(&mut self, waker: Option<Waker>, cx: &Context<'_>) {
        let Some(waker) = waker else { return };
        if waker.will_wake(cx.waker()) {
            self.is_stirred = true;
        } else {
            waker.wake();
        }
    }

    fn how_to_close(&self) -> Ending {
        let is_settled = self.conn.is_client_closing() && self.input.is_empty();
        if self.is_ended || (is_settled && self.conn.is_received()) {
            Ending::Close
        } else {
            Ending::Linger
        }
    }
}

/// Whether the body of the request still has a reader.
fn is_read_from(feeder: &Option<Feeder>) -> bool {
    feeder
        .as_ref()
        .is_some_and(|feeder| !feeder.look().is_abandoned)
}

/// Server and Date, where the handler has set one of them itself.
#[cold]
fn common_lines(response: &Response, server_line: &[u8]) -> Vec<u8> {
    let mut lines = Vec::new();
    if !response.has_server {
        lines.extend_from_slice(server_line);
    }
    if !response.has_date {
        lines.extend_from_slice(date_line().bytes());
    }
    lines
}

/// What is sent in place of a response that no handler may give: an interim status, or a tunnel
/// that nobody would serve.
#[cold]
fn misplaced(is_tunnel: bool) -> Response {
    if is_tunnel {
        return Refusal::TunnelUnsupported.into_response().with_close();
    }
    tracing::error!("a handler answered with an interim status");
    Response::new(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Boxes kept on each thread: as many as connections are busy at once on a core.
const KEEP: usize = 256;

thread_local! {
    #[allow(clippy::vec_box, reason = "the boxes are what is pooled")]
    static POOL: RefCell<Vec<Box<Exchange>>> = const { RefCell::new(Vec::new()) };
}
