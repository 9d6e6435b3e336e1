//! How a server ends.
//!
//! 1. The trigger: SIGINT or SIGTERM, or the application's future.
//! 2. Stop: nobody is accepted any more; every session sees `is_stopping`, and idle connections
//!    end at once (`connection.rs`). Responses say `Connection: close`.
//! 3. Drain: requests under way finish, at most until the grace is over.
//! 4. Cut: what is left is dropped, and counted. A second signal cuts at once.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use ringspun_net::Serving;
use ringspun_net::signal::{Kind, Signals};

/// How a server has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    cut: usize,
}

impl Ended {
    /// How many connections were cut because they had not ended within the grace.
    #[must_use]
    pub const fn cut(&self) -> usize {
        self.cut
    }
}

/// What makes a server end.
pub(super) enum Trigger {
    /// Nothing but the end of its listeners.
    Never,
    /// SIGINT or SIGTERM.
    Signals,
    /// The application.
    Future(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// A trigger that is being waited for.
pub(super) enum Armed {
    Never,
    Signals(Signals),
    Future(Pin<Box<dyn Future<Output = ()> + Send>>),
}

impl Trigger {
    /// Begins to listen, before the first connection is accepted.
    pub(super) fn arm(self) -> io::Result<Armed> {
        Ok(match self {
            Self::Never => Armed::Never,
            Self::Signals => Armed::Signals(Signals::new(&[Kind::Interrupt, Kind::Terminate])?),
            Self::Future(future) => Armed::Future(future),
        })
    }
}

impl Armed {
    /// Waits for the first trigger.
    async fn fired(&mut self) {
        match self {
            Self::Never => pending().await,
            Self::Future(future) => future.await,
            Self::Signals(signals) => match signals.recv().await {
                Ok(kind) => tracing::info!(?kind, "ending gracefully"),
                // Without signals there is still the end of the process.
                Err(error) => {
                    tracing::error!(%error, "signals cannot be received any more");
                    pending().await
                }
            },
        }
    }

    /// Waits for the second one: only signals come twice.
    async fn fired_again(&mut self) {
        match self {
            Self::Signals(_) => self.fired().await,
            Self::Never | Self::Future(_) => pending().await,
        }
    }
}

/// Waits for the trigger and ends the server.
pub(super) async fn run(serving: Serving, mut trigger: Armed, grace: Duration) -> Ended {
    let stop = StopOnDrop(serving);
    let serving = &stop.0;
    // The listeners may end by themselves: an in-memory one whose connectors are gone.
    race(trigger.fired(), serving.stopped()).await;
    let cut = match race(serving.shut_down(grace), trigger.fired_again()).await {
        Some(cut) => cut,
        None => {
            let cut = serving.cut();
            serving.drained().await;
            cut
        }
    };
    if cut > 0 {
        tracing::warn!(cut, "connections were cut at the end of the grace");
    }
    Ended { cut }
}

/// A server whose future is dropped stops accepting.
struct StopOnDrop(Serving);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Waits for either; `Some` if it was the first.
async fn race<T>(first: impl Future<Output = T>, second: impl Future<Output = ()>) -> Option<T> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| {
        if let Poll::Ready(value) = first.as_mut().poll(cx) {
            return Poll::Ready(Some(value));
        }
        second.as_mut().poll(cx).map(|()| None)
    })
    .await
}
