//! epoll as a selector.
//!
//! - A stream socket is added once, with `IN | OUT | RDHUP | ET`, and never modified. A listener is
//!   added with `IN`; disarming it leaves `ET` alone, because `HUP` and `ERR` cannot be switched
//!   off and would come again and again at level.
//! - Times go to the kernel as nanoseconds by `epoll_pwait2`. The raw system call, because older C
//!   libraries lack the wrapper. Where the kernel lacks it (`ENOSYS`) or a filter forbids it
//!   (`EPERM`), this instance uses `epoll_wait` from then on: milliseconds, rounded up so that a
//!   wait of 1 ns does not become a busy loop, and saturated so that no time wraps to a negative
//!   one.
//! - A wait that does not block, or has no limit, needs no clock and uses `epoll_wait`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::eventfd::EventFd;
use crate::interest::Trigger;
use crate::ready::Ready;
use crate::token::Token;

/// An epoll instance and its notification.
#[derive(Debug)]
pub(crate) struct Epoll {
    /// The epoll descriptor.
    fd: OwnedFd,
    /// What `notify` writes to.
    notification: EventFd,
    /// Set once the kernel has refused `epoll_pwait2`. Only ever goes from false to true, and
    /// both ways of waiting are right, so it is relaxed.
    coarse: AtomicBool,
}

/// One event as the kernel writes it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Event(libc::epoll_event);

/// The kernel's time specification with 64-bit seconds on every architecture.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// How long a wait may take, in the kernel's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    Now,
    Never,
    After(Duration),
}

const EDGE: u32 = (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET) as u32;
const LEVEL: u32 = libc::EPOLLIN as u32;
const DISARMED: u32 = libc::EPOLLET as u32;
/// The kernel walks the selectors in the order in which they were added and stops at the first one
/// in which a thread waits.
const ALARM: u32 = (libc::EPOLLIN | libc::EPOLLET | libc::EPOLLEXCLUSIVE) as u32;
const NOTIFY: u32 = (libc::EPOLLIN | libc::EPOLLET) as u32;

/// Longer than this is for ever: 2^32 seconds are 136 years, and far below what makes the kernel's
/// arithmetic saturate.
const LONGEST: Duration = Duration::from_secs(1 << 32);

#[cfg_attr(
    loom,
    expect(dead_code, reason = "models run on the scripted selector")
)]
impl Epoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1 takes an integer and touches no memory.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        let epoll = Self {
            // SAFETY: the kernel has just returned this descriptor, and nobody else knows of it.
            fd: unsafe { OwnedFd::from_raw_fd(fd) },
            notification: EventFd::new()?,
            coarse: AtomicBool::new(false),
        };
        let notification = epoll.notification.as_raw_fd();
        epoll.control(libc::EPOLL_CTL_ADD, notification, NOTIFY, Token::NOTIFY)?;
        Ok(epoll)
    }

    pub(super) fn add(&self, fd: RawFd, token: Token, trigger: Trigger) -> io::Result<()> {
        let interest = match trigger {
            Trigger::Edge => EDGE,
            Trigger::Level => LEVEL,
        };
        self.control(libc::EPOLL_CTL_ADD, fd, interest, token)
    }

    pub(super) fn watch(&self, alarm: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, alarm, ALARM, Token::ALARM)
    }

    pub(super) fn arm(&self, fd: RawFd, token: Token, on: bool) -> io::Result<()> {
        let interest = if on { LEVEL } else { DISARMED };
        self.control(libc::EPOLL_CTL_MOD, fd, interest, token)
    }

    pub(super) fn delete(&self, fd: RawFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, Token::NOTIFY)
    }

    pub(super) fn wait(
        &self,
        buffer: &mut [Event],
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        let filled = match Limit::of(timeout) {
            Limit::Now => self.wait_milliseconds(buffer, 0),
            Limit::Never => self.wait_milliseconds(buffer, -1),
            Limit::After(time) => self.wait_precise(buffer, time),
        };
        match filled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            filled => filled,
        }
    }

    pub(super) fn notify(&self) {
        self.notification.write();
    }

    fn wait_precise(&self, buffer: &mut [Event], time: Duration) -> io::Result<usize> {
        if !self.coarse.load(Ordering::Relaxed) {
            match self.wait_nanoseconds(buffer, time) {
                Err(error) if is_refusal(&error) => self.coarse.store(true, Ordering::Relaxed),
                filled => return filled,
            }
        }
        self.wait_milliseconds(buffer, milliseconds(time))
    }

    fn wait_nanoseconds(&self, buffer: &mut [Event], time: Duration) -> io::Result<usize> {
        let time = Timespec {
            // At most `LONGEST`.
            seconds: time.as_secs().cast_signed(),
            nanoseconds: i64::from(time.subsec_nanos()),
        };
        // SAFETY: `buffer` is as long as the length given and has the kernel's layout, `time` has
        // the layout of `__kernel_timespec`, and a null signal mask means that there is none.
        let filled = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                buffer.as_mut_ptr(),
                length(buffer),
                &raw const time,
                std::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        usize::try_from(filled).map_err(|_| io::Error::last_os_error())
    }

    fn wait_milliseconds(&self, buffer: &mut [Event], time: libc::c_int) -> io::Result<usize> {
        let first = buffer.as_mut_ptr().cast::<libc::epoll_event>();
        // SAFETY: `buffer` is as long as the length given, and `Event` is transparent.
        let filled = unsafe { libc::epoll_wait(self.fd.as_raw_fd(), first, length(buffer), time) };
        usize::try_from(filled).map_err(|_| io::Error::last_os_error())
    }

    fn control(&self, op: i32, fd: RawFd, interest: u32, token: Token) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: interest,
            u64: token.word(),
        };
        // SAFETY: `event` lives until the call returns; the kernel checks the descriptors.
        let result = unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), op, fd, &raw mut event) };
        match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// How often `notify` has made a system call since this was last asked.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn take_writes(&self) -> u64 {
        self.notification.take_writes()
    }

    /// Behaves from now on as if the kernel lacked `epoll_pwait2`.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn set_coarse(&self) {
        self.coarse.store(true, Ordering::Relaxed);
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Event {
    /// An event of nothing, to fill buffers with.
    pub(crate) const EMPTY: Self = Self(libc::epoll_event { events: 0, u64: 0 });

    /// An event as the kernel would write it.
    pub(crate) fn new(token: Token, ready: Ready) -> Self {
        let bits = MEANING.iter().fold(0, |bits, &(bit, meaning)| {
            bits | if ready.intersects(meaning) {
                bit as u32
            } else {
                0
            }
        });
        Self(libc::epoll_event {
            events: bits,
            u64: token.word(),
        })
    }

    /// The word given when the descriptor was added.
    #[inline]
    pub(crate) fn token(&self) -> Token {
        Token::from_word(self.0.u64)
    }

    /// What the event says of its descriptor.
    #[inline]
    pub(crate) fn ready(&self) -> Ready {
        let bits = self.0.events;
        let has = |mask: libc::c_int| bits & mask as u32 != 0;
        Ready::READABLE.only_if(has(libc::EPOLLIN | libc::EPOLLPRI))
            | Ready::WRITABLE.only_if(has(libc::EPOLLOUT))
            | Ready::READ_CLOSED.only_if(has(libc::EPOLLRDHUP | libc::EPOLLHUP))
            | Ready::WRITE_CLOSED.only_if(has(libc::EPOLLHUP))
            | Ready::ERROR.only_if(has(libc::EPOLLERR))
    }
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event")
            .field("token", &self.token())
            .field("ready", &self.ready())
            .finish()
    }
}

