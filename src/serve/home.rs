//! A runtime for what is served outside of one.
//!
//! It lives as long as anything is served in it. Under tokio, all that is served from one runtime of
//! tokio's shares one of ours; two servers do not start twice the threads.

use std::future::Future;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use ringspun_runtime::task::AbortHandle;
use ringspun_runtime::{Builder, Handle, Runtime};

/// Runs a future in the current runtime, or as a task of one that is started for it.
pub(super) async fn run_inside(
    future: impl Future<Output = io::Result<()>> + Send + 'static,
) -> io::Result<()> {
    if Handle::try_current().is_ok() {
        return future.await;
    }
    let home = Home::find()?;
    let task = home.runtime().handle().spawn(future);
    let _abort = AbortOnDrop(task.abort_handle());
    task.await.unwrap_or_else(|error| {
        if error.is_panic() {
            resume_unwind(error.into_panic());
        }
        Err(io::Error::other("the runtime that served was shut down"))
    })
}

/// A share in a runtime.
struct Home(
    /// Present until the drop.
    Option<Arc<Runtime>>,
);

impl Home {
    /// That of the tokio runtime here, if there is one already; else a new one.
    fn find() -> io::Result<Self> {
        let key = key();
        // Nothing panics under the lock that leaves the list half changed.
        let mut homes = HOMES.lock().unwrap_or_else(PoisonError::into_inner);
        homes.retain(|(_, runtime)| runtime.strong_count() > 0);
        let known = homes.iter().find(|(other, _)| *other == key);
        if let Some(runtime) = known.and_then(|(_, runtime)| runtime.upgrade()) {
            return Ok(Self(Some(runtime)));
        }
        let runtime = Arc::new(Builder::new().build()?);
        homes.push((key, Arc::downgrade(&runtime)));
        Ok(Self(Some(runtime)))
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("there until the drop")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let runtime = self.0.take().and_then(Arc::into_inner);
        // Shutting down waits for threads, which nobody may do here: this is somebody's executor.
        if let Some(runtime) = runtime {
            let ending = thread::Builder::new().name("ringspun-ending".to_owned());
            // The closure and the runtime in it are dropped here if there is no thread.
            drop(ending.spawn(move || drop(runtime)));
        }
    }
}

static HOMES: Mutex<Vec<(Key, Weak<Runtime>)>> = Mutex::new(Vec::new());

/// What may share a runtime: whatever is in the same context of tokio's.
#[cfg(feature = "tokio")]
type Key = Option<tokio::runtime::Id>;
#[cfg(not(feature = "tokio"))]
#[derive(Clone, Copy, PartialEq)]
struct Key;

#[cfg(feature = "tokio")]
fn key() -> Key {
    tokio::runtime::Handle::try_current()
        .ok()
        .map(|handle| handle.id())
}

#[cfg(not(feature = "tokio"))]
const fn key() -> Key {
    Key
}

/// The server ends with the future that waits for it.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
