//! The guide: one page for each question, ten minutes at most.
//!
//! | page | after it you can |
//! |---|---|
//! | [`first_server`] | write, run, test and stop a server |
//! | [`routing`] | say which handler answers what, share state, answer errors |
//! | [`bodies`] | take and send bytes, JSON, streams, files, events and trailers |
//! | [`limits`] | say what a client may cost, and see how often that has struck |
//! | [`client`] | ask other servers, and write a proxy |
//! | [`shutdown`] | restart behind a load balancer without losing a request |
//! | [`upgrade`] | speak WebSocket, tunnel CONNECT, hand a connection to another library |
//! | [`axum`] | run an axum application, or anything on `tower`, by changing one line |
//! | [`concurrency`] | use channels, `select!`, cancellation and groups of tasks |
//! | [`tuning`] | find out why it is slow, and what to set |
//! | [`many_cores`] | run it on 64 to 192 cores: CPUs, interrupts, listeners, limits |
//! | [`tokio_users`] | translate from tokio, and know what differs |
//! | [`go_users`] | translate from Go, and know what differs |
//!
//! In a hurry: [`first_server`], then [`limits`] and [`shutdown`] before it goes on the internet.
//!
//! Every code block is compiled with the tests of the crate. What is exact about one item, such as
//! errors and cancel safety, is said at the item; the pages link there.

pub mod axum;
pub mod bodies;
pub mod client;
pub mod concurrency;
pub mod first_server;
pub mod go_users;
pub mod limits;
pub mod many_cores;
pub mod routing;
pub mod shutdown;
pub mod tokio_users;
pub mod tuning;
pub mod upgrade;
