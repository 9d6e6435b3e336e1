//! Synchronisation between tasks: waiting never blocks a thread, and allocates nothing.
//!
//! | type | what it is |
//! |---|---|
//! | [`Notify`] | a wake-up without a value: for one that waits, or for all |
//! | [`Semaphore`] | permits, given out first come, first served |
//! | [`Mutex`], [`RwLock`] | locks that may be held across an await; fair |
//! | [`Barrier`] | so many tasks wait for one another |
//! | [`WaitGroup`] | waits for work to be done, as Go's does |
//!
//! ```text
//!   Mutex   RwLock      Barrier   WaitGroup   channel::{watch, broadcast}
//!       \   /                  \      |      /
//!     Semaphore                 \     |     /
//!          \                      Notify
//!           \                     /
//!            waiter (one wait: a node in the future, its state, its waker)
//!                    |
//!            wait_list (the list behind a lock)
//! ```
//!
//! Only `Semaphore` and `Notify` know about waiting; the others are a few lines over them. Each of the two
//! is one atomic word, which alone decides while nobody waits, and a list behind a lock for those who do.
//! Wakers are woken, cloned and dropped with no lock held.

mod barrier;
mod mutex;
mod notify;
mod permit;
mod rwlock;
mod semaphore;
mod wait_group;
mod waiter;

#[cfg(all(test, loom))]
mod loom_notify;
#[cfg(all(test, loom))]
mod loom_semaphore;

pub use self::barrier::{Barrier, BarrierWaitResult};
pub use self::mutex::{Mutex, MutexGuard, OwnedMutexGuard, TryLockError};
pub use self::notify::{Notified, Notify};
pub use self::permit::{OwnedPermit, Permit};
pub use self::rwlock::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
pub use self::semaphore::{AcquireError, Semaphore, TryAcquireError};
pub use self::wait_group::{WaitGroup, Worker};
