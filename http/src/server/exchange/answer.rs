//! From a handler's future to bytes in the output.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use ringspun_runtime::task::panic_hint;

use super::{Around, Ending, Exchange};
use crate::message::{Body, Feeder, IntoResponse, Plain, Response};
use crate::proto::{Refusal, ResponseHead, Sending, WrongLength, append_start, date_line};
use crate::server::service::Service;
use crate::server::strikes::Limit;

impl Exchange {
    pub(super) fn poll_call<V: Service>(
        &mut self,
        around: &mut Around<'_, V>,
        cx: &mut Context<'_>,
    ) -> bool {
        match around.call.take() {
            Some(call) => self.poll_this_call(move || call, around, cx),
            None => false,
        }
    }

    /// Polls a call, which `make` gives: the handler itself makes a new one.
    pub(super) fn poll_this_call<V: Service>(
        &mut self,
        make: impl FnOnce() -> V::Call,
        around: &mut Around<'_, V>,
        cx: &mut Context<'_>,
    ) -> bool {
        // The future is dropped inside as well: its destructors are the handler's code too.
        let scope = &mut self.scope;
        let polled = catch_unwind(AssertUnwindSafe(move || {
            scope.enter(|| {
                let mut call = make();
                match Pin::new(&mut call).poll(cx) {
                    Poll::Ready(response) => Ok(response),
                    Poll::Pending => Err(call),
                }
            })
        }));
        match polled {
            Ok(Ok(response)) => self.answer(response, around),
            Ok(Err(call)) => {
                *around.call = Some(call);
                return false;
            }
            Err(payload) => self.answer_panic(&*payload, around),
        }
        true
    }

    #[cold]
    pub(super) fn answer_panic<V: Service>(
        &mut self,
        payload: &(dyn Any + Send),
        around: &mut Around<'_, V>,
    ) {
        log_panic("a handler panicked; its connection is closed", payload);
        let response = Response::text("internal server error\n").with_close();
        self.answer(
            response.with_status(StatusCode::INTERNAL_SERVER_ERROR),
            around,
        );
    }

    #[cold]
    pub(super) fn answer_overload<V: Service>(&mut self, around: &mut Around<'_, V>) {
        around.rules().strikes.strike(Limit::Admission);
        let response = Response::text("too many requests wait\n");
        let response = response.with_header(RETRY_AFTER, HeaderValue::from_static("1"));
        self.answer(
            response.with_status(StatusCode::SERVICE_UNAVAILABLE),
            around,
        );
    }

    /// Turns a response into bytes, or begins to if its body comes in chunks.
    pub(super) fn answer<V: Service>(
        &mut self,
        mut response: Response,
        around: &mut Around<'_, V>,
    ) {
        if let Some(switch) = response.switch.take() {
            return self.answer_switch(response, switch, around);
        }
        let is_tunnel = self.conn.is_connect() && response.status.is_success();
        if response.status.is_informational() || is_tunnel {
            response = misplaced(is_tunnel);
        }
        if response.closes || around.is_stopping || self.leaves_too_much(around) {
            self.conn.close_after();
        }
        let own_start;
        let start = if response.has_date || response.has_server {
            own_start = start_of(&response, &around.rules().server_line);
            &own_start
        } else {
            self.starts.of(response.status, response.content_type)
        };
        let head = ResponseHead {
            status: response.status,
            start,
            lines: &response.lines,
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
            Err(body) => match body.into_file() {
                Ok(part) => {
                    if self.conn.send_whole(&head, part.left(), out) {
                        self.output.push_file(part);
                    }
                }
                Err(body) => {
                    if is_read_from(&self.feeder) && self.conn.awaits_continue() {
                        // The response will read the request's body as it is sent: the client has
                        // to be told before the head of the answer says otherwise.
                        self.conn.send_continue(out);
                    }
                    let length = body.length().or(response.length);
                    if self.conn.send_head(&head, length, out) != Sending::Nothing {
                        self.body = Some(body);
                        self.is_stirred = true;
                    }
                }
            },
        }
    }

    /// Whether more of the body than is worth taking in will be left unread.
    fn leaves_too_much<V: Service>(&self, around: &Around<'_, V>) -> bool {
        let left = self.conn.body_left().unwrap_or(0);
        let leaves = left > around.rules().limits.unread_bytes && !is_read_from(&self.feeder);
        if leaves {
            around.rules().strikes.strike(Limit::UnreadBytes);
        }
        leaves
    }

    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(body) = &mut self.body else {
            return false;
        };
        let scope = &mut self.scope;
        let polled = catch_unwind(AssertUnwindSafe(|| scope.enter(|| body.poll_chunk(cx))));
        match polled {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(Some(Ok(chunk)))) => {
                self.is_stirred = true;
                self.send_chunk(Plain::Bytes(chunk));
            }
            Ok(Poll::Ready(None)) => self.end_body(),
            Ok(Poll::Ready(Some(Err(error)))) => {
                tracing::debug!(%error, "the body of a response has failed");
                self.ending = Some(Ending::Abort);
            }
            Err(payload) => {
                let text = "the body of a response panicked; its connection is closed";
                log_panic(text, &*payload);
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
        let (body, out) = (self.body.take(), self.output.batch());
        let ended = match body.as_ref().and_then(Body::trailers) {
            Some(trailers) => self.conn.send_end_with(trailers, out),
            None => self.conn.send_end(out),
        };
        if let Err(error) = ended {
            self.cut_short(error);
        }
    }

    #[cold]
    fn cut_short(&mut self, error: WrongLength) {
        tracing::error!(%error, "a response was cut short");
        self.ending = Some(Ending::Abort);
    }
}

/// The panic itself is the panic hook's matter.
#[cold]
fn log_panic(text: &str, payload: &(dyn Any + Send)) {
    match panic_hint(payload) {
        Some(hint) => tracing::error!(hint, "{text}"),
        None => tracing::error!("{text}"),
    }
}

/// Whether the body of the request still has a reader.
fn is_read_from(feeder: &Option<Feeder>) -> bool {
    feeder
        .as_ref()
        .is_some_and(|feeder| !feeder.look().is_abandoned)
}

/// What the head begins with where the handler has set Server or Date itself.
#[cold]
fn start_of(response: &Response, server_line: &[u8]) -> Vec<u8> {
    let mut common = Vec::new();
    if !response.has_server {
        common.extend_from_slice(server_line);
    }
    if !response.has_date {
        common.extend_from_slice(date_line().bytes());
    }
    let mut start = Vec::new();
    append_start(&mut start, response.status, &common, response.content_type);
    start
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
