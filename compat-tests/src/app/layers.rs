//! Layers of tower and tower-http.

use std::path::Path;
use std::time::Duration;

use axum::BoxError;
use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::routing::{get, post};
use tower::limit::ConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer as TowerTimeout;
use tower::{ServiceBuilder, load_shed::LoadShedLayer};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

pub(super) fn routes() -> Router {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("files");
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::PUT]);
    let limited = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(async |error: BoxError| {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
        }))
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(4))
        .layer(TowerTimeout::new(Duration::from_millis(20)));
    let name = HeaderName::from_static("x-request-id");
    Router::new()
        .route(
            "/traced",
            get(async || "traced\n").layer(TraceLayer::new_for_http()),
        )
        .route(
            "/zipped",
            get(async || "zip me ".repeat(100)).layer(CompressionLayer::new()),
        )
        .route("/cors", get(async || "shared\n").layer(cors))
        .route(
            "/slow",
            get(slow).layer(TimeoutLayer::with_status_code(
                StatusCode::REQUEST_TIMEOUT,
                Duration::from_millis(20),
            )),
        )
        .route("/panics", get(panics).layer(CatchPanicLayer::new()))
        .route("/limited", get(async || "let in\n").layer(limited.clone()))
        .route("/limited-slow", get(slow).layer(limited))
        .route(
            "/bounded",
            post(async |body: String| body).layer(RequestBodyLimitLayer::new(8)),
        )
        .route(
            "/named",
            get(async || "named\n").layer(
                ServiceBuilder::new()
                    .layer(SetRequestIdLayer::new(name.clone(), MakeRequestUuid))
                    .layer(PropagateRequestIdLayer::new(name)),
            ),
        )
        .route(
            "/set",
            get(async || "set\n").layer(SetResponseHeaderLayer::overriding(
                HeaderName::from_static("x-set"),
                HeaderValue::from_static("by a layer"),
            )),
        )
        .nest_service("/static", ServeDir::new(&files))
        .route_service("/one-file", ServeFile::new(files.join("poem.txt")))
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(60)).await;
    "too late\n"
}

async fn panics() -> &'static str {
    panic!("asked to")
}
