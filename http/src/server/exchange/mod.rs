//! What a connection needs while something is going on: its requests, one after another, from
//! bytes to handlers and back to bytes. No I/O happens here, so that the order of things can be
//! read on its own. `receive.rs` has the way in, `answer.rs` the way out.
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

mod answer;
mod receive;
mod starts;
mod switch;

use std::cell::RefCell;
use std::task::Context;
use std::time::Instant;

use ringspun_net::Session;
use ringspun_runtime::scope::LazyScope;

use self::starts::Starts;
use self::switch::Offers;
use super::input::Input;
use super::output::Output;
use super::pace::Pace;
use super::service::{Rules, Service};
use crate::message::{Body, BodyError, Feeder, Parts};
use crate::proto::{Conn, Next, Refusal, append_refusal};
use crate::upgrade::Switch;

/// See the module's text. Recycled: an idle connection has none.
#[derive(Default)]
pub(super) struct Exchange {
    /// The codec's state.
    pub(super) conn: Conn,
    pub(super) input: Input,
    pub(super) output: Output,
    /// What the heads of this turn's responses begin with.
    starts: Starts,
    /// What the next head is parsed into.
    parts: Option<Parts>,
    /// To the reader of the request's body, if there is one.
    feeder: Option<Feeder>,
    /// The body of the response, if it comes in chunks.
    body: Option<Body>,
    /// The scope of the request under way: its token, if anybody has asked for it.
    scope: LazyScope,
    /// Something has happened that call or body may be waiting for.
    pub(super) is_stirred: bool,
    /// The budget of the task is spent; it goes on as soon as others have run.
    pub(super) is_put_off: bool,
    /// A request was begun since the connection was idle.
    pub(super) has_served: bool,
    /// The request under way, or the last one, does not fit into a buffer.
    pub(super) is_large: bool,
    /// The client has ended its side.
    pub(super) is_ended: bool,
    /// Bytes that the body of the request may have.
    body_limit: u64,
    /// Content of the request's body that was dropped unread, and how much that may become.
    unread: u64,
    unread_limit: u64,
    /// What to do when the output is empty.
    pub(super) ending: Option<Ending>,
    /// With [`Ending::Switch`]: the handler's half of it; `None` if the connection is taken over.
    pub(super) switch: Option<Box<Switch>>,
    /// The protocols that the client of the request under way would rather speak.
    offers: Option<Offers>,
    /// When the head under way must be there.
    pub(super) head_deadline: Option<Instant>,
    /// When the handler must have answered; counts while there is a call.
    pub(super) call_deadline: Option<Instant>,
    /// How fast the client takes the output.
    pub(super) pace: Pace,
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
    /// What follows is another protocol's.
    Switch,
}

/// What the exchange knows of its connection.
pub(super) struct Around<'a, V: Service> {
    pub(super) service: &'a V,
    /// The handler's future, while it is pending. It may have to stay on its thread, which the
    /// exchange need not; so it is kept beside it.
    pub(super) call: &'a mut Option<V::Call>,
    pub(super) session: &'a Session,
    /// Requests that were begun on this connection.
    pub(super) requests: &'a mut u32,
    /// The server stops: this response is the last.
    pub(super) is_stopping: bool,
}

