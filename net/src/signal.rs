//! Signals of the process as futures.
//!
//! ```text
//! kernel --handler: one byte, the signal's number--> socketpair --readiness--> Signals::recv
//! ```
//!
//! The handler does one `send` on a non-blocking socket, which is async-signal-safe; everything
//! else happens in the task. `signal-hook-registry` keeps the process's handler, so that several
//! `Signals` and other libraries may listen to one signal. Each `Signals` has a socketpair of its
//! own in the reactor of the core that made it: no thread, no global state, and a closed one
//! leaves nothing behind but the handler.
//!
//! When a full socket refuses a byte, 200 KiB of unread signals are in it: signals of a kind
//! coalesce anyway.

use std::future::{self, Future};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::task::{Context, Poll};

use ringspun_runtime::io::{Direction, Trigger};
use signal_hook_registry::SigId;

use crate::evented::{Evented, Next};

/// A signal that a program may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `SIGINT`: Ctrl-C on the terminal.
    Interrupt,
    /// `SIGTERM`: what service managers send first.
    Terminate,
    /// `SIGHUP`: the terminal is gone; for servers, by custom, read the configuration again.
    Hangup,
    /// `SIGQUIT`: Ctrl-\ on the terminal.
    Quit,
    /// `SIGUSR1`.
    User1,
    /// `SIGUSR2`.
    User2,
}

impl Kind {
    const ALL: [Self; 6] = [
        Self::Interrupt,
        Self::Terminate,
        Self::Hangup,
        Self::Quit,
        Self::User1,
        Self::User2,
    ];

    fn number(self) -> i32 {
        match self {
            Self::Interrupt => libc::SIGINT,
            Self::Terminate => libc::SIGTERM,
            Self::Hangup => libc::SIGHUP,
            Self::Quit => libc::SIGQUIT,
            Self::User1 => libc::SIGUSR1,
            Self::User2 => libc::SIGUSR2,
        }
    }
}

/// Waits for the next Ctrl-C (`SIGINT`).
///
/// The signal is caught from the call on, not from the first poll, and its default action does
/// not come back afterwards: a program that wants the second Ctrl-C to end it at once keeps a
/// [`Signals`] and asks again.
///
/// # Errors
/// If the handler cannot be installed, or there is no runtime here.
///
/// # Cancel safety
/// A signal that comes after the call and before the drop is lost with the future.
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> + Send + use<> {
    let received = next_of(&[Kind::Interrupt]);
    async move { received.await.map(drop) }
}

/// Waits for the next `SIGTERM`. Otherwise as [`ctrl_c`].
///
/// # Errors
/// As [`ctrl_c`].
///
/// # Cancel safety
/// As [`ctrl_c`].
pub fn terminate() -> impl Future<Output = io::Result<()>> + Send + use<> {
    let received = next_of(&[Kind::Terminate]);
    async move { received.await.map(drop) }
}

/// Waits until the process is asked to end: `SIGINT` or `SIGTERM`, and says which.
///
/// # Errors
/// As [`ctrl_c`].
///
/// # Cancel safety
/// As [`ctrl_c`].
///
/// # Examples
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// use ringspun_net::signal;
///
/// let end = signal::shutdown();
/// println!("serving; Ctrl-C ends it");
/// println!("ended by {:?}", end.await?);
/// # std::io::Result::Ok(()) }) }
/// ```
pub fn shutdown() -> impl Future<Output = io::Result<Kind>> + Send + use<> {
    next_of(&[Kind::Interrupt, Kind::Terminate])
}

fn next_of(kinds: &[Kind]) -> impl Future<Output = io::Result<Kind>> + Send + use<> {
    let signals = Signals::new(kinds);
    async move { signals?.recv().await }
}

/// A subscription to some signals, from its creation to its drop.
///
/// # Examples
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// use ringspun_net::signal::{Kind, Signals};
///
/// let mut signals = Signals::new(&[Kind::Interrupt, Kind::Hangup])?;
/// loop {
///     match signals.recv().await? {
///         Kind::Hangup => println!("reading the configuration again"),
///         _ => break,
///     }
/// }
/// # std::io::Result::Ok(()) }) }
/// ```
#[derive(Debug)]
pub struct Signals {
    receiver: Evented<UnixStream>,
    /// Undone on drop; the process-wide handler stays, without effect.
    handlers: Vec<SigId>,
}

impl Signals {
    /// Catches `kinds` from now on. Their default action (mostly: end the process) does not come
    /// back when this is dropped.
    ///
    /// # Errors
    /// If a handler cannot be installed or no descriptors are left; without a runtime here.
    pub fn new(kinds: &[Kind]) -> io::Result<Self> {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        sender.set_nonblocking(true)?;
        let receiver = Evented::new(receiver, Trigger::Edge)?;
        let mut signals = Self {
            receiver,
            handlers: Vec::with_capacity(kinds.len()),
        };
        for &kind in kinds {
            signals.handlers.push(install(kind, sender.try_clone()?)?);
        }
        Ok(signals)
    }

    /// Waits for the next signal.
    ///
    /// # Errors
    /// What reading the socketpair reports: nothing, in practice.
    ///
    /// # Cancel safety
    /// A signal is either returned or kept for the next call.
    pub async fn recv(&mut self) -> io::Result<Kind> {
        future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv) for hand-written futures.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Kind>> {
        self.receiver.poll_op(cx, Direction::Read, |mut socket| {
            let mut number = [0];
            socket.read_exact(&mut number)?;
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| kind.number() == i32::from(number[0]));
            let kind = kind.ok_or_else(|| io::Error::other("not one of our signals"))?;
            Ok((kind, Next::Ready))
        })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for &handler in &self.handlers {
            signal_hook_registry::unregister(handler);
        }
    }
}

fn install(kind: Kind, sender: UnixStream) -> io::Result<SigId> {
    let number = kind.number();
    let byte = [u8::try_from(number).unwrap_or(0)];
    let handler = move || {
        let _ = (&sender).write(&byte);
    };
    // SAFETY: the handler runs in signal context. It calls `send(2)` on a non-blocking socket that
    // it owns, which is async-signal-safe, allocates nothing, takes no lock and cannot panic; the
    // registry saves and restores `errno`.
    unsafe { signal_hook_registry::register(number, handler) }
}
