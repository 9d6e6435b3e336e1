//! From unused bytes to a request and its body.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use ringspun_net::Buffer;
use ringspun_runtime::budget;

use super::switch::Offers;
use super::{Around, Ending, Exchange};
use crate::message::{Body, Parts, Request, pipe};
use crate::proto::{BodyLength, Event, Head, Refusal};
use crate::server::alarm::after;
use crate::server::service::Service;
use crate::server::strikes::Limit;

impl Exchange {
    /// Takes the next event out of the input.
    pub(super) fn receive<V: Service>(
        &mut self,
        around: &mut Around<'_, V>,
        cx: &mut Context<'_>,
    ) -> bool {
        if self.conn.is_between_messages() {
            self.receive_head(around, cx)
        } else {
            self.receive_content(around, cx)
        }
    }

    /// Takes what is there of a body, if somebody has a use for it.
    pub(super) fn receive_content<V: Service>(
        &mut self,
        around: &mut Around<'_, V>,
        cx: &mut Context<'_>,
    ) -> bool {
        // The end of a body of known length can be told without room for more content.
        let is_at_end = self.conn.body_left() == Some(0);
        if self.conn.is_received() || !(is_at_end || self.can_take_content()) {
            return false;
        }
        let mut limits = around.rules().receive;
        limits.body = self.body_limit;
        let mut at = 0;
        let unused = self.input.unused();
        let mut nothing = Head::new();
        match self
            .conn
            .receive(unused, &mut at, self.is_ended, &mut nothing, &limits)
        {
            Ok(Event::Data(content)) => {
                self.input.use_up(at);
                self.take_content(content, around, cx);
                true
            }
            Ok(Event::End) => {
                self.input.use_up(at);
                self.body_deadline = None;
                let trailers = self.conn.take_trailers();
                let feeder = self.feeder.as_ref();
                let waker = feeder.and_then(|feeder| feeder.end_with(trailers));
                self.stir(waker, cx);
                true
            }
            Ok(_) => {
                self.input.use_up(at);
                false
            }
            Err(refusal) => {
                self.fail_body(refusal, around.rules(), cx);
                true
            }
        }
    }

    fn receive_head<V: Service>(
        &mut self,
        around: &mut Around<'_, V>,
        cx: &mut Context<'_>,
    ) -> bool {
        if self.input.is_empty() && !self.is_ended {
            return false;
        }
        // A buffer holds hundreds of small requests, and their handlers may be slow: each counts
        // as an operation of the task. Without permission the task has been woken for later.
        let Poll::Ready(permission) = budget::poll_proceed(cx) else {
            self.is_put_off = true;
            return false;
        };
        match self.is_preface(around) {
            Some(false) => {}
            Some(true) => return true,
            None => return false,
        }
        let mut at = 0;
        let rules = around.rules();
        let parts = self
            .parts
            .get_or_insert_with(|| Parts::take_for(&rules.stop));
        let limits = &rules.receive;
        let unused = self.input.unused();
        let event = self
            .conn
            .receive(unused, &mut at, self.is_ended, &mut parts.head, limits);
        if matches!(event, Ok(Event::Head)) && self.is_taken_over(around) {
            return true;
        }
        self.input.use_up(at);
        match event {
            Ok(Event::Head) => {
                permission.made_progress();
                self.head_deadline = None;
                self.begin(around, cx);
            }
            Ok(Event::Closed) => self.ending = Some(Ending::Close),
            Ok(_) => return at > 0,
            Err(refusal) => self.refuse(refusal, around.rules()),
        }
        true
    }

