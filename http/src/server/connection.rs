//! One connection: reads, lets the exchange go on, writes, and waits.
//!
//! ```text
//!  idle: no buffer, no exchange, only the stream and a timer
//!    | readable
//!    v
//!  exchange from the pool --> (1) go on --> (2) send --> (3) read --+
//!    ^                            ^                                 | got bytes
//!    |                            +---------------------------------+
//!    | nothing under way          | nothing moved: wait for stream, handler or timer
//!    +----------------------------+
//! ```
//! A request on a kept connection costs one read that is shorter than its buffer (which says that
//! the socket is empty), one write for all answers of the batch, and no system call that finds
//! nothing.
//!
//! Invariants:
//! - Whoever waits is registered for every reason it waits for: `send` and `read` have returned
//!   `Pending`, the handler was polled since anything happened, and a deadline is set where a
//!   client can keep us waiting.
//! - Nothing of this is large: what only a busy connection needs is in the exchange.
//! - At most [`TURN`] bytes are read in one poll; then other tasks run.

use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use ringspun_net::{Session, Stream};
use ringspun_runtime::budget;
use ringspun_runtime::time::now;

use super::alarm::{Alarm, after};
use super::exchange::{Around, Ending, Exchange};
use super::linger::Linger;
use super::service::Service;
use super::strikes::Limit;
use crate::proto::Refusal;
use crate::upgrade::{Tunnel, Upgraded};

/// One connection, as long as it is HTTP; see the module's text.
pub(crate) struct Connection<S, V: Service> {
    stream: S,
    service: V,
    /// The handler's future, while it is pending.
    call: Option<V::Call>,
    session: Session,
    alarm: Alarm,
    /// When an idle connection is closed; `None` until it waits.
    idle_deadline: Option<Instant>,
    /// The last request did not fit into a buffer; the next may not either.
    reads_much: bool,
    /// Requests so far.
    requests: u32,
    state: State,
}

enum State {
    Idle,
    Busy(Box<Exchange>),
    /// The response was sent; what the client still sends is dropped.
    Lingering(Box<Linger>),
    /// What follows is not HTTP.
    Switching(Box<Exchange>),
    Ended,
}

/// How the HTTP of a connection ends.
pub(super) enum Over {
    /// With its end.
    Ended,
    /// With another protocol; see [`Connection::into_tunnel`].
    Switches(Box<Exchange>),
}

/// What a turn of a busy connection ends with.
enum Turn {
    /// Nothing is under way any more.
    Idle,
    /// Something is waited for.
    Wait,
    /// Others shall run first.
    Yield,
    /// The client may still be sending.
    Linger,
    /// What follows is not HTTP.
    Switch,
    /// Drop the connection.
    End,
}

impl<S: Stream, V: Service> Connection<S, V> {
    pub(super) fn new(stream: S, service: V, session: Session) -> Self {
        let idle_deadline = Some(after(service.rules().limits.head_timeout));
        let (alarm, state) = (Alarm::default(), State::Idle);
        Self {
            stream,
            service,
            call: None,
            session,
            alarm,
            idle_deadline,
            reads_much: false,
            requests: 0,
            state,
        }
    }

