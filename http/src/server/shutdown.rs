//! How a server ends: in phases, so that nobody who goes by the rules loses a request.
//!
//! 1. Trigger: SIGINT or SIGTERM, or the application's future.
//! 2. Announce: the [`Readiness`] says no and responses say `Connection: close`, but the listener
//!    is open and everybody is served. Load balancers look elsewhere meanwhile.
//! 3. Close: the listener is closed; what is connected is served. Handlers and streams that have
//!    asked ([`Stop`]) learn of it: not earlier, since who asks again must find another server.
//! 4. Drain: idle connections are closed; requests under way finish (`connection.rs`), and so do
//!    finishing handlers whose connection is gone.
//! 5. Cut: when the grace is over, counted from the trigger, what is left of the connections is
//!    dropped and counted. Finishing handlers are only counted: they go on to the runtime's end.
//!
//! A second signal cuts at once, in any phase.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ringspun_net::Serving;
use ringspun_net::signal::{Kind, Signals};
use ringspun_runtime::time::{now, sleep, timeout};

use super::readiness::Readiness;
use super::stop::Stop;

/// How a server has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ended {
    cut: usize,
    unfinished: usize,
}

impl Ended {
    /// How many connections were cut because they had not ended within the grace.
    #[must_use]
    pub const fn cut(&self) -> usize {
        self.cut
    }

    /// How many [finishing](crate::Handler::finishing) handlers had not ended within the grace.
    /// They go on, until the runtime ends.
    #[must_use]
    pub const fn unfinished(&self) -> usize {
        self.unfinished
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
    /// Waits for the first trigger; gives the signal if it was one.
    async fn fired(&mut self) -> Option<Kind> {
        match self {
            Self::Never => pending().await,
            Self::Future(future) => {
                future.await;
                None
            }
            Self::Signals(signals) => match signals.recv().await {
                Ok(kind) => {
                    tracing::info!(?kind, "ending gracefully");
                    Some(kind)
                }
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
            Self::Signals(_) => drop(self.fired().await),
            Self::Never | Self::Future(_) => pending().await,
        }
    }
}

/// How long the phases take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phases {
    /// `None`: [`ANNOUNCE`] after a signal, no time at all if the application ends the server.
    pub(super) announce: Option<Duration>,
    /// From the trigger to the cut.
    pub(super) grace: Duration,
}

/// How long the announcement takes after a signal: two health checks of HAProxy's default period,
/// and some.
const ANNOUNCE: Duration = Duration::from_secs(5);

/// The same on a terminal, where somebody waits for the end.
const ANNOUNCE_INTERRUPTED: Duration = Duration::from_secs(1);

/// How long connections are served as usual behind a closed listener, if there was an
/// announcement: what was accepted last shall not count as idle.
const SETTLE: Duration = Duration::from_secs(1);

/// How often it is looked whether there is anybody left to announce it to.
const LOOK: Duration = Duration::from_millis(50);

/// Waits for the trigger and ends the server.
pub(super) async fn run(
    serving: Serving,
    mut trigger: Armed,
    phases: Phases,
    readiness: Readiness,
    stop: Arc<Stop>,
) -> Ended {
    let server = Leaving {
        serving,
        readiness,
        stop,
    };
    // The listeners may end by themselves: an in-memory one whose connectors are gone.
    let fired = race(trigger.fired(), server.serving.stopped()).await;
    let announce = match fired {
        None => Duration::ZERO,
        Some(signal) => phases.announce.unwrap_or_else(|| announcement(signal)),
    };
    let is_done = || {
        // Ctrl-C on a terminal does not wait for load balancers.
        let is_asked = fired != Some(Some(Kind::Interrupt)) && server.readiness.is_asked_for();
        !is_asked && server.serving.connections() == 0
    };
    let leaves = server.leave(announce, phases.grace, is_done);
    let cut = match race(leaves, trigger.fired_again()).await {
        Some(cut) => cut,
        None => {
            let cut = server.serving.cut();
            server.serving.drained().await;
            cut
        }
    };
    let unfinished = server.stop.held();
    if cut > 0 || unfinished > 0 {
        tracing::warn!(cut, unfinished, "not all had ended at the end of the grace");
    }
    Ended { cut, unfinished }
}

/// How long the end is announced, unless the application has said.
fn announcement(signal: Option<Kind>) -> Duration {
    match signal {
        None => Duration::ZERO,
        Some(Kind::Interrupt) => ANNOUNCE_INTERRUPTED,
        Some(_) => ANNOUNCE,
    }
}

/// A server that is to end. One whose future is dropped stops accepting.
struct Leaving {
    serving: Serving,
    readiness: Readiness,
    stop: Arc<Stop>,
}

impl Leaving {
    /// Phases 2 to 5. The second is over when `is_done` says so, too. Gives the number of
    /// connections that had to be cut.
    async fn leave(
        &self,
        announce: Duration,
        grace: Duration,
        is_done: impl Fn() -> bool,
    ) -> usize {
        let start = now();
        self.readiness.leave();
        let announce = announce.min(grace);
        if !announce.is_zero() {
            tracing::info!(
                ?announce,
                "still accepting; a second signal ends everything at once"
            );
            while start + announce > now() && !is_done() {
                sleep(LOOK.min(start + announce - now())).await;
            }
            self.serving.close();
            let settles = async {
                self.serving.stopped().await;
                self.stop.stop();
                self.serving.drained().await;
            };
            // Nobody left is as good as the end of the time.
            let _ = timeout(SETTLE.min(grace - announce), settles).await;
        }
        let left = || grace.saturating_sub(now() - start);
        self.serving.stop();
        let _ = timeout(left(), self.serving.stopped()).await;
        self.stop.stop();
        let cut = self.serving.shut_down(left()).await;
        let _ = timeout(left(), self.stop.released()).await;
        cut
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.readiness.leave();
        self.serving.stop();
        self.stop.stop();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_waits_less_than_a_load_balancer() {
        assert_eq!(announcement(None), Duration::ZERO);
        let (terminal, balancer) = (Some(Kind::Interrupt), Some(Kind::Terminate));
        assert!(announcement(terminal) < announcement(balancer));
    }
}
