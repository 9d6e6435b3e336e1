//! The servers: the same application on `axum::serve`, and on ringspun in both of its surroundings.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use axum::Router;
use tokio::sync::oneshot;

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// `axum::serve` on tokio: the model.
    Axum,
    /// `ringspun::serve`, awaited under tokio.
    RingspunUnderTokio,
    /// `ringspun::serve` in a ringspun runtime, with tokio's one thread beside it.
    Ringspun,
}

impl Server {
    /// All of them, the model first.
    pub const ALL: [Self; 3] = [Self::Axum, Self::RingspunUnderTokio, Self::Ringspun];
}

/// A server on a thread of its own, for the duration of a test.
#[derive(Debug)]
pub struct Host {
    /// Where it listens.
    pub addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// Serves `app`, which is made where the server runs.
    pub fn start(server: Server, app: impl FnOnce() -> Router + Send + 'static) -> Self {
        match server {
            Server::Axum => Self::run_axum(move |listener, end| async move {
                let app = app().into_make_service_with_connect_info::<SocketAddr>();
                let serve = axum::serve(listener, app);
                serve.with_graceful_shutdown(end).await.expect("serves");
            }),
            Server::RingspunUnderTokio => Self::run_axum(move |listener, end| async move {
                let app = app().into_make_service_with_connect_info::<SocketAddr>();
                let serve = ringspun::serve(listener, app);
                serve.with_graceful_shutdown(end).await.expect("serves");
            }),
            Server::Ringspun => Self::run_ringspun(app),
        }
    }

    fn run_axum<F, Fut>(serve: F) -> Self
    where
        F: FnOnce(tokio::net::TcpListener, End) -> Fut + Send + 'static,
        Fut: Future<Output = ()>,
    {
        Self::on_thread(move |tell, stop| {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
                let listener = listener.await.expect("listens");
                tell.send(listener.local_addr().expect("an address"))
                    .expect("the test waits");
                serve(listener, Box::pin(ended(stop))).await;
            });
        })
    }

    fn run_ringspun(app: impl FnOnce() -> Router + Send + 'static) -> Self {
        Self::on_thread(move |tell, stop| {
            let runtime = ringspun::Builder::new()
                .cores(2)
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
                let listener = listener.expect("listens");
                tell.send(listener.local_addr().expect("an address"))
                    .expect("the test waits");
                let app = app().into_make_service_with_connect_info::<SocketAddr>();
                let serve = ringspun::serve(listener, app);
                let serve = serve.with_graceful_shutdown(ended(stop));
                serve.await.expect("serves");
            });
        })
    }

    fn on_thread(
        run: impl FnOnce(mpsc::Sender<SocketAddr>, oneshot::Receiver<()>) + Send + 'static,
    ) -> Self {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || run(tell, stopped));
        Self {
            addr: told.recv().expect("the server starts"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

/// The end of a server, as a future.
type End = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

async fn ended(stop: oneshot::Receiver<()>) {
    // Dropped or sent: both say stop.
    let _ = stop.await;
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended
                .expect("there until now")
                .expect("the server does not panic");
        }
    }
}
