//! The figures of this moment: `/dashboard/realtime` and `/api/v1/analytics/realtime`.

use crate::error::ApiResult;
use crate::query::ask::every;
use crate::query::failures::Failures;
use crate::query::native::Asking;
use crate::query::value::json;
use crate::sites::Site;
use crate::state::AppState;
use crate::store::{integer, list};
use crate::time;
use axum::extract::State;
use axum::Json;
use redis::{cmd, Cmd, Value};
use serde::Serialize;
use serde_json::Value as Figure;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(dashboard))
        .routes(routes!(analytics))
}

/// `GET` of some metrics in a window.
pub fn get(site: &Site, window: &str, metrics: &[&str]) -> Cmd {
    let mut command = cmd("ANALYTICS.GET");
    command.arg(&site.name).arg(window).arg(metrics);
    command
}

/// The number of a metric by its place among the replies.
pub fn at(replies: &[Value], reply: usize, metric: usize) -> Option<&Value> {
    list(replies.get(reply)?).get(metric)
}

pub fn count(replies: &[Value], reply: usize, metric: usize) -> i64 {
    at(replies, reply, metric)
        .and_then(integer)
        .unwrap_or_default()
}

fn figure(replies: &[Value], reply: usize, metric: usize) -> Figure {
    at(replies, reply, metric).map_or(Figure::Null, json)
}

/// A part of a whole, from 0 to 1.
pub fn share(part: i64, whole: i64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Dashboard {
    /// In milliseconds.
    timestamp: i64,
    unique_users: UniqueUsers,
    throughput: Throughput,
    performance: Performance,
    errors: Errors,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DashboardUsers)]
struct UniqueUsers {
    last_hour: i64,
    last_24h: i64,
    last_7d: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Throughput {
    /// Over the last minute.
    #[schema(value_type = Option<f64>)]
    events_per_second: Figure,
    total_last_minute: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct Performance {
    /// Of the value `latency` over the last five minutes; null where there is none.
    #[schema(value_type = Option<f64>)]
    latency_p95_ms: Figure,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DashboardErrors)]
struct Errors {
    /// Events of the type `error`.
    count_last_minute: i64,
}

/// The figures of a dashboard.
#[utoipa::path(
    get, path = "/dashboard/realtime", tag = "classic",
    params(("site" = Option<String>, Query, description = "That of the token, if missing")),
    responses((status = 200, description = "The figures", body = Dashboard), Failures)
)]
async fn dashboard(
    State(state): State<AppState>,
    Asking { site, params }: Asking,
) -> ApiResult<Json<Dashboard>> {
    params.finish("site")?;
    let commands = [
        get(&site, "1h", &["users"]),
        get(&site, "24h", &["users"]),
        get(&site, "7d", &["users"]),
        get(
            &site,
            "1m",
            &["events:rate", "events", "events@event=error"],
        ),
        get(&site, "5m", &["latency:p95"]),
    ];
    let replies = every(&state, "get", &commands).await?;
    Ok(Json(Dashboard {
        timestamp: time::now_ms(),
        unique_users: UniqueUsers {
            last_hour: count(&replies, 0, 0),
            last_24h: count(&replies, 1, 0),
            last_7d: count(&replies, 2, 0),
        },
        throughput: Throughput {
            events_per_second: figure(&replies, 3, 0),
            total_last_minute: count(&replies, 3, 1),
        },
        performance: Performance {
            latency_p95_ms: figure(&replies, 4, 0),
        },
        errors: Errors {
            count_last_minute: count(&replies, 3, 2),
        },
    }))
}

/// What listeners get when they connect, too.
#[derive(Debug, Serialize, ToSchema)]
pub struct Realtime {
    /// Of the last five minutes.
    pub current_visitors: i64,
    pub unique_today: i64,
    /// Of today.
    pub total_events: i64,
    /// Events of today that are the goal of the site.
    pub letters_today: i64,
    /// In milliseconds.
    pub timestamp: i64,
}

pub async fn realtime(state: &AppState, site: &Site) -> ApiResult<Realtime> {
    let goal = format!("(events@event={})", site.goal);
    let commands = [
        get(site, "5m", &["users"]),
        get(site, "today", &["users", "events", &goal]),
    ];
    let replies = every(state, "get", &commands).await?;
    Ok(Realtime {
        current_visitors: count(&replies, 0, 0),
        unique_today: count(&replies, 1, 0),
        total_events: count(&replies, 1, 1),
        letters_today: count(&replies, 1, 2),
        timestamp: time::now_ms(),
    })
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RealtimeAnswer)]
struct Answer {
    success: bool,
    data: Realtime,
}

/// Visitors now, and what happened today.
#[utoipa::path(
    get, path = "/api/v1/analytics/realtime", tag = "classic",
    params(("site" = Option<String>, Query, description = "That of the token, if missing")),
    responses((status = 200, description = "The figures", body = Answer), Failures)
)]
async fn analytics(
    State(state): State<AppState>,
    Asking { site, params }: Asking,
) -> ApiResult<Json<Answer>> {
    params.finish("site")?;
    let data = realtime(&state, &site).await?;
    Ok(Json(Answer {
        success: true,
        data,
    }))
}
