//! Letting the others run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Goes to the back of the run queue once.
///
/// ```
/// # use ringspun_runtime::{Builder, task};
/// # Builder::new().cores(1).build().unwrap().block_on(async {
/// for chunk in [1, 2, 3] {
///     // ... a long computation on `chunk` ...
/// #   let _ = chunk;
///     task::yield_now().await;
/// }
/// # });
/// ```
///
/// # Cancel safety
///
/// Nothing is lost when the future is dropped.
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "a future does nothing unless awaited"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
