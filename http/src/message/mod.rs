//! Requests, responses and their bodies.
//!
//! They are small types of our own, made of the `http` crate's words ([`Method`](http::Method),
//! [`StatusCode`](http::StatusCode), ...), with conversions both ways. A [`Request`] is a pointer
//! to recycled memory and a body; a [`Response`] needs no memory until a header is added.

mod body;
mod body_error;
mod convert;
mod file_part;
mod headers;
#[cfg(feature = "http-body")]
mod http_body;
mod into_response;
#[cfg(feature = "json")]
mod json;
mod parts;
mod pipe;
mod request;
mod response;
mod streamed;

pub use self::body::Body;
pub use self::body_error::BodyError;
pub use self::headers::Headers;
pub use self::into_response::IntoResponse;
#[cfg(feature = "json")]
pub use self::json::Json;
pub use self::request::Request;
pub use self::response::Response;
pub use self::streamed::Frame;

pub(crate) use self::body::Plain;
#[cfg(feature = "tower")]
pub(crate) use self::convert::response_of;
pub(crate) use self::file_part::{FilePart, cut_short, read_at};
pub(crate) use self::parts::Parts;
pub(crate) use self::pipe::{Feeder, pipe};
