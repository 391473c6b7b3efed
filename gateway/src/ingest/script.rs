//! `GET /js/script.js`: the script for pages, less than 2 KB with gzip.

use super::intake::Ingest;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::HeaderName;
use axum::response::IntoResponse;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;

const SCRIPT: &str = include_str!("script.js");

pub fn routes() -> OpenApiRouter<Ingest> {
    OpenApiRouter::new()
        .route("/js/script.js", get(script))
        .layer(CompressionLayer::new())
}

async fn script() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "cross-origin",
        ),
    ];
    (headers, SCRIPT)
}
