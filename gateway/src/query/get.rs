//! `GET /api/v1/sites/{site}/get?window=24h&metric=events&metric=latency:p95`.

use crate::auth::Reader;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::http::ClientAddress;
use crate::state::AppState;
use crate::store::number;
use axum::extract::{RawQuery, State};
use axum::Json;
use redis::{cmd, Value};
use serde::Serialize;
use serde_json::{Map, Value as Json_};
use tokio::time::Instant;
use url::form_urlencoded;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct Metrics {
    window: String,
    /// A number for each metric, null where nothing was measured.
    #[schema(value_type = Object)]
    metrics: Map<String, Json_>,
}

/// One number for each metric.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/get", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("window" = String, Query, description = "24h, today, 2026-11-01..2026-11-30"),
        ("metric" = Vec<String>, Query, description = "events, users, latency:p95; repeated"),
    ),
    responses(
        (status = 200, description = "The numbers", body = Metrics),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
        (status = 401, description = "No read token, or a wrong one", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "Redis is not reached", body = ErrorBody),
    )
)]
pub async fn get(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    Reader(site): Reader,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Metrics>> {
    state.ingest.limits().take_query(address)?;
    let query = query.unwrap_or_default();
    let (mut window, mut metrics) = (None, Vec::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "window" => window = Some(value.into_owned()),
            "metric" => metrics.push(value.into_owned()),
            _ => {}
        }
    }
    let window = window.ok_or_else(|| ApiError::invalid("window", "which window?"))?;
    if metrics.is_empty() {
        return Err(ApiError::invalid("metric", "which metrics?"));
    }
    let mut command = cmd("ANALYTICS.GET");
    command.arg(&site.name).arg(&window).arg(&metrics);
    let begun = Instant::now();
    let reply = state.redis.query(&command).await?;
    state.metrics.redis_took("get", begun.elapsed());
    let Value::Array(numbers) = reply else {
        return Err(ApiError::internal());
    };
    let metrics = metrics
        .into_iter()
        .zip(&numbers)
        .map(|(metric, reply)| (metric, json(reply)));
    Ok(Json(Metrics {
        window,
        metrics: metrics.collect(),
    }))
}

/// Counts are whole numbers in JSON, too.
fn json(reply: &Value) -> Json_ {
    match reply {
        Value::Int(whole) => Json_::from(*whole),
        other => number(other).map_or(Json_::Null, Json_::from),
    }
}
