//! One connection of a client: a request out, its response in, both at the same time.
//!
//! ```text
//!  head, body of the request --> Output --> stream --> Input --> ClientConn --> head, body
//!        (poll_send)                                       (poll_event)
//! ```
//! There is no task behind a connection. Whoever waits for the head, and later whoever reads the
//! body of the reply, moves both directions; so a small request on a kept connection is one write
//! and one read in the task that asks, and a body that nobody reads stays in the socket. The price:
//! a request body goes on only while somebody waits for the head or reads the reply.
//!
//! Invariants:
//! - Whoever waits is registered for every reason it waits for: the stream's two directions, the
//!   body of the request, and a deadline where the server can keep us waiting.
//! - A connection is given back only if both directions are complete, nothing is left in either
//!   buffer, and nothing has failed.
//! - A broken write is not the end: a server that has refused a large body has sent its answer
//!   before it has closed. What is there is read first.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ringspun_net::Stream;
use ringspun_runtime::budget;
use ringspun_runtime::time::{coarse_now, now};

use super::error::{Failure, Phase, What};
use super::rules::Rules;
use crate::message::{Body, Frame, Plain};
use crate::proto::{ClientConn, Event, Head, HeadLimits, StatusHead, TargetForm, WrongLength};
use crate::server::alarm::{Alarm, after};
use crate::server::input::Input;
use crate::server::output::Output;

/// See the module's text.
pub(super) struct Exchange<S> {
    stream: S,
    conn: ClientConn,
    input: Input,
    output: Output,
    /// The body of the request, as far as it was not taken yet, if it comes in chunks.
    body: Option<Body>,
    /// The server has ended its side.
    is_ended: bool,
    /// Why nothing more can be sent.
    broken: Option<io::Error>,
    /// A byte of the request has gone out.
    is_begun: bool,
    /// Something of a streamed body was taken, so that it cannot be sent again.
    is_body_taken: bool,
    rules: Arc<Rules>,
    patience: Patience,
    /// When the whole exchange must be over.
    deadline: Option<Instant>,
    /// When what is waited for must have come or moved: the permission to send the body, room to
    /// write, the head, content. One at a time; `None` while nothing is waited for.
    waiting: Option<(Wait, Instant)>,
}

/// What is waited for under a limit of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    Permission,
    Room,
    Head,
    Content,
}

impl<S: Stream> Exchange<S> {
    pub(super) fn new(stream: S, rules: Arc<Rules>) -> Self {
        Self {
            stream,
            conn: ClientConn::new(),
            input: Input::default(),
            output: Output::default(),
            body: None,
            is_ended: false,
            broken: None,
            is_begun: false,
            is_body_taken: false,
            rules,
            patience: Patience::default(),
            deadline: None,
            waiting: None,
        }
    }

    /// Begins a request. Nothing is sent before the first poll.
    pub(super) fn begin(
        &mut self,
        head: &Head,
        form: TargetForm,
        body: Outgoing,
        deadline: Option<Instant>,
    ) -> Result<(), Failure> {
        self.deadline = deadline;
        if self.rules.idle_timeout.is_zero() {
            self.conn.close_after();
        }
        let length = match &body {
            Outgoing::Whole(bytes) => Some(bytes.len() as u64),
            Outgoing::Streamed(body) => body.length(),
        };
        self.conn.send_head(head, form, length, self.output.batch());
        match body {
            Outgoing::Whole(bytes) if bytes.is_empty() => {}
            // Sent with the head, in one write.
            Outgoing::Whole(bytes) if !self.conn.awaits_continue() => {
                self.push(bytes)?;
                // Nothing stands behind a body of known length.
                self.conn.send_end(&mut Vec::new()).map_err(wrong_length)?;
            }
            Outgoing::Whole(bytes) => self.body = Some(Body::from(bytes)),
            Outgoing::Streamed(_) if length == Some(0) => {}
            Outgoing::Streamed(body) => self.body = Some(body),
        }
        Ok(())
    }

    /// Sends, and waits for the head of the response.
    pub(super) fn poll_head(
        &mut self,
        head: &mut StatusHead,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        loop {
            self.poll_send(cx)?;
            let awaited = self.conn.awaits_continue();
            if let Poll::Ready(event) = self.poll_event(head, cx) {
                self.waiting = None;
                return Poll::Ready(match event? {
                    Event::Head => Ok(()),
                    _ => Err(self.cut_off()),
                });
            }
            if awaited && !self.conn.awaits_continue() {
                // The permission has come.
                continue;
            }
            ready!(self.poll_patience(Phase::Head, cx))?;
        }
    }

