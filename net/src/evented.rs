//! A non-blocking socket with its registration: the only would-block loop of the project.
//!
//! Every operation on a socket that may have to wait goes through [`Evented::poll_op`]. The
//! reactor is edge-triggered, so an edge that is forgotten is an edge that never comes again. The
//! loop keeps one promise: **a task that gets `Pending` has its waker in the source, and the
//! kernel has an edge left to report** (or has reported it, and then the task is woken).
//!
//! ```text
//!            +-----------------------------------------------------------+
//!            v                                                           |
//!    (1) poll_ready --- not ready: waker stored, looked again --> Pending |
//!            | ready                                                     |
//!    (2) consume      an edge from here on is kept, because it comes     |
//!            |        after the flag was taken down                      |
//!    (3) the system call                                                 |
//!            |-- EAGAIN ------------------------------------------------->+  drained: the next
//!            |-- EINTR ---------------- (4) restore --------------------->+  edge will tell
//!            |-- other error ---------- (4) restore --> Err
//!            |-- ok, more may be there- (4) restore --> Ok
//!            '-- ok, drained ------------------------> Ok
//! ```
//!
//! 1. `poll_ready` reads the readiness of one direction; it does not take it.
//! 2. `consume` takes it down *before* the attempt. An edge that arrives between (2) and (3)
//!    raises the flag again: the worst that can follow is one attempt that finds nothing.
//! 3. The attempt.
//! 4. `restore` raises the flag when the attempt did not show that the direction is drained.
//!
//! **Drained** is said by two results. `EAGAIN` always says it. A *short* read or write says it
//! on a stream socket (epoll(7)): a read that returns less than it was asked for has emptied the
//! receive queue, a write that takes less than it was given has filled the send buffer, and the
//! kernel has noted that somebody wants to know about space. This is what makes a request on a
//! kept connection cost one `recv` and one `send`, with no `recv` that only returns `EAGAIN`.
//! There is one exception. When the peer has closed its side or the socket has an error (RDHUP,
//! HUP, ERR: sticky in the source) the edge that announced it may have been the last one, so a
//! short result restores: the next read then meets the end or the error itself.
//!
//! **A small write leaves the flag up** until it fails ([`Evented::poll_attempt`]): there is nearly
//! always room, and taking the flag down and up again would be two locked instructions for nothing.
//! Only when the attempt would block does the circle begin, with (2) and one more attempt.
//!
//! Each operation spends one unit of the task's budget, an error like a success, so that no
//! source of endless results (ready data, accept errors) can keep a task running for ever.
//!
//! The methods take `&self` and the source has room for one waker per direction. The types above
//! (streams, halves, listeners) take `&mut self` for each direction, so that the borrow checker
//! proves there is at most one waiter.
//!
//! A completion back end (io_uring) replaces [`Evented::poll_op`] and nothing above it.

use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};

use ringspun_runtime::budget;
use ringspun_runtime::io::{Direction, Registration, Trigger, register, register_on};

/// What an attempt that succeeded says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// There may be more: try again without waiting for an edge.
    Ready,
    /// The direction is drained (short result): wait for an edge, unless the peer has closed.
    Drained,
    /// Wait for the event whatever the flags say. For level-triggered sources, which are
    /// reported again for as long as something is there.
    Wait,
}

impl Next {
    /// Judges a transfer of `done` bytes out of `wanted`.
    ///
    /// Nothing transferred though something was wanted is the end of the stream: that is a
    /// level, not an edge, and stays ready.
    pub(crate) fn after(done: usize, wanted: usize) -> Self {
        if done == 0 || done >= wanted {
            Self::Ready
        } else {
            Self::Drained
        }
    }
}

/// A non-blocking socket and its place in a reactor.
#[derive(Debug)]
pub(crate) struct Evented<S> {
    /// Declared before the socket, hence dropped before it: the source leaves the reactor while
    /// the descriptor is still ours, so no event of the next owner of that number can reach it.
    /// The close that follows takes the descriptor out of epoll, without a system call of its own.
    registration: Registration,
    /// The socket. It must be in non-blocking mode; who makes an `Evented` sees to that.
    socket: S,
}

impl<S: AsFd> Evented<S> {
    /// Registers `socket` in the reactor of the current core.
    pub(crate) fn new(socket: S, trigger: Trigger) -> io::Result<Self> {
        let registration = register(socket.as_fd(), trigger)?.left_by_close();
        Ok(Self {
            registration,
            socket,
        })
    }

