//! One cleanup: what is done, under which name, and what became of it.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;

use crate::contain::{catch, contain, discard};

type Attempt = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A cleanup that has been registered.
pub(super) struct Cleanup {
    pub(super) name: Name,
    begin: Box<dyn FnMut() -> Attempt + Send>,
}

/// How a cleanup is called in reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Name {
    /// Cleanups of one key are done once at a time.
    Key(Arc<str>),
    /// Where it was registered.
    At(&'static Location<'static>),
}

impl Cleanup {
    pub(super) fn new<F, C, E>(name: Name, mut cleanup: F) -> Self
    where
        F: FnMut() -> C + Send + 'static,
        C: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display,
    {
        Self {
            name,
            begin: Box::new(move || {
                let attempt = cleanup();
                Box::pin(async { attempt.await.map_err(|error| error.to_string()) })
            }),
        }
    }

    /// Does it once. A panic is a failure.
    pub(super) async fn attempt(&mut self) -> Result<(), String> {
        let mut attempt = None;
        let ended = catch(async { attempt.insert((self.begin)()).await }).await;
        contain(|| drop(attempt));
        ended.unwrap_or_else(|payload| Err(panic_message(payload)))
    }
}

fn panic_message(payload: Box<dyn Any + Send>) -> String {
    let text = payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = format!("panicked: {}", text.unwrap_or("(payload is not text)"));
    discard(payload);
    message
}

impl fmt::Debug for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cleanup").field(&self.name).finish()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => f.write_str(key),
            Self::At(location) => write!(f, "the cleanup of {location}"),
        }
    }
}

/// A cleanup that was given up, or has not been done yet.
#[derive(Debug, Clone)]
pub struct CleanupError {
    pub(super) name: Name,
    pub(super) attempts: u32,
    pub(super) error: Option<String>,
}

impl CleanupError {
    pub(super) fn undone(name: Name) -> Self {
        Self {
            name,
            attempts: 0,
            error: None,
        }
    }

    /// Its key, if it has one.
    pub fn key(&self) -> Option<&str> {
        match &self.name {
            Name::Key(key) => Some(key),
            Name::At(_) => None,
        }
    }

    /// How often it was tried.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Why it failed the last time. `None` if it has not failed: it is under way, or waits for its turn.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
}

impl fmt::Display for CleanupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, attempts, .. } = self;
        match &self.error {
            Some(error) => write!(f, "{name}: failed {attempts} times, last: {error}"),
            None => write!(f, "{name}: not done"),
        }
    }
}

impl Error for CleanupError {}
