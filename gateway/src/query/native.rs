//! `GET /api/v1/sites/{site}/...`: a path for each read command of the module, with parameters by the
//! names of the command's arguments. `question.rs` reads them.

use super::ask::ask;
use super::failures::Failures;
use super::log::LoggedEvent;
use super::params::Params;
use super::question::Question;
use super::Answer;
use crate::auth::{ClientAddress, Reader};
use crate::error::ApiResult;
use crate::sites::Site;
use crate::state::AppState;
use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::request::Parts;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(unique))
        .routes(routes!(get))
        .routes(routes!(range))
        .routes(routes!(top))
        .routes(routes!(compare))
        .routes(routes!(dashboard))
        .routes(routes!(explain))
        .routes(routes!(info))
        .routes(routes!(events))
        .routes(routes!(alerts))
        .routes(routes!(alert_history))
        .routes(routes!(live_metrics))
        .routes(routes!(retention))
        .routes(routes!(funnels))
        .routes(routes!(funnel))
}

/// What every question begins with: the site, whose reader has not asked too often, and parameters.
pub struct Asking {
    pub site: Arc<Site>,
    pub params: Params,
}

impl FromRequestParts<AppState> for Asking {
    type Rejection = crate::error::ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Asking> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, state).await?;
        state.limits.take_query(address)?;
        let Reader(site) = Reader::from_request_parts(parts, state).await?;
        let RawQuery(query) = match RawQuery::from_request_parts(parts, state).await {
            Ok(query) => query,
            Err(never) => match never {},
        };
        let params = Params::from_query(query.as_deref())?;
        Ok(Asking { site, params })
    }
}

async fn answer(state: &AppState, asking: Asking, name: &str) -> ApiResult<Answer> {
    let question = Question::parse(name, asking.params, &asking.site)?;
    ask(state, &asking.site, &question).await
}

/// A count is a whole number; what was not measured is null.
type Figure = Option<f64>;

#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code)]
struct Users {
    window: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimension: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    users: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code)]
struct Numbers {
    window: String,
    /// By the metrics as they were asked for.
    metrics: BTreeMap<String, Figure>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum NumbersBody {
    One(Numbers),
    Several(Vec<Numbers>),
}

#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code)]
struct Comparison {
    metric: String,
    now: Figure,
    before: Figure,
    /// In percent; null where there is nothing to compare with.
    change: Figure,
}

/// A flat row: the metrics stand beside the time, or beside value, share and error bound.
#[derive(Debug, Serialize, ToSchema)]
#[schema(value_type = Object)]
#[allow(dead_code)]
struct Row(BTreeMap<String, Json>);

/// A series: an array of flat rows or, with `format=columns`, an object of arrays.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum SeriesBody {
    Rows(Vec<Row>),
    Columns(Columns),
}

#[derive(Debug, Serialize, ToSchema)]
#[allow(dead_code)]
struct Columns {
    /// In the zone of the site.
    time: Vec<String>,
    time_ms: Vec<i64>,
    metrics: BTreeMap<String, Vec<Figure>>,
}

/// Distinct users.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/unique", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("window" = String, Query, description = "24h, today, 2026-11, 2026-11-01..2026-11-30"),
        ("dimension" = Option<String>, Query, description = "Only those with a value of it"),
        ("value" = Option<String>, Query, description = "The value"),
    ),
    responses(
        (status = 200, description = "How many", body = Users),
        Failures,
    )
)]
async fn unique(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "unique").await
}

/// One number for each metric, in each of the windows.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/get", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("window" = Vec<String>, Query, description = "24h, today, 2026-11, 2026-11-01..2026-11-30; repeated for several windows"),
        ("metric" = Vec<String>, Query, description = "events, users, latency:p95, events@country=FR, events@status=5xx/events; repeated"),
    ),
    responses(
        (status = 200, description = "The numbers; of several windows a list of them", body = NumbersBody),
        Failures,
    )
)]
async fn get(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "get").await
}

/// A series without holes.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/range", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("window" = String, Query, description = "24h, today, 2026-11, 2026-11-01..2026-11-30"),
        ("step" = Option<String>, Query, description = "10s, 1m, 1h, 1d, 1w, 1mo; auto, if missing"),
        ("metric" = Vec<String>, Query, description = "events, users, latency:p95, events@country=FR, events@status=5xx/events; repeated"),
        ("format" = Option<String>, Query, description = "rows, columns or csv"),
    ),
    responses(
        (status = 200, description = "The series", content(
            (SeriesBody = "application/json"),
            (String = "text/csv"),
        )),
        Failures,
    )
)]
async fn range(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "range").await
}

