//! The server: listeners, connections, limits, and how it ends.
//!
//! ```text
//!  Server::bind --> Serve (a future) --> Acceptor of ringspun_net, one listener per core
//!                                            | accepts, places the task on the same core or
//!                                            | on one with clearly fewer connections
//!                                            v
//!                                        Connection  (connection.rs: I/O and waiting)
//!                                            |
//!                                        Exchange    (exchange/: order of things, no I/O)
//!                                         /  |   \
//!                                    Input  Conn  Output      Conn is crate::proto's
//! ```

mod admission;
pub(crate) mod alarm;
mod config;
mod connection;
mod exchange;
pub(crate) mod input;
mod linger;
pub(crate) mod output;
mod pace;
mod readiness;
mod serve;
mod service;
mod shutdown;
mod stop;
mod strikes;
mod take_over;
mod task;

pub use self::config::Limits;
pub use self::readiness::Readiness;
pub use self::serve::{Serve, Server};
pub use self::shutdown::Ended;
pub use self::strikes::{Limit, Strikes};
pub use self::take_over::{Opening, TakeOver};

pub(crate) use self::stop::Stop;
#[cfg(feature = "tower")]
pub(crate) use self::{
    service::{Rules, Service},
    task::Task,
};
