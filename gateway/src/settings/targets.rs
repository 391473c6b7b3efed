//! The targets of alerts over HTTP, with the operator's token.

use super::failures::Failures;
use crate::auth::Admin;
use crate::error::{ApiResult, ErrorBody};
use crate::sites::change::find;
use crate::sites::target::{self, Kind, Target};
use crate::state::AppState;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(remove))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewTarget {
    kind: Kind,
    /// A URL, or an address of e-mail.
    address: String,
}

/// A target as it is shown: of a URL the host.
#[derive(Debug, Serialize, ToSchema)]
struct ShownTarget {
    id: String,
    kind: Kind,
    address: String,
    /// In milliseconds.
    created: i64,
}

#[derive(Debug, Serialize, ToSchema)]
struct MadeTarget {
    id: String,
    /// What webhooks are signed with; shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<Target> for ShownTarget {
    fn from(target: Target) -> ShownTarget {
        ShownTarget {
            address: target.shown_address(),
            id: target.id,
            kind: target.kind,
            created: target.created,
        }
    }
}

/// Where the alerts of a site go.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/alert-targets", tag = "settings",
    params(("site" = String, Path, description = "The name of the site")),
    responses(
        (status = 200, description = "The targets", body = Vec<ShownTarget>),
        (status = 404, description = "There is no such site", body = ErrorBody),
        Failures,
    )
)]
async fn list(
    State(state): State<AppState>,
    _: Admin,
    Path(name): Path<String>,
) -> ApiResult<Json<Vec<ShownTarget>>> {
    let site = find(&state.redis, &name).await?;
    let targets = site.alert_targets.into_iter().map(ShownTarget::from);
    Ok(Json(targets.collect()))
}

/// Have the alerts of a site go somewhere.
#[utoipa::path(
    post, path = "/api/v1/sites/{site}/alert-targets", tag = "settings", request_body = NewTarget,
    params(("site" = String, Path, description = "The name of the site")),
    responses(
        (status = 201, description = "The target", body = MadeTarget),
        (status = 400, description = "The body is wrong", body = ErrorBody),
        (status = 404, description = "There is no such site", body = ErrorBody),
        Failures,
    )
)]
async fn add(
    State(state): State<AppState>,
    _: Admin,
    Path(name): Path<String>,
    given: Result<Json<NewTarget>, JsonRejection>,
) -> ApiResult<(StatusCode, Json<MadeTarget>)> {
    let Json(new) = given?;
    let config = &state.config.alerts;
    let target = target::add(&state.redis, config, &name, new.kind, &new.address).await?;
    state.sites.try_refresh().await;
    let made = MadeTarget {
        id: target.id,
        secret: target.secret,
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Send alerts there no more.
#[utoipa::path(
    delete, path = "/api/v1/sites/{site}/alert-targets/{id}", tag = "settings",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("id" = String, Path, description = "The id of the target"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 404, description = "There is no such site or target", body = ErrorBody),
        Failures,
    )
)]
async fn remove(
    State(state): State<AppState>,
    _: Admin,
    Path((name, id)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    target::remove(&state.redis, &name, &id).await?;
    state.sites.try_refresh().await;
    Ok(StatusCode::NO_CONTENT)
}