/// Which bit stands for which flag when an event is made up.
const MEANING: [(libc::c_int, Ready); 5] = [
    (libc::EPOLLIN, Ready::READABLE),
    (libc::EPOLLOUT, Ready::WRITABLE),
    (libc::EPOLLRDHUP, Ready::READ_CLOSED),
    (libc::EPOLLHUP, Ready::WRITE_CLOSED),
    (libc::EPOLLERR, Ready::ERROR),
];

impl Limit {
    fn of(timeout: Option<Duration>) -> Self {
        match timeout {
            Some(Duration::ZERO) => Self::Now,
            Some(time) if time < LONGEST => Self::After(time),
            _ => Self::Never,
        }
    }
}

/// Milliseconds, rounded up, and saturated at 24.8 days.
fn milliseconds(time: Duration) -> libc::c_int {
    let time = time.as_nanos().div_ceil(1_000_000);
    libc::c_int::try_from(time).unwrap_or(libc::c_int::MAX)
}

/// The buffer's length for the kernel: at most 64 by the selector's contract.
fn length(buffer: &[Event]) -> libc::c_int {
    libc::c_int::try_from(buffer.len()).unwrap_or(libc::c_int::MAX)
}

/// Whether the kernel lacks a system call or a filter forbids it.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    #[test]
    fn times_saturate_and_never_wrap() {
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_micros(1001)), 2);
        assert_eq!(milliseconds(Duration::from_millis(7)), 7);
        for days in [25, 50, 100, 50_000] {
            assert_eq!(milliseconds(Duration::from_secs(days * DAY)), i32::MAX);
        }
        assert_eq!(milliseconds(Duration::from_secs(24 * DAY)), 2_073_600_000);
    }

    #[test]
    fn too_long_is_for_ever() {
        assert_eq!(Limit::of(None), Limit::Never);
        assert_eq!(Limit::of(Some(Duration::MAX)), Limit::Never);
        assert_eq!(Limit::of(Some(LONGEST)), Limit::Never);
        assert_eq!(Limit::of(Some(Duration::ZERO)), Limit::Now);
        let long = Duration::from_secs(50 * DAY);
        assert_eq!(Limit::of(Some(long)), Limit::After(long));
    }

    #[test]
    fn an_event_made_up_reads_back() {
        let all = [
            Ready::READABLE,
            Ready::WRITABLE,
            Ready::READ_CLOSED,
            Ready::ERROR,
            Ready::READABLE | Ready::WRITABLE | Ready::READ_CLOSED,
            // The kernel knows HUP only as the end of both directions.
            Ready::READ_CLOSED | Ready::WRITE_CLOSED,
        ];
        for ready in all {
            assert_eq!(Event::new(Token::NOTIFY, ready).ready(), ready);
        }
    }
}
