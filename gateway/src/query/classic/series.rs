//! Series and the count of users: `/metrics/unique-users`, `/metrics/events-per-sec`,
//! `/metrics/latency`, `/metrics/timeseries`.

use crate::error::{ApiError, ApiResult};
use crate::query::ask::{every, one};
use crate::query::failures::Failures;
use crate::query::native::Asking;
use crate::query::params::Params;
use crate::query::range::series;
use crate::query::value::json;
use crate::sites::Site;
use crate::state::AppState;
use crate::store::{integer, map_of, member, number};
use crate::time;
use axum::extract::State;
use axum::Json;
use redis::cmd;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const HOUR: i64 = 3_600_000;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(unique_users))
        .routes(routes!(events_per_sec))
        .routes(routes!(latency))
        .routes(routes!(timeseries))
}

#[derive(Debug, Serialize, ToSchema)]
struct UniqueUsers {
    count: i64,
    window: String,
    /// The finest buckets that the count was read from.
    granularity: String,
    /// 1 less the standard error.
    accuracy: f64,
}

/// Distinct users of a window.
#[utoipa::path(
    get, path = "/metrics/unique-users", tag = "classic",
    params(
        ("site" = Option<String>, Query, description = "That of the token, if missing"),
        ("window" = Option<String>, Query, description = "24h, if missing"),
    ),
    responses((status = 200, description = "The count", body = UniqueUsers), Failures)
)]
async fn unique_users(
    State(state): State<AppState>,
    Asking { site, mut params }: Asking,
) -> ApiResult<Json<UniqueUsers>> {
    let window = params.one("window")?;
    params.finish("window")?;
    let window = window.unwrap_or_else(|| String::from("24h"));
    let [mut unique, mut explain] = ["ANALYTICS.UNIQUE", "ANALYTICS.EXPLAIN"].map(cmd);
    unique.arg(&site.name).arg(&window);
    explain.arg(&site.name).arg(&window);
    let replies = every(&state, "unique", &[unique, explain]).await?;
    let [count, explained] = replies.as_slice() else {
        return Err(ApiError::internal());
    };
    let read = member(explained, "buckets").into_iter().flat_map(map_of);
    let mut read = read.filter(|(_, buckets)| integer(buckets).is_some_and(|count| count > 0));
    let error = member(explained, "standard-error").and_then(number);
    Ok(Json(UniqueUsers {
        count: integer(count).unwrap_or_default(),
        window,
        granularity: String::from(read.next().map_or("none", |(name, _)| name)),
        accuracy: 1.0 - error.unwrap_or_default(),
    }))
}

#[derive(Debug, Serialize, ToSchema)]
struct Timeseries {
    data: Vec<Point>,
    metric: String,
    granularity: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Point {
    /// In milliseconds.
    timestamp: i64,
    #[schema(value_type = Option<f64>)]
    value: serde_json::Value,
}

/// Events per second over time.
#[utoipa::path(
    get, path = "/metrics/events-per-sec", tag = "classic",
    params(
        ("site" = Option<String>, Query, description = "That of the token, if missing"),
        ("from" = Option<String>, Query, description = "Seconds or milliseconds; an hour before the end, if missing"),
        ("to" = Option<String>, Query, description = "Seconds or milliseconds; now, if missing"),
        ("bucket" = Option<String>, Query, description = "Seconds, or 1m"),
    ),
    responses((status = 200, description = "The series", body = Timeseries), Failures)
)]
async fn events_per_sec(
    State(state): State<AppState>,
    Asking { site, params }: Asking,
) -> ApiResult<Json<Timeseries>> {
    run(&state, &site, params, String::from("events:rate")).await
}

