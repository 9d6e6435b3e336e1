//! The facade: everything a program uses, under one name.
//!
//! | part | what it holds |
//! |---|---|
//! | the root | the runtime: [`main`], [`test`], [`spawn`], [`spawn_blocking`], [`Builder`], [`Handle`] |
//! | [`task`] | join handles, yielding |
//! | [`time`] | sleeping, timeouts, intervals |
//! | [`channel`], [`select!`] | messages between tasks, with Go's meaning |
//! | [`mesh`] | messages between the tasks of different cores |
//! | [`scope`] | cancellation, deadlines, groups of tasks, cleanups |
//! | [`sync`] | locks, semaphores, notifications, barriers |
//! | [`net`] | TCP, in-memory transport, acceptors |
//! | [`http`] | the HTTP/1 server and client |
//! | `serve` | one line in place of `axum::serve`, with the feature `tower` |
//! | [`signal`] | signals as futures |
//! | [`guide`] | how to do it: a page for each question, and what you know from tokio and Go |
//!
//! # Cargo features
//!
//! All of that is there without any. Features open it to other crates, and change nothing else:
//!
//! | feature | what it brings |
//! |---|---|
//! | `tokio` | every thread of the runtime is in a context of tokio's, so that `tokio::spawn`, `tokio::time` and the crates built on them work in tasks; tokio's I/O traits on streams |
//! | `http-body` | `http_body::Body` on [`http::Body`], and back |
//! | `json` | bodies as JSON, by serde: `Request::json`, `Json` |
//! | `tower` | `serve` for any `tower` service, such as an axum `Router`; handlers as services; brings `http-body` |
//! | `hyper` | hyper's I/O traits, executor and timer; HTTP/2 and hyper's upgrades for what `serve` serves; brings `tower` |
//!
//! An axum application wants `features = ["tokio", "hyper"]`, and `ringspun::serve` in place of `axum::serve`.
#![doc = include_str!("../README.md")]

pub mod guide;
#[cfg(feature = "tower")]
pub mod serve;

pub use ringspun_http as http;
pub use ringspun_macros::{main, test};
pub use ringspun_net as net;
pub use ringspun_net::signal;
pub use ringspun_runtime::{
    BlockingMetrics, Builder, CoreHandle, CoreMetrics, Dump, EnterGuard, Handle, Histogram,
    JoinHandle, Metrics, NoRuntime, Runtime, Snapshot, SnapshotGuard, TaskDump, TaskState, backlog,
    block_in_place, budget, channel, current_core, io, mesh, scope, select, spawn, spawn_blocking,
    spawn_local, sync, task, time,
};
#[cfg(feature = "tower")]
pub use serve::serve;
