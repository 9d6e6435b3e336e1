//! What applications use of tokio.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::{fs, net, task, time};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::IntervalStream;

use super::Shared;

/// Seen by whoever compares the answers.
struct Failed(std::io::Error);

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0.to_string()).into_response()
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/tokio/channels", get(channels))
        .route("/tokio/locks", get(locks))
        .route("/tokio/select", get(select))
        .route("/tokio/sleep", get(sleep))
        .route("/tokio/interval", get(interval))
        .route("/tokio/timeout", get(timeout))
        .route(
            "/tokio/spawn",
            get(async || task::spawn(async { "spawned\n" }).await.expect("no panic")),
        )
        .route("/tokio/join-set", get(join_set))
        .route(
            "/tokio/blocking",
            get(async || {
                task::spawn_blocking(|| "blocked\n")
                    .await
                    .expect("no panic")
            }),
        )
        .route(
            "/tokio/in-place",
            get(async || task::block_in_place(|| "in place\n")),
        )
        .route("/tokio/fs", get(files))
        .route("/tokio/net", get(network))
        .route("/tokio/local", get(local))
        .route("/tokio/process", get(process))
        .route("/tokio/budget", get(budget))
        .route("/fetch/{port}", get(fetch))
}

async fn channels() -> String {
    let (sender, mut receiver) = mpsc::channel(1);
    let (one, other) = oneshot::channel();
    let (all, mut each) = broadcast::channel(4);
    let (set, mut seen) = watch::channel(0);
    task::spawn(async move {
        for n in 1..=3 {
            sender.send(n).await.expect("received");
        }
        one.send(4).expect("received");
        all.send(5).expect("received");
        set.send(6).expect("received");
    });
    let mut numbers = Vec::new();
    while let Some(n) = receiver.recv().await {
        numbers.push(n);
    }
    numbers.push(other.await.expect("sent"));
    numbers.push(each.recv().await.expect("sent"));
    numbers.push(*seen.wait_for(|n| *n > 0).await.expect("sent"));
    format!("{numbers:?}\n")
}

async fn locks() -> String {
    let (mutex, lock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
    let (semaphore, notify) = (Arc::new(Semaphore::new(2)), Arc::new(Notify::new()));
    let mut tasks = JoinSet::new();
    for _ in 0..10 {
        let (mutex, lock, semaphore) = (mutex.clone(), lock.clone(), semaphore.clone());
        tasks.spawn(async move {
            let _permit = semaphore.acquire().await.expect("open");
            *mutex.lock().await += 1;
            *lock.write().await += 1;
        });
    }
    let told = notify.clone();
    tasks.spawn(async move { told.notify_one() });
    notify.notified().await;
    tasks.join_all().await;
    format!("{} {}\n", mutex.lock().await, lock.read().await)
}

async fn select() -> &'static str {
    let (sender, mut receiver) = mpsc::channel::<&str>(1);
    task::spawn(async move {
        time::sleep(Duration::from_millis(5)).await;
        sender.send("received\n").await.expect("the receiver waits");
    });
    tokio::select! {
        () = time::sleep(Duration::from_secs(60)) => "slept\n",
        Some(text) = receiver.recv() => text,
    }
}

async fn sleep() -> String {
    let start = time::Instant::now();
    time::sleep(Duration::from_millis(20)).await;
    format!("{}\n", start.elapsed() >= Duration::from_millis(20))
}

async fn interval() -> String {
    let mut ticks = IntervalStream::new(time::interval(Duration::from_millis(2))).take(3);
    let mut count = 0;
    while ticks.next().await.is_some() {
        count += 1;
    }
    format!("{count} ticks\n")
}

async fn timeout() -> String {
    let never = time::timeout(Duration::from_millis(5), std::future::pending::<()>());
    format!("{:?}\n", never.await)
}

async fn join_set() -> String {
    let mut tasks: JoinSet<_> = (0..20)
        .map(|n| async move {
            task::yield_now().await;
            n
        })
        .collect();
    let mut sum = 0;
    while let Some(n) = tasks.join_next().await {
        sum += n.expect("no panic");
    }
    format!("{sum}\n")
}

async fn files() -> Result<String, Failed> {
    static FILES: AtomicU64 = AtomicU64::new(0);
    let number = FILES.fetch_add(1, Relaxed);
    let name = format!("ringspun-compat-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, "a file\n").await?;
    let mut file = fs::OpenOptions::new().append(true).open(&path).await?;
    file.write_all(b"of two lines\n").await?;
    file.flush().await?;
    let text = fs::read_to_string(&path).await?;
    fs::remove_file(&path).await?;
    Ok(text)
}

async fn network() -> Result<String, Failed> {
    let listener = net::TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    let server = task::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut word = [0; 4];
        stream.read_exact(&mut word).await?;
        word.reverse();
        stream.write_all(&word).await
    });
    let mut client = net::TcpStream::connect(addr).await?;
    client.write_all(b"abcd").await?;
    let mut text = String::new();
    client.read_to_string(&mut text).await?;
    server.await.expect("no panic")?;
    Ok(text)
}

/// `!Send` futures, on a thread of the application's own.
async fn local() -> String {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let local = task::LocalSet::new();
        let text = local.block_on(&runtime.expect("a runtime"), async {
            let text = std::rc::Rc::new("local\n");
            task::spawn_local(async move { *text })
                .await
                .expect("no panic")
        });
        sender.send(text).expect("the handler waits");
    });
    receiver.await.expect("sent").to_owned()
}

async fn process() -> Result<String, Failed> {
    let output = tokio::process::Command::new("echo")
        .arg("child")
        .output()
        .await?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Far more operations than tokio's budget for one poll allows.
async fn budget() -> String {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for n in 0..10_000_u64 {
        sender.send(n).expect("received");
    }
    drop(sender);
    let mut sum = 0;
    while let Some(n) = receiver.recv().await {
        sum += n;
    }
    format!("{sum}\n")
}

/// Asks another server by reqwest.
async fn fetch(Path(port): Path<u16>) -> Result<String, String> {
    let url = format!("http://127.0.0.1:{port}/stream");
    let response = reqwest::get(url).await.map_err(|error| error.to_string())?;
    let status = response.status();
    let text = response.text().await.map_err(|error| error.to_string())?;
    Ok(format!("{status} {text}"))
}