impl<V: Service> Around<'_, V> {
    pub(super) fn rules(&self) -> &Rules {
        self.service.rules()
    }
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
    pub(super) fn put_back(self: Box<Self>) {
        debug_assert!(self.is_idle(), "only an idle connection gives it back");
        self.recycle();
    }

    /// Gives it back, whatever is under way: the connection ends.
    pub(super) fn discard(mut self: Box<Self>) {
        (self.feeder, self.body) = (None, None);
        self.scope.renew(None);
        (self.has_served, self.is_ended) = (false, false);
        (self.unread, self.body_bytes) = (0, 0);
        (self.ending, self.switch, self.offers) = (None, None, None);
        self.body_deadline = None;
        self.recycle();
    }

    /// Puts it into the pool, without what also an idle connection may have left.
    fn recycle(mut self: Box<Self>) {
        self.conn = Conn::new();
        self.input.clear();
        self.output.reset();
        (self.head_deadline, self.call_deadline) = (None, None);
        self.pace = Pace::default();
        self.is_large = false;
        // An error means that this thread ends; the box is freed with the closure.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            // Only the one on top, which is the next one taken, keeps its buffer.
            if let Some(below) = pool.last_mut() {
                below.input.release();
            }
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
    pub(super) fn go_on<V: Service>(
        &mut self,
        around: &mut Around<'_, V>,
        cx: &mut Context<'_>,
    ) -> bool {
        let mut has_moved = false;
        while self.ending.is_none() && self.step(around, cx) {
            has_moved = true;
        }
        has_moved
    }

    /// Gives back memory that is not needed for what is there, before a wait.
    pub(super) fn compact(&mut self) {
        self.input.compact(self.output.is_refused());
        if self.output.is_refused() {
            self.output.compact();
        }
    }

    /// Answers with a refusal and ends the connection.
    pub(super) fn refuse(&mut self, refusal: Refusal, rules: &Rules) {
        rules.strikes.refused(refusal);
        tracing::debug!(%refusal, "request refused");
        append_refusal(refusal, self.starts.common(), self.output.batch());
        self.ending = Some(Ending::Linger);
    }

    /// Ends the body of the request with an error: its reader answers, or has answered.
    pub(super) fn fail_body(&mut self, refusal: Refusal, rules: &Rules, cx: &Context<'_>) {
        rules.strikes.refused(refusal);
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
    pub(super) fn begin_turn(&mut self, rules: &Rules) {
        (self.is_stirred, self.is_put_off) = (true, false);
        self.starts.refresh(&rules.server_line);
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
    fn step<V: Service>(&mut self, around: &mut Around<'_, V>, cx: &mut Context<'_>) -> bool {
        if self.output.is_full() {
            // No answer has room. Content makes none, and `wants_input` says that it is taken.
            return !self.conn.is_between_messages() && self.receive_content(around, cx);
        }
        if self.is_stirred && (around.call.is_some() || self.body.is_some()) {
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
                    self.scope.renew(None);
                    self.offers = None;
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
        if self.output.is_refused() && self.conn.is_between_messages() {
            // Who does not take answers may not have more of them made.
            return false;
        }
        self.permit() || self.receive(around, cx)
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

/// Boxes kept on each thread: as many as connections are busy at once on a core.
const KEEP: usize = 256;

thread_local! {
    #[allow(clippy::vec_box, reason = "the boxes are what is pooled")]
    static POOL: RefCell<Vec<Box<Exchange>>> = const { RefCell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recycled_exchange_knows_nothing_of_the_last_connection() {
        let mut exchange = Exchange::take();
        let now = Some(Instant::now());
        exchange.conn.close_after();
        exchange.output.batch().extend_from_slice(b"half an answer");
        exchange.feeder = Some(crate::message::pipe(None).0);
        exchange.body = Some(Body::empty());
        (exchange.has_served, exchange.is_ended) = (true, true);
        (exchange.unread, exchange.body_bytes) = (1, 1);
        exchange.ending = Some(Ending::Abort);
        (exchange.head_deadline, exchange.call_deadline) = (now, now);
        exchange.body_deadline = now;
        let address = std::ptr::from_ref::<Exchange>(&exchange);
        exchange.discard();

        let exchange = Exchange::take();
        assert_eq!(
            std::ptr::from_ref::<Exchange>(&exchange),
            address,
            "recycled"
        );
        assert!(exchange.is_idle() && exchange.conn.is_kept() && !exchange.has_served);
        assert!(exchange.feeder.is_none() && exchange.body.is_none());
        assert_eq!((exchange.unread, exchange.body_bytes), (0, 0));
        assert_eq!(exchange.head_deadline.or(exchange.call_deadline), None);
        assert_eq!(exchange.body_deadline, None);
    }
}