/// The heaviest values of a dimension or a cube.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/top", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("window" = String, Query, description = "24h, today, 2026-11, 2026-11-01..2026-11-30"),
        ("dimension" = String, Query, description = "country, or a cube: event,country"),
        ("where" = Option<Vec<String>>, Query, description = "dimension:value, another dimension that is held at a value"),
        ("by" = Option<String>, Query, description = "A metric; events, if missing"),
        ("with" = Option<Vec<String>>, Query, description = "Further metrics of each row; repeated"),
        ("limit" = Option<u32>, Query, description = "1 to 10000; 10, if missing"),
        ("format" = Option<String>, Query, description = "rows or csv"),
    ),
    responses(
        (status = 200, description = "The rows, heaviest first, and ~other last", content(
            (Vec<Row> = "application/json"),
            (String = "text/csv"),
        )),
        Failures,
    )
)]
async fn top(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "top").await
}

/// Now, before, and the change in percent.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/compare", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("window" = String, Query, description = "24h, today, 2026-11, 2026-11-01..2026-11-30"),
        ("metric" = Vec<String>, Query, description = "events, users, latency:p95, events@country=FR, events@status=5xx/events; repeated"),
    ),
    responses(
        (status = 200, description = "A row for each metric", body = Vec<Comparison>),
        Failures,
    )
)]
async fn compare(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "compare").await
}

/// The figures of a dashboard.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/dashboard", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("metric" = Option<Vec<String>>, Query, description = "Further metrics, each by itself; repeated"),
    ),
    responses(
        (status = 200, description = "As ANALYTICS.DASHBOARD replies them", body = Object),
        Failures,
    )
)]
async fn dashboard(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "dashboard").await
}

/// What a question about the window reads, and how exact it is.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/explain", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("window" = String, Query, description = "24h, today, 2026-11, 2026-11-01..2026-11-30"),
        ("metric" = Option<Vec<String>>, Query, description = "Further metrics, each by itself; repeated"),
    ),
    responses(
        (status = 200, description = "As ANALYTICS.EXPLAIN replies it; ranges in both forms", body = Object),
        Failures,
    )
)]
async fn explain(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "explain").await
}

/// Settings and totals of the site.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/info", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
    ),
    responses(
        (status = 200, description = "As ANALYTICS.INFO replies them", body = Object),
        Failures,
    )
)]
async fn info(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "info").await
}

/// The latest events, from the log of the site (`LOG`).
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/events", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 50, if missing"),
        ("offset" = Option<u32>, Query, description = "Events to skip, at most 10000"),
    ),
    responses(
        (status = 200, description = "The events, latest first", body = Vec<LoggedEvent>),
        Failures,
    )
)]
async fn events(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "events").await
}

/// The alert rules of the site.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/alerts", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
    ),
    responses(
        (status = 200, description = "As ANALYTICS.ALERT LIST replies them", body = Vec<Object>),
        Failures,
    )
)]
async fn alerts(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "alerts").await
}

/// What the alert rules of the site have sent.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/alert-history", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("limit" = Option<u32>, Query, description = "1 to 1000; 50, if missing"),
    ),
    responses(
        (status = 200, description = "The messages, latest first", body = Vec<Object>),
        Failures,
    )
)]
async fn alert_history(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "alert-history").await
}

/// The live metrics of the site.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/live-metrics", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
    ),
    responses(
        (status = 200, description = "As ANALYTICS.LIVE LIST replies them", body = Vec<Object>),
        Failures,
    )
)]
async fn live_metrics(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "live-metrics").await
}

/// Cohorts: how many users were new in each period, and how many of them were seen in the ones after it.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/retention", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("window" = String, Query, description = "The periods that begin in it: 30d, 12w, 2026"),
        ("period" = String, Query, description = "day, week or month"),
    ),
    responses(
        (status = 200, description = "A row for each period, and how they were counted", body = Object),
        Failures,
    )
)]
async fn retention(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "retention").await
}

/// The funnels of the site.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/funnels", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
    ),
    responses(
        (status = 200, description = "As ANALYTICS.FUNNEL LIST replies them", body = Vec<Object>),
        Failures,
    )
)]
async fn funnels(State(state): State<AppState>, asking: Asking) -> ApiResult<Answer> {
    answer(&state, asking, "funnels").await
}

/// How far those got who began a funnel in the window.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/funnels/{name}", tag = "answers",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("name" = String, Path, description = "The name of the funnel"),
        ("window" = String, Query, description = "24h, today, 2026-11, 2026-11-01..2026-11-30"),
        ("by" = Option<String>, Query, description = "A dimension of the funnel's BY"),
        ("limit" = Option<u32>, Query, description = "How many values; 10, if missing"),
    ),
    responses(
        (status = 200, description = "A row for each step, and how they were counted", body = Object),
        Failures,
    )
)]
async fn funnel(
    State(state): State<AppState>,
    Path(path): Path<(String, String)>,
    mut asking: Asking,
) -> ApiResult<Answer> {
    let (_, name) = path;
    asking.params = asking.params.with("name", name);
    answer(&state, asking, "funnel").await
}
