//! The application as a process, on the server named by the first argument, for `tests/million.rs`.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use axum::{Json, serve};
use serde::Serialize;

#[derive(Serialize)]
struct User {
    id: u64,
    name: &'static str,
}

fn app() -> Router {
    Router::new().route("/", get(async || "hello\n")).route(
        "/users/{id}",
        get(async |Path(id): Path<u64>| Json(User { id, name: "Ann" })),
    )
}

#[tokio::main(worker_threads = 2)]
async fn main() -> std::io::Result<()> {
    let server = std::env::args().nth(1).unwrap_or_default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    match server.as_str() {
        "axum" => serve(listener, app()).await,
        "ringspun" => ringspun::serve(listener, app()).await,
        other => panic!("axum or ringspun, not {other:?}"),
    }
}
