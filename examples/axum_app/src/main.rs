//! An axum application on ringspun. The only line that differs from one on tokio is the last of `main`.
//!
//! ```sh
//! cargo run --release --manifest-path compat-tests/Cargo.toml -p axum_app -- 127.0.0.1:3000
//! curl -d '{"text":"buy milk"}' -H 'content-type: application/json' 127.0.0.1:3000/todos
//! curl 127.0.0.1:3000/todos
//! curl -N 127.0.0.1:3000/clock
//! ```
//!
//! What to look at: `#[tokio::main]`, tokio's listener, its channels and timers, tower-http's layers and
//! axum's WebSockets are as they were. The requests are answered by ringspun's threads (`/thread` says by
//! which); tokio's own run what `tokio::spawn` is given. SIGTERM ends it gracefully, which `axum::serve`
//! would have to be told.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::routing::{any, get};
use axum::{Json, Router};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

#[derive(Clone, Deserialize, Serialize)]
struct Todo {
    text: String,
    #[serde(default)]
    is_done: bool,
}

type Todos = Arc<Mutex<Vec<Todo>>>;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1);
    let limit = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(1));
    let app = Router::new()
        .route("/todos", get(list).post(add))
        .route("/todos/{at}", get(show).delete(remove))
        .route("/slow", get(slow))
        .layer(limit)
        .route(
            "/peer",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
        )
        .route("/thread", get(thread))
        .route("/clock", get(clock))
        .route(
            "/shout",
            any(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(shout)),
        )
        .layer(CompressionLayer::new())
        .layer(TraceLayer::new_for_http())
        .with_state(Todos::default())
        .into_make_service_with_connect_info::<SocketAddr>();
    let addr = addr.as_deref().unwrap_or("127.0.0.1:3000");
    let listener = tokio::net::TcpListener::bind(addr).await?;
    println!("listening on {}", listener.local_addr()?);
    // On tokio: axum::serve(listener, app).await
    ringspun::serve(listener, app).await
}

async fn list(State(todos): State<Todos>) -> Json<Vec<Todo>> {
    Json(todos.lock().expect("no panic under this lock").clone())
}

async fn add(State(todos): State<Todos>, Json(todo): Json<Todo>) -> (StatusCode, Json<Todo>) {
    todos
        .lock()
        .expect("no panic under this lock")
        .push(todo.clone());
    (StatusCode::CREATED, Json(todo))
}

async fn show(State(todos): State<Todos>, Path(at): Path<usize>) -> Result<Json<Todo>, StatusCode> {
    let todos = todos.lock().expect("no panic under this lock");
    todos
        .get(at)
        .cloned()
        .map(Json)
        .ok_or(StatusCode::NOT_FOUND)
}

async fn remove(State(todos): State<Todos>, Path(at): Path<usize>) -> StatusCode {
    let mut todos = todos.lock().expect("no panic under this lock");
    if at < todos.len() {
        todos.remove(at);
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

/// Cut short by the layer.
async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(60)).await;
    "at last\n"
}

/// Who answers, and who runs a spawned task.
async fn thread() -> String {
    let name = || {
        std::thread::current()
            .name()
            .map(str::to_owned)
            .unwrap_or_default()
    };
    let spawned = tokio::spawn(async move { name() }).await;
    format!("{} {}\n", name(), spawned.unwrap_or_default())
}

/// A number each tenth of a second.
async fn clock() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold(0, async |number| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok(Event::default().data(number.to_string())), number + 1))
    }))
}

async fn shout(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(text) = message
            && socket
                .send(Message::text(text.to_uppercase()))
                .await
                .is_err()
        {
            return;
        }
    }
}
