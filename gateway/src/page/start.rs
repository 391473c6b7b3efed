//! `GET /api/v1/page`: what the page needs before its first question: the sites that its token may
//! read, which of them is shown, and that site's settings in the module.

use crate::auth::{bearer, is_operator, refused, ClientAddress};
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::query::site_info;
use crate::sites::Site;
use crate::state::AppState;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// The site to show
    site: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Start {
    /// The names of the sites that may be read: public ones, that of the token, and all of them for
    /// the operator.
    sites: Vec<String>,
    site: String,
    /// Whether the settings of the site may be changed.
    operator: bool,
    /// Whether the site's answers need no token.
    public: bool,
    /// The host name whose pages send events, if one is known.
    domain: Option<String>,
    /// The event that is the site's conversion.
    goal: String,
    /// As `info` answers it; null for a site that has counted nothing.
    #[schema(value_type = Option<Object>)]
    info: Value,
    /// The time of the gateway, in milliseconds.
    timestamp: i64,
}

/// What the page at `/` begins with.
#[utoipa::path(
    get, path = "/api/v1/page", tag = "page", params(Wanted),
    responses(
        (status = 200, description = "The sites, and the one to show", body = Start),
        (status = 400, description = "A parameter is wrong", body = ErrorBody),
        (status = 401, description = "No read token, or a wrong one", body = ErrorBody),
        (status = 404, description = "There is no site yet", body = ErrorBody),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "Redis is not reached", body = ErrorBody),
    )
)]
pub async fn start(
    State(state): State<AppState>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> ApiResult<Json<Start>> {
    let limits = &state.limits;
    limits.take_query(address)?;
    let Query(wanted) =
        wanted.map_err(|rejection| ApiError::invalid("query", rejection.body_text()))?;
    let token = bearer(&headers);
    let operator = is_operator(&state, token);
    let sites = state.sites.loaded()?;
    let own = token.and_then(|token| sites.of_read_token(token));
    if token.is_some() && own.is_none() && !operator {
        return Err(limits.take_failure(address, refused(token)));
    }
    let mut readable: Vec<&Arc<Site>> = sites
        .sites()
        .filter(|site| operator || site.public || own.is_some_and(|own| own.name == site.name))
        .collect();
    readable.sort_by(|a, b| a.name.cmp(&b.name));
    let named = |name: &str| readable.iter().find(|site| site.name == name).copied();
    let site = match &wanted.site {
        Some(name) => named(name).ok_or_else(|| match operator {
            true => ApiError::not_found("there is no such site"),
            false => limits.take_failure(address, refused(token)),
        })?,
        None => own
            .or_else(|| state.config.sites.default.as_deref().and_then(named))
            .or_else(|| readable.first().copied())
            .ok_or_else(|| match operator {
                true => ApiError::not_found("there is no site yet"),
                false => refused(token),
            })?,
    };
    Ok(Json(Start {
        sites: readable.iter().map(|site| site.name.clone()).collect(),
        site: site.name.clone(),
        operator,
        public: site.public,
        domain: site.domains.first().cloned(),
        goal: site.goal.clone(),
        info: site_info(&state, site).await?,
        timestamp: crate::time::now_ms(),
    }))
}
