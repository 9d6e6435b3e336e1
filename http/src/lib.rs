//! ringspun's HTTP/1 layer.

#![forbid(unsafe_code)]

mod clock;
mod message;
mod percent;
pub mod proto;

pub use http::{HeaderName, HeaderValue, Method, StatusCode, Version};

pub use self::message::{Body, BodyError, Headers, IntoResponse, Request, Response};
pub use self::proto::InvalidHeader;
