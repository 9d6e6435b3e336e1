//! Why a group failed.

use std::error::Error;
use std::fmt;

use crate::scope::Cause;
use crate::task::JoinError;

/// Why a group failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum GroupError<E> {
    /// A child, or the body, returned this error.
    Failed(E),
    /// A child panicked.
    Panicked(JoinError),
    /// The group was cancelled, by its token, one above it or the end of the runtime.
    Cancelled(Cause),
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(error) => error.fmt(f),
            Self::Cancelled(cause) => cause.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for GroupError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Shown as itself, so its source is the next in the chain.
            Self::Failed(error) => error.source(),
            Self::Panicked(error) => error.source(),
            Self::Cancelled(cause) => cause.source(),
        }
    }
}

impl<E> GroupError<E> {
    /// Keeps the first; but a failure counts more than that others were cancelled, mostly for it.
    pub(super) fn keep_first(self, kept: &mut Option<Self>) {
        let replaces = match &*kept {
            None => true,
            Some(Self::Cancelled(_)) => !matches!(self, Self::Cancelled(_)),
            Some(_) => false,
        };
        if replaces {
            *kept = Some(self);
        }
    }
}
