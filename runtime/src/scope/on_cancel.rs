//! Functions that a token calls.

use std::pin::Pin;
use std::sync::Arc;

use super::listener::Listener;
use super::listeners::Told;
use super::tree::Inner;
use crate::contain::contain;

/// Keeps a function registered that is called when a token is cancelled. Made by
/// [`CancelToken::on_cancel`](super::CancelToken::on_cancel).
///
/// Dropping it unregisters the function. It does not wait for one that another thread is calling just now.
#[derive(Debug)]
#[must_use = "dropping the guard unregisters the function"]
pub struct OnCancel {
    listener: Pin<Box<Listener<Arc<Inner>>>>,
}

impl OnCancel {
    pub(super) fn new(token: Arc<Inner>, f: Box<dyn FnOnce() + Send>) -> Self {
        let mut listener = Box::pin(Listener::new(token));
        if let Err(Told::Function(f)) = listener.as_mut().register(Told::Function(f)) {
            contain(f);
        }
        Self { listener }
    }

    /// Unregisters the function. True if that was in time: it was not called, and will not be.
    pub fn stop(mut self) -> bool {
        self.listener.as_mut().leave().is_some()
    }
}
