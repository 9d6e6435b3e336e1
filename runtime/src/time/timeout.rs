//! A deadline for a future.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::{Sleep, sleep, sleep_until};

/// Gives `future` until `duration` has passed; then it is dropped with the returned [`Timeout`].
///
/// ```
/// # use ringspun_runtime::{Builder, time};
/// # use std::time::Duration;
/// # Builder::new().cores(1).build().unwrap().block_on(async {
/// let never = std::future::pending::<()>();
/// assert!(time::timeout(Duration::from_millis(1), never).await.is_err());
/// assert_eq!(time::timeout(Duration::from_secs(1), async { 7 }).await, Ok(7));
/// # });
/// ```
///
/// # Errors
///
/// [`Elapsed`] if the time was up first. A future that is ready at its first poll wins over a
/// duration of zero.
///
/// # Cancel safety
///
/// As safe as `future`.
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout {
        future,
        sleep: sleep(duration),
    }
}

/// Gives `future` until `deadline`. See [`timeout`].
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout {
        future,
        sleep: sleep_until(deadline),
    }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "a future does nothing unless awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // The future may have used up the task's budget; its deadline counts all the same.
        crate::budget::unlimited(|| Pin::new(this.sleep).poll(cx)).map(|()| Err(Elapsed(())))
    }
}

/// The time was up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(());

impl fmt::Debug for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Elapsed")
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline has passed")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> Self {
        Self::new(io::ErrorKind::TimedOut, elapsed)
    }
}
