//! Applications and protocols of other crates.
//!
//! | feature | what it brings |
//! |---|---|
//! | `tower` | [`Server::serve_service`](crate::Server::serve_service) for `tower` services, such as an axum `Router`; [`TowerHandler`] for the other way |
//! | `hyper` | HTTP/2, and upgrades that hyper's users can see, for what `serve_service` serves |

mod convert;
#[cfg(feature = "hyper")]
mod hyper;
mod tower;

pub use self::tower::{Application, HttpService, MakeKind, ServiceKind, TowerHandler};

/// Whatever went wrong in code of others.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