    /// The next piece of the response's body; its trailer or `None` at its end. Goes on
    /// sending.
    pub(super) fn poll_content(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, Failure>>> {
        // A server that always has something to send is not waited for.
        if self.deadline.is_some_and(|at| at <= coarse_now()) {
            return Poll::Ready(Some(Err(self.too_late())));
        }
        loop {
            if let Err(failure) = self.poll_send(cx) {
                return Poll::Ready(Some(Err(failure)));
            }
            let mut nothing = StatusHead::new();
            match self.poll_event(&mut nothing, cx) {
                Poll::Ready(Ok(Event::Data(count))) => {
                    let content = Bytes::copy_from_slice(&self.input.unused()[..count]);
                    self.input.use_up(count);
                    self.waiting = None;
                    return Poll::Ready(Some(Ok(Frame::Data(content))));
                }
                Poll::Ready(Ok(_)) => {
                    let trailers = self.conn.take_trailers();
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::Trailers(*trailers))));
                }
                Poll::Ready(Err(failure)) => return Poll::Ready(Some(Err(failure))),
                Poll::Pending => {}
            }
            if let Err(failure) = ready!(self.poll_patience(Phase::Body, cx)) {
                return Poll::Ready(Some(Err(failure)));
            }
        }
    }

    /// The whole body of the response, if it has come with its head.
    pub(super) fn whole_content(&mut self) -> Option<Bytes> {
        if self.conn.is_received() {
            return Some(Bytes::new());
        }
        let length = self.conn.body_left()?;
        let content = self.input.unused().get(..usize::try_from(length).ok()?)?;
        let content = Bytes::copy_from_slice(content);
        let (mut nothing, mut left) = (StatusHead::new(), content.len());
        // Two events: the content, which is copied already, and the end.
        while let Ok(Event::Data(count)) = self.receive(&mut nothing) {
            self.input.use_up(count);
            left -= count;
        }
        debug_assert!(left == 0 && self.conn.is_received(), "all of it was there");
        Some(content)
    }

    /// Drops what is left of the response, if it is small and there already. True if that was all
    /// of it.
    pub(super) fn drain(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let (mut nothing, mut dropped) = (StatusHead::new(), 0);
        while dropped <= DRAINED && !self.conn.is_received() {
            match budget::unlimited(|| self.poll_event(&mut nothing, &mut cx)) {
                Poll::Ready(Ok(Event::Data(count))) => {
                    self.input.use_up(count);
                    dropped += count;
                }
                Poll::Ready(Ok(Event::End)) => {}
                _ => return false,
            }
        }
        self.conn.is_received()
    }

    /// How many bytes of the response's body are still to come, if it is known.
    pub(super) fn left(&self) -> Option<u64> {
        self.conn.body_left()
    }

    pub(super) fn is_handed_over(&self) -> bool {
        self.conn.is_handed_over()
    }

    /// The stream, and what was read behind the response.
    pub(super) fn into_raw(self) -> (Bytes, S) {
        (Bytes::copy_from_slice(self.input.unused()), self.stream)
    }

    /// Whether the last byte of a body of known length was taken.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.conn.body_left() == Some(0)
            && matches!(self.receive(&mut StatusHead::new()), Ok(Event::End))
    }

    /// Whether a request that has failed may be sent once more, on another connection: no byte of a
    /// response has come, and either nothing of the request has gone out, or to repeat it does no
    /// harm (RFC 9110 9.2.2, RFC 9112 9.3.1). Its body must be at hand, see `take_body`.
    pub(super) fn may_repeat(&self, failure: &Failure, is_idempotent: bool) -> bool {
        let is_lost = matches!(failure.what, What::Closed | What::Io(_));
        is_lost && !self.conn.is_answered() && (is_idempotent || !self.is_begun)
    }

    /// The body of the request, if it was not begun.
    pub(super) fn take_body(&mut self) -> Option<Body> {
        self.body.take().filter(|_| !self.is_body_taken)
    }

    /// Makes the connection ready for the next request. False if it is to be closed.
    pub(super) fn renew(&mut self) -> bool {
        let is_clean = self.input.is_empty()
            && self.output.is_empty()
            && self.body.is_none()
            && self.broken.is_none()
            && !self.is_ended;
        if !is_clean || !self.conn.next_exchange() {
            return false;
        }
        self.input.release();
        self.output.reset();
        (self.is_begun, self.is_body_taken) = (false, false);
        // A waker would keep the memory of a task that has long ended.
        self.patience = Patience::default();
        (self.deadline, self.waiting) = (None, None);
        true
    }

    /// Whether nothing has happened to an idle connection: not its end, nor a byte that nobody has
    /// asked for. Does not wait.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        budget::unlimited(|| {
            if self.stream.poll_readable(&mut cx).is_pending() {
                return true;
            }
            // It may be a false alarm: only a read can tell.
            let mut byte = [0; 1];
            Pin::new(&mut self.stream)
                .poll_read(&mut cx, &mut byte)
                .is_pending()
        })
    }

    /// Sends what there is, as far as the stream and the body of the request allow. `Err` if the
    /// body of the request is at fault.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        if self.broken.is_some() {
            return Ok(());
        }
        loop {
            self.fill(cx)?;
            if self.output.is_empty() {
                return Ok(());
            }
            let mut count = 0;
            let sent = self.output.poll_send(&mut self.stream, &mut count, cx);
            if count > 0 {
                self.is_begun = true;
                self.stop_waiting(Wait::Room);
            }
            match sent {
                Poll::Ready(Ok(())) if self.body.is_some() => {}
                Poll::Ready(Err(error)) => {
                    self.broken = Some(error);
                    // Nobody will take it.
                    self.body = None;
                    return Ok(());
                }
                _ => return Ok(()),
            }
        }
    }

    /// Takes from the body of the request until the output is full or there is nothing to take.
    fn fill(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        while !self.conn.awaits_continue() && !self.output.is_full() {
            let Some(body) = &mut self.body else { break };
            match body.poll_chunk(cx) {
                Poll::Ready(Some(Ok(chunk))) => {
                    self.is_body_taken = true;
                    self.push(chunk)?;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.is_body_taken = true;
                    return Err(Failure::new(Phase::Send, What::Source(error)));
                }
                Poll::Ready(None) => {
                    let (body, out) = (self.body.take(), self.output.batch());
                    let ended = match body.as_ref().and_then(Body::trailers) {
                        Some(trailers) => self.conn.send_end_with(trailers, out),
                        None => self.conn.send_end(out),
                    };
                    ended.map_err(wrong_length)?;
                }
                Poll::Pending => break,
            }
        }
        Ok(())
    }

    fn push(&mut self, chunk: Bytes) -> Result<(), Failure> {
        let behind = self.conn.send_data(chunk.len(), self.output.batch());
        let behind = behind.map_err(wrong_length)?;
        self.output.push(Plain::Bytes(chunk), behind);
        Ok(())
    }

    /// The next event of the response; reads until there is one.
    fn poll_event(
        &mut self,
        head: &mut StatusHead,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Event, Failure>> {
        loop {
            match self.receive(head)? {
                Event::NeedMore => {}
                event => return Poll::Ready(Ok(event)),
            }
            let largest = self.rules.head.bytes;
            match self.input.poll_read(&mut self.stream, largest, false, cx) {
                Poll::Ready(Ok(0)) => self.is_ended = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => {
                    let phase = self.phase();
                    return Poll::Ready(Err(Failure::new(phase, What::Io(error))));
                }
                Poll::Pending => {
                    self.input.compact(false);
                    return Poll::Pending;
                }
            }
        }
    }

    /// The next event in what was read.
    fn receive(&mut self, head: &mut StatusHead) -> Result<Event, Failure> {
        let mut at = 0;
        let limits: &HeadLimits = &self.rules.head;
        let unused = self.input.unused();
        let phase = self.phase();
        let event = self
            .conn
            .receive(unused, &mut at, self.is_ended, head, limits);
        self.input.use_up(at);
        event.map_err(|refusal| Failure::new(phase, What::Refused(refusal)))
    }

    /// The server has closed without an answer: if we could not send, that says more.
    fn cut_off(&mut self) -> Failure {
        match self.broken.take() {
            Some(error) => Failure::new(Phase::Send, What::Io(error)),
            None => Failure::new(Phase::Head, What::Closed),
        }
    }

    fn phase(&self) -> Phase {
        if self.conn.is_head_received() {
            Phase::Body
        } else if self.output.is_empty() && self.conn.is_sent() {
            Phase::Head
        } else {
            Phase::Send
        }
    }

    /// Sees to the deadlines while nothing moves. `Ready(Ok)` if there is something to do.
    fn poll_patience(&mut self, phase: Phase, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let wait = if self.conn.awaits_continue() && self.output.is_empty() {
            Some((Wait::Permission, PERMISSION))
        } else if !self.output.is_empty() && self.broken.is_none() {
            Some((Wait::Room, self.rules.stall_timeout))
        } else if phase == Phase::Body {
            Some((Wait::Content, self.rules.stall_timeout))
        } else if self.body.is_none() {
            Some((Wait::Head, self.rules.head_timeout))
        } else {
            // The own body is what is waited for.
            None
        };
        self.waiting = match (wait, self.waiting) {
            (Some((wait, _)), Some(old)) if old.0 == wait => Some(old),
            (Some((wait, limit)), _) => Some((wait, after(limit))),
            (None, _) => None,
        };
        let first = self.waiting.map(|(_, at)| at).into_iter();
        let Some(first) = first.chain(self.deadline).min() else {
            return Poll::Pending;
        };
        if !self.patience.is_due(first, cx) {
            return Poll::Pending;
        }
        if self.deadline.is_some_and(|at| at <= now()) {
            return Poll::Ready(Err(self.too_late()));
        }
        let waiting = self.waiting.take();
        Poll::Ready(match waiting {
            Some((_, at)) if at > now() => Ok(()),
            Some((Wait::Permission, _)) => {
                self.conn.stop_awaiting();
                Ok(())
            }
            Some((Wait::Head, _)) => Err(self.timeout("head_timeout", self.rules.head_timeout)),
            _ => Err(self.timeout("stall_timeout", self.rules.stall_timeout)),
        })
    }

    /// The time for the whole is over.
    #[cold]
    fn too_late(&self) -> Failure {
        self.timeout("timeout", self.rules.timeout.unwrap_or_default())
    }

    #[cold]
    fn timeout(&self, name: &'static str, limit: Duration) -> Failure {
        Failure::new(self.phase(), What::Timeout(name, limit))
    }

    fn stop_waiting(&mut self, wait: Wait) {
        if self.waiting.is_some_and(|(waiting, _)| waiting == wait) {
            self.waiting = None;
        }
    }
}

