//! [`Body`] as the ecosystem knows bodies: to and from `http_body::Body`.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http_body::{Frame as HttpFrame, SizeHint};

use super::body::Body;
use super::body_error::BodyError;
use super::streamed::{BoxError, Frame};

impl Body {
    /// A body made of one of the `http-body` crate, such as those of axum, hyper and tower-http.
    ///
    /// Its exact length, if it has one, becomes [`Body::length`]; else it is sent in the chunked
    /// coding, with its trailer. A body whose bytes are all at hand is taken out at once: it is
    /// polled once for that, perhaps again later.
    ///
    /// # Examples
    /// ```
    /// use ringspun_http::Body;
    ///
    /// # fn main() -> Result<(), ringspun_http::BodyError> {
    /// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
    /// let theirs = String::from("any http_body::Body");
    /// let mut body = Body::from_http_body(theirs);
    /// assert_eq!(body.length(), Some(19));
    /// assert_eq!(body.text(100).await?, "any http_body::Body");
    /// # Ok(()) }) }
    /// ```
    pub fn from_http_body<B>(body: B) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut body = Some(body);
        // One of ours that has only passed through.
        if let Some(own) = (&mut body as &mut dyn Any).downcast_mut::<Option<Self>>() {
            return own.take().unwrap_or_default();
        }
        body.map_or_else(Self::empty, Self::from_foreign)
    }

    fn from_foreign<B>(body: B) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::empty();
        }
        let length = body.size_hint().exact();
        let mut foreign = Foreign {
            body: Box::pin(body),
            ahead: None,
        };
        if length.is_some_and(|length| length > 0) {
            // Whoever polls next does it with a waker of his own, so nothing gets lost by this.
            let polled = foreign.poll_body(&mut Context::from_waker(Waker::noop()));
            match polled {
                Poll::Ready(Some(Ok(Frame::Data(bytes)))) if Some(bytes.len() as u64) == length => {
                    return Self::from(bytes);
                }
                Poll::Ready(item) => foreign.ahead = Some(item),
                Poll::Pending => {}
            }
        }
        Self::of_frames(foreign, length)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<HttpFrame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        Poll::Ready(match ready!(this.poll_chunk(cx)) {
            Some(chunk) => Some(chunk.map(HttpFrame::data)),
            None => this
                .take_trailers()
                .map(|trailers| Ok(HttpFrame::trailers(trailers))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_at_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A foreign body as a stream of frames.
struct Foreign<B> {
    body: Pin<Box<B>>,
    /// What the first look has brought.
    ahead: Option<Item>,
}

type Item = Option<Result<Frame, BoxError>>;

impl<B> Foreign<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Item> {
        loop {
            return Poll::Ready(match ready!(self.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(mut data) => Some(Ok(Frame::Data(data.copy_to_bytes(data.remaining())))),
                    Err(frame) => match frame.into_trailers() {
                        Ok(trailers) => Some(Ok(Frame::Trailers(trailers))),
                        // Of a kind that is not known yet.
                        Err(_) => continue,
                    },
                },
                Some(Err(error)) => Some(Err(error.into())),
                None => None,
            });
        }
    }
}

impl<B> Stream for Foreign<B>
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    type Item = Result<Frame, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Item> {
        let this = self.get_mut();
        match this.ahead.take() {
            Some(item) => Poll::Ready(item),
            None => this.poll_body(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io;

    use http::HeaderMap;
    use http_body::Body as _;

    use super::*;
    use crate::message::pipe;

    type Step = Option<Result<HttpFrame<&'static [u8]>, io::Error>>;

    /// Frames with pauses (`None`) between them.
    struct Script {
        steps: VecDeque<Step>,
        length: Option<u64>,
    }

    impl http_body::Body for Script {
        type Data = &'static [u8];
        type Error = io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<HttpFrame<&'static [u8]>, io::Error>>> {
            match self.get_mut().steps.pop_front() {
                Some(Some(frame)) => Poll::Ready(Some(frame)),
                Some(None) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                None => Poll::Ready(None),
            }
        }

        fn size_hint(&self) -> SizeHint {
            self.length
                .map_or_else(SizeHint::default, SizeHint::with_exact)
        }
    }

    fn sum() -> HeaderMap {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "12".parse().unwrap());
        trailers
    }

    /// Everything that a body gives, and how often it was pending.
    fn drain(mut body: Body) -> (Vec<String>, usize) {
        let (mut seen, mut pauses) = (Vec::new(), 0);
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            match Pin::new(&mut body).poll_frame(&mut cx) {
                Poll::Pending => pauses += 1,
                Poll::Ready(None) => {
                    assert!(body.is_end_stream());
                    return (seen, pauses);
                }
                Poll::Ready(Some(Ok(frame))) => seen.push(match frame.into_data() {
                    Ok(data) => String::from_utf8(data.to_vec()).unwrap(),
                    Err(frame) => format!("{} trailers", frame.into_trailers().unwrap().len()),
                }),
                Poll::Ready(Some(Err(error))) => seen.push(error.to_string()),
            }
        }
    }

    fn script(length: Option<u64>, steps: Vec<Step>) -> Body {
        Body::from_http_body(Script {
            steps: steps.into(),
            length,
        })
    }

    fn data(text: &'static str) -> Step {
        Some(Ok(HttpFrame::data(text.as_bytes())))
    }

    #[test]
    fn frames_pauses_and_errors_come_through() {
        let trailers = || Some(Ok(HttpFrame::trailers(sum())));
        let body = script(
            None,
            vec![None, data("ab"), None, data(""), data("c"), trailers()],
        );
        assert!(body.length().is_none() && !body.is_end_stream());
        assert_eq!(
            drain(body),
            (vec!["ab".into(), "c".into(), "1 trailers".into()], 2)
        );

        for ahead in [vec![], vec![None]] {
            let pauses = ahead.len();
            let steps = ahead
                .into_iter()
                .chain([data("ab"), None, data("c"), trailers()]);
            let body = script(Some(3), steps.collect());
            assert_eq!(
                (body.length(), http_body::Body::size_hint(&body).exact()),
                (Some(3), Some(3))
            );
            let seen = vec!["ab".into(), "c".into(), "1 trailers".into()];
            // The first look has met one pause.
            assert_eq!(drain(body), (seen, 1), "{pauses}");
        }

        let failing = vec![data("a"), Some(Err(io::Error::other("broken"))), data("b")];
        assert_eq!(drain(script(Some(3), failing)).0, ["a", "broken"]);
        let failing = vec![Some(Err(io::Error::other("broken")))];
        assert_eq!(drain(script(Some(3), failing)).0, ["broken"]);
    }

    #[test]
    fn what_is_at_hand_is_taken_out() {
        let body = script(Some(2), vec![data("ab")]);
        assert!(body.into_plain().is_ok());
        assert!(Body::from_http_body(String::new()).is_end_stream());
        let own = Body::from_http_body(Body::from("x"));
        assert!(own.into_plain().is_ok(), "not wrapped");
        assert_eq!(drain(Body::from("abc")).0, ["abc"]);
    }

    #[test]
    fn the_end_of_an_incoming_body_is_known() {
        let (feeder, reader) = pipe(None);
        let body = Body::incoming(reader);
        assert!(!body.is_end_stream());
        assert!(feeder.end_with(None).is_none());
        assert!(body.is_end_stream());

        let (feeder, reader) = pipe(None);
        let body = Body::incoming(reader);
        assert!(feeder.push(Bytes::from_static(b"ab")).is_none());
        assert!(feeder.end_with(Some(Box::new(sum()))).is_none());
        assert!(!body.is_end_stream());
        assert_eq!(drain(body).0, ["ab", "1 trailers"]);
    }
}
