//! Server-sent events: a response that goes on and on, one message after another (WHATWG HTML 9.2).
//!
//! # Examples
//! ```
//! use std::time::Duration;
//! use ringspun_http::sse::{Event, Sse};
//! use ringspun_http::{Request, Router};
//! # use std::pin::Pin;
//! # use std::task::{Context, Poll};
//! # struct Ticks(u32);
//! # impl futures_core::Stream for Ticks {
//! #     type Item = Result<Event, std::io::Error>;
//! #     fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
//! #         self.0 += 1;
//! #         Poll::Ready((self.0 < 4).then(|| Ok(Event::data(format!("tick {}", self.0)))))
//! #     }
//! # }
//!
//! async fn ticks(_: Request) -> Sse<Ticks> {
//!     // Any `futures_core::Stream` of `Result<Event, E>`.
//!     let events = Ticks(0);
//!     Sse::new(events).with_keep_alive(Duration::from_secs(10))
//! }
//!
//! let app = Router::new().get("/ticks", ticks);
//! ```
//! In the browser: `new EventSource("/ticks").onmessage = message => console.log(message.data)`.

mod event;

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, Pending, pending};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue};
use pin_project_lite::pin_project;
use ringspun_runtime::scope::{CancelToken, Run};
use ringspun_runtime::time::{Sleep, now, sleep};

pub use self::event::{Event, InvalidEvent};
use crate::message::{Body, IntoResponse, Response};

/// A response of server-sent events.
///
/// Each event is sent when it is there and the connection can take it; a client that reads slowly
/// slows the stream. In silence a comment is sent now and then, so that proxies do not take the
/// connection for dead, and a client that has gone is noticed.
///
/// The response is `text/event-stream`, with `Cache-Control: no-cache`, and with
/// `X-Accel-Buffering: no` because nginx holds events back otherwise. It ends with the stream; the
/// browser asks again then, after the [retry time](Event::with_retry). An error of the stream ends
/// the connection, which looks the same to the browser. A stream that never ends keeps a server
/// that stops waiting until its grace is over: see [`ending_with`](Self::ending_with).
///
/// See the [module's example](self).
#[must_use = "it is the response"]
pub struct Sse<S> {
    events: S,
    keep_alive: Option<Duration>,
    end: Option<CancelToken>,
}

impl<S, E> Sse<S>
where
    S: Stream<Item = Result<Event, E>> + Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>> + 'static,
{
    /// A response of these events, with a comment after every 15 seconds of silence.
    pub const fn new(events: S) -> Self {
        Self {
            events,
            keep_alive: Some(KEEP_ALIVE),
            end: None,
        }
    }

    /// A comment is sent after so much silence.
    ///
    /// # Panics
    /// The time is zero.
    pub const fn with_keep_alive(mut self, silence: Duration) -> Self {
        assert!(!silence.is_zero(), "comments without a pause between them");
        self.keep_alive = Some(silence);
        self
    }

    /// Nothing is sent but the events.
    pub const fn without_keep_alive(mut self) -> Self {
        self.keep_alive = None;
        self
    }

    /// The response ends, in good order, when the token is cancelled.
    ///
    /// # Examples
    /// Streams that do not keep a server from stopping; the browsers ask the next one:
    /// ```
    /// use ringspun_http::Request;
    /// use ringspun_http::sse::{Event, Sse};
    /// # struct News;
    /// # impl futures_core::Stream for News {
    /// #     type Item = Result<Event, std::io::Error>;
    /// #     fn poll_next(
    /// #         self: std::pin::Pin<&mut Self>,
    /// #         _: &mut std::task::Context<'_>,
    /// #     ) -> std::task::Poll<Option<Self::Item>> {
    /// #         std::task::Poll::Pending
    /// #     }
    /// # }
    ///
    /// async fn news(request: Request) -> Sse<News> {
    ///     Sse::new(News).ending_with(request.stopping())
    /// }
    /// ```
    pub fn ending_with(mut self, token: CancelToken) -> Self {
        self.end = Some(token);
        self
    }
}

impl<S, E> IntoResponse for Sse<S>
where
    S: Stream<Item = Result<Event, E>> + Send + 'static,
    E: Into<Box<dyn StdError + Send + Sync>> + 'static,
{
    fn into_response(self) -> Response {
        let lines = Lines {
            events: self.events,
            keep_alive: self.keep_alive,
            silence: None,
            end: self.end.map(|token| token.run(pending())),
        };
        Response::ok()
            .with_content_type("text/event-stream")
            .with_header(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
            .with_header(
                HeaderName::from_static("x-accel-buffering"),
                HeaderValue::from_static("no"),
            )
            .with_body(Body::stream(lines))
    }
}

impl<S> fmt::Debug for Sse<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse")
            .field("keep_alive", &self.keep_alive)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// Events as they are sent, and comments where there are none.
    struct Lines<S> {
        #[pin]
        events: S,
        keep_alive: Option<Duration>,
        // The silence that goes on; `None` before the first.
        silence: Option<Sleep>,
        // Never done by itself: ends with its token.
        #[pin]
        end: Option<Run<Pending<()>>>,
    }
}

impl<S, E> Stream for Lines<S>
where
    S: Stream<Item = Result<Event, E>>,
{
    type Item = Result<Bytes, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if let Poll::Ready(event) = this.events.poll_next(cx) {
            // The next silence begins; its timer is only moved.
            if let (Some(silence), Some(length)) = (this.silence.as_mut(), *this.keep_alive) {
                silence.reset(now() + length);
            }
            return Poll::Ready(event.map(|event| event.map(Event::into_bytes)));
        }
        if this
            .end
            .as_pin_mut()
            .is_some_and(|end| end.poll(cx).is_ready())
        {
            return Poll::Ready(None);
        }
        let Some(length) = *this.keep_alive else {
            return Poll::Pending;
        };
        let silence = this.silence.get_or_insert_with(|| sleep(length));
        if Pin::new(&mut *silence).poll(cx).is_pending() {
            return Poll::Pending;
        }
        silence.reset(now() + length);
        Poll::Ready(Some(Ok(Bytes::from_static(COMMENT))))
    }
}

/// A line that clients pass over, and the empty line that ends it.
const COMMENT: &[u8] = b":\n\n";

/// What the standard advises: about every 15 seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
