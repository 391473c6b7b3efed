//! `PATCH /api/v1/sites/{site}/schema`: what the module counts of a site, with the operator's token.
//! The module checks everything; all of it is changed, or nothing.

use super::body::{body, Given};
use super::failures::Failures;
use crate::auth::Admin;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::query::site_info;
use crate::sites::change::find;
use crate::state::AppState;
use axum::extract::{Path, State};
use axum::Json;
use redis::{cmd, Cmd};
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(change))
}

/// Most of what a change may name, so that a body is not a command of any length.
const MOST: usize = 64;

/// What is added or changed; what is not named stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Schema {
    /// Dimensions to count, by name.
    dimensions: Vec<String>,
    /// Cubes to count from now on, each by its dimensions: `event,country`.
    cubes: Vec<String>,
    /// Values to count, by name.
    values: Vec<String>,
    /// By granularity how long its buckets are kept: `{"hour": "30d"}`, or `off`.
    retention: BTreeMap<String, String>,
    /// How many events the log keeps; 0 is none.
    log: Option<u64>,
}

impl Schema {
    fn command(&self, site: &str) -> ApiResult<Cmd> {
        let mut command = cmd("ANALYTICS.ALTER");
        command.arg(site);
        let mut count = 0;
        for (option, names) in [
            ("DIM", &self.dimensions),
            ("CUBE", &self.cubes),
            ("VAL", &self.values),
        ] {
            for name in names {
                command.arg(option).arg(name);
                count += 1;
            }
        }
        for (granularity, kept) in &self.retention {
            command.arg("RETENTION").arg(granularity).arg(kept);
            count += 1;
        }
        if let Some(entries) = self.log {
            command.arg("LOG");
            match entries {
                0 => command.arg("off"),
                entries => command.arg(entries),
            };
            count += 1;
        }
        match count {
            0 => Err(ApiError::invalid("body", "names nothing to change")),
            1..=MOST => Ok(command),
            _ => Err(ApiError::invalid(
                "body",
                format!("a change names at most {MOST} settings"),
            )),
        }
    }
}

/// Change what the module counts of a site: dimensions, cubes, values, how long, the event log.
#[utoipa::path(
    patch, path = "/api/v1/sites/{site}/schema", tag = "settings", request_body = Schema,
    params(("site" = String, Path, description = "The name of the site")),
    responses(
        (status = 200, description = "The settings now, as info answers them", body = Object),
        (status = 400, description = "The module refuses it", body = ErrorBody),
        (status = 404, description = "There is no such site", body = ErrorBody),
        Failures,
    )
)]
async fn change(
    State(state): State<AppState>,
    _: Admin,
    Path(name): Path<String>,
    given: Given<Schema>,
) -> ApiResult<Json<serde_json::Value>> {
    let schema = body(given)?;
    let site = find(&state.redis, &name).await?;
    state.redis.query(&schema.command(&name)?).await?;
    state.facts.forget(&name);
    Ok(Json(site_info(&state, &site).await?))
}
