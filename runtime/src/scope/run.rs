//! A future that ends with a token, and deadlines made of that.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::cancel::CancelToken;
use super::cause::Cause;
use super::current::InScope;
use super::listener::Listener;
use super::tree::Inner;
use crate::time;

pin_project! {
    /// The future of [`CancelToken::run`], [`timeout`] and [`deadline`].
    #[derive(Debug)]
    #[must_use = "a future does nothing unless awaited"]
    pub struct Run<F> {
        // `None` once it has ended.
        #[pin]
        future: Option<F>,
        #[pin]
        listener: Listener<Arc<Inner>>,
        begun: bool,
    }
}

impl<F> Run<F> {
    pub(super) fn new(token: Arc<Inner>, future: F) -> Self {
        Self {
            future: Some(future),
            listener: Listener::new(token),
            begun: false,
        }
    }
}

impl<F: Future> Future for Run<F> {
    type Output = Result<F::Output, Cause>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if *this.begun || !this.listener.owner().listeners.is_closed() {
            *this.begun = true;
            let future = this.future.as_mut().as_pin_mut();
            let future = future.expect("not polled after it was ready");
            if let Poll::Ready(output) = future.poll(cx) {
                this.future.set(None);
                return Poll::Ready(Ok(output));
            }
            // No unit of the budget is asked for: the future may have used it up, and ends all the same.
            ready!(this.listener.as_mut().poll_closed(cx));
        }
        // Its destructor runs before whoever waits for the end is told.
        this.future.set(None);
        Poll::Ready(Err(this.listener.owner().cause()))
    }
}

/// Gives `future` until `deadline`, and tells it so: the [current](CancelToken::current) token is, for it, a
/// child with this deadline of the current one here.
///
/// What it awaits inherits the deadline: when it passes, the future is dropped at the await point where it is,
/// so a read, a receive or a lock ends there, as cancel-safe as it is. A deadline inside can only be earlier,
/// since the child of a token never outlives it. Code that does not await may look:
/// `CancelToken::current().is_cancelled()`, or how long there is by [`CancelToken::deadline`].
///
/// All that wait under the deadline end at once, the innermost first: a future that has an answer then, such
/// as the error of a deadline inside, is ready, and its answer is given.
///
/// For a future that needs no token [`time::timeout_at`] is cheaper.
///
/// ```
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// use ringspun_runtime::{scope, time};
/// use std::time::Duration;
///
/// async fn ask_the_database() -> Result<u32, scope::Cause> {
///     // An hour, but not a millisecond longer than its caller has.
///     let answer = async { time::sleep(Duration::MAX).await };
///     scope::timeout(Duration::from_secs(3600), answer).await?;
///     Ok(42)
/// }
/// let answer = scope::timeout(Duration::from_millis(1), ask_the_database()).await;
/// // The one inside heard of it first, and its answer counts.
/// assert!(answer.unwrap().unwrap_err().is_deadline());
/// # });
/// ```
///
/// # Errors
///
/// The [`Cause`]: the deadline, or why the token around was cancelled. If that is so before the first
/// poll, the future is not begun.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Cancel safety
///
/// As safe as `future`.
pub fn deadline<F: Future>(deadline: Instant, future: F) -> Run<InScope<F>> {
    let token = CancelToken::current().child_with_deadline(deadline);
    token.run(token.scope(future))
}

/// Gives `future` until `duration` has passed, counted from this call. See [`deadline`].
///
/// # Errors
///
/// As [`deadline`].
///
/// # Panics
///
/// Outside a runtime.
pub fn timeout<F: Future>(duration: Duration, future: F) -> Run<InScope<F>> {
    deadline(time::after(duration), future)
}
