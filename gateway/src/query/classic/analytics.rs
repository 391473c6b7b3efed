//! `/api/v1/analytics/stats`, `themes`, `letters` and `timeline`. Which event is the goal, and which
//! dimensions are the theme and the kind of it, are settings of the site.

use super::figures::{count, get, share};
use crate::error::{ApiError, ApiResult};
use crate::facts::Facts;
use crate::query::ask::{every, one};
use crate::query::failures::Failures;
use crate::query::log::{self, LoggedEvent};
use crate::query::native::Asking;
use crate::query::params::Params;
use crate::state::AppState;
use crate::store::{integer, list, word};
use crate::time;
use axum::extract::State;
use axum::Json;
use jiff::Timestamp;
use redis::cmd;
use serde::Serialize;
use serde_json::{Map, Value as Data};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(stats))
        .routes(routes!(themes))
        .routes(routes!(letters))
        .routes(routes!(timeline))
}

#[derive(Debug, Serialize, ToSchema)]
struct Stats {
    success: bool,
    data: StatsData,
}

#[derive(Debug, Serialize, ToSchema)]
struct StatsData {
    period: &'static str,
    /// `2025-12-08`, `2025-W49`, `2025-12`
    period_key: String,
    total_events: i64,
    letters_generated: i64,
    unique_visitors: i64,
    /// The part of the visitors that reached the goal, 0 to 1.
    conversion_rate: f64,
}

/// A day, week or month so far: its word, its window, and how its key is written.
struct Period {
    word: &'static str,
    window: &'static str,
    key: &'static str,
}

const PERIODS: [Period; 3] = [
    Period {
        word: "day",
        window: "today",
        key: "%Y-%m-%d",
    },
    Period {
        word: "week",
        window: "this-week",
        key: "%G-W%V",
    },
    Period {
        word: "month",
        window: "this-month",
        key: "%Y-%m",
    },
];

fn period(params: &mut Params, default: Option<&str>) -> ApiResult<&'static Period> {
    let given = params.one("period")?;
    let word = given.as_deref().or(default);
    let period = PERIODS.iter().find(|period| Some(period.word) == word);
    period.ok_or_else(|| ApiError::invalid("period", "day, week or month is accepted"))
}

fn key_now(period: &Period, facts: &Facts) -> ApiResult<String> {
    let now = Timestamp::from_millisecond(time::now_ms()).map_err(|_| ApiError::internal())?;
    let local = now.to_zoned(facts.zone.clone());
    Ok(local.strftime(period.key).to_string())
}

/// Events, visitors and conversions of the current day, week or month.
#[utoipa::path(
    get, path = "/api/v1/analytics/stats", tag = "classic",
    params(
        ("site" = Option<String>, Query, description = "That of the token, if missing"),
        ("period" = String, Query, description = "day, week or month"),
    ),
    responses((status = 200, description = "The figures", body = Stats), Failures)
)]
async fn stats(
    State(state): State<AppState>,
    Asking { site, mut params }: Asking,
) -> ApiResult<Json<Stats>> {
    let period = period(&mut params, None)?;
    params.finish("period")?;
    let facts = state.facts_of(&site.name).await?;
    let metrics =
        ["events", "users"].map(|subject| facts.metric(subject, &[("event", &site.goal)]));
    let [letters, converted] = metrics.each_ref().map(String::as_str);
    let command = get(
        &site,
        period.window,
        &["events", "users", letters, converted],
    );
    let replies = every(&state, "get", &[command]).await?;
    let visitors = count(&replies, 0, 1);
    Ok(Json(Stats {
        success: true,
        data: StatsData {
            period: period.word,
            period_key: key_now(period, &facts)?,
            total_events: count(&replies, 0, 0),
            letters_generated: count(&replies, 0, 2),
            unique_visitors: visitors,
            conversion_rate: share(count(&replies, 0, 3), visitors),
        },
    }))
}

#[derive(Debug, Serialize, ToSchema)]
struct Themes {
    success: bool,
    data: Vec<Theme>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Theme {
    theme: String,
    views: i64,
}

/// The themes with the most events of the last 30 days.
#[utoipa::path(
    get, path = "/api/v1/analytics/themes", tag = "classic",
    params(
        ("site" = Option<String>, Query, description = "That of the token, if missing"),
        ("limit" = Option<u32>, Query, description = "1 to 20; 5, if missing"),
    ),
    responses((status = 200, description = "The themes", body = Themes), Failures)
)]
async fn themes(
    State(state): State<AppState>,
    Asking { site, mut params }: Asking,
) -> ApiResult<Json<Themes>> {
    let limit = params.number("limit", 1..=20, 5)?;
    params.finish("limit")?;
    let mut command = cmd("ANALYTICS.TOP");
    command
        .arg(&site.name)
        .arg("30d")
        .arg(&site.theme_dimension);
    command.arg("LIMIT").arg(limit);
    let reply = one(&state, "top", &command).await?;
    // Behind the rows that were asked for stands the rest of them all.
    let rows = list(&reply).iter().take(limit).map(list);
    let themes = rows.filter_map(|row| match row {
        [theme, views, ..] if word(theme) != "~other" => Some(Theme {
            theme: word(theme),
            views: integer(views).unwrap_or_default(),
        }),
        _ => None,
    });
    Ok(Json(Themes {
        success: true,
        data: themes.collect(),
    }))
}

