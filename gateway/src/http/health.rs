//! For monitoring: whether the process answers, whether it can do its work, and its figures.

use crate::error::ApiError;
use crate::metrics::refresh_sites;
use crate::state::AppState;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Redis answers, and the sites and the salts of visitor ids have been read.
pub async fn readyz(State(state): State<AppState>) -> Result<&'static str, ApiError> {
    if state.is_draining() {
        return Err(ApiError::unavailable("the gateway is stopping", 5));
    }
    state.redis.query(&redis::cmd("PING")).await?;
    state.sites.loaded()?;
    if !state.enrich.salts.are_read() {
        let message = "the salts of visitor ids have not been read yet";
        return Err(ApiError::unavailable(message, 1));
    }
    Ok("ready\n")
}

pub async fn metrics(State(state): State<AppState>) -> impl IntoResponse {
    let sites = state.sites.snapshot();
    refresh_sites(&state.metrics, &sites, &state.redis).await;
    let content = "text/plain; version=0.0.4; charset=utf-8";
    ([(CONTENT_TYPE, content)], state.metrics.text())
}
