//! Why a request has come to nothing.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use http::StatusCode;

use super::connect::Unresolved;
use crate::message::{BodyError, IntoResponse, Response};
use crate::proto::Refusal;

/// Why a request has come to nothing: what has happened, with which host, and how far it had come.
///
/// An error inside the body of a reply is a [`BodyError`] that has one of these as its source, see
/// [`ClientError::of`].
///
/// As the answer of a handler it is 504 for a timeout and 502 for the rest, without details: those
/// are the operator's matter.
pub struct ClientError(Box<Inner>);

struct Inner {
    host: Box<str>,
    failure: Failure,
}

/// How far a request had come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Phase {
    /// The request itself cannot be sent; nothing was tried.
    Request,
    /// The host's name was being looked up.
    Resolve,
    /// A connection was being made, or waited for.
    Connect,
    /// The request was being sent.
    Send,
    /// The head of the response was waited for.
    Head,
    /// The body of the response was being read.
    Body,
}

/// What has happened, before it is known with whom.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) phase: Phase,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Io(io::Error),
    /// The name of the limit, and how long it is.
    Timeout(&'static str, Duration),
    /// The server closed the connection before it has sent a byte of a response.
    Closed,
    /// A rule that the response breaks, or the request.
    Refused(Refusal),
    /// The body of the request could not be read.
    Source(BodyError),
    /// The body of the request has not the length that it has told.
    WrongLength,
    /// The request is not one that this client can send, and why.
    Unusable(&'static str),
}

impl Failure {
    pub(super) const fn new(phase: Phase, what: What) -> Self {
        Self { phase, what }
    }

    pub(super) fn connect(error: io::Error) -> Self {
        let is_lookup = error
            .get_ref()
            .is_some_and(|inner| inner.is::<Unresolved>());
        let phase = if is_lookup {
            Phase::Resolve
        } else {
            Phase::Connect
        };
        Self::new(phase, What::Io(error))
    }

    /// The error for whoever has asked.
    #[cold]
    pub(super) fn at(self, host: &str) -> ClientError {
        ClientError(Box::new(Inner {
            host: host.into(),
            failure: self,
        }))
    }
}

impl ClientError {
    /// The error behind that of a reply's body, if it is one of the client.
    #[must_use]
    pub fn of(error: &BodyError) -> Option<&Self> {
        error.source()?.downcast_ref()
    }

    /// How far the request had come.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.0.failure.phase
    }

    /// With whom: host and port of the server, or of the proxy before it. Empty if the request
    /// names none.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.0.host
    }

    /// Whether a time limit has struck.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match &self.0.failure.what {
            What::Timeout(..) => true,
            What::Io(error) => error.kind() == io::ErrorKind::TimedOut,
            _ => false,
        }
    }

    /// Whether no connection was to be had. The request was not sent.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.phase(), Phase::Resolve | Phase::Connect)
    }

    /// Whether the fault is on this side: the request cannot be sent as it is, or its body could
    /// not be read.
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.phase() == Phase::Request
            || matches!(self.0.failure.what, What::Source(_) | What::WrongLength)
    }

    /// Whether the connection ended before the response was there, or inside of it.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        match &self.0.failure.what {
            What::Closed => true,
            What::Refused(refusal) => {
                matches!(refusal, Refusal::HeadIncomplete | Refusal::BodyIncomplete)
            }
            What::Io(error) => matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::UnexpectedEof
            ),
            _ => false,
        }
    }

    /// The rule that was broken, if it was that: by the request in the phase
    /// [`Phase::Request`], else by the response.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        match self.0.failure.what {
            What::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The error of the application's own stream that was to be the body of the request.
    #[must_use]
    pub fn body_error(&self) -> Option<&BodyError> {
        match &self.0.failure.what {
            What::Source(error) => Some(error),
            _ => None,
        }
    }

    /// The status to answer with, for a server that has asked on behalf of a client of its own:
    /// 504 for a timeout, what the client itself has done wrong with its body, else 502.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match &self.0.failure.what {
            What::Source(error) => error.status(),
            _ if self.is_timeout() => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::BAD_GATEWAY,
        }
    }

    /// What to do about it.
    fn advice(&self) -> &'static str {
        match (self.phase(), &self.0.failure.what) {
            (_, What::Timeout("connect_timeout", _)) => {
                "is the host up, and does a firewall drop packets? With a limit on connections, \
                 are replies held unread?"
            }
            (_, What::Timeout(..)) => "is the server overloaded, or is the limit too small?",
            (Phase::Resolve, _) => "check the name, and that a name server answers",
            (Phase::Connect, _) => "check that the server runs and listens on this port",
            (_, What::Closed | What::Io(_)) => {
                "it is not known whether the server has acted on the request; repeat it if that \
                 does no harm"
            }
            (Phase::Request, _) => "correct the request",
            (_, What::Refused(_)) => "the server, or a proxy before it, is at fault",
            (_, What::Source(_) | What::WrongLength) => "the connection was closed",
            (_, What::Unusable(_)) => "correct the request",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Timeout(name, limit) => write!(f, "`{name}` of {limit:?} has passed"),
            Self::Closed => f.write_str("the server closed the connection without a response"),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Source(error) => write!(f, "the body of the request failed: {error}"),
            Self::WrongLength => {
                f.write_str("the body of the request has not the length that it has told")
            }
            Self::Unusable(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = match self.phase() {
            Phase::Request => "a request that cannot be sent",
            Phase::Resolve => "looking up the host",
            Phase::Connect => "connecting",
            Phase::Send => "sending the request",
            Phase::Head => "waiting for the response",
            Phase::Body => "reading the response",
        };
        if !self.0.host.is_empty() {
            write!(f, "{}: ", self.0.host)?;
        }
        write!(f, "{doing}: {} ({})", self.0.failure.what, self.advice())
    }
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientError")
            .field("host", &self.0.host)
            .field("phase", &self.phase())
            .field("what", &self.0.failure.what)
            .finish()
    }
}

impl StdError for ClientError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.failure.what {
            What::Io(error) => Some(error),
            What::Refused(refusal) => Some(refusal),
            What::Source(error) => Some(error),
            _ => None,
        }
    }
}

/// [`ClientError::status`]. The text says no more than that: names of hosts behind a proxy are
/// nobody's business.
impl IntoResponse for ClientError {
    fn into_response(self) -> Response {
        tracing::debug!(error = %self, "answering for a server that could not be asked");
        let status = self.status();
        let reason = status.canonical_reason().unwrap_or_default();
        Response::text(reason).with_status(status)
    }
}