#[derive(Debug, Serialize, ToSchema)]
struct Letters {
    success: bool,
    data: LettersData,
}

#[derive(Debug, Serialize, ToSchema)]
struct LettersData {
    period: &'static str,
    total: i64,
    motivation: i64,
    anti_motivation: i64,
    unique_visitors: i64,
    conversion_rate: f64,
}

/// Events that are the goal, and of which kind.
#[utoipa::path(
    get, path = "/api/v1/analytics/letters", tag = "classic",
    params(
        ("site" = Option<String>, Query, description = "That of the token, if missing"),
        ("period" = Option<String>, Query, description = "day, week or month; day, if missing"),
    ),
    responses((status = 200, description = "The figures", body = Letters), Failures)
)]
async fn letters(
    State(state): State<AppState>,
    Asking { site, mut params }: Asking,
) -> ApiResult<Json<Letters>> {
    let period = period(&mut params, Some("day"))?;
    params.finish("period")?;
    let facts = state.facts_of(&site.name).await?;
    let goal = [("event", &*site.goal)];
    let kinds = ["motivation", "anti_motivation"].map(|kind| {
        let kind = (site.goal_dimension.as_str(), kind);
        // Without the cube, the dimension is taken as one that only events of the goal have.
        let cubes = [
            format!("event,{}", site.goal_dimension),
            format!("{},event", site.goal_dimension),
        ];
        match facts.cubes.iter().any(|cube| cubes.contains(cube)) {
            true => facts.metric("events", &[("event", &site.goal), kind]),
            false => facts.metric("events", &[kind]),
        }
    });
    let [first, second] = kinds;
    let (total, converted) = (facts.metric("events", &goal), facts.metric("users", &goal));
    let metrics: [&str; 5] = [&total, &first, &second, "users", &converted];
    let replies = every(&state, "get", &[get(&site, period.window, &metrics)]).await?;
    let visitors = count(&replies, 0, 3);
    Ok(Json(Letters {
        success: true,
        data: LettersData {
            period: period.word,
            total: count(&replies, 0, 0),
            motivation: count(&replies, 0, 1),
            anti_motivation: count(&replies, 0, 2),
            unique_visitors: visitors,
            conversion_rate: share(count(&replies, 0, 4), visitors),
        },
    }))
}

#[derive(Debug, Serialize, ToSchema)]
struct Timeline {
    success: bool,
    data: Vec<Entry>,
    meta: Page,
}

#[derive(Debug, Serialize, ToSchema)]
struct Entry {
    id: String,
    visitor_id: String,
    event_type: String,
    /// Dimensions and values.
    #[schema(value_type = Object)]
    event_data: Map<String, Data>,
    page_url: Option<String>,
    created_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Page {
    limit: usize,
    offset: usize,
    count: usize,
}

impl From<LoggedEvent> for Entry {
    fn from(event: LoggedEvent) -> Entry {
        let mut data = event.dimensions;
        let page = data.remove("page");
        data.extend(event.values);
        Entry {
            id: event.id,
            visitor_id: event.user,
            event_type: event.event,
            event_data: data,
            page_url: page.and_then(|page| page.as_str().map(String::from)),
            created_at: event.time,
        }
    }
}

/// The latest events, from the log of the site.
#[utoipa::path(
    get, path = "/api/v1/analytics/timeline", tag = "classic",
    params(
        ("site" = Option<String>, Query, description = "That of the token, if missing"),
        ("limit" = Option<u32>, Query, description = "1 to 100; 50, if missing"),
        ("offset" = Option<u32>, Query, description = "At most 10000"),
    ),
    responses((status = 200, description = "The events", body = Timeline), Failures)
)]
async fn timeline(
    State(state): State<AppState>,
    Asking { site, mut params }: Asking,
) -> ApiResult<Json<Timeline>> {
    let limit = params.number("limit", 1..=100, 50)?;
    let offset = params.number("offset", 0..=log::DEEPEST, 0)?;
    params.finish("limit, offset")?;
    let facts = state.facts_of(&site.name).await?;
    let command = log::command(&site.name, limit, offset);
    let reply = one(&state, "events", &command).await?;
    let events = log::read(&reply, &site, offset, &facts.zone);
    let data: Vec<Entry> = events.into_iter().map(Entry::from).collect();
    let meta = Page {
        limit,
        offset,
        count: data.len(),
    };
    Ok(Json(Timeline {
        success: true,
        data,
        meta,
    }))
}
