//! Every value to every receiver, out of a bounded ring.
//!
//! ```text
//!                      first                 next
//!   (dropped) ... | v5 v6 v7 v8 v9 ... v12 |      send appends; a full ring drops v5
//!                     ^          ^         ^
//!                receiver A   receiver B   receiver C: waits
//! ```
//!
//! Values are numbered. The ring keeps at most `capacity` of them, `first..next`; each receiver has the number
//! that it wants next. One that wants a number before `first` has *lagged*: it is told how many it has missed,
//! and goes on with `first`.
//!
//! Each value says how many receivers have not come to it yet. The last of them takes it out; so a value is kept
//! for as long as somebody wants it, and the last receiver gets the original, the others clones.
//!
//! The ring is behind a lock, under which no user code runs: values are in an `Arc`, which is cloned under the
//! lock, while the value is cloned or dropped after it. (Clones are made by several receivers at once: the value
//! must be `Sync`, which `Arc` sees to; RUSTSEC-2025-0023 was a channel that forgot.) Whoever waits does so in a
//! [`Notify`], told after the lock is released.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::loom::Mutex;
use crate::sync::Notify;

pub use super::SendError;

/// A channel whose receivers all get every value that is sent after they have subscribed. It keeps the latest
/// `capacity` values for those who are slow; who is slower still misses the oldest.
///
/// Sending never waits. For a channel whose senders wait for their receivers use one channel for each of them.
///
/// ```
/// use ringspun_runtime::channel::broadcast::{self, RecvError};
///
/// # ringspun_runtime::Builder::new().cores(1).build().unwrap().block_on(async {
/// let (sender, mut fast) = broadcast::channel(2);
/// let mut slow = sender.subscribe();
/// for i in 0..3 {
///     sender.send(i).unwrap();
///     assert_eq!(fast.recv().await, Ok(i));
/// }
/// // It has missed one, and is told so.
/// assert_eq!(slow.recv().await, Err(RecvError::Lagged(1)));
/// assert_eq!(slow.recv().await, Ok(1));
/// drop(sender);
/// assert_eq!(slow.recv().await, Ok(2));
/// assert_eq!(slow.recv().await, Err(RecvError::Closed));
/// # });
/// ```
///
/// Values are cloned by several threads at once, so they must be `Sync` to go to other threads:
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::channel::broadcast;
/// fn sent<T: Send>() {}
/// sent::<broadcast::Sender<std::cell::Cell<u8>>>();
/// ```
///
/// ```compile_fail,E0277
/// # use ringspun_runtime::channel::broadcast;
/// fn sent<T: Send>() {}
/// sent::<broadcast::Receiver<std::cell::Cell<u8>>>();
/// ```
///
/// # Panics
///
/// If `capacity` is 0.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "a broadcast channel keeps at least one value");
    let shared = Arc::new(Shared {
        capacity,
        ring: Mutex::new(Ring {
            values: VecDeque::new(),
            next: 0,
            senders: 1,
            receivers: 1,
        }),
        news: Notify::new(),
    });
    let receiver = Receiver {
        shared: shared.clone(),
        next: 0,
    };
    (Sender { shared }, receiver)
}

struct Shared<T> {
    capacity: usize,
    ring: Mutex<Ring<T>>,
    /// Told of each value, and of the end of the last sender.
    news: Notify,
}

impl<T> Shared<T> {
    /// The value that a receiver wants next, or why there is none.
    fn look(&self, next: &mut u64) -> Result<Arc<T>, TryRecvError> {
        let mut ring = self.ring.lock();
        let first = ring.first();
        if *next < first {
            let missed = first - *next;
            *next = first;
            return Err(TryRecvError::Lagged(missed));
        }
        if *next < ring.next {
            *next += 1;
            return Ok(ring.take(*next - 1));
        }
        Err(if ring.senders == 0 {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        })
    }
}

struct Ring<T> {
    /// Those of the numbers `first()..next`. The first one is wanted by somebody.
    values: VecDeque<Kept<T>>,
    /// The number of the next value.
    next: u64,
    senders: usize,
    receivers: usize,
}

struct Kept<T> {
    /// `None` once nobody wants it.
    value: Option<Arc<T>>,
    /// Receivers that have not come to it.
    wanted: usize,
}

impl<T> Ring<T> {
    /// The number of the oldest value that is kept.
    fn first(&self) -> u64 {
        self.next - self.values.len() as u64
    }

