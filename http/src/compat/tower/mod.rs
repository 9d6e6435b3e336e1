//! tower's services: as applications of our server, and our handlers as services.

mod application;
mod handler;
mod respond;
mod serve;
mod service;

pub use self::application::{Application, MakeKind, ServiceKind};
pub use self::handler::TowerHandler;
pub use self::service::HttpService;

#[cfg(feature = "hyper")]
pub(super) use self::{application::NO_ADDRESS, respond::Respond};
