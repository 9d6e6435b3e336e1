//! tokio's context on our threads.
//!
//! Much of the ecosystem asks a thread-local of tokio's for a reactor and a timer, and panics where there
//! is none. So every thread of ours enters a tokio runtime for its life. The tasks stay ours; tokio's
//! threads drive its sockets and timers, run what `tokio::spawn` is given, and wake our tasks through
//! their wakers.
//!
//! Which runtime: the builder's, else the one that `build` is called in, else [`of_process`].
//!
//! To tokio our threads are outside of its runtimes: its cooperative budget does not count there (ours
//! does, see [`budget`](crate::budget)), and its `block_in_place` just runs the function, so our monitor
//! hands the core on.

use std::io;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

/// Enters `chosen`, or the best there is, around the life of a thread.
pub(crate) fn hook(
    chosen: Option<&Handle>,
) -> io::Result<impl Fn(&mut dyn FnMut()) + Send + Sync + 'static> {
    let handle = match chosen {
        Some(handle) => handle.clone(),
        None => match Handle::try_current() {
            Ok(handle) => handle,
            Err(_) => of_process()?,
        },
    };
    Ok(move |life: &mut dyn FnMut()| {
        let _entered = handle.enter();
        life();
    })
}

/// One runtime for all of ours that find none. It has one thread, which sleeps unless something of
/// tokio's happens, and lives as long as the process.
fn of_process() -> io::Result<Handle> {
    static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);
    // Nothing panics under the lock that leaves it half done.
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*runtime {
        return Ok(runtime.handle().clone());
    }
    let started = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("tokio-driver")
        .enable_all()
        .build()
        .map_err(|error| {
            let text = format!("cannot start the thread that drives tokio: {error}");
            io::Error::new(error.kind(), text)
        })?;
    Ok(runtime.insert(started).handle().clone())
}