    /// Registers `socket` in the reactor of `core`.
    pub(crate) fn new_on(core: usize, socket: S, trigger: Trigger) -> io::Result<Self> {
        let registration = register_on(core, socket.as_fd(), trigger)?.left_by_close();
        Ok(Self {
            registration,
            socket,
        })
    }

    /// The socket, for calls that never block.
    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }

    /// Leaves the reactor and gives the socket back, still non-blocking.
    pub(crate) fn into_socket(self) -> S {
        let Self {
            registration,
            socket,
        } = self;
        registration.deregister();
        socket
    }

    /// Attempts `op` when the source is ready, and waits when `op` would block.
    ///
    /// `op` may run several times. It says beside its result what is known of the next attempt.
    ///
    /// # Errors
    /// What `op` returns, except `WouldBlock` (waited for) and `Interrupted` (tried again).
    #[inline]
    pub(crate) fn poll_op<T>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        op: impl FnMut(&S) -> io::Result<(T, Next)>,
    ) -> Poll<io::Result<T>> {
        self.poll_attempt(cx, direction, true, op)
    }

    /// As [`poll_op`](Self::poll_op), which `consumes` from the beginning. Without, the flag stays up
    /// until an attempt would block, which then costs one attempt more: for an operation that hardly
    /// ever has to wait.
    ///
    /// # Errors
    /// As [`poll_op`](Self::poll_op).
    #[inline]
    pub(crate) fn poll_attempt<T>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut consumes: bool,
        mut op: impl FnMut(&S) -> io::Result<(T, Next)>,
    ) -> Poll<io::Result<T>> {
        // Given back when this returns Pending: waiting costs nothing.
        let proceed = ready!(budget::poll_proceed(cx));
        let result = loop {
            ready!(self.registration.poll_ready(cx, direction));
            if consumes {
                self.registration.consume(direction);
            }
            match op(&self.socket) {
                Ok((value, next)) => {
                    if consumes
                        && (next == Next::Ready
                            || (next == Next::Drained && self.registration.has_closed(direction)))
                    {
                        self.registration.restore(direction);
                    }
                    break Ok(value);
                }
                // What was found with the flag up says nothing of edges that come.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => consumes = true,
                Err(error) => {
                    self.registration.restore(direction);
                    if error.kind() != io::ErrorKind::Interrupted {
                        break Err(error);
                    }
                }
            }
        };
        proceed.made_progress();
        Poll::Ready(result)
    }

    /// Waits until an attempt in `direction` is worth its system call.
    ///
    /// Takes nothing: the attempt that follows does. It holds no buffer, which is the point.
    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<()> {
        self.registration.poll_ready(cx, direction).map(drop)
    }

    /// Waits until the peer has reset the connection or both directions are closed, also while
    /// there is something to read. Each event wakes until then: bytes that come, or the peer's end.
    pub(crate) fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<()> {
        // A reset is an error on either side; the end of both directions wakes who waits for either.
        let is_broken = self.registration.poll_error(cx, Direction::Read).is_ready();
        if is_broken || self.registration.has_closed(Direction::Write) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// One attempt of `op`, now, whatever the readiness says; only `Interrupted` is retried.
    ///
    /// The readiness is left as it is: an attempt that takes something away leaves at worst a
    /// flag that is up for nothing.
    pub(crate) fn try_op<T>(&self, mut op: impl FnMut(&S) -> io::Result<T>) -> io::Result<T> {
        loop {
            match op(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::task::Waker;
    use std::time::{Duration, Instant};

    use ringspun_runtime::{Builder, task, time};

    use super::*;

    fn run<F: Future>(test: F) -> F::Output {
        let runtime = Builder::new().cores(1).build().expect("a runtime");
        let (limit, start) = (Duration::from_secs(60), Instant::now());
        let output = runtime.block_on(time::timeout(limit, test)).expect("hangs");
        // The timer polls the test once more: one that ends by that has lost a wake-up.
        assert!(start.elapsed() < limit, "hangs");
        output
    }

    fn pair() -> (Evented<UnixStream>, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        ours.set_nonblocking(true).expect("set");
        (
            Evented::new(ours, Trigger::Edge).expect("registered"),
            theirs,
        )
    }

    /// A read that counts its attempts.
    async fn read(io: &Evented<UnixStream>, buf: &mut [u8], attempts: &mut usize) -> usize {
        poll_fn(|cx| {
            io.poll_op(cx, Direction::Read, |mut socket| {
                *attempts += 1;
                let n = socket.read(buf)?;
                Ok((n, Next::after(n, buf.len())))
            })
        })
        .await
        .expect("read")
    }

    #[test]
    fn a_short_read_is_not_followed_by_a_vain_attempt() {
        run(async {
            let (io, mut peer) = pair();
            let mut attempts = 0;
            for round in 1..=1000 {
                let mut buf = [0; 64];
                let mut request = Box::pin(read(&io, &mut buf, &mut attempts));
                // First the server waits, then the request comes: a connection's usual state.
                let waiting = request
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()));
                assert!(waiting.is_pending());
                peer.write_all(b"request").expect("written");
                assert_eq!(request.await, 7);
                assert_eq!(attempts, round, "one recv per request");
            }
        });
    }

    #[test]
    fn a_full_read_is_followed_by_another() {
        run(async {
            let (io, mut peer) = pair();
            peer.write_all(&[1; 64]).expect("written");
            let mut attempts = 0;
            // No second edge will come for what is there already.
            for _ in 0..8 {
                assert_eq!(read(&io, &mut [0; 8], &mut attempts).await, 8);
            }
            assert_eq!(attempts, 8);
        });
    }

    #[test]
    fn a_short_read_before_the_end_still_sees_the_end() {
        run(async {
            for _ in 0..100 {
                let (io, mut peer) = pair();
                peer.write_all(b"last words").expect("written");
                drop(peer);
                let mut attempts = 0;
                assert_eq!(read(&io, &mut [0; 64], &mut attempts).await, 10);
                assert_eq!(read(&io, &mut [0; 64], &mut attempts).await, 0);
                assert_eq!(read(&io, &mut [0; 64], &mut attempts).await, 0);
            }
        });
    }

    #[test]
    fn interruptions_are_tried_again_and_never_seen() {
        run(async {
            let (io, mut peer) = pair();
            peer.write_all(b"x").expect("written");
            let mut interruptions = 10_000;
            let n = poll_fn(|cx| {
                io.poll_op(cx, Direction::Read, |mut socket| {
                    if interruptions > 0 {
                        interruptions -= 1;
                        return Err(io::Error::from_raw_os_error(libc::EINTR));
                    }
                    let n = socket.read(&mut [0; 8])?;
                    Ok((n, Next::after(n, 8)))
                })
            })
            .await;
            assert_eq!(n.expect("read"), 1);
        });
    }

    #[test]
    fn errors_leave_the_source_ready() {
        run(async {
            let (io, mut peer) = pair();
            peer.write_all(b"x").expect("written");
            for errno in [
                libc::EMFILE,
                libc::ENOBUFS,
                libc::ENOMEM,
                libc::EPROTO,
                libc::EPERM,
            ] {
                for _ in 0..10_000 {
                    // One edge came; every attempt must be made all the same.
                    let result = poll_fn(|cx| {
                        io.poll_op(cx, Direction::Read, |_| {
                            Err::<((), Next), _>(io::Error::from_raw_os_error(errno))
                        })
                    })
                    .await;
                    assert_eq!(result.expect_err("injected").raw_os_error(), Some(errno));
                }
            }
            assert_eq!(read(&io, &mut [0; 8], &mut 0).await, 1);
        });
    }

    #[test]
    fn unfounded_readiness_costs_an_attempt_and_no_result() {
        run(async {
            let (io, mut peer) = pair();
            let io = std::sync::Arc::new(io);
            let reader = {
                let io = std::sync::Arc::clone(&io);
                ringspun_runtime::spawn(async move { read(&io, &mut [0; 8], &mut 0).await })
            };
            for _ in 0..1000 {
                io.registration.restore(Direction::Read);
                task::yield_now().await;
            }
            peer.write_all(b"x").expect("written");
            assert_eq!(reader.await.expect("no panic"), 1);
        });
    }

    #[test]
    fn endless_errors_spend_the_budget() {
        run(async {
            let (io, mut peer) = pair();
            peer.write_all(b"x").expect("written");
            let storm = async move {
                for _ in 0..10_000 {
                    let _ = poll_fn(|cx| {
                        io.poll_op(cx, Direction::Read, |_| {
                            Err::<((), Next), _>(io::Error::from_raw_os_error(libc::ENOBUFS))
                        })
                    })
                    .await;
                }
            };
            // Counts the polls of the task: ten thousand errors need many.
            let mut storm = Box::pin(storm);
            let mut polls = 0;
            let polls = ringspun_runtime::spawn(poll_fn(move |cx| {
                polls += 1;
                storm.as_mut().poll(cx).map(|()| polls)
            }));
            let polls = polls.await.expect("no panic");
            assert!(polls >= 10_000 / 128, "{polls} polls");
        });
    }
}
