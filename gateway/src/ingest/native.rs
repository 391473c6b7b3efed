//! Our own bodies: `POST /track` and `POST /api/v1/sites/{site}/events`, an event or an array of
//! them. One that is wrong fails the request, and none of them counts.

use super::body::Body;
use super::event::Draft;
use super::failures::Failures;
use super::intake::Ingest;
use super::properties::{Identity, Properties, Stamp};
use super::reason::numbered;
use super::sink::Refusal;
use super::source::Source;
use crate::auth::Claim;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::object::{written, Object};
use crate::sites::{IdMode, Site};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Events a request.
const MOST: usize = 10_000;

pub fn routes() -> OpenApiRouter<Ingest> {
    OpenApiRouter::new()
        .routes(routes!(track))
        .routes(routes!(track_site))
}

/// One event, as a client sends it.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NativeEvent {
    /// The type: `view`, `purchase`.
    #[serde(alias = "event_type")]
    event: Option<String>,
    /// May be missing where the site derives the ids of visitors.
    #[serde(alias = "visitor_id")]
    #[schema(value_type = Option<String>)]
    user_id: Option<Identity>,
    /// Milliseconds or seconds since the epoch, or ISO 8601. Now, if missing.
    #[schema(value_type = Option<i64>)]
    timestamp: Option<Stamp>,
    #[schema(value_type = Option<String>)]
    session_id: Option<Identity>,
    /// The same id counts once.
    #[schema(value_type = Option<String>)]
    id: Option<Identity>,
    #[serde(default)]
    passive: bool,
    /// Texts and booleans are dimensions, numbers are values.
    #[serde(default, alias = "event_data")]
    #[schema(value_type = Object)]
    properties: Properties,
    /// The dimension `page`.
    pub page_url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Tracked {
    success: bool,
    /// How many counted: not those whose id had been seen, or that are older than all that is kept.
    counted: u64,
    /// When the events came, in milliseconds.
    timestamp: i64,
}

impl NativeEvent {
    pub fn into_draft(self) -> ApiResult<Draft> {
        let time = match &self.timestamp {
            Some(stamp) => Some(stamp.instant().ok_or_else(|| {
                ApiError::invalid("timestamp", "seconds, milliseconds or ISO 8601 is accepted")
            })?),
            None => None,
        };
        let mut draft = Draft {
            name: self.event.unwrap_or_default(),
            user: self.user_id.map(|id| id.0),
            session: self.session_id.map(|id| id.0),
            id: self.id.map(|id| id.0),
            time,
            passive: self.passive,
            dimensions: self.properties.dimensions,
            values: self.properties.values,
            ..Draft::default()
        };
        if let Some(page) = self.page_url {
            draft.dimension("page", page);
        }
        Ok(draft)
    }
}

/// The events of a body.
fn read(body: &[u8]) -> ApiResult<Vec<Draft>> {
    // At once, and not once for each text in it.
    let body = std::str::from_utf8(body)
        .map_err(|_| ApiError::invalid("body", "no event: it is not UTF-8"))?;
    let wrong = |error: serde_json::Error| ApiError::invalid("body", format!("no event: {error}"));
    if !body.trim_ascii_start().starts_with('[') {
        let Object(event): Object<NativeEvent> = serde_json::from_str(body).map_err(wrong)?;
        return Ok(vec![event.into_draft()?]);
    }
    let events: Vec<Object<NativeEvent>> = serde_json::from_str(body).map_err(wrong)?;
    if events.len() > MOST {
        return Err(ApiError::too_large("a request has at most 10000 events"));
    }
    let drafts = events
        .into_iter()
        .enumerate()
        .map(|(index, Object(event))| {
            event
                .into_draft()
                .map_err(|error| numbered(error, Some(index)))
        });
    drafts.collect()
}

async fn take(ingest: &Ingest, source: &Source, site: &Site, body: &[u8]) -> ApiResult<Response> {
    let mut drafts = read(body).inspect_err(|_| ingest.state.metrics.drop_event("invalid"))?;
    if site.id_mode != IdMode::Supplied {
        // Who has no id is a browser's visitor.
        for draft in &mut drafts {
            draft.is_web = draft.user.is_none();
        }
    }
    let taken = ingest.take(site, source, drafts, Refusal::Whole).await?;
    Ok(written(&Tracked {
        success: true,
        counted: taken.counted,
        timestamp: source.now,
    }))
}

/// Count events of the write key's site.
#[utoipa::path(
    post, path = "/track", tag = "events", request_body = NativeEvent,
    responses(
        (status = 200, description = "Redis has counted them", body = Tracked),
        (status = 400, description = "an event is wrong, and none counted", body = ErrorBody),
        Failures,
    )
)]
async fn track(
    State(ingest): State<Ingest>,
    source: Source,
    Body(body): Body,
) -> ApiResult<Response> {
    let site = source.site(&ingest.state, Claim::default())?;
    take(&ingest, &source, &site, &body).await
}

/// Count events of the site in the path, with one of its write keys.
#[utoipa::path(
    post, path = "/api/v1/sites/{site}/events", tag = "events", request_body = NativeEvent,
    params(("site" = String, Path, description = "The name of the site")),
    responses(
        (status = 200, description = "Redis has counted them", body = Tracked),
        (status = 400, description = "an event is wrong, and none counted", body = ErrorBody),
        Failures,
    )
)]
async fn track_site(
    State(ingest): State<Ingest>,
    Path(name): Path<String>,
    source: Source,
    Body(body): Body,
) -> ApiResult<Response> {
    let claim = Claim {
        site: Some(&name),
        ..Claim::default()
    };
    let site = source.site(&ingest.state, claim)?;
    take(&ingest, &source, &site, &body).await
}