    /// Gives a request to its handler. Most answers are ready at once.
    fn begin<V: Service>(&mut self, around: &mut Around<'_, V>, cx: &mut Context<'_>) {
        let mut parts = self.parts.take().expect("a head was parsed into them");
        parts.peer = around.session.peer_addr();
        parts.connection = around.session.id();
        self.offers = Offers::of(&parts.head);
        let limits = &around.rules().limits;
        let route = around.service.route_limits(&parts.head);
        self.body_limit = route.body_bytes.unwrap_or(limits.body_bytes);
        let deadline = after(route.request_timeout.unwrap_or(limits.request_timeout));
        (parts.deadline, self.call_deadline) = (Some(deadline), Some(deadline));
        self.scope.renew(Some(deadline));
        *around.requests = around.requests.saturating_add(1);
        self.has_served = true;
        if around.is_stopping {
            self.conn.close_after();
        }
        if *around.requests >= around.rules().limits.requests_per_connection {
            around.rules().strikes.strike(Limit::RequestsPerConnection);
            self.conn.close_after();
        }
        let body = match parts.head.body() {
            BodyLength::Known(length) if length > self.body_limit => {
                self.conn.stop_receiving();
                return self.refuse(Refusal::BodyTooLarge, around.rules());
            }
            BodyLength::Empty | BodyLength::UntilClose => {
                self.is_large = false;
                Body::empty()
            }
            length => {
                let head = parts.head.bytes().len();
                self.is_large = match length {
                    BodyLength::Known(length) => length + head as u64 > Buffer::SIZE as u64,
                    _ => true,
                };
                self.begin_body(length, around)
            }
        };
        let request = Request::from_parts(parts, body);
        let admission = around.rules().admission.as_ref();
        if admission.is_some_and(|admission| !admission.admits()) {
            return self.answer_overload(around);
        }
        let service = around.service;
        self.poll_this_call(|| service.call(request), around, cx);
    }

    /// The body of a request: whole if it is there already, else through a pipe.
    fn begin_body<V: Service>(&mut self, length: BodyLength, around: &Around<'_, V>) -> Body {
        let length = match length {
            BodyLength::Known(length) => Some(length),
            _ => None,
        };
        let unused = self.input.unused();
        let whole = length.and_then(|length| usize::try_from(length).ok());
        if let Some(bytes) = whole.and_then(|length| unused.get(..length)) {
            let body = Bytes::copy_from_slice(bytes);
            let (mut at, mut nothing) = (0, Head::new());
            let limits = &around.rules().receive;
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

    /// Tells a client that waits for it to send the body, once somebody wants to read it.
    pub(super) fn permit(&mut self) -> bool {
        // Who sends already needs no permission (RFC 9110 10.1.1).
        let is_wanted = self.conn.awaits_continue()
            && self.input.is_empty()
            && self
                .feeder
                .as_ref()
                .is_some_and(|feeder| feeder.look().is_wanted);
        if is_wanted {
            self.conn.send_continue(self.output.batch());
        }
        is_wanted
    }

    /// Whether somebody takes content of the request's body: its reader, or nobody's bin.
    pub(super) fn can_take_content(&self) -> bool {
        self.unread_is_bearable()
            && self
                .feeder
                .as_ref()
                .is_none_or(|feeder| feeder.look().can_take())
    }

    pub(super) fn unread_is_bearable(&self) -> bool {
        self.unread <= self.unread_limit
    }

    /// Passes content on to the reader, or drops it if there is none.
    fn take_content<V: Service>(
        &mut self,
        content: usize,
        around: &Around<'_, V>,
        cx: &Context<'_>,
    ) {
        self.body_bytes += content as u64;
        let reader = self
            .feeder
            .as_ref()
            .filter(|feeder| !feeder.look().is_abandoned);
        let waker = match reader {
            Some(feeder) => feeder.push(Bytes::copy_from_slice(&self.input.unused()[..content])),
            None => {
                self.unread += content as u64;
                self.unread_limit = around.rules().limits.unread_bytes;
                if !self.unread_is_bearable() {
                    around.rules().strikes.strike(Limit::UnreadBytes);
                    self.conn.close_after();
                }
                None
            }
        };
        self.input.use_up(content);
        self.stir(waker, cx);
    }

    /// Has the reader woken: if it is our own handler, it is simply polled once more.
    pub(super) fn stir(&mut self, waker: Option<Waker>, cx: &Context<'_>) {
        let Some(waker) = waker else { return };
        if waker.will_wake(cx.waker()) {
            self.is_stirred = true;
        } else {
            waker.wake();
        }
    }
}
