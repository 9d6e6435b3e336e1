//! One `recv`, one `send`.
//!
//! On Linux they are made without libc's functions: those are points at which a thread may be
//! cancelled (pthreads(7)), and each call of theirs in a process with threads says so before and takes
//! it back after, by a locked instruction each time. Nobody cancels threads of Rust. A kept connection
//! makes two calls a request; what is saved is 90 instructions, four of them locked.

use std::io;
use std::net::TcpStream;
#[cfg(target_os = "linux")]
use std::{os::fd::AsRawFd, ptr};

/// Receives what is there, as `read` of the standard library does.
#[cfg(target_os = "linux")]
#[inline]
pub(super) fn recv(socket: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes into `buf` only, which is borrowed for the call, at most its length.
    unsafe { transfer(libc::SYS_recvfrom, socket, buf.as_mut_ptr(), buf.len(), 0) }
}

/// Sends as much as there is room for. A peer that is gone is an error, never a signal.
#[cfg(target_os = "linux")]
#[inline]
pub(super) fn send(socket: &TcpStream, buf: &[u8]) -> io::Result<usize> {
    let (bytes, flags) = (buf.as_ptr().cast_mut(), libc::MSG_NOSIGNAL);
    // SAFETY: the kernel only reads, and no more than `buf`, which is borrowed for the call.
    unsafe { transfer(libc::SYS_sendto, socket, bytes, buf.len(), flags) }
}

/// recvfrom(2) or sendto(2), whose arguments are alike, without an address.
///
/// # Safety
/// `call` is one of the two, and `bytes` to `bytes + len` are the caller's to have written or read.
#[cfg(target_os = "linux")]
#[inline]
unsafe fn transfer(
    call: libc::c_long,
    socket: &TcpStream,
    bytes: *mut u8,
    len: usize,
    flags: libc::c_int,
) -> io::Result<usize> {
    let (fd, nobody, no_length) = (socket.as_raw_fd(), ptr::null::<u8>(), ptr::null::<u8>());
    // SAFETY: these are the arguments of `call`. The descriptor is open, since the socket is borrowed,
    // and the caller vouches for the bytes.
    let done = unsafe { libc::syscall(call, fd, bytes, len, flags, nobody, no_length) };
    // Negative is an error, and only that.
    usize::try_from(done).map_err(|_| io::Error::last_os_error())
}

/// Receives what is there.
#[cfg(not(target_os = "linux"))]
pub(super) fn recv(mut socket: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
    io::Read::read(&mut socket, buf)
}

/// Sends as much as there is room for. A peer that is gone is an error, never a signal: the standard
/// library sees to that.
#[cfg(not(target_os = "linux"))]
pub(super) fn send(mut socket: &TcpStream, buf: &[u8]) -> io::Result<usize> {
    io::Write::write(&mut socket, buf)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Ipv4Addr, Shutdown, TcpListener};

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn they_do_what_those_of_the_standard_library_do() {
        let (near, mut far) = pair();
        near.set_nonblocking(true).unwrap();
        let mut buf = [0; 8];
        let nothing = recv(&near, &mut buf).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        assert_eq!(send(&near, b"ping!").unwrap(), 5);
        assert_eq!(far.read(&mut buf).unwrap(), 5);
        assert_eq!(&buf, b"ping!\0\0\0");
        assert_eq!(send(&far, b"answers").unwrap(), 7);
        assert_eq!(recv(&near, &mut buf[..3]).unwrap(), 3);
        assert_eq!(recv(&near, &mut buf[3..]).unwrap(), 4);
        assert_eq!(&buf, b"answers\0");
        far.shutdown(Shutdown::Write).unwrap();
        assert_eq!(recv(&near, &mut buf).unwrap(), 0, "the end");
    }

    #[test]
    fn an_ended_direction_is_an_error() {
        // That no signal comes with it is tested by `process_hygiene`.
        let (near, far) = pair();
        near.shutdown(Shutdown::Write).unwrap();
        let error = send(&near, b"too late").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        drop(far);
    }

    #[test]
    fn a_full_buffer_takes_a_part_and_then_nothing() {
        let (near, _far) = pair();
        near.set_nonblocking(true).unwrap();
        let bytes = vec![1; 64 << 20];
        let part = send(&near, &bytes).unwrap();
        assert!(part > 0 && part < bytes.len(), "{part}");
        // The kernel may move some of it on meanwhile.
        let full = (0..1000).find_map(|_| send(&near, &bytes).err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
