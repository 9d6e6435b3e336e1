//! The client: requests to servers, over connections that are kept.
//!
//! ```text
//!  Client::request --> Pool --> a kept connection of this core, or Connect makes a new one
//!                                   |
//!                               Exchange    (exchange.rs: I/O and waiting, in the caller's task)
//!                                /  |   \
//!                           Input  ClientConn  Output      ClientConn is crate::proto's
//!                                   |
//!                               Reply --> its body goes on with the Exchange, which then goes
//!                                         back to the pool
//! ```
//!
//! - A [`Client`] is cheap to clone; clones share their connections. [`ClientBuilder`] has the table
//!   of limits.
//! - [`Request`](crate::Request) is the same type that handlers get; its target is a whole URL. A
//!   [`Reply`] is what comes back, a [`ClientError`] why nothing does.
//! - `http://` is spoken over TCP by [`Tcp`]. For `https://`, Unix sockets, or anything else there
//!   is the trait [`Connect`].
//! - What it does not do: follow redirects, keep cookies, decompress. All of it can be done with
//!   what a reply says.
//!
//! **Repeating a request.** A server may close a kept connection in the very moment in which a
//! request is sent on it. The request is then sent once more, on a new connection, if the old one
//! has been used before, no byte of a response has come, its body is at hand, and either its method
//! is idempotent (GET, HEAD, OPTIONS, TRACE, PUT, DELETE; RFC 9110 9.2.2) or not one byte of it has
//! gone out. Nothing else is ever repeated.

mod builder;
mod connect;
mod error;
mod exchange;
mod gate;
mod origin;
mod pool;
mod reply;
mod reply_body;
mod request;
mod rules;

pub use self::builder::ClientBuilder;
pub use self::connect::{Connect, Tcp};
pub use self::error::{ClientError, Phase};
pub use self::origin::Origin;
pub use self::reply::Reply;
pub use self::request::Client;