    /// Waits for the first byte of the next request. `Ready(false)` ends the connection.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.session.is_stopping() {
            return Poll::Ready(false);
        }
        if let Poll::Ready(result) = self.stream.poll_readable(cx) {
            // Without permission the read would do nothing, and the connection would be idle and
            // readable again, round and round. The task has been woken for later.
            return budget::poll_proceed(cx).map(|_| result.is_ok());
        }
        if self.session.poll_stopping(cx).is_ready() {
            return Poll::Ready(false);
        }
        let idle_timeout = self.service.rules().limits.idle_timeout;
        let deadline = *self
            .idle_deadline
            .get_or_insert_with(|| after(idle_timeout));
        if !self.alarm.is_due(deadline, cx) {
            return Poll::Pending;
        }
        let is_first = self.requests == 0;
        let limit = if is_first {
            Limit::HeadTimeout
        } else {
            Limit::IdleTimeout
        };
        self.service.rules().strikes.strike(limit);
        Poll::Ready(false)
    }

    /// Runs round the circle of the diagram until something has to be waited for.
    fn turn(&mut self, exchange: &mut Exchange, cx: &mut Context<'_>) -> Turn {
        let mut budget = TURN;
        // What has just been taken from the pool is there to read.
        let mut is_fresh = exchange.is_idle();
        exchange.begin_turn(self.service.rules());
        loop {
            let mut has_moved = false;
            if !std::mem::take(&mut is_fresh) {
                match self.advance(exchange, cx) {
                    Ok(moved) => has_moved = moved,
                    Err(turn) => return turn,
                }
            }
            let wants_input = exchange.wants_input();
            if wants_input {
                if budget == 0 {
                    return Turn::Yield;
                }
                match self.read(exchange, &mut budget, cx) {
                    Ok(read) => has_moved |= read,
                    Err(()) => return Turn::End,
                }
            }
            if !has_moved && !exchange.wait_for_reader(wants_input, cx) {
                return if exchange.is_idle() {
                    Turn::Idle
                } else {
                    Turn::Wait
                };
            }
        }
    }

    /// (1) and (2): goes on as far as possible, then sends what there is. True if anything was done;
    /// an error is how the turn ends.
    fn advance(&mut self, exchange: &mut Exchange, cx: &mut Context<'_>) -> Result<bool, Turn> {
        let mut around = Around {
            service: &self.service,
            call: &mut self.call,
            session: &self.session,
            requests: &mut self.requests,
            is_stopping: self.service.rules().readiness.is_leaving(),
        };
        let mut has_moved = exchange.go_on(&mut around, cx);
        match send(&mut self.stream, exchange, cx) {
            Ok(sent) => has_moved |= sent,
            Err(()) => return Err(Turn::End),
        }
        if let Some(ending) = exchange.ending
            && exchange.output.is_empty()
        {
            return Err(match ending {
                Ending::Linger => Turn::Linger,
                Ending::Switch => Turn::Switch,
                Ending::Close | Ending::Abort => Turn::End,
            });
        }
        if exchange.is_idle() {
            return Err(Turn::Idle);
        }
        Ok(has_moved)
    }

    /// (3): reads once. True if there was anything, be it the end.
    fn read(
        &mut self,
        exchange: &mut Exchange,
        budget: &mut usize,
        cx: &mut Context<'_>,
    ) -> Result<bool, ()> {
        let largest = self.service.rules().receive.head.bytes;
        let wants_large = exchange.is_large || self.reads_much;
        let read = exchange
            .input
            .poll_read(&mut self.stream, largest, wants_large, cx);
        match read {
            Poll::Ready(Ok(0)) => {
                exchange.is_ended = true;
                Ok(true)
            }
            Poll::Ready(Ok(count)) => {
                *budget = budget.saturating_sub(count);
                Ok(true)
            }
            Poll::Ready(Err(error)) => {
                tracing::debug!(%error, "reading failed");
                Err(())
            }
            Poll::Pending => Ok(false),
        }
    }

    /// Sees to the deadlines of a busy connection that waits. True if one has struck and there is
    /// something to do; `Err` if the connection is to end.
    fn check_deadlines(
        &mut self,
        exchange: &mut Exchange,
        cx: &mut Context<'_>,
    ) -> Result<bool, ()> {
        let limits = &self.service.rules().limits;
        let wants_head = exchange.wants_rest_of_head();
        let wants_body = exchange.wants_body() && limits.body_rate > 0;
        keep(&mut exchange.head_deadline, wants_head, || {
            after(limits.head_timeout)
        });
        if exchange.body_deadline.is_none() {
            exchange.body_bytes = 0;
        }
        keep(&mut exchange.body_deadline, wants_body, || {
            after(limits.body_window)
        });

        let write_deadline = if exchange.output.is_empty() {
            exchange.pace.rest();
            None
        } else {
            Some(exchange.pace.wait(limits, || self.stream.unsent()))
        };
        let call_deadline = self.call.as_ref().and(exchange.call_deadline);
        let deadlines = [
            exchange.head_deadline,
            call_deadline,
            write_deadline,
            exchange.body_deadline,
        ];
        let Some(first) = deadlines.into_iter().flatten().min() else {
            return Ok(false);
        };
        if !self.alarm.is_due(first, cx) {
            return Ok(false);
        }
        let is_past = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now());
        let checked = exchange.pace.check(now(), limits, || self.stream.unsent());
        if let Err(limit) = checked {
            let limit_name = limit.name();
            tracing::debug!(limit_name, "the client takes too little of its response");
            self.service.rules().strikes.strike(limit);
            return Err(());
        }
        if is_past(call_deadline) {
            self.call = None;
            exchange.refuse(Refusal::HandlerTimeout, self.service.rules());
        }
        if is_past(exchange.head_deadline) {
            exchange.refuse(Refusal::HeadTimeout, self.service.rules());
        }
        if is_past(exchange.body_deadline) {
            exchange.body_deadline = None;
            if exchange.body_bytes < limits.body_window_bytes() {
                exchange.fail_body(Refusal::BodyTimeout, self.service.rules(), cx);
            }
        }
        Ok(true)
    }

    /// Whether nobody waits for what is under way. Who is written to or read from tells by itself.
    fn is_given_up(&mut self, exchange: &mut Exchange, cx: &mut Context<'_>) -> bool {
        if exchange.wants_input() || !exchange.output.is_empty() {
            return false;
        }
        let is_gone = self.has_ended(exchange, cx) || self.stream.poll_gone(cx).is_ready();
        if is_gone {
            tracing::debug!("the client is gone; what it has asked for is given up");
        }
        is_gone
    }

    /// Whether the client has ended its direction, where that counts as going away. To find out it
    /// is read ahead, one buffer at most.
    fn has_ended(&mut self, exchange: &mut Exchange, cx: &mut Context<'_>) -> bool {
        let rules = self.service.rules();
        if rules.half_close || !exchange.input.is_empty() {
            return false;
        }
        if self.stream.poll_readable(cx).is_pending() {
            return false;
        }
        let largest = rules.receive.head.bytes;
        let read = exchange
            .input
            .poll_read(&mut self.stream, largest, false, cx);
        matches!(read, Poll::Ready(Ok(0) | Err(_)))
    }

    fn poll_busy(&mut self, mut exchange: Box<Exchange>, cx: &mut Context<'_>) -> Poll<State> {
        loop {
            let next = match self.turn(&mut exchange, cx) {
                Turn::Idle => {
                    if std::mem::take(&mut exchange.has_served) {
                        self.idle_deadline = None;
                        self.reads_much = exchange.is_large;
                    }
                    exchange.put_back();
                    return Poll::Ready(State::Idle);
                }
                Turn::Linger => {
                    self.call = None;
                    exchange.discard();
                    return Poll::Ready(State::Lingering(Box::default()));
                }
                Turn::Switch => return Poll::Ready(State::Switching(exchange)),
                Turn::End => {
                    exchange.discard();
                    return Poll::Ready(State::Ended);
                }
                Turn::Yield => {
                    cx.waker().wake_by_ref();
                    self.state = State::Busy(exchange);
                    return Poll::Pending;
                }
                Turn::Wait if self.is_given_up(&mut exchange, cx) => Err(()),
                Turn::Wait => self.check_deadlines(&mut exchange, cx),
            };
            match next {
                Ok(true) => {}
                Ok(false) => {
                    if !exchange.is_put_off {
                        exchange.compact();
                    }
                    self.state = State::Busy(exchange);
                    return Poll::Pending;
                }
                Err(()) => return Poll::Ready(State::Ended),
            }
        }
    }

    /// Serves HTTP until it is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Idle => match self.poll_idle(cx) {
                    Poll::Ready(true) => {
                        let exchange = Exchange::take();
                        State::Busy(exchange)
                    }
                    Poll::Ready(false) => State::Ended,
                    Poll::Pending => {
                        self.state = State::Idle;
                        return Poll::Pending;
                    }
                },
                State::Busy(exchange) => match self.poll_busy(exchange, cx) {
                    Poll::Ready(state) => state,
                    Poll::Pending => return Poll::Pending,
                },
                State::Lingering(mut linger) => {
                    if linger
                        .poll(&mut self.stream, &mut self.session, &mut self.alarm, cx)
                        .is_pending()
                    {
                        self.state = State::Lingering(linger);
                        return Poll::Pending;
                    }
                    State::Ended
                }
                State::Switching(exchange) => return Poll::Ready(Over::Switches(exchange)),
                State::Ended => return Poll::Ready(Over::Ended),
            };
        }
    }

    /// What goes on with the connection after [`Over::Switches`].
    pub(super) fn into_tunnel(self, mut exchange: Box<Exchange>) -> Tunnel {
        let before = Bytes::copy_from_slice(exchange.input.unused());
        let io = Upgraded::new(before, self.stream, Some(self.session));
        match (exchange.switch.take(), &self.service.rules().take_over) {
            (Some(switch), _) => switch.begin(io),
            (None, Some(other)) => other.take_over(io),
            (None, None) => Box::pin(std::future::ready(())),
        }
    }
}

