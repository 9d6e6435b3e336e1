//! The system calls, each a function of one call.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;
use std::{mem, ptr, thread};

/// An epoll instance; events carry the number given with the socket.
#[derive(Debug)]
pub(crate) struct Epoll(OwnedFd);

pub(crate) type Event = libc::epoll_event;

impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel just made this descriptor, nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Registers for every edge, for ever; for those of sending only if there is more to send.
    pub(crate) fn add(&self, stream: &TcpStream, number: usize, sending: bool) -> io::Result<()> {
        let sending = if sending { libc::EPOLLOUT } else { 0 };
        let edges = libc::EPOLLIN | sending | libc::EPOLLRDHUP | libc::EPOLLET;
        let mut event = Event {
            events: edges as u32,
            u64: number as u64,
        };
        let (epoll, fd) = (self.0.as_raw_fd(), stream.as_raw_fd());
        // SAFETY: `event` outlives the call, which only reads it.
        let result = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) };
        check(result).map(drop)
    }

    /// What is there now; never waits.
    pub(crate) fn poll(&self, events: &mut [Event]) -> io::Result<usize> {
        let (epoll, capacity) = (self.0.as_raw_fd(), events.len() as i32);
        // SAFETY: the pointer and the capacity are those of one exclusively borrowed slice.
        let n = unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), capacity, 0) };
        count(n)
    }

    /// What is there, or comes before `timeout` has passed: to the nanosecond, unlike `epoll_wait`.
    pub(crate) fn wait(&self, events: &mut [Event], timeout: Duration) -> io::Result<usize> {
        let (epoll, capacity) = (self.0.as_raw_fd(), events.len() as i32);
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let (events, timeout) = (events.as_mut_ptr(), &raw const timeout);
        // SAFETY: `events` and `capacity` are those of one exclusively borrowed slice, `timeout`
        // outlives the call, and a null mask of signals changes none.
        let n = unsafe { libc::epoll_pwait2(epoll, events, capacity, timeout, ptr::null()) };
        count(n)
    }
}

/// Lets this thread's sleeps end when they should, not up to 50 µs later.
pub(crate) fn sleep_precisely() -> io::Result<()> {
    let nanos: libc::c_ulong = 1;
    // SAFETY: this option takes a number, no pointer.
    check(unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanos) }).map(drop)
}

/// Runs this thread before all others of the machine whenever it has something to do; says whether the
/// kernel allows that (it does to root).
pub(crate) fn go_first() -> bool {
    let lowest = libc::sched_param { sched_priority: 1 };
    // SAFETY: `lowest` is read during the call only.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const lowest) == 0 }
}

/// Begins to connect; on loopback the connection is mostly there on return.
pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let SocketAddr::V4(addr) = addr else {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "IPv4 only"));
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: takes no pointer.
    let fd = check(unsafe { libc::socket(libc::AF_INET, kind, 0) })?;
    // SAFETY: the kernel just made this descriptor, nobody else owns it.
    let stream = unsafe { TcpStream::from_raw_fd(fd) };
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: addr.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(addr.ip().octets()),
        },
        sin_zero: [0; 8],
    };
    let length = mem::size_of_val(&address) as libc::socklen_t;
    // SAFETY: `address` outlives the call, which reads `length` bytes of it.
    let result = unsafe { libc::connect(fd, (&raw const address).cast(), length) };
    match check(result) {
        Err(e) if e.raw_os_error() != Some(libc::EINPROGRESS) => Err(e),
        _ => Ok(stream),
    }
}

/// Holds the sockets open until somebody ends the process.
pub(crate) fn sleep_for_ever() -> ! {
    loop {
        thread::park();
    }
}

/// How many events there are; a signal means none.
fn count(n: i32) -> io::Result<usize> {
    match check(n) {
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(0),
        result => result.map(|n| n as usize),
    }
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
