//! Alert rules of a site over HTTP: changed with the operator's token; what they have sent, for
//! readers (`query`).

use super::body::{body, Given};
use super::failures::Failures;
use super::named::delete;
use crate::auth::Admin;
use crate::error::{ApiResult, ErrorBody};
use crate::sites::change::find;
use crate::state::AppState;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use redis::{cmd, Cmd};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(set, remove))
}

/// A rule, by the names of the arguments of `ANALYTICS.ALERT SET`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// `latency:p95@event=checkout`
    metric: String,
    /// `5m`
    window: String,
    /// `>`, `>=`, `<`, `<=`, `=`, `change>` or `change<`
    op: String,
    threshold: f64,
    clear: Option<f64>,
    /// How long it has to hold: `2m`.
    #[serde(rename = "for")]
    lasting: Option<String>,
    every: Option<String>,
    repeat: Option<String>,
    severity: Option<String>,
}

impl Rule {
    fn command(&self, site: &str, name: &str) -> Cmd {
        let mut command = cmd("ANALYTICS.ALERT");
        command.arg(site).arg("SET").arg(name);
        command.arg(&self.metric).arg(&self.window).arg(&self.op);
        command.arg(self.threshold);
        if let Some(clear) = self.clear {
            command.arg("CLEAR").arg(clear);
        }
        for (option, given) in [
            ("FOR", &self.lasting),
            ("EVERY", &self.every),
            ("REPEAT", &self.repeat),
            ("SEVERITY", &self.severity),
        ] {
            if let Some(word) = given {
                command.arg(option).arg(word);
            }
        }
        command
    }
}

/// Make an alert rule, or change one.
#[utoipa::path(
    put, path = "/api/v1/sites/{site}/alerts/{rule}", tag = "settings", request_body = Rule,
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("rule" = String, Path, description = "The name of the rule"),
    ),
    responses(
        (status = 204, description = "It is evaluated from now on"),
        (status = 400, description = "The module refuses it", body = ErrorBody),
        (status = 404, description = "There is no such site", body = ErrorBody),
        Failures,
    )
)]
async fn set(
    State(state): State<AppState>,
    _: Admin,
    Path((site, rule)): Path<(String, String)>,
    given: Given<Rule>,
) -> ApiResult<StatusCode> {
    let given = body(given)?;
    find(&state.redis, &site).await?;
    state.redis.query(&given.command(&site, &rule)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove an alert rule.
#[utoipa::path(
    delete, path = "/api/v1/sites/{site}/alerts/{rule}", tag = "settings",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("rule" = String, Path, description = "The name of the rule"),
    ),
    responses(
        (status = 204, description = "It is removed"),
        (status = 400, description = "The module refuses it", body = ErrorBody),
        (status = 404, description = "There is no such site or rule", body = ErrorBody),
        Failures,
    )
)]
async fn remove(
    State(state): State<AppState>,
    _: Admin,
    Path((site, rule)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    delete(&state, "ANALYTICS.ALERT", &site, &rule, "rule").await
}
