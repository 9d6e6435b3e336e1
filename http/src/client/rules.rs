//! What a client may be told.

use std::time::Duration;

use crate::proto::HeadLimits;

/// The settings of a client; [`ClientBuilder`](super::ClientBuilder) has the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) connect_timeout: Duration,
    pub(super) head_timeout: Duration,
    pub(super) stall_timeout: Duration,
    pub(super) timeout: Option<Duration>,
    pub(super) idle_timeout: Duration,
    pub(super) idle_per_host: usize,
    pub(super) idle_total: usize,
    pub(super) connections_per_host: Option<usize>,
    pub(super) head: HeadLimits,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(30),
            timeout: None,
            // Below what servers grant (75 s in nginx and here), so that the client closes first.
            idle_timeout: Duration::from_secs(60),
            idle_per_host: 32,
            idle_total: 1024,
            connections_per_host: None,
            head: HeadLimits::default(),
        }
    }
}