/// Sends what there is. True if anything was sent.
fn send<S: Stream>(
    stream: &mut S,
    exchange: &mut Exchange,
    cx: &mut Context<'_>,
) -> Result<bool, ()> {
    if exchange.output.is_empty() {
        return Ok(false);
    }
    let mut count = 0;
    let sent = exchange.output.poll_send(stream, &mut count, cx);
    if count > 0 {
        exchange.pace.accept(count);
    }
    match sent {
        Poll::Ready(Err(error)) => {
            tracing::debug!(%error, "writing failed");
            Err(())
        }
        _ => Ok(count > 0),
    }
}

/// Sets a deadline when its condition begins to hold, and takes it back when it ends.
fn keep(deadline: &mut Option<Instant>, holds: bool, new: impl FnOnce() -> Instant) {
    if !holds {
        *deadline = None;
    } else if deadline.is_none() {
        *deadline = Some(new());
    }
}

/// Bytes that are read in one poll, about 40 µs of small pipelined requests.
const TURN: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ringspun_net::{MemStream, TcpStream};

    use super::*;
    use crate::server::service::Common;

    /// What an idle connection keeps: its task's future. The exchange, the buffer and the head are
    /// in pools.
    #[test]
    fn an_idle_connection_is_small() {
        let tcp = size_of::<Connection<TcpStream, Arc<Common>>>();
        let mem = size_of::<Connection<MemStream, Arc<Common>>>();
        println!("future of a connection: TCP {tcp} bytes, in memory {mem} bytes");
        println!(
            "stream {}, session {}, alarm {}",
            size_of::<TcpStream>(),
            size_of::<Session>(),
            size_of::<Alarm>()
        );
        assert!(tcp <= 320, "{tcp}");
    }
}
