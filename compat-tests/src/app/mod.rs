//! The application: what axum applications are made of.

mod bodies;
mod extractors;
mod layers;
mod streams;
mod tokio_uses;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::Router;

/// What handlers share.
#[derive(Clone, Debug, Default)]
pub struct Shared {
    counter: Arc<AtomicU64>,
}

/// The whole application.
pub fn app() -> Router {
    Router::new()
        .merge(extractors::routes())
        .merge(bodies::routes())
        .merge(streams::routes())
        .merge(tokio_uses::routes())
        .with_state(Shared::default())
        .merge(layers::routes())
        .fallback(async || (axum::http::StatusCode::NOT_FOUND, "no such page\n"))
}
