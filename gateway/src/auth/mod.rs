//! Which site a request is about, and whether it may.
//!
//! `Reader` is the extractor of everything that asks: the site comes from the path (`{site}`), the
//! parameter `site`, the token, or `sites.default`, in this order; it is public, or the token is
//! one of its read tokens or the operator's. `Admin` is the operator's token. `Writer` finds the
//! site of events.

mod client;

pub use client::{ClientAddress, Proxies};

use crate::error::{ApiError, ApiResult};
use crate::sites::key::same_secret;
use crate::sites::{Site, Snapshot};
use crate::state::AppState;
use axum::extract::{FromRef, FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{header, HeaderMap, StatusCode};
use axum::RequestPartsExt;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// `Authorization: Bearer <text>`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
        .filter(|token| !token.is_empty())
}

/// Whether the token is the operator's.
pub fn is_operator(state: &AppState, token: Option<&str>) -> bool {
    match (&state.config.sites.admin_token, token) {
        (Some(admin), Some(token)) => same_secret(admin, token),
        _ => false,
    }
}

/// A site whose answers the request may have.
pub struct Reader(pub Arc<Site>);

#[derive(Default, Deserialize)]
struct Named {
    site: Option<String>,
    /// For what cannot set a header: web sockets and event sources of browsers.
    token: Option<String>,
}

impl Named {
    /// Most query strings have neither, and are read only once, by the question.
    fn of(parts: &Parts) -> Named {
        let query = parts.uri.query().unwrap_or_default();
        if !["site", "token", "%"]
            .iter()
            .any(|text| query.contains(text))
        {
            return Named::default();
        }
        let named = Query::<Named>::try_from_uri(&parts.uri);
        named.map_or_else(|_| Named::default(), |Query(named)| named)
    }
}

impl<S> FromRequestParts<S> for Reader
where
    AppState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Reader> {
        let state = &AppState::from_ref(state);
        let path: Option<Path<HashMap<String, String>>> = parts.extract().await.ok();
        let in_path = path.and_then(|Path(mut names)| names.remove("site"));
        let Named {
            site: in_query,
            token: in_token,
        } = Named::of(parts);
        let token = bearer(&parts.headers).or(in_token.as_deref());
        let name = in_path.or(in_query);
        match reader(state, name.as_deref(), token) {
            Ok(site) => Ok(Reader(site)),
            Err(error) => Err(guessed(state, parts, error).await),
        }
    }
}

/// As the extractor, for protocols that name the site elsewhere, such as in the body.
pub fn reader(state: &AppState, name: Option<&str>, token: Option<&str>) -> ApiResult<Arc<Site>> {
    let sites = state.sites.loaded()?;
    let own = token.and_then(|token| sites.of_read_token(token));
    let site = match name {
        Some(name) => sites.site(name).or_else(|| sites.of_domain(name)),
        None => match (own, &state.config.sites.default) {
            (Some(own), _) => Some(own),
            (None, Some(default)) => sites.site(default),
            (None, None) => return Err(no_site()),
        },
    };
    if let Some(site) = site {
        if site.public || own.is_some_and(|own| own.name == site.name) || is_operator(state, token)
        {
            return Ok(Arc::clone(site));
        }
    } else if is_operator(state, token) {
        return Err(ApiError::not_found("there is no such site"));
    }
    // The same answer whether or not the site is there, so that names cannot be tried out.
    Err(refused(token))
}

/// What a request without the right token is answered.
pub fn refused(token: Option<&str>) -> ApiError {
    ApiError::unauthorized(match token {
        Some(_) => "the token does not open this site",
        None => "a read token is needed: Authorization: Bearer rt_...",
    })
}

/// A wrong token counts against its address, so that trying them out comes to an end.
async fn guessed(state: &AppState, parts: &mut Parts, error: ApiError) -> ApiError {
    if error.status != StatusCode::UNAUTHORIZED {
        return error;
    }
    match parts.extract_with_state(state).await {
        Ok(ClientAddress(address)) => state.limits.take_failure(address, error),
        Err(other) => other,
    }
}

fn no_site() -> ApiError {
    ApiError::invalid(
        "site",
        "which site? Name it, or send one of its keys or tokens",
    )
}

/// The operator.
pub struct Admin;

impl FromRequestParts<AppState> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> ApiResult<Admin> {
        if is_operator(state, bearer(&parts.headers)) {
            return Ok(Admin);
        }
        let error = ApiError::unauthorized("the operator's token is needed");
        Err(guessed(state, parts, error).await)
    }
}

/// The site, key and origin that a request with events names.
#[derive(Debug, Default)]
pub struct Claim<'a> {
    pub key: Option<&'a str>,
    pub site: Option<&'a str>,
    pub domain: Option<&'a str>,
    pub origin: Option<&'a str>,
}

/// The site of events: that of the key; or, without a key, that of the domain, for pages of
/// browsers have no secrets. A page of an origin that the site does not list may not send any.
pub fn writer(sites: &Snapshot, claim: &Claim) -> ApiResult<Arc<Site>> {
    let site = match (claim.key, claim.domain) {
        (Some(key), _) => sites
            .of_write_key(key)
            .ok_or_else(|| ApiError::unauthorized("the write key is not known"))?,
        (None, Some(domain)) => sites
            .of_domain(domain)
            .ok_or_else(|| ApiError::not_found("no site has this domain"))?,
        (None, None) => {
            return Err(ApiError::unauthorized(
                "a write key is needed: Authorization: Bearer wk_...",
            ))
        }
    };
    if claim.site.is_some_and(|named| named != site.name) {
        return Err(ApiError::forbidden("the write key is of another site"));
    }
    match claim.origin {
        Some(origin) if !site.allows_origin(origin) => Err(ApiError::forbidden(
            "the site takes no events from pages of this origin",
        )),
        _ => Ok(Arc::clone(site)),
    }
}