/// Response times over time, from the value `latency`.
#[utoipa::path(
    get, path = "/metrics/latency", tag = "classic",
    params(
        ("site" = Option<String>, Query, description = "That of the token, if missing"),
        ("aggregation" = Option<String>, Query, description = "avg, min, max, p50, p95, p99; p95, if missing"),
        ("from" = Option<String>, Query, description = "Seconds or milliseconds; an hour before the end, if missing"),
        ("to" = Option<String>, Query, description = "Seconds or milliseconds; now, if missing"),
        ("bucket" = Option<String>, Query, description = "Seconds, or 1m; 1m, if missing"),
    ),
    responses((status = 200, description = "The series", body = Timeseries), Failures)
)]
async fn latency(
    State(state): State<AppState>,
    Asking { site, mut params }: Asking,
) -> ApiResult<Json<Timeseries>> {
    let aggregation = params.one("aggregation")?;
    let aggregation = aggregation.as_deref().unwrap_or("p95");
    run(&state, &site, params, format!("latency:{aggregation}")).await
}

/// Any metric over time.
#[utoipa::path(
    get, path = "/metrics/timeseries", tag = "classic",
    params(
        ("site" = Option<String>, Query, description = "That of the token, if missing"),
        ("metric" = String, Query, description = "events:count, latency:p95; or latency, with an aggregation"),
        ("aggregation" = Option<String>, Query, description = "count, rate, sum, avg, min, max, p95"),
        ("from" = Option<String>, Query, description = "Seconds or milliseconds; an hour before the end, if missing"),
        ("to" = Option<String>, Query, description = "Seconds or milliseconds; now, if missing"),
        ("bucket" = Option<String>, Query, description = "Seconds, or 1m"),
    ),
    responses((status = 200, description = "The series", body = Timeseries), Failures)
)]
async fn timeseries(
    State(state): State<AppState>,
    Asking { site, mut params }: Asking,
) -> ApiResult<Json<Timeseries>> {
    let metric = params.needed("metric")?;
    let metric = match params.one("aggregation")? {
        None => metric,
        Some(aggregation) => {
            let (measure, row) = match metric.split_once('@') {
                Some((measure, row)) => (measure, format!("@{row}")),
                None => (metric.as_str(), String::new()),
            };
            match measure.rsplit_once(':') {
                Some((_, own)) if own != aggregation => {
                    let message = "the metric names another aggregation";
                    return Err(ApiError::invalid("aggregation", message));
                }
                Some(_) => metric,
                None => format!("{measure}:{aggregation}{row}"),
            }
        }
    };
    run(&state, &site, params, metric).await
}

async fn run(
    state: &AppState,
    site: &Site,
    mut params: Params,
    metric: String,
) -> ApiResult<Json<Timeseries>> {
    let zone = &state.facts_of(&site.name).await?.zone;
    let mut instant = |name: &'static str| match params.one(name)? {
        None => Ok(None),
        Some(text) => time::parse(&text, zone).map(Some).ok_or_else(|| {
            ApiError::invalid(name, "seconds, milliseconds or ISO 8601 is accepted")
        }),
    };
    let (from, to) = (instant("from")?, instant("to")?);
    let bucket = params.one("bucket")?;
    params.finish("metric, aggregation, from, to, bucket")?;
    let step = match bucket {
        None if metric.starts_with("latency:") => String::from("1m"),
        None => String::from("auto"),
        Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => format!("{text}s"),
        Some(text) => text,
    };
    let to = to.unwrap_or_else(time::now_ms);
    let from = from.unwrap_or_else(|| to.saturating_sub(HOUR));
    let mut command = cmd("ANALYTICS.RANGE");
    command.arg(&site.name).arg(format!("{from}..{to}"));
    command.arg(&step).arg(&metric);
    let reply = one(state, "range", &command).await?;
    let series = series(&reply);
    let granularity = match (step.as_str(), series.times.as_slice()) {
        ("auto", [first, second, ..]) => length(second.saturating_sub(*first)),
        _ => step,
    };
    let column = series.numbers.first().into_iter().flatten();
    let data = series.times.iter().zip(column).map(|(time, value)| Point {
        timestamp: *time,
        value: json(value),
    });
    Ok(Json(Timeseries {
        data: data.collect(),
        metric,
        granularity,
    }))
}

/// As a step is written: `1m`, `6h`.
fn length(ms: i64) -> String {
    let units = [(86_400_000, "d"), (HOUR, "h"), (60_000, "m")];
    let unit = units.into_iter().find(|(unit, _)| ms % unit == 0);
    let (unit, letter) = unit.unwrap_or((1_000, "s"));
    format!("{}{letter}", ms / unit)
}
