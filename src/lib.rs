//! ringspun: an async network server framework.

pub use ringspun_macros::{main, test};
pub use ringspun_runtime::{
    Builder, CoreMetrics, EnterGuard, Handle, JoinHandle, Metrics, NoRuntime, Runtime, current_core,
    spawn, task, time,
};
