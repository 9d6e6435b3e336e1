//! Why a task has no output.

use std::any::Any;
use std::fmt;
use std::io;

use super::Id;
use super::hint::{panic_hint, panic_text};

/// The error of a task that panicked or was cancelled.
///
/// ```
/// # use ringspun_runtime::Builder;
/// # let rt = Builder::new().cores(1).build().unwrap();
/// let handle = rt.handle().spawn(async { panic!("boom") });
/// let error = rt.block_on(handle).unwrap_err();
/// assert!(error.is_panic());
/// ```
pub struct JoinError {
    id: Id,
    kind: Kind,
}

enum Kind {
    Cancelled,
    Panic(Box<dyn Any + Send + 'static>),
}

// SAFETY: the payload, which need not be `Sync`, is handed out by value only. Through `&JoinError` one
// reads its type id, and text: `&str` and `String`, which are `Sync`.
unsafe impl Sync for JoinError {}

impl JoinError {
    pub(crate) fn cancelled(id: Id) -> Self {
        Self {
            id,
            kind: Kind::Cancelled,
        }
    }

    pub(crate) fn panic(id: Id, payload: Box<dyn Any + Send + 'static>) -> Self {
        Self {
            id,
            kind: Kind::Panic(payload),
        }
    }

    /// The task that ended.
    pub fn id(&self) -> Id {
        self.id
    }

    /// True if the task was aborted, or its runtime was shut down before it was done.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.kind, Kind::Cancelled)
    }

    /// True if the task panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.kind, Kind::Panic(_))
    }

    /// The panic's payload, for [`std::panic::resume_unwind`].
    ///
    /// # Panics
    ///
    /// If the task did not panic; ask [`is_panic`](Self::is_panic) first.
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.kind {
            Kind::Panic(payload) => payload,
            Kind::Cancelled => panic!("into_panic on task {}, which was cancelled", self.id),
        }
    }

    fn message(&self) -> Option<&str> {
        match &self.kind {
            Kind::Cancelled => None,
            Kind::Panic(payload) => Some(panic_text(&**payload).unwrap_or("(payload is not text)")),
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match &self.kind {
            Kind::Cancelled => None,
            Kind::Panic(payload) => panic_hint(&**payload),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "JoinError::Panic({}, {message:?})", self.id),
            None => write!(f, "JoinError::Cancelled({})", self.id),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => {
                write!(f, "task {} panicked: {message}", self.id)?;
                match self.hint() {
                    Some(hint) => write!(f, " ({hint})"),
                    None => Ok(()),
                }
            }
            None => write!(f, "task {} was cancelled", self.id),
        }
    }
}

impl std::error::Error for JoinError {}

impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> Self {
        Self::other(error.to_string())
    }
}
