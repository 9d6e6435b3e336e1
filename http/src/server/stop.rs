//! What the requests of a server can learn of its end, and what of theirs the end waits for.

use std::fmt;

use ringspun_runtime::scope::CancelToken;
use ringspun_runtime::sync::{WaitGroup, Worker};

/// One for each server. Requests lead to it, so that who does not ask pays nothing.
#[derive(Default)]
pub(crate) struct Stop {
    /// Cancelled when the listeners are closed.
    token: CancelToken,
    /// Handlers that go on when their connection is no more.
    finishing: WaitGroup,
}

impl Stop {
    /// Tells everybody who has asked.
    pub(super) fn stop(&self) {
        self.token.cancel_with("the server stops");
    }

    pub(crate) fn token(&self) -> &CancelToken {
        &self.token
    }

    /// Has the end of the server wait until this is dropped.
    pub(crate) fn hold(&self) -> Worker {
        self.finishing.worker()
    }

    /// How many are held.
    pub(super) fn held(&self) -> usize {
        self.finishing.count()
    }

    /// Waits until none is held.
    pub(super) async fn released(&self) {
        self.finishing.wait().await;
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop")
            .field("stopping", &self.token.is_cancelled())
            .field("finishing", &self.held())
            .finish()
    }
}