    /// One receiver has come to value `number`, which is kept.
    fn take(&mut self, number: u64) -> Arc<T> {
        let index = (number - self.first()) as usize;
        let kept = &mut self.values[index];
        kept.wanted -= 1;
        let value = if kept.wanted == 0 {
            kept.value.take()
        } else {
            kept.value.clone()
        };
        while self.values.front().is_some_and(|kept| kept.wanted == 0) {
            self.values.pop_front();
        }
        value.expect("who has not come to a value has it kept")
    }
}

/// The sending end. Clones send into the same channel. Made by [`channel`].
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends a value to all who are receivers now, and says how many they are. Never waits: a full ring drops its
    /// oldest value.
    ///
    /// # Errors
    ///
    /// [`SendError`] with the value, if there is no receiver.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let shared = &*self.shared;
        let value = Arc::new(value);
        let mut ring = shared.ring.lock();
        let receivers = ring.receivers;
        if receivers == 0 {
            drop(ring);
            let value = Arc::into_inner(value).expect("it was not shared");
            return Err(SendError(value));
        }
        let full = ring.values.len() == shared.capacity;
        let oldest = if full { ring.values.pop_front() } else { None };
        ring.values.push_back(Kept {
            value: Some(value),
            wanted: receivers,
        });
        ring.next += 1;
        drop(ring);
        shared.news.notify_waiters();
        drop(oldest);
        Ok(receivers)
    }

    /// A new receiver, of the values that are sent from now on.
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(&self.shared)
    }

    /// Values that some receiver has not come to.
    pub fn len(&self) -> usize {
        self.shared.ring.lock().values.len()
    }

    /// Whether all receivers have come to all values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Receivers that there are now.
    pub fn receiver_count(&self) -> usize {
        self.shared.ring.lock().receivers
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.ring.lock().senders += 1;
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut ring = self.shared.ring.lock();
        ring.senders -= 1;
        let last = ring.senders == 0;
        drop(ring);
        if last {
            self.shared.news.notify_waiters();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("len", &self.len())
            .field("receivers", &self.receiver_count())
            .finish()
    }
}

/// A receiving end. Made by [`channel`] and [`Sender::subscribe`].
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the value it wants.
    next: u64,
}

impl<T> Receiver<T> {
    fn new(shared: &Arc<Shared<T>>) -> Self {
        let mut ring = shared.ring.lock();
        ring.receivers += 1;
        Self {
            shared: shared.clone(),
            next: ring.next,
        }
    }

    /// A new receiver, of the values that are sent from now on.
    pub fn resubscribe(&self) -> Self {
        Self::new(&self.shared)
    }

    /// Values that it can receive now, without those that it has missed.
    pub fn len(&self) -> usize {
        let ring = self.shared.ring.lock();
        (ring.next - self.next.max(ring.first())) as usize
    }

    /// Whether it would have to wait.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next value.
    ///
    /// # Errors
    ///
    /// [`RecvError::Lagged`] if values have been dropped that it had not come to; the next call gives the oldest
    /// one that is kept. [`RecvError::Closed`] if the senders are gone, and all has been received.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped has received nothing.
    pub async fn recv(&mut self) -> Result<T, RecvError> {
        let Self { shared, next } = self;
        let found = shared.news.until(|| match shared.look(next) {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
            Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
            Err(TryRecvError::Empty) => None,
        });
        found.await.map(Arc::unwrap_or_clone)
    }

    /// The next value, if it has been sent.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv), and [`TryRecvError::Empty`] where that would wait.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.shared.look(&mut self.next).map(Arc::unwrap_or_clone)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut ring = self.shared.ring.lock();
        ring.receivers -= 1;
        let unread = self.next.max(ring.first())..ring.next;
        // Values that nobody else wants are dropped after the lock.
        let mut values = Vec::new();
        for number in unread {
            values.push(ring.take(number));
        }
        drop(ring);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("len", &self.len())
            .finish()
    }
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// The senders are gone, and all has been received.
    Closed,
    /// So many values were dropped before this receiver had come to them.
    Lagged(u64),
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the channel is closed"),
            Self::Lagged(missed) => write!(f, "the receiver was too slow for {missed} values"),
        }
    }
}

impl std::error::Error for RecvError {}

/// Why there is no value at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// The next one has not been sent.
    Empty,
    /// The senders are gone, and all has been received.
    Closed,
    /// So many values were dropped before this receiver had come to them.
    Lagged(u64),
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("no value was sent yet"),
            Self::Closed => f.write_str("the channel is closed"),
            Self::Lagged(missed) => write!(f, "the receiver was too slow for {missed} values"),
        }
    }
}

impl std::error::Error for TryRecvError {}
