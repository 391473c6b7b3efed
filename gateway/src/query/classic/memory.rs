//! `GET /stats/memory`.

use crate::error::ApiResult;
use crate::query::ask::{every, one};
use crate::query::failures::Failures;
use crate::query::native::Asking;
use crate::state::AppState;
use crate::store::{integer, list, map_of, member, word};
use axum::extract::State;
use axum::Json;
use redis::{cmd, Cmd, Value};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A sketch of distinct users: so many bytes a user, and at most so many in all.
const BYTES_A_USER: i64 = 4;
const BYTES_OF_SKETCH: i64 = 12_288;

/// The granularities, and a window that holds one bucket of each.
const WINDOWS: [(&str, &str); 5] = [
    ("minute", "1m"),
    ("hour", "1h"),
    ("day", "24h"),
    ("week", "7d"),
    ("month", "30d"),
];

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(memory))
}

#[derive(Debug, Serialize, ToSchema)]
struct Memory {
    /// Of the module, all sites together.
    total_memory_mb: f64,
    /// Buckets of the site that count users.
    hll_keys_count: i64,
    /// Buckets of the site.
    timeseries_keys_count: i64,
    /// Of the site's own distinct counts, without those of dimensions, by the users that a bucket
    /// of each granularity has now.
    estimated_hll_memory_kb: f64,
}

/// What the site takes of memory.
#[utoipa::path(
    get, path = "/stats/memory", tag = "classic",
    params(("site" = Option<String>, Query, description = "That of the token, if missing")),
    responses((status = 200, description = "Buckets and bytes", body = Memory), Failures)
)]
async fn memory(
    State(state): State<AppState>,
    Asking { site, params }: Asking,
) -> ApiResult<Json<Memory>> {
    params.finish("site")?;
    let named = |name: &str| {
        let mut command = cmd(name);
        command.arg(&site.name);
        command
    };
    let windows = WINDOWS.map(|(_, window)| {
        let mut command = named("ANALYTICS.UNIQUE");
        command.arg(window);
        command
    });
    let info = one(&state, "info", &named("ANALYTICS.INFO")).await?;
    let users = every(&state, "unique", &windows).await?;
    let (mut buckets, mut bytes) = (0, 0);
    for (name, count) in member(&info, "buckets").into_iter().flat_map(map_of) {
        let count = integer(count).unwrap_or_default();
        let window = WINDOWS.iter().position(|(known, _)| *known == name);
        let users = window.and_then(|at| users.get(at)).and_then(integer);
        let sketch = users.unwrap_or_default().saturating_mul(BYTES_A_USER);
        buckets += count;
        bytes += count.saturating_mul(sketch.min(BYTES_OF_SKETCH));
    }
    let mut server = Cmd::new();
    server.arg("INFO").arg("analytics");
    let server = one(&state, "server_info", &server).await?;
    Ok(Json(Memory {
        total_memory_mb: field(&server, "analytics_memory_bytes") as f64 / 1_048_576.0,
        hll_keys_count: buckets,
        timeseries_keys_count: buckets,
        estimated_hll_memory_kb: bytes as f64 / 1_024.0,
    }))
}

/// A number of `INFO`, of one server or the sum over the nodes that replied.
fn field(info: &Value, name: &str) -> i64 {
    match info {
        Value::Map(nodes) => nodes.iter().map(|(_, info)| field(info, name)).sum(),
        Value::Array(_) => list(info).iter().map(|info| field(info, name)).sum(),
        one => {
            let text = word(one);
            let line = text.lines().find_map(|line| {
                let (known, value) = line.split_once(':')?;
                (known == name).then(|| value.trim().parse().ok())?
            });
            line.unwrap_or_default()
        }
    }
}
