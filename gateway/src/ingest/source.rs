//! Who sent a request with events, as an extractor: taking it counts against the address's limit.

use crate::auth::{bearer, writer, Claim, ClientAddress};
use crate::error::{ApiError, ApiResult};
use crate::sites::Site;
use crate::state::AppState;
use axum::extract::{FromRef, FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{header, HeaderMap, HeaderName, StatusCode};
use axum::RequestPartsExt;
use base64::prelude::{Engine, BASE64_STANDARD};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct Source {
    pub address: IpAddr,
    pub agent: Option<String>,
    pub origin: Option<String>,
    /// From `Authorization`, `X-Write-Key` or the parameter `key`.
    pub key: Option<String>,
    /// The user of basic authentication, which is the write key in some protocols.
    pub basic_user: Option<String>,
    /// Whether the browser asks not to be followed.
    pub asks_for_privacy: bool,
    /// When the request came, in milliseconds.
    pub now: i64,
}

#[derive(Deserialize)]
struct InQuery {
    key: Option<String>,
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| String::from(value))
}

/// The user of `Authorization: Basic <base64 of user:password>`.
fn basic_user(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let user = text.split_once(':').map_or(text.as_str(), |(user, _)| user);
    (!user.is_empty()).then(|| String::from(user))
}

fn is_one(headers: &HeaderMap, name: &'static str) -> bool {
    text(headers, HeaderName::from_static(name)).as_deref() == Some("1")
}

impl<S> FromRequestParts<S> for Source
where
    AppState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Source> {
        let state = AppState::from_ref(state);
        let ClientAddress(address) = parts.extract_with_state(&state).await?;
        state
            .limits
            .take_events(address)
            .inspect_err(|_| state.metrics.drop_event("rate_limited"))?;
        let headers = &parts.headers;
        let key = bearer(headers)
            .map(String::from)
            .or_else(|| text(headers, HeaderName::from_static("x-write-key")))
            .or_else(|| Query::<InQuery>::try_from_uri(&parts.uri).ok()?.0.key);
        Ok(Source {
            address,
            agent: text(headers, header::USER_AGENT),
            // "null" too: any page can send from a frame without an origin.
            origin: text(headers, header::ORIGIN),
            key,
            basic_user: basic_user(headers),
            asks_for_privacy: is_one(headers, "dnt") || is_one(headers, "sec-gpc"),
            now: crate::time::now_ms(),
        })
    }
}

impl Source {
    /// The site that the events go to, or why they go nowhere; guesses are counted.
    pub fn site<'a>(&'a self, state: &AppState, mut claim: Claim<'a>) -> ApiResult<Arc<Site>> {
        claim.key = claim.key.or(self.key.as_deref());
        claim.origin = self.origin.as_deref();
        writer(&*state.sites.loaded()?, &claim).map_err(|error| {
            state.metrics.drop_event(match error.status {
                StatusCode::FORBIDDEN => "forbidden",
                StatusCode::NOT_FOUND => "unknown_domain",
                _ => "unauthorized",
            });
            state.limits.take_failure(self.address, error)
        })
    }
}
