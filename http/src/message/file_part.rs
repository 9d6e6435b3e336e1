//! A part of a file, as the body of a response.

use std::fs::File;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use ringspun_runtime::{JoinHandle, spawn_blocking};

use super::body_error::BodyError;

/// The bytes of a file that are still to be sent, or read.
pub(crate) struct FilePart {
    file: Arc<File>,
    offset: u64,
    left: u64,
    /// A chunk that is being read on the blocking pool. Nearly always the kernel reads and sends in
    /// one, and nobody asks for chunks.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FilePart {
    pub(super) fn new(file: Arc<File>, range: Range<u64>) -> Self {
        Self {
            file,
            offset: range.start,
            left: range.end.saturating_sub(range.start),
            reading: None,
        }
    }

    /// Bytes that are left.
    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    /// The file, and where in it the bytes begin that are left.
    pub(crate) fn position(&self) -> (&File, u64) {
        (&self.file, self.offset)
    }

    /// Takes note of bytes that were sent.
    pub(crate) fn advance(&mut self, count: usize) {
        self.offset += count as u64;
        self.left = self.left.saturating_sub(count as u64);
    }

    /// The next chunk, read on the blocking pool.
    pub(super) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let reading = self.reading.get_or_insert_with(|| {
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            let room = usize::try_from(self.left).map_or(CHUNK, |left| left.min(CHUNK));
            spawn_blocking(move || read_at(&file, offset, room))
        });
        let chunk = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        Poll::Ready(Some(match chunk {
            Ok(Ok(chunk)) if chunk.is_empty() => Err(BodyError::stream(Box::new(cut_short()))),
            Ok(Ok(chunk)) => {
                self.advance(chunk.len());
                Ok(chunk)
            }
            Ok(Err(error)) => Err(BodyError::stream(Box::new(error))),
            Err(error) => Err(BodyError::stream(Box::new(error))),
        }))
    }
}

/// At most `room` bytes from `offset` on; fewer at the end of the file only.
pub(crate) fn read_at(file: &File, offset: u64, room: usize) -> io::Result<Bytes> {
    let mut chunk = vec![0; room];
    let mut filled = 0;
    while filled < room {
        match file.read_at(&mut chunk[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    chunk.truncate(filled);
    Ok(Bytes::from(chunk))
}

/// The file has fewer bytes than its length said when the head was made.
pub(crate) fn cut_short() -> io::Error {
    let text = "the file got shorter while it was being sent";
    io::Error::new(io::ErrorKind::UnexpectedEof, text)
}

/// What is read at once where somebody asks for chunks.
const CHUNK: usize = 64 * 1024;
