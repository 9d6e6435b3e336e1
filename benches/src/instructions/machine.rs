//! The runtime that everything is counted on.

use std::time::Duration;

use ringspun::{Builder, Runtime};

use crate::aside::aside;

/// One core whose watchdog never comes: it would when the clock wants it. Started [`aside`]: to gauge its
/// counter it spins for a time, not for a number of rounds.
pub(crate) fn runtime() -> Runtime {
    let builder = Builder::new().cores(1).watchdog(NEVER);
    aside(|| builder.build()).expect("a runtime")
}

/// Some days, on the slower clock.
const NEVER: Duration = Duration::from_secs(3600);

/// Runs a future as a task on the core.
pub(crate) fn on_the_core<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    let runtime = runtime();
    let task = runtime.handle().spawn(future);
    runtime.block_on(task).expect("no panic")
}
