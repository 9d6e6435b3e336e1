//! Our streams as other crates know streams, and theirs as ours.
//!
//! | feature | what it brings |
//! |---|---|
//! | `tokio` | tokio's `AsyncRead` and `AsyncWrite` on our streams and halves; [`ForTokio`] and [`FromTokio`] around other types |
//! | `hyper` | hyper's `Read` and `Write` by [`ForHyper`], and its executor and timer by [`HyperRuntime`] |
//!
//! `futures_io`'s traits are on our streams always.

/// What every wrapper around one stream offers.
#[cfg(any(feature = "hyper", feature = "tokio"))]
macro_rules! wrapper {
    ($name:ident) => {
        impl<T> $name<T> {
            /// Wraps it.
            pub const fn new(inner: T) -> Self {
                Self { inner }
            }

            /// What is wrapped.
            pub const fn get_ref(&self) -> &T {
                &self.inner
            }

            /// What is wrapped.
            pub const fn get_mut(&mut self) -> &mut T {
                &mut self.inner
            }

            /// What was wrapped.
            pub fn into_inner(self) -> T {
                self.inner
            }
        }
    };
}

#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "hyper")]
pub use self::hyper::{ForHyper, HyperRuntime};
#[cfg(feature = "tokio")]
pub use self::tokio::{ForTokio, FromTokio};
