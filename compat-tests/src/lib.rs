//! One application, two servers: `axum::serve` on tokio, and ringspun. Each test asks both the same and
//! expects the same answer.

pub mod app;
pub mod client;
pub mod host;
