//! One application, two servers: `axum::serve` on tokio, and ringspun. Each test asks both the same and
//! expects the same answer.

pub mod app;
pub mod client;
pub mod host;

/// The code of the guide's page on axum compiles, here where axum is.
#[cfg(doctest)]
#[doc = include_str!("../../src/guide/axum.md")]
pub struct Guide;
