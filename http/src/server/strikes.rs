//! How often each limit has struck.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use ringspun_net::Serving;

use crate::proto::Refusal;

macro_rules! limits {
    ($($name:ident $text:literal $what:literal;)+) => {
        /// A limit that can strike. Named like the fields of [`Limits`](crate::Limits).
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Limit {
            $(#[doc = $what] $name,)+
        }

        impl Limit {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name, for metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

limits! {
    HeadTimeout "head_timeout" "A head did not arrive in time, or none at all after the accept.";
    IdleTimeout "idle_timeout" "A kept connection was idle for too long.";
    BodyRate "body_rate" "A body came too slowly.";
    RequestTimeout "request_timeout" "A handler took too long.";
    WriteTimeout "write_timeout" "A client took nothing of its response.";
    WriteRate "write_rate" "A client took its response too slowly.";
    HeadBytes "head_bytes" "A head, or a trailer, was too large.";
    Headers "headers" "A head had too many lines.";
    TargetBytes "target_bytes" "A request target was too long.";
    BodyBytes "body_bytes" "A body was too large.";
    UnreadBytes "unread_bytes" "Too much of a body was left unread by its handler.";
    Connections "connections" "Accepting paused, because there were as many connections as allowed.";
    RequestsPerConnection "requests_per_connection" "A connection had its last request.";
    Admission "admission" "A request was not admitted because of overload.";
    Malformed "malformed" "A request broke a rule of the protocol; not a limit, but counted beside them.";
}

/// How often each limit of a server has struck since it was made. Clones count together.
///
/// # Examples
/// ```no_run
/// use ringspun_http::{Limit, Server};
///
/// # fn main() -> std::io::Result<()> {
/// let server = Server::bind("127.0.0.1:8080")?;
/// let strikes = server.strikes();
/// assert_eq!(strikes.count(Limit::IdleTimeout), 0);
/// for (limit, count) in strikes.iter() {
///     println!("{} {count}", limit.name());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Strikes(Arc<Inner>);

struct Inner {
    counts: Box<[AtomicU64]>,
    /// Knows of the connections, once the server serves.
    serving: OnceLock<Serving>,
}

impl Strikes {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            counts: Limit::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
            serving: OnceLock::new(),
        }))
    }

    /// How often this limit has struck.
    #[must_use]
    pub fn count(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Connections => self.0.serving.get().map_or(0, Serving::pauses),
            // Relaxed: a number to look at.
            _ => self.0.counts[limit as usize].load(Ordering::Relaxed),
        }
    }

    pub(super) fn watch(&self, serving: &Serving) {
        let _ = self.0.serving.set(serving.clone());
    }

    /// All limits with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Limit, u64)> + '_ {
        Limit::ALL.iter().map(|&limit| (limit, self.count(limit)))
    }

    pub(super) fn strike(&self, limit: Limit) {
        self.0.counts[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn refused(&self, refusal: Refusal) {
        self.strike(match refusal {
            Refusal::HeadTimeout => Limit::HeadTimeout,
            Refusal::BodyTimeout => Limit::BodyRate,
            Refusal::HandlerTimeout => Limit::RequestTimeout,
            Refusal::HeadTooLarge | Refusal::TrailerTooLarge => Limit::HeadBytes,
            Refusal::TooManyHeaders => Limit::Headers,
            Refusal::TargetTooLong => Limit::TargetBytes,
            Refusal::BodyTooLarge => Limit::BodyBytes,
            _ => Limit::Malformed,
        });
    }
}

impl fmt::Debug for Strikes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.iter().map(|(limit, count)| (limit.name(), count));
        f.debug_map().entries(counts).finish()
    }
}
