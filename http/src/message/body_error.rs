//! Why a body could not be read.

use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use super::streamed::BoxError;
use crate::proto::Refusal;

/// Why a body could not be read.
///
/// As the answer of a handler it becomes the fitting status; see
/// [`IntoResponse`](crate::IntoResponse).
#[derive(Debug)]
pub struct BodyError(ErrorKind);

#[derive(Debug)]
enum ErrorKind {
    /// The client has broken a rule of the protocol, or a limit.
    Refused(Refusal),
    /// The connection is gone.
    Disconnected,
    /// More than the reader wanted.
    TooLarge,
    /// Not UTF-8.
    NotText,
    /// Not the JSON that the reader wanted.
    #[cfg(feature = "json")]
    NotJson(serde_json::Error),
    /// The head says that it is something else than JSON, or does not say what.
    #[cfg(feature = "json")]
    NotJsonType,
    /// The application's own stream.
    Stream(BoxError),
}

impl BodyError {
    /// More than the reader wanted.
    pub(super) const TOO_LARGE: Self = Self(ErrorKind::TooLarge);

    /// Not UTF-8.
    pub(super) const NOT_TEXT: Self = Self(ErrorKind::NotText);

    /// Not the JSON that the reader wanted.
    #[cfg(feature = "json")]
    pub(super) const fn not_json(error: serde_json::Error) -> Self {
        Self(ErrorKind::NotJson(error))
    }

    /// The head says that it is something else than JSON, or does not say what.
    #[cfg(feature = "json")]
    pub(super) const NOT_JSON_TYPE: Self = Self(ErrorKind::NotJsonType);

    /// The application's own stream has failed.
    pub(super) const fn stream(error: BoxError) -> Self {
        Self(ErrorKind::Stream(error))
    }

    pub(crate) const fn refused(refusal: Refusal) -> Self {
        Self(ErrorKind::Refused(refusal))
    }

    pub(crate) const fn disconnected() -> Self {
        Self(ErrorKind::Disconnected)
    }

    /// Whether the body is larger than the server's or the reader's limit.
    #[must_use]
    pub const fn is_too_large(&self) -> bool {
        matches!(
            self.0,
            ErrorKind::TooLarge | ErrorKind::Refused(Refusal::BodyTooLarge)
        )
    }

    /// Whether the client was slower than the server's limit.
    #[must_use]
    pub const fn is_timeout(&self) -> bool {
        matches!(self.0, ErrorKind::Refused(Refusal::BodyTimeout))
    }

    /// Whether the client has gone before the end of the body.
    #[must_use]
    pub const fn is_disconnected(&self) -> bool {
        matches!(
            self.0,
            ErrorKind::Disconnected | ErrorKind::Refused(Refusal::BodyIncomplete)
        )
    }

    /// The rule that the client has broken, if it was that.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        match self.0 {
            ErrorKind::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The status to answer with.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self.0 {
            ErrorKind::Refused(refusal) => refusal.status(),
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Disconnected | ErrorKind::NotText => StatusCode::BAD_REQUEST,
            #[cfg(feature = "json")]
            ErrorKind::NotJson(_) => StatusCode::BAD_REQUEST,
            #[cfg(feature = "json")]
            ErrorKind::NotJsonType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorKind::Stream(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ErrorKind::Refused(refusal) => refusal.fmt(f),
            ErrorKind::Disconnected => f.write_str("the connection ended inside the body"),
            ErrorKind::TooLarge => f.write_str("the body is larger than the reader's limit"),
            ErrorKind::NotText => f.write_str("the body is not UTF-8"),
            #[cfg(feature = "json")]
            ErrorKind::NotJson(error) => {
                write!(f, "the body is not the JSON that is expected here: {error}")
            }
            #[cfg(feature = "json")]
            ErrorKind::NotJsonType => {
                f.write_str("the body has no Content-Type of JSON, such as application/json")
            }
            ErrorKind::Stream(error) => error.fmt(f),
        }
    }
}

impl StdError for BodyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0 {
            ErrorKind::Stream(error) => Some(error.as_ref()),
            ErrorKind::Refused(refusal) => Some(refusal),
            #[cfg(feature = "json")]
            ErrorKind::NotJson(error) => Some(error),
            _ => None,
        }
    }
}
