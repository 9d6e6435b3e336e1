//! Responses that come piece by piece, and connections that change their protocol.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{any, get};
use futures_util::stream::{self, Stream, StreamExt};
use http_body::Frame;

use super::Shared;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/stream", get(async || Body::from_stream(words())))
        .route(
            "/stream-fails",
            get(async || Body::from_stream(words().chain(stream::once(async { Err("broken") })))),
        )
        .route(
            "/with-trailers",
            get(async || ([("trailer", "x-sum")], Body::new(Summed(3)))),
        )
        .route("/events", get(async || Sse::new(events())))
        .route("/events-kept", get(kept))
        .route(
            "/socket",
            any(async |upgrade: WebSocketUpgrade| upgrade.protocols(["echo"]).on_upgrade(echo)),
        )
}

fn words() -> impl Stream<Item = Result<&'static str, &'static str>> + Send {
    stream::iter(["one ", "two ", "three\n"]).map(Ok)
}

fn events() -> impl Stream<Item = Result<Event, Infallible>> + Send {
    stream::iter(1..4).map(|n| {
        Ok(Event::default()
            .id(n.to_string())
            .event("tick")
            .data(format!("number\n{n}")))
    })
}

/// One event, then nothing but what keeps the connection alive.
async fn kept() -> impl IntoResponse {
    let events = stream::iter([Ok::<_, Infallible>(Event::default().data("first"))]);
    let keep_alive = KeepAlive::new()
        .interval(Duration::from_millis(20))
        .text("still here");
    Sse::new(events.chain(stream::pending())).keep_alive(keep_alive)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let reply = match message {
            Message::Text(text) => Message::Text(text.to_uppercase().into()),
            Message::Binary(bytes) => Message::Binary(bytes),
            Message::Close(_) => return,
            _ => continue,
        };
        if socket.send(reply).await.is_err() {
            return;
        }
    }
}

/// So many pieces, then a trailer.
struct Summed(u8);

impl http_body::Body for Summed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 = match self.0 {
            u8::MAX => return Poll::Ready(None),
            0 => {
                let trailers = HeaderMap::from_iter([(
                    "x-sum".parse().expect("a name"),
                    "6".parse().expect("a value"),
                )]);
                self.0 = u8::MAX;
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            left => left - 1,
        };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"ab")))))
    }
}
