//! Why something was cancelled.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a token was cancelled. A child has the cause of the ancestor that was cancelled.
///
/// ```
/// use ringspun_runtime::scope::CancelToken;
///
/// let token = CancelToken::new();
/// let child = token.child();
/// token.cancel_with("the peer is gone");
/// assert_eq!(child.cause().unwrap().to_string(), "cancelled: the peer is gone");
/// assert!(!child.cause().unwrap().is_deadline());
/// ```
#[derive(Clone)]
pub struct Cause(Kind);

#[derive(Clone)]
enum Kind {
    Unnamed,
    Deadline,
    Shutdown,
    Error(Arc<dyn Error + Send + Sync>),
}

impl Cause {
    /// By [`CancelToken::cancel`](super::CancelToken::cancel).
    pub(super) fn unnamed() -> Self {
        Self(Kind::Unnamed)
    }

    pub(super) fn deadline() -> Self {
        Self(Kind::Deadline)
    }

    /// The runtime whose timer was to end it has ended first.
    pub(super) fn shutdown() -> Self {
        Self(Kind::Shutdown)
    }

    pub(super) fn error(error: Box<dyn Error + Send + Sync>) -> Self {
        Self(Kind::Error(error.into()))
    }

    /// True if a deadline has passed.
    pub fn is_deadline(&self) -> bool {
        matches!(self.0, Kind::Deadline)
    }

    /// What was given to [`CancelToken::cancel_with`](super::CancelToken::cancel_with).
    pub fn error_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match &self.0 {
            Kind::Error(error) => Some(&**error),
            _ => None,
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Unnamed => f.write_str("Cancelled"),
            Kind::Deadline => f.write_str("Deadline"),
            Kind::Shutdown => f.write_str("Shutdown"),
            Kind::Error(error) => write!(f, "Cancelled({error:?})"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Unnamed => f.write_str("cancelled"),
            Kind::Deadline => f.write_str("the deadline has passed"),
            Kind::Shutdown => f.write_str("cancelled: the runtime of its deadline has ended"),
            Kind::Error(error) => write!(f, "cancelled: {error}"),
        }
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Error(error) => Some(&**error),
            _ => None,
        }
    }
}

impl From<Cause> for io::Error {
    /// `TimedOut` for a deadline, else `Other`: not `Interrupted`, which asks to try again.
    fn from(cause: Cause) -> Self {
        if cause.is_deadline() {
            Self::new(io::ErrorKind::TimedOut, cause)
        } else {
            Self::other(cause)
        }
    }
}
