//! The bytes that a connection has to send.
//!
//! ```text
//!  batch: heads and small bodies of all answers so far | large: one body or chunk | behind: CRLF
//!  (one vector, kept for the next batch)                 (where it is, not copied)   (of a chunk)
//! ```
//! All three go out in one system call. While something large is there nothing can be added
//! behind it, so the connection sends first.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;

use crate::message::Plain;

/// See the module's text.
#[derive(Default)]
pub(crate) struct Output {
    batch: Vec<u8>,
    large: Option<Plain>,
    behind: &'static [u8],
    /// Bytes of the three together that were sent.
    sent: usize,
}

impl Output {
    /// Where heads and small bodies are added.
    pub(crate) fn batch(&mut self) -> &mut Vec<u8> {
        debug_assert!(self.large.is_none(), "nothing goes behind a large body");
        &mut self.batch
    }

    /// Adds content and what stands behind it.
    pub(crate) fn push(&mut self, content: Plain, behind: &'static [u8]) {
        let bytes = content.bytes();
        if bytes.len() <= COPIED {
            self.batch().extend_from_slice(bytes);
            self.batch.extend_from_slice(behind);
        } else {
            debug_assert!(self.large.is_none(), "one large piece at a time");
            self.large = Some(content);
            self.behind = behind;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.large.is_none()
    }

    /// Whether to send before anything is added.
    pub(crate) fn is_full(&self) -> bool {
        self.large.is_some() || self.batch.len() >= FULL
    }

    /// Sends as much as the stream takes; `Ready` when nothing is left. `count` grows by what was
    /// sent.
    pub(crate) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        count: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let written = ready!(self.poll_write(Pin::new(stream), cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *count += written;
            self.sent += written;
            let large = self.large.as_ref().map_or(0, |large| large.bytes().len());
            if self.sent == self.batch.len() + large + self.behind.len() {
                self.clear();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Forgets everything, and memory beyond what a usual batch needs.
    pub(crate) fn reset(&mut self) {
        self.clear();
        if self.batch.capacity() > KEPT {
            self.batch = Vec::new();
        }
    }

    fn clear(&mut self) {
        self.batch.clear();
        self.large = None;
        self.behind = b"";
        self.sent = 0;
    }

    fn poll_write<S: AsyncWrite>(
        &self,
        stream: Pin<&mut S>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(large) = &self.large else {
            return stream.poll_write(cx, &self.batch[self.sent..]);
        };
        let mut skip = self.sent;
        let slices = [&self.batch[..], large.bytes(), self.behind].map(|piece| {
            let skipped = skip.min(piece.len());
            skip -= skipped;
            IoSlice::new(&piece[skipped..])
        });
        let first = slices
            .iter()
            .position(|slice| !slice.is_empty())
            .unwrap_or(0);
        stream.poll_write_vectored(cx, &slices[first..])
    }
}

impl Plain {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// Content up to this size is copied: that is cheaper than a second slice in the system call.
const COPIED: usize = 8 * 1024;

/// A batch of this size is sent before more is added.
const FULL: usize = 64 * 1024;

/// What the vector of a recycled batch may keep.
const KEPT: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use bytes::Bytes;

    use super::*;

    /// Takes at most so many bytes a call.
    struct Narrow {
        width: usize,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Narrow {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            let count = bytes.len().min(this.width);
            this.taken.extend_from_slice(&bytes[..count]);
            Poll::Ready(Ok(count))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let this = self.get_mut();
            let before = this.taken.len();
            for slice in slices {
                let room = this.width - (this.taken.len() - before);
                this.taken
                    .extend_from_slice(&slice[..slice.len().min(room)]);
            }
            let count = this.taken.len() - before;
            Poll::Ready(Ok(count))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn everything_is_sent_in_order_whatever_the_width() {
        let large: Vec<u8> = (0..COPIED + 1).map(|at| at as u8).collect();
        for width in [1, 2, 3, 7, 4096, COPIED, COPIED + 5, 1 << 20] {
            let mut output = Output::default();
            output.batch().extend_from_slice(b"head");
            output.push(Plain::Static(b"small"), b"");
            output.push(Plain::Bytes(Bytes::from(large.clone())), b"\r\n");
            assert!(output.is_full());
            let mut stream = Narrow {
                width,
                taken: Vec::new(),
            };
            let mut count = 0;
            let mut cx = Context::from_waker(Waker::noop());
            assert!(
                output
                    .poll_send(&mut stream, &mut count, &mut cx)
                    .is_ready()
            );
            let expected = [b"headsmall", &large[..], b"\r\n"].concat();
            assert_eq!(
                (stream.taken, count),
                (expected.clone(), expected.len()),
                "{width}"
            );
            assert!(output.is_empty() && !output.is_full());
        }
    }
}
