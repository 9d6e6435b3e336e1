//! A token that is cancelled with its owner.

use super::cancel::CancelToken;

/// Cancels a token when it is dropped. Made by [`CancelToken::drop_guard`].
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct DropGuard {
    token: Option<CancelToken>,
}

impl DropGuard {
    pub(super) fn new(token: CancelToken) -> Self {
        Self { token: Some(token) }
    }

    /// Gives the token back, uncancelled.
    pub fn disarm(mut self) -> CancelToken {
        self.token.take().expect("taken here only")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}
