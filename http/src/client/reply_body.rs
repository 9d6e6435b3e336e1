//! The body of a reply that has not come with its head.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream as Chunks;
use ringspun_net::Stream;

use super::error::ClientError;
use super::pool::Lease;
use crate::message::Frame;

/// Reads from the connection, and gives it back at the end. Dropped before, it closes it.
pub(super) struct ReplyBody<S: Stream>(
    /// `None` when the body has ended, well or not.
    Option<Lease<S>>,
);

impl<S: Stream> ReplyBody<S> {
    pub(super) fn new(lease: Lease<S>) -> Self {
        Self(Some(lease))
    }
}

impl<S: Stream> Chunks for ReplyBody<S> {
    type Item = Result<Frame, ClientError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(lease) = &mut this.0 else {
            return Poll::Ready(None);
        };
        let frame = ready!(lease.exchange.poll_content(cx));
        // The end of a known length is known with its last byte: who reads no further has read it to
        // the end all the same.
        let is_over = match &frame {
            Some(Ok(Frame::Data(_))) => lease.exchange.is_at_end(),
            Some(Ok(Frame::Trailers(_))) | None => true,
            Some(Err(_)) => false,
        };
        let frame = frame.map(|frame| frame.map_err(|failure| failure.at(&lease.key)));
        let is_failed = matches!(frame, Some(Err(_)));
        if (is_over || is_failed)
            && let Some(lease) = this.0.take()
            && is_over
        {
            lease.finish();
        }
        Poll::Ready(frame)
    }
}

impl<S: Stream> Drop for ReplyBody<S> {
    fn drop(&mut self) {
        if let Some(mut lease) = self.0.take()
            && lease.exchange.drain()
        {
            lease.finish();
        }
    }
}
