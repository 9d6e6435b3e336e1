//! A contender: axum, as its users write it.

use std::io;

use axum::body::Bytes;
use axum::http::header::{HeaderName, SERVER};
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use peer_common::{Options, pause, tokio_runtime};
use serde::Serialize;
use tokio::net::TcpListener;

fn main() -> io::Result<()> {
    tokio_runtime::run(&Options::from_args(&[]), serve)
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let router = Router::new()
        .route("/plaintext", get(async || (NAME, "Hello, World!")))
        .route(
            "/json",
            get(async || {
                (
                    NAME,
                    Json(Message {
                        message: "Hello, World!",
                    }),
                )
            }),
        )
        .route("/echo", post(async |body: Bytes| (NAME, body)))
        .route("/burn/{micros}", get(paused))
        .route("/block/{millis}", get(paused));
    axum::serve(listener, router).await
}

async fn paused(uri: Uri) -> Result<impl IntoResponse, StatusCode> {
    pause::pause(uri.path()).ok_or(StatusCode::BAD_REQUEST)?;
    Ok((NAME, pause::DONE))
}

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

const NAME: [(HeaderName, &str); 1] = [(SERVER, "axum")];
