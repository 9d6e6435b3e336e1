//! `sendfile(2)`: from the page cache to the socket, without a copy through this process.

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;
use std::task::{Context, Poll, ready};

use ringspun_runtime::io::Direction;

use crate::evented::Next;
use crate::io::send_file::poll_copy_file;
use crate::io::write::poll_flush;
use crate::tcp::stream::TcpStream;

/// Sends at most `count` bytes of `file` from `offset` on; gives how many. 0 is the end of the
/// file.
pub(super) fn poll_send_file(
    stream: &mut TcpStream,
    cx: &mut Context<'_>,
    file: &File,
    offset: u64,
    count: usize,
) -> Poll<io::Result<usize>> {
    ready!(poll_flush(stream, cx))?;
    if count == 0 {
        return Poll::Ready(Ok(0));
    }
    if !sigpipe_kills() {
        let sent = stream.wire.io.poll_op(cx, Direction::Write, |socket| {
            let sent = send_file(socket, file, offset, count)?;
            // Not `Next::after`: a short result may be the file's end as well as a full buffer,
            // and the edge after which to look again would never come.
            Ok((sent, Next::Ready))
        });
        match ready!(sent) {
            Err(error) if is_unsupported(&error) => {}
            sent => return Poll::Ready(sent),
        }
    }
    poll_copy_file(stream, cx, file, offset, count)
}

fn send_file(socket: &impl AsFd, file: &File, offset: u64, count: usize) -> io::Result<usize> {
    let mut offset =
        libc::off_t::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let (to, from) = (socket.as_fd().as_raw_fd(), file.as_raw_fd());
    // SAFETY: both descriptors are open, since they are borrowed for the call, and the kernel
    // writes the new position to `offset`, which lives until behind the call.
    let sent = unsafe { libc::sendfile(to, from, &raw mut offset, count) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Files that the kernel cannot send this way, such as those of some file systems.
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS))
}

/// Whether a write to a peer that is gone would end this process. Unlike `send`, `sendfile` has no
/// flag against that. Rust's programs ignore the signal from the start, so this is for programs
/// in other languages that we are a part of. Asked each time, since anybody may change it: it
/// costs a tenth of a microsecond, of the fifty that a slice of a file takes.
fn sigpipe_kills() -> bool {
    // SAFETY: plain data, of which all zeros is a value.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: without a new action nothing is changed; the old one is written to `action`, which
    // lives until behind the call.
    let result = unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), &raw mut action) };
    result != 0 || action.sa_sigaction == libc::SIG_DFL
}
