//! Routing and extractors.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::extract::{
    ConnectInfo, Extension, Form, FromRequestParts, Json, MatchedPath, OriginalUri, Path, Query,
    RawQuery, Request, State,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, Version, header};
use axum::middleware::{self, Next};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use serde::{Deserialize, Serialize};

use super::Shared;

#[derive(Debug, Deserialize, Serialize)]
struct Person {
    name: String,
    age: u8,
}

#[derive(Debug, Deserialize)]
struct Page {
    page: u32,
    sort: Option<String>,
}

/// An extractor of the application's own.
struct Key(String);

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let key = parts.headers.get("x-key").and_then(|key| key.to_str().ok());
        let key = key.ok_or((StatusCode::UNAUTHORIZED, "no key\n"))?;
        Ok(Self(key.to_owned()))
    }
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(async || "hello\n"))
        .route(
            "/users/{id}",
            get(async |Path(id): Path<u64>| format!("user {id}\n")),
        )
        .route("/files/{*rest}", get(async |Path(rest): Path<String>| rest))
        .route("/pages", get(pages))
        .route(
            "/raw-query",
            get(async |RawQuery(query): RawQuery| format!("{query:?}")),
        )
        .route(
            "/people",
            post(async |Json(person): Json<Person>| (StatusCode::CREATED, Json(person))),
        )
        .route(
            "/form",
            post(async |Form(person): Form<Person>| format!("{person:?}")),
        )
        .route("/count", post(count))
        .route(
            "/extension",
            get(async |Extension(word): Extension<&'static str>| word),
        )
        .route("/key", get(async |Key(key): Key| key))
        .route(
            "/optional",
            get(async |key: Result<Key, (StatusCode, &'static str)>| {
                key.map_or_else(|_| "nobody".to_owned(), |Key(key)| key)
            }),
        )
        .route("/headers", any(headers))
        .route(
            "/line",
            any(async |method: Method, uri: Uri, version: Version| {
                format!("{method} {uri} {version:?}\n")
            }),
        )
        .route("/peer", get(peer))
        .route("/html", get(async || Html("<p>hi</p>")))
        .route("/redirect", get(async || Redirect::permanent("/html")))
        .route(
            "/cookies",
            get(async || {
                let cookies = [(header::SET_COOKIE, "a=1"), (header::SET_COOKIE, "b=2")];
                (AppendHeaders(cookies), "two cookies\n")
            }),
        )
        .route("/empty", get(async || StatusCode::NO_CONTENT))
        .route(
            "/teapot",
            get(async || (StatusCode::IM_A_TEAPOT, [("x-pot", "tea")], "short\n")),
        )
        .route(
            "/fails",
            get(async || Err::<&str, _>((StatusCode::CONFLICT, "taken\n"))),
        )
        .nest("/api/{version}", api())
        .layer(Extension("from a layer"))
        .layer(middleware::from_fn(stamp))
}

fn api() -> Router<Shared> {
    Router::new()
        .route(
            "/things/{id}",
            get(
                async |Path(path): Path<BTreeMap<String, String>>,
                       matched: MatchedPath,
                       OriginalUri(uri): OriginalUri,
                       inner: Uri| {
                    format!("{path:?} {} {uri} {inner}\n", matched.as_str())
                },
            ),
        )
        .fallback(async || (StatusCode::NOT_FOUND, "no such thing\n"))
}

async fn pages(Query(page): Query<Page>) -> String {
    format!("page {} by {:?}\n", page.page, page.sort)
}

async fn count(State(shared): State<Shared>) -> String {
    (shared.counter.fetch_add(1, Relaxed) + 1).to_string()
}

async fn headers(headers: HeaderMap) -> String {
    let mut text = String::new();
    for (name, value) in &headers {
        text += &format!("{name}: {}\n", value.as_bytes().escape_ascii());
    }
    text
}

async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> impl IntoResponse {
    (
        StatusCode::OK,
        format!("{} {}\n", peer.ip(), peer.port() > 0),
    )
}

/// A middleware of the application's own.
async fn stamp(request: Request, next: Next) -> Response {
    let path = request.uri().path().len().to_string();
    let mut response = next.run(request).await;
    let path = path.parse().expect("digits");
    response.headers_mut().insert("x-path-length", path);
    response
}
