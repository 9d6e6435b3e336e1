//! ringspun's HTTP/1 layer.

#![forbid(unsafe_code)]

mod handler;
mod message;
mod percent;
pub mod proto;
mod router;
mod server;

pub use http::{HeaderName, HeaderValue, Method, StatusCode, Version};

pub use self::handler::Handler;
pub use self::message::{Body, BodyError, Headers, IntoResponse, Request, Response};
pub use self::proto::InvalidHeader;
pub use self::router::{RouteError, Router};
pub use self::server::{Ended, Limits, Serve, Server};
