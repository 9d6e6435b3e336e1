//! Sending a part of a file over a transport that has no system call for it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::AsyncWrite;

use crate::buffer::Buffer;

/// Reads at most a [`Buffer`] of the file and writes it; gives what was written. 0 is the end of
/// the file.
///
/// What the writer does not take is read again the next time: it is in the page cache then, and
/// a connection that waits holds no buffer.
pub(crate) fn poll_copy_file<W: AsyncWrite + Unpin + ?Sized>(
    writer: &mut W,
    cx: &mut Context<'_>,
    file: &File,
    offset: u64,
    count: usize,
) -> Poll<io::Result<usize>> {
    let mut buffer = Buffer::take();
    let room = buffer.len().min(count);
    let there = loop {
        match file.read_at(&mut buffer[..room], offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result?,
        }
    };
    if there == 0 {
        return Poll::Ready(Ok(0));
    }
    match Pin::new(writer).poll_write(cx, &buffer[..there]) {
        // Or it would look like the end of the file.
        Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => written,
    }
}
