//! What the runtimes have in common.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// A runtime with a number of workers.
pub(crate) trait Peer: Sized {
    type JoinError: Debug;
    type Join<T: Send + 'static>: Future<Output = Result<T, Self::JoinError>> + Send;
    type Sleep: Future<Output = ()> + Send;
    type Client: Send;

    fn new(cores: usize) -> io::Result<Self>;

    /// Runs a future as a task, so that what it does happens on a worker; blocks until it is done.
    fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T;

    /// Spawns from inside the runtime.
    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Self::Join<T>;

    fn yield_now() -> impl Future<Output = ()> + Send;

    fn sleep(time: Duration) -> Self::Sleep;

    /// Moves a deadline.
    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant);

    /// Starts a TCP echo server on a free port, as a task that lives as long as the runtime.
    fn serve_echo(&self) -> io::Result<SocketAddr>;

    /// A connection to it, from inside the runtime.
    fn connect(addr: SocketAddr) -> impl Future<Output = io::Result<Self::Client>> + Send;

    /// Sends a message and waits for its echo.
    fn ask(client: &mut Self::Client) -> impl Future<Output = io::Result<()>> + Send;
}

#[derive(Debug)]
pub(crate) struct Ringspun(ringspun::Runtime);

impl Ringspun {
    pub(crate) fn handle(&self) -> &ringspun::Handle {
        self.0.handle()
    }
}

impl Peer for Ringspun {
    type JoinError = ringspun::task::JoinError;
    type Join<T: Send + 'static> = ringspun::JoinHandle<T>;
    type Sleep = ringspun::time::Sleep;
    type Client = ringspun::net::TcpStream;

    fn new(cores: usize) -> io::Result<Self> {
        ringspun::Builder::new().cores(cores).build().map(Self)
    }

    fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let task = self.0.handle().spawn(future);
        self.0.block_on(task).expect("a benchmark does not panic")
    }

    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Self::Join<T> {
        ringspun::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        ringspun::task::yield_now()
    }

    fn sleep(time: Duration) -> Self::Sleep {
        ringspun::time::sleep(time)
    }

    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant) {
        sleep.get_mut().reset(deadline);
    }

    fn serve_echo(&self) -> io::Result<SocketAddr> {
        use ringspun::net::TcpListener;

        self.run(async {
            let mut listener = TcpListener::bind("127.0.0.1:0")?;
            let addr = listener.local_addr();
            ringspun::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    ringspun::spawn(async move {
                        let mut message = [0; MESSAGE];
                        while stream.read_exact(&mut message).await.is_ok()
                            && stream.write_all(&message).await.is_ok()
                        {}
                    });
                }
            });
            addr
        })
    }

    async fn connect(addr: SocketAddr) -> io::Result<Self::Client> {
        let client = ringspun::net::TcpStream::connect(addr).await?;
        client.set_nodelay(true)?;
        Ok(client)
    }

    async fn ask(client: &mut Self::Client) -> io::Result<()> {
        let mut message = [0; MESSAGE];
        client.write_all(&message).await?;
        client.read_exact(&mut message).await.map(drop)
    }
}

#[derive(Debug)]
pub(crate) struct Tokio(tokio::runtime::Runtime);

impl Peer for Tokio {
    type JoinError = tokio::task::JoinError;
    type Join<T: Send + 'static> = tokio::task::JoinHandle<T>;
    type Sleep = tokio::time::Sleep;
    type Client = tokio::net::TcpStream;

    fn new(cores: usize) -> io::Result<Self> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores)
            .enable_all()
            .build()
            .map(Self)
    }

    fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> T {
        let task = self.0.spawn(future);
        self.0.block_on(task).expect("a benchmark does not panic")
    }

    fn spawn<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Self::Join<T> {
        tokio::spawn(future)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(time: Duration) -> Self::Sleep {
        tokio::time::sleep(time)
    }

    fn reset(sleep: Pin<&mut Self::Sleep>, deadline: Instant) {
        sleep.reset(deadline.into());
    }

    fn serve_echo(&self) -> io::Result<SocketAddr> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        use tokio::net::TcpListener;

        self.run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let addr = listener.local_addr();
            tokio::spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    tokio::spawn(async move {
                        let mut message = [0; MESSAGE];
                        while stream.read_exact(&mut message).await.is_ok()
                            && stream.write_all(&message).await.is_ok()
                        {}
                    });
                }
            });
            addr
        })
    }

    async fn connect(addr: SocketAddr) -> io::Result<Self::Client> {
        let client = tokio::net::TcpStream::connect(addr).await?;
        client.set_nodelay(true)?;
        Ok(client)
    }

    async fn ask(client: &mut Self::Client) -> io::Result<()> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let mut message = [0; MESSAGE];
        client.write_all(&message).await?;
        client.read_exact(&mut message).await.map(drop)
    }
}

/// Bytes of an echo.
pub(crate) const MESSAGE: usize = 64;
