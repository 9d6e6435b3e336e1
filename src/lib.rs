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
//! | [`http`] | the HTTP/1 server |
//! | [`signal`] | signals as futures |
//!
//! There are no cargo features yet: all of it is there.
#![doc = include_str!("../README.md")]

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
