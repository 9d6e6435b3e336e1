//! A scope whose token is made only if somebody asks for it.

use std::time::Instant;

use super::current::{Current, Swapped};

/// The scope of a piece of work that mostly needs no token, such as one request of many: the token
/// is made when [`CancelToken::current`](super::CancelToken::current) first asks for it inside.
/// Without that the scope costs no memory. Dropping it cancels the token.
///
/// For code that polls futures of others by hand.
///
/// ```
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// use ringspun_runtime::scope::{CancelToken, LazyScope};
///
/// let mut scope = LazyScope::new(None);
/// let token = scope.enter(CancelToken::current);
/// scope.enter(|| assert!(!CancelToken::current().is_cancelled()));
/// drop(scope);
/// assert!(token.is_cancelled());
/// # });
/// ```
#[derive(Debug)]
pub struct LazyScope(Current);

impl LazyScope {
    /// A scope whose token, once it is made, has this deadline.
    pub const fn new(deadline: Option<Instant>) -> Self {
        Self(Current::Unmade(deadline))
    }

    /// Calls `f` with this scope as the current one.
    ///
    /// # Panics
    /// As `f` does; the scope stays usable. Inside it, asking for the token of a scope with a
    /// deadline panics outside a runtime.
    pub fn enter<R>(&mut self, f: impl FnOnce() -> R) -> R {
        let _swapped = Swapped::new(&mut self.0);
        f()
    }

    /// Cancels the token, if one was made, and begins anew with this deadline.
    pub fn renew(&mut self, deadline: Option<Instant>) {
        self.cancel();
        self.0 = Current::Unmade(deadline);
    }

    fn cancel(&self) {
        if let Current::Token(token) = &self.0 {
            token.cancel();
        }
    }
}

/// A scope without a deadline.
impl Default for LazyScope {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Drop for LazyScope {
    fn drop(&mut self) {
        self.cancel();
    }
}
