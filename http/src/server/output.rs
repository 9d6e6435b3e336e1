//! The bytes that a connection has to send.
//!
//! ```text
//!  batch: heads and small bodies of all answers so far | large: one body or chunk | behind: CRLF
//!  (one vector, kept for the next batch)               | (where it is, not copied)  (of a chunk)
//!                                                      |
//!                                                      | file: a part of one
//!                                                      | (never in this process at all)
//! ```
//! Batch, large and behind go out in one system call. A file follows the batch in slices, each an
//! operation of the task's budget: by that, its connection lets others run when half a millisecond
//! is over. While something large or a file is there nothing can be added behind it, so the
//! connection sends first.
//!
//! A file that ends before its part does cannot be made up for, since the head has told a length.
//! That is an error, so that the connection ends and the client knows.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncWrite;
use ringspun_net::Stream;

use crate::message::{FilePart, Plain, cut_short};

/// See the module's text.
#[derive(Default)]
pub(crate) struct Output {
    batch: Vec<u8>,
    large: Option<Plain>,
    behind: &'static [u8],
    file: Option<Box<FilePart>>,
    /// Bytes of batch, large and behind together that were sent.
    sent: usize,
    /// The stream has taken less than there was, and what is left waits.
    is_refused: bool,
}

impl Output {
    /// Where heads and small bodies are added.
    pub(crate) fn batch(&mut self) -> &mut Vec<u8> {
        debug_assert!(!self.has_large(), "nothing goes behind a large body");
        &mut self.batch
    }

    /// Adds content and what stands behind it.
    pub(crate) fn push(&mut self, content: Plain, behind: &'static [u8]) {
        let bytes = content.bytes();
        if bytes.len() <= COPIED {
            self.batch().extend_from_slice(bytes);
            self.batch.extend_from_slice(behind);
        } else {
            debug_assert!(!self.has_large(), "one large piece at a time");
            self.large = Some(content);
            self.behind = behind;
        }
    }

    /// Adds a part of a file.
    pub(crate) fn push_file(&mut self, part: Box<FilePart>) {
        debug_assert!(!self.has_large(), "one large piece at a time");
        self.file = Some(part);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batch.is_empty() && !self.has_large()
    }

    /// Whether to send before anything is added.
    pub(crate) fn is_full(&self) -> bool {
        self.has_large() || self.batch.len() >= FULL
    }

    /// Whether something waits for the client to take what it has got. Then no request is begun;
    /// the one under way may fill the batch, for clients that read when they have sent all.
    pub(crate) fn is_refused(&self) -> bool {
        self.is_refused
    }

    fn has_large(&self) -> bool {
        self.large.is_some() || self.file.is_some()
    }

    /// Sends as much as the stream takes; `Ready` when nothing is left. `count` grows by what was
    /// sent.
    pub(crate) fn poll_send<S: Stream>(
        &mut self,
        stream: &mut S,
        count: &mut usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        // Until the last line.
        self.is_refused = true;
        while !self.is_empty() {
            if self.sent == self.in_memory() {
                *count += ready!(self.poll_send_file(stream, cx))?;
                continue;
            }
            let written = ready!(self.poll_write(Pin::new(stream), cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *count += written;
            self.sent += written;
            if self.sent == self.in_memory() && self.file.is_none() {
                self.clear();
            }
        }
        self.is_refused = false;
        Poll::Ready(Ok(()))
    }

    /// Keeps no more memory than what waits needs, before a wait that may be long.
    pub(crate) fn compact(&mut self) {
        let sent = self.sent.min(self.batch.len());
        let waits = &self.batch[sent..];
        if self.batch.capacity() - waits.len() > SPARE {
            self.batch = waits.to_vec();
            self.sent -= sent;
        }
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
        self.file = None;
        self.sent = 0;
        self.is_refused = false;
    }

    /// Bytes of batch, large and behind together.
    fn in_memory(&self) -> usize {
        let large = self.large.as_ref().map_or(0, |large| large.bytes().len());
        self.batch.len() + large + self.behind.len()
    }

    /// Sends a slice of the file, behind everything else.
    fn poll_send_file<S: Stream>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let part = self.file.as_mut().expect("the rest is sent");
        let slice = usize::try_from(part.left()).map_or(SLICE, |left| left.min(SLICE));
        let (file, offset) = part.position();
        let sent = ready!(stream.poll_send_file(cx, file, offset, slice))?;
        if sent == 0 {
            tracing::warn!("a file got shorter while it was being sent; its connection is closed");
            return Poll::Ready(Err(cut_short()));
        }
        part.advance(sent);
        if part.left() == 0 {
            self.clear();
        }
        Poll::Ready(Ok(sent))
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

/// A batch of this size is sent before more is added. A client that takes nothing has the server
/// keep half of that on average.
const FULL: usize = 16 * 1024;

/// Memory that is not worth a copy: a page.
const SPARE: usize = 4 * 1024;

/// Bytes of a file that are sent in one operation: 50 to 100 µs from the page cache. The clock is
/// looked at every fourth operation, so a connection that a fast client keeps writable goes on for
/// a millisecond at most.
const SLICE: usize = 256 * 1024;

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

    impl futures_io::AsyncRead for Narrow {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(0))
        }
    }

