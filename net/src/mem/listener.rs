//! [`MemListener`] and [`MemConnector`]: a backlog of streams.

use std::collections::VecDeque;
use std::future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use ringspun_runtime::budget;

use crate::mem::stream::{MemStream, pair};
use crate::stream::Listener;

/// A listener within the process and the handle that connects to it.
///
/// `capacity` bounds the bytes in flight in each direction of each connection. The backlog holds
/// [`MemListener::BACKLOG`] connections; then connecting waits.
///
/// # Examples
/// ```
/// # fn main() -> std::io::Result<()> {
/// # ringspun_runtime::Builder::new().cores(1).build()?.block_on(async {
/// use ringspun_net::mem;
///
/// let (mut listener, connector) = mem::listener(1024);
/// let mut client = connector.connect().await?;
/// let mut server = listener.accept().await?;
/// client.write_all(b"hi").await?;
/// let mut word = [0; 2];
/// server.read_exact(&mut word).await?;
/// # std::io::Result::Ok(()) }) }
/// ```
#[must_use]
pub fn listener(capacity: usize) -> (MemListener, MemConnector) {
    let shared = Arc::new(Shared {
        capacity,
        state: Mutex::new(State {
            backlog: VecDeque::new(),
            listening: true,
            connectors: 1,
            acceptor: None,
            connecting: Vec::new(),
        }),
    });
    (
        MemListener {
            shared: Arc::clone(&shared),
        },
        MemConnector { shared },
    )
}

/// Accepts connections made by its [`MemConnector`]s.
///
/// Dropped, it resets the connections nobody accepted and refuses new ones.
#[derive(Debug)]
pub struct MemListener {
    shared: Arc<Shared>,
}

impl MemListener {
    /// Connections that may wait to be accepted.
    pub const BACKLOG: usize = 1024;

    /// Accepts one connection.
    ///
    /// # Errors
    /// `NotConnected` when every [`MemConnector`] is gone and the backlog is empty.
    ///
    /// # Cancel safety
    /// A connection is either returned or still in the backlog.
    pub async fn accept(&mut self) -> io::Result<MemStream> {
        future::poll_fn(|cx| self.poll_accept(cx)).await
    }
}

impl Listener for MemListener {
    type Accepted = MemStream;
    type Stream = MemStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<MemStream>> {
        let proceed = ready!(budget::poll_proceed(cx));
        let mut state = self.shared.lock();
        let result = match state.take() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let old = state.acceptor.replace(cx.waker().clone());
                drop(state);
                drop(old);
                return Poll::Pending;
            }
            result => result,
        };
        let connecting = std::mem::take(&mut state.connecting);
        drop(state);
        connecting.into_iter().for_each(Waker::wake);
        proceed.made_progress();
        Poll::Ready(result)
    }

    fn try_accept(&mut self) -> io::Result<MemStream> {
        let mut state = self.shared.lock();
        let result = state.take();
        let connecting = std::mem::take(&mut state.connecting);
        drop(state);
        connecting.into_iter().for_each(Waker::wake);
        result
    }

    fn open(accepted: MemStream, _core: usize) -> io::Result<MemStream> {
        Ok(accepted)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

impl Drop for MemListener {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.listening = false;
        let backlog = std::mem::take(&mut state.backlog);
        let connecting = std::mem::take(&mut state.connecting);
        let acceptor = state.acceptor.take();
        drop(state);
        for stream in &backlog {
            stream.wire.reset();
        }
        drop((backlog, acceptor));
        connecting.into_iter().for_each(Waker::wake);
    }
}

/// Connects to its [`MemListener`]; clones connect to the same one.
#[derive(Debug)]
pub struct MemConnector {
    shared: Arc<Shared>,
}

impl MemConnector {
    /// Opens a connection. Like TCP it is usable before the listener accepts it.
    ///
    /// # Errors
    /// `ConnectionRefused` when the listener is gone.
    ///
    /// # Cancel safety
    /// A call that is dropped has opened nothing.
    pub async fn connect(&self) -> io::Result<MemStream> {
        future::poll_fn(|cx| self.shared.poll_connect(cx)).await
    }
}

impl Clone for MemConnector {
    fn clone(&self) -> Self {
        self.shared.lock().connectors += 1;
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for MemConnector {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.connectors -= 1;
        let acceptor = if state.connectors == 0 {
            state.acceptor.take()
        } else {
            None
        };
        drop(state);
        if let Some(waker) = acceptor {
            waker.wake();
        }
    }
}

#[derive(Debug)]
struct Shared {
    /// Bytes per direction of the streams made here.
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The far ends of connections that wait to be accepted, oldest first.
    backlog: VecDeque<MemStream>,
    /// Whether the listener is there.
    listening: bool,
    /// Handles that can connect.
    connectors: usize,
    /// The task that waits in `accept`, while the backlog is empty.
    acceptor: Option<Waker>,
    /// Tasks that wait for room in the backlog. All are woken when there is some: the ones that
    /// were dropped meanwhile then swallow nothing.
    connecting: Vec<Waker>,
}

impl State {
    fn take(&mut self) -> io::Result<MemStream> {
        match self.backlog.pop_front() {
            Some(stream) => Ok(stream),
            None if self.connectors == 0 => Err(io::ErrorKind::NotConnected.into()),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Shared {
    fn poll_connect(&self, cx: &mut Context<'_>) -> Poll<io::Result<MemStream>> {
        let proceed = ready!(budget::poll_proceed(cx));
        let mut state = self.lock();
        if !state.listening {
            return Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        if state.backlog.len() >= MemListener::BACKLOG {
            if !state
                .connecting
                .iter()
                .any(|waker| waker.will_wake(cx.waker()))
            {
                state.connecting.push(cx.waker().clone());
            }
            return Poll::Pending;
        }
        let (near, far) = pair(self.capacity);
        state.backlog.push_back(far);
        let acceptor = state.acceptor.take();
        drop(state);
        if let Some(waker) = acceptor {
            waker.wake();
        }
        proceed.made_progress();
        Poll::Ready(Ok(near))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under the lock except an allocation, which leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
