//! hyper's I/O, executor and timer, on our streams and our runtime.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{self, ReadBufCursor};
use pin_project_lite::pin_project;
use ringspun_runtime::time;

use crate::buffer::Buffer;

pin_project! {
    /// A stream of ours, or any with `futures_io`'s traits, as hyper wants it.
    ///
    /// Reading goes through a pooled [`Buffer`] of 16 KiB, which is held during the call only.
    #[derive(Debug)]
    pub struct ForHyper<T> {
        #[pin]
        inner: T,
    }
}

wrapper!(ForHyper);

impl<T: AsyncRead> rt::Read for ForHyper<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut buffer = Buffer::take();
        let most = buf.remaining().min(buffer.len());
        let n = ready!(self.project().inner.poll_read(cx, &mut buffer[..most]))?;
        buf.put_slice(&buffer[..n]);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite> rt::Write for ForHyper<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().inner.poll_write_vectored(cx, bufs)
    }

    /// True: the streams here are vectored, and others do no worse than with hyper's own copying.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_close(cx)
    }
}

/// Our runtime as hyper's executor and timer: tasks are spawned on the current core, and time is the
/// runtime's, also under a virtual clock.
///
/// # Examples
/// ```
/// # use std::sync::mpsc;
/// use hyper::rt::Executor;
/// use ringspun_net::compat::HyperRuntime;
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let (sender, receiver) = ringspun_runtime::channel::oneshot::channel();
/// HyperRuntime::new().execute(async move { drop(sender.send(42)) });
/// assert_eq!(receiver.await, Ok(42));
/// # });
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct HyperRuntime;

impl HyperRuntime {
    /// The runtime that a thread is in when it uses this.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

/// # Panics
/// Outside a runtime.
impl<F> rt::Executor<F> for HyperRuntime
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        ringspun_runtime::spawn(future);
    }
}

impl rt::Timer for HyperRuntime {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(time::sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(time::sleep_until(deadline)))
    }

    fn now(&self) -> Instant {
        time::now()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(mut sleep) => sleep.0.reset(new_deadline),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

/// A timer of ours behind hyper's trait.
struct Sleep(time::Sleep);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl rt::Sleep for Sleep {}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleep")
    }
}
