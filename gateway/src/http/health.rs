//! For whoever watches the gateway: is it alive, can it do its work, what has it counted.

use crate::error::ApiError;
use crate::state::AppState;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Redis answers, and the sites have been read.
pub async fn readyz(State(state): State<AppState>) -> Result<&'static str, ApiError> {
    if state.ingest.is_draining() {
        return Err(ApiError::unavailable("the gateway is stopping", 5));
    }
    state.redis.query(&redis::cmd("PING")).await?;
    if state.sites.is_loaded() {
        Ok("ready\n")
    } else {
        Err(ApiError::unavailable("the sites have not been read yet", 1))
    }
}

pub async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    let content = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content)], state.metrics.text())
}
