//! Funnels of a site over HTTP, changed with the operator's token. The module checks what a funnel may
//! be; what it counts is a question (`query::people`).

use super::body::{body, Given};
use super::failures::Failures;
use super::named::delete;
use crate::auth::Admin;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::sites::change::find;
use crate::state::AppState;
use crate::store::text;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::Json;
use redis::{cmd, Cmd};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(set, remove))
}

/// Most of what a funnel may name, so that a body is not a command of any length.
const MOST: usize = 32;

/// A funnel, by the names of the arguments of `ANALYTICS.FUNNEL SET`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Funnel {
    /// The longest time from the first step to the last: `7d`.
    within: String,
    /// Conditions in their order: `event=pageview&page=/pricing`.
    steps: Vec<String>,
    /// Conditions of which each ends what is under way.
    #[serde(default)]
    exclude: Vec<String>,
    /// Dimensions by whose values attempts are counted.
    #[serde(default)]
    by: Vec<String>,
}

impl Funnel {
    fn command(&self, site: &str, name: &str) -> ApiResult<Cmd> {
        let parts = [
            ("STEP", &self.steps),
            ("EXCLUDE", &self.exclude),
            ("BY", &self.by),
        ];
        if parts.iter().map(|(_, words)| words.len()).sum::<usize>() > MOST {
            let message = format!("a funnel has at most {MOST} steps, exclusions and dimensions");
            return Err(ApiError::invalid("body", message));
        }
        let mut command = cmd("ANALYTICS.FUNNEL");
        command.arg(site).arg("SET").arg(name);
        command.arg("WITHIN").arg(&self.within);
        for (option, words) in parts {
            for word in words {
                command.arg(option).arg(word);
            }
        }
        Ok(command)
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Set {
    /// `OK`; `begun anew` where another funnel had this name, and what that had counted is gone;
    /// `unchanged` where it was there already.
    funnel: String,
}

/// Set a funnel, which counts from now on, or change one, which begins anew.
#[utoipa::path(
    put, path = "/api/v1/sites/{site}/funnels/{name}", tag = "settings", request_body = Funnel,
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("name" = String, Path, description = "The name of the funnel"),
    ),
    responses(
        (status = 200, description = "It is counted from now on", body = Set),
        (status = 400, description = "The module refuses it", body = ErrorBody),
        (status = 404, description = "There is no such site", body = ErrorBody),
        Failures,
    )
)]
async fn set(
    State(state): State<AppState>,
    _: Admin,
    Path((site, name)): Path<(String, String)>,
    given: Given<Funnel>,
) -> ApiResult<Json<Set>> {
    let given = body(given)?;
    find(&state.redis, &site).await?;
    let reply = state.redis.query(&given.command(&site, &name)?).await?;
    let word = match &reply {
        redis::Value::Okay => "OK",
        other => text(other).unwrap_or_default(),
    };
    Ok(Json(Set {
        funnel: String::from(word),
    }))
}

/// Remove a funnel, and what it has counted.
#[utoipa::path(
    delete, path = "/api/v1/sites/{site}/funnels/{name}", tag = "settings",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("name" = String, Path, description = "The name of the funnel"),
    ),
    responses(
        (status = 204, description = "It is removed"),
        (status = 400, description = "The module refuses it", body = ErrorBody),
        (status = 404, description = "There is no such site or funnel", body = ErrorBody),
        Failures,
    )
)]
async fn remove(
    State(state): State<AppState>,
    _: Admin,
    Path((site, name)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    delete(&state, "ANALYTICS.FUNNEL", &site, &name, "funnel").await
}
