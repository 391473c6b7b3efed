//! The settings API: sites, keys and tokens over HTTP, with the operator's token.

use super::body::{body, Given};
use super::failures::Failures;
use crate::auth::Admin;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::sites::change::{self, Change};
use crate::sites::{stored, IdMode, Key, Secret, Site};
use crate::state::AppState;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, save, remove))
        .routes(routes!(add_secret))
        .routes(routes!(remove_secret))
}

/// A site as it is shown: of keys and tokens the ids.
#[derive(Debug, Serialize, ToSchema)]
struct Shown {
    name: String,
    domains: Vec<String>,
    origins: Vec<String>,
    id_mode: IdMode,
    public: bool,
    prometheus: bool,
    clear_ids: bool,
    ignore_privacy_signals: bool,
    properties: Vec<String>,
    number_dimensions: Vec<String>,
    goal: String,
    theme_dimension: String,
    goal_dimension: String,
    write_keys: Vec<ShownKey>,
    read_tokens: Vec<ShownKey>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ShownKey {
    id: String,
    label: String,
    /// In milliseconds.
    created: i64,
}

impl From<Key> for ShownKey {
    fn from(key: Key) -> ShownKey {
        ShownKey {
            id: key.id,
            label: key.label,
            created: key.created,
        }
    }
}

impl From<Site> for Shown {
    fn from(site: Site) -> Shown {
        Shown {
            name: site.name,
            domains: site.domains,
            origins: site.origins,
            id_mode: site.id_mode,
            public: site.public,
            prometheus: site.prometheus,
            clear_ids: site.clear_ids,
            ignore_privacy_signals: site.ignore_privacy_signals,
            properties: site.properties,
            number_dimensions: site.number_dimensions,
            goal: site.goal,
            theme_dimension: site.theme_dimension,
            goal_dimension: site.goal_dimension,
            write_keys: site.write_keys.into_iter().map(ShownKey::from).collect(),
            read_tokens: site.read_tokens.into_iter().map(ShownKey::from).collect(),
        }
    }
}

/// All sites.
#[utoipa::path(
    get, path = "/api/v1/sites", tag = "settings",
    responses(
        (status = 200, description = "The sites by name", body = Vec<Shown>),
        Failures,
    )
)]
async fn list(State(state): State<AppState>, _: Admin) -> ApiResult<Json<Vec<Shown>>> {
    let mut sites = stored::all(&state.redis).await?;
    sites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Json(sites.into_iter().map(Shown::from).collect()))
}

/// The settings of a site.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/settings", tag = "settings",
    params(("site" = String, Path, description = "The name of the site")),
    responses(
        (status = 200, description = "The settings", body = Shown),
        (status = 404, description = "There is no such site", body = ErrorBody),
        Failures,
    )
)]
async fn show(
    State(state): State<AppState>,
    _: Admin,
    Path(name): Path<String>,
) -> ApiResult<Json<Shown>> {
    let site = change::find(&state.redis, &name).await?;
    Ok(Json(Shown::from(site)))
}

/// Make a site, or change one: what is not given stays as it is.
#[utoipa::path(
    patch, path = "/api/v1/sites/{site}/settings", tag = "settings", request_body = Change,
    params(("site" = String, Path, description = "The name of the site")),
    responses(
        (status = 200, description = "The settings now", body = Shown),
        (status = 400, description = "A setting is wrong", body = ErrorBody),
        Failures,
    )
)]
async fn save(
    State(state): State<AppState>,
    _: Admin,
    Path(name): Path<String>,
    given: Given<Change>,
) -> ApiResult<Json<Shown>> {
    change::save(&state.redis, &name, &body(given)?).await?;
    state.sites.try_refresh().await;
    let site = change::find(&state.redis, &name).await?;
    Ok(Json(Shown::from(site)))
}

/// Forget the settings of a site. What it has counted stays.
#[utoipa::path(
    delete, path = "/api/v1/sites/{site}/settings", tag = "settings",
    params(("site" = String, Path, description = "The name of the site")),
    responses(
        (status = 204, description = "Forgotten"),
        (status = 404, description = "There is no such site", body = ErrorBody),
        Failures,
    )
)]
async fn remove(
    State(state): State<AppState>,
    _: Admin,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    change::remove(&state.redis, &name).await?;
    state.sites.try_refresh().await;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// What it is for.
    #[serde(default)]
    label: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Made {
    id: String,
    /// Shown once: only its hash is kept.
    secret: String,
}

fn kind(word: &str) -> ApiResult<Secret> {
    match word {
        "keys" => Ok(Secret::Write),
        "tokens" => Ok(Secret::Read),
        _ => Err(ApiError::not_found("there is nothing at this path")),
    }
}

/// Make a write key or a read token.
#[utoipa::path(
    post, path = "/api/v1/sites/{site}/secrets/{kind}", tag = "settings", request_body = Wanted,
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("kind" = String, Path, description = "keys or tokens"),
    ),
    responses(
        (status = 201, description = "The secret, shown once", body = Made),
        (status = 400, description = "The body is wrong", body = ErrorBody),
        (status = 404, description = "There is no such site", body = ErrorBody),
        Failures,
    )
)]
async fn add_secret(
    State(state): State<AppState>,
    _: Admin,
    Path((name, word)): Path<(String, String)>,
    given: Given<Wanted>,
) -> ApiResult<(StatusCode, Json<Made>)> {
    let label = body(given)?.label.unwrap_or_default();
    let (key, secret) = change::add_secret(&state.redis, &name, kind(&word)?, &label).await?;
    state.sites.try_refresh().await;
    let made = Made { id: key.id, secret };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Remove a write key or a read token.
#[utoipa::path(
    delete, path = "/api/v1/sites/{site}/secrets/{kind}/{id}", tag = "settings",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("kind" = String, Path, description = "keys or tokens"),
        ("id" = String, Path, description = "The part of it between the underscores"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "There is no such site or id", body = ErrorBody),
        Failures,
    )
)]
async fn remove_secret(
    State(state): State<AppState>,
    _: Admin,
    Path((name, word, id)): Path<(String, String, String)>,
) -> ApiResult<StatusCode> {
    change::remove_secret(&state.redis, &name, kind(&word)?, &id).await?;
    state.sites.try_refresh().await;
    Ok(StatusCode::NO_CONTENT)
}
