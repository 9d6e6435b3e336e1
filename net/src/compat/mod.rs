//! Our streams as other crates know streams, and theirs as ours.
//!
//! | feature | what it brings |
//! |---|---|
//! | `tokio` | tokio's `AsyncRead` and `AsyncWrite` on our streams and halves; [`ForTokio`] and [`FromTokio`] around other types |
//! | `hyper` | hyper's `Read` and `Write` by [`ForHyper`], and its executor and timer by [`HyperRuntime`] |
//!
//! `futures_io`'s traits are on our streams always.

#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "tokio")]
mod tokio;

#[cfg(feature = "hyper")]
pub use self::hyper::{ForHyper, HyperRuntime};
#[cfg(feature = "tokio")]
pub use self::tokio::{ForTokio, FromTokio};
