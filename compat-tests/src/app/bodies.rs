//! Bodies of requests.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Multipart, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use futures_util::StreamExt;
use http_body_util::BodyExt;

use super::Shared;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route(
            "/bytes",
            post(async |body: Bytes| format!("{} bytes\n", body.len())),
        )
        .route("/text", post(async |body: String| body))
        .route("/echo", post(async |body: Body| body))
        .route("/unread", post(async || "not read\n"))
        .route("/sum", post(sum))
        .route("/trailers", post(trailers))
        .route("/multipart", post(multipart))
        .route(
            "/small",
            post(async |body: Bytes| body).layer(DefaultBodyLimit::max(10)),
        )
        .route("/large", post(sum).layer(DefaultBodyLimit::disable()))
}

/// Adds the bytes up as they come.
async fn sum(body: Body) -> Result<String, (StatusCode, String)> {
    let (mut chunks, mut sum) = (body.into_data_stream(), 0_u64);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
        sum += chunk.iter().map(|&byte| u64::from(byte)).sum::<u64>();
    }
    Ok(format!("sum {sum}\n"))
}

async fn trailers(request: Request) -> impl IntoResponse {
    let collected = request.into_body().collect().await;
    match collected {
        Ok(body) => format!(
            "{:?}\n",
            body.trailers().map(|trailers| trailers.get("x-sum"))
        ),
        Err(error) => format!("failed: {error}\n"),
    }
}

async fn multipart(mut form: Multipart) -> Result<String, StatusCode> {
    let mut text = String::new();
    while let Some(field) = form
        .next_field()
        .await
        .map_err(|_| StatusCode::BAD_REQUEST)?
    {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(str::to_owned);
        let bytes = field.bytes().await.map_err(|_| StatusCode::BAD_REQUEST)?;
        text += &format!("{name} {file:?} {} bytes\n", bytes.len());
    }
    Ok(text)
}