    impl Stream for Narrow {
        fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn peer_addr(&self) -> Option<std::net::SocketAddr> {
            None
        }

        fn local_addr(&self) -> Option<std::net::SocketAddr> {
            None
        }
    }

    fn send(output: &mut Output, width: usize) -> (io::Result<()>, Vec<u8>) {
        let (mut stream, mut count) = (
            Narrow {
                width,
                taken: Vec::new(),
            },
            0,
        );
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(sent) = output.poll_send(&mut stream, &mut count, &mut cx) else {
            panic!("it takes something at every call");
        };
        assert_eq!(stream.taken.len(), count);
        (sent, stream.taken)
    }

    /// This program, and its content.
    fn program() -> (std::fs::File, Vec<u8>) {
        let path = std::env::current_exe().unwrap();
        (
            std::fs::File::open(&path).unwrap(),
            std::fs::read(path).unwrap(),
        )
    }

    fn part(file: std::fs::File, range: std::ops::Range<u64>) -> Box<FilePart> {
        crate::Body::file(file, range).into_file().unwrap()
    }

    #[test]
    fn a_file_follows_what_is_in_memory_whatever_the_width() {
        for width in [1, 3, 7, 4096, SLICE, 1 << 20] {
            let (file, content) = program();
            let range = if width < 10 { 5..2000 } else { 5..1_000_000 };
            let mut output = Output::default();
            output.batch().extend_from_slice(b"head");
            output.push_file(part(file, 5..range.end as u64));
            assert!(output.is_full() && !output.is_empty());
            let (sent, taken) = send(&mut output, width);
            sent.unwrap();
            assert!(taken == [b"head", &content[range]].concat(), "{width}");
            assert!(output.is_empty() && !output.is_full());
        }
    }

    #[test]
    fn a_file_that_is_too_short_is_an_error_and_no_loop() {
        let (file, content) = program();
        let end = content.len() as u64;
        let mut output = Output::default();
        output.batch().extend_from_slice(b"head");
        output.push_file(part(file, end - 10..end + 10));
        let (sent, taken) = send(&mut output, 1 << 20);
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(taken == [b"head", &content[content.len() - 10..]].concat());
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
            let (sent, taken) = send(&mut output, width);
            sent.unwrap();
            let expected = [b"headsmall", &large[..], b"\r\n"].concat();
            assert_eq!(taken, expected, "{width}");
            assert!(output.is_empty() && !output.is_full());
        }
    }

    #[test]
    fn what_waits_is_all_that_is_kept() {
        let runtime = ringspun_runtime::Builder::new().cores(1).build().unwrap();
        runtime.block_on(async {
            let (mut near, mut far) = ringspun_net::mem::pair(9_900);
            let mut cx = Context::from_waker(Waker::noop());
            let (mut output, mut count) = (Output::default(), 0);
            output.batch().extend_from_slice(&[b'x'; 10_000]);
            assert!(!output.is_refused());
            let sent = output.poll_send(&mut near, &mut count, &mut cx);
            assert!(sent.is_pending() && output.is_refused());
            output.compact();
            assert_eq!((output.batch.capacity(), output.sent), (100, 0));
            output.push(Plain::Static(b"y"), b"");

            let mut got = vec![0; 10_001];
            far.read_exact(&mut got[..9_900]).await.unwrap();
            let sent = output.poll_send(&mut near, &mut count, &mut cx);
            assert!(sent.is_ready() && !output.is_refused() && output.is_empty());
            far.read_exact(&mut got[9_900..]).await.unwrap();
            assert_eq!(got, [&[b'x'; 10_000][..], b"y"].concat());
            assert_eq!(count, got.len());
        });
    }
}
