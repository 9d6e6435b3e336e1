//! Bodies that the application makes piece by piece.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use pin_project_lite::pin_project;

use super::body_error::BodyError;

/// A piece of a body: content, or the trailer that ends it. See [`Body::frames`](super::Body::frames).
#[derive(Clone, Debug)]
pub enum Frame {
    /// Content. Empty content is passed over.
    Data(Bytes),
    /// Header lines behind the content. What follows them is not asked for.
    ///
    /// They are sent in the chunked coding only, and only those that may stand there
    /// ([`is_trailer_field`](crate::proto::is_trailer_field)).
    Trailers(HeaderMap),
}

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// A stream of the application.
pub(super) struct Streamed {
    /// Never locked: the mutex only lets a body be shared between threads, which a stream alone
    /// could not be.
    frames: Mutex<FrameStream>,
    /// Bytes still to come, if they are known.
    left: Option<u64>,
}

type FrameStream = Pin<Box<dyn Stream<Item = Result<Frame, BoxError>> + Send>>;

impl Streamed {
    /// Frames as they come, `left` bytes of content in sum if that is known.
    pub(super) fn new<S, E>(frames: S, left: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Frame, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::mapped(frames, left, std::convert::identity)
    }

    /// Content as it comes.
    pub(super) fn data<S, E>(chunks: S, left: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self::mapped(chunks, left, Frame::Data)
    }

    fn mapped<S, T, E>(stream: S, left: Option<u64>, frame: fn(T) -> Frame) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        T: 'static,
        E: Into<BoxError>,
    {
        let frames: FrameStream = Box::pin(Frames { stream, frame });
        Self {
            frames: Mutex::new(frames),
            left,
        }
    }

    /// Bytes still to come, if they are known.
    pub(super) const fn left(&self) -> Option<u64> {
        self.left
    }

    /// The next frame that is not empty.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame, BodyError>>> {
        let frames = self
            .frames
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            return Poll::Ready(match ready!(frames.as_mut().poll_next(cx)) {
                Some(Ok(Frame::Data(chunk))) if chunk.is_empty() => continue,
                Some(Ok(Frame::Data(chunk))) => {
                    let taken = chunk.len() as u64;
                    self.left = self.left.map(|left| left.saturating_sub(taken));
                    Some(Ok(Frame::Data(chunk)))
                }
                Some(Ok(trailers)) => Some(Ok(trailers)),
                Some(Err(error)) => Some(Err(BodyError::stream(error))),
                None => None,
            });
        }
    }
}

pin_project! {
    /// Makes the items of an application's stream uniform.
    struct Frames<S, T> {
        #[pin]
        stream: S,
        frame: fn(T) -> Frame,
    }
}

impl<S, T, E> Stream for Frames<S, T>
where
    S: Stream<Item = Result<T, E>>,
    E: Into<BoxError>,
{
    type Item = Result<Frame, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let item = ready!(this.stream.poll_next(cx));
        Poll::Ready(item.map(|item| item.map(this.frame).map_err(Into::into)))
    }
}