fn wrong_length(_: WrongLength) -> Failure {
    Failure::new(Phase::Send, What::WrongLength)
}

/// The body of a request.
pub(super) enum Outgoing {
    /// All of it; maybe nothing. Can be sent again.
    Whole(Bytes),
    /// As it comes.
    Streamed(Body),
}

impl Outgoing {
    pub(super) fn new(body: Body) -> Self {
        match body.into_plain() {
            Ok(Plain::Static(bytes)) => Self::Whole(Bytes::from_static(bytes)),
            Ok(Plain::Bytes(bytes)) => Self::Whole(bytes),
            Err(body) => Self::Streamed(body),
        }
    }

    /// The same once more, if it is at hand.
    pub(super) fn again(&self) -> Option<Self> {
        match self {
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Streamed(_) => None,
        }
    }
}

/// The alarm of whoever waits: the reply may be read by another task than the one that has asked.
#[derive(Default)]
struct Patience {
    alarm: Alarm,
    /// Whom the alarm wakes.
    waker: Option<Waker>,
}

impl Patience {
    fn is_due(&mut self, deadline: Instant, cx: &mut Context<'_>) -> bool {
        let is_same = |waker: &Waker| waker.will_wake(cx.waker());
        if !self.waker.as_ref().is_some_and(is_same) {
            self.alarm = Alarm::default();
            self.waker = Some(cx.waker().clone());
        }
        self.alarm.is_due(deadline, cx)
    }
}

/// How long a server is waited for that was asked to say whether it wants the body (RFC 9110
/// 10.1.1: not for ever). As long as curl and Go wait.
const PERMISSION: Duration = Duration::from_secs(1);

/// Bytes of a reply which nobody has read that are taken from the socket, to keep its connection: a
/// new one costs about as much as copying these.
const DRAINED: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use ringspun_net::TcpStream;

    use super::*;

    /// What a kept connection needs beside its socket; buffers are in pools.
    #[test]
    fn a_kept_connection_is_small() {
        let size = size_of::<Exchange<TcpStream>>();
        println!("a connection of the client: {size} bytes");
        assert!(size <= 512, "{size}");
    }
}
