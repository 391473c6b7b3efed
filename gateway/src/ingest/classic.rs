//! `POST /api/v1/analytics/event`: `{event_type, event_data?, page_url?, visitor_id?}`. The site is
//! that of the key, of the page's host, or the default one.

use super::body::Body;
use super::failures::Failures;
use super::intake::Ingest;
use super::native::NativeEvent;
use super::sink::Refusal;
use super::source::Source;
use crate::auth::Claim;
use crate::enrich::host_of;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::object::Object;
use axum::extract::State;
use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Ingest> {
    OpenApiRouter::new().routes(routes!(event))
}

#[derive(Debug, Serialize, ToSchema)]
struct Told {
    success: bool,
    message: &'static str,
}

/// Count one event, in the words of the classic paths.
#[utoipa::path(
    post, path = "/api/v1/analytics/event", tag = "events", request_body = NativeEvent,
    responses(
        (status = 200, description = "Redis has counted it", body = Told),
        (status = 400, description = "The event is wrong", body = ErrorBody),
        (status = 404, description = "No site has the domain", body = ErrorBody),
        Failures,
    )
)]
async fn event(
    State(ingest): State<Ingest>,
    source: Source,
    Body(body): Body,
) -> ApiResult<Json<Told>> {
    let Object(event): Object<NativeEvent> = serde_json::from_slice(&body).map_err(|error| {
        ingest.state.metrics.drop_event("invalid");
        ApiError::invalid("body", format!("no event: {error}"))
    })?;
    let page = event.page_url.as_deref().and_then(host_of);
    let host = page.or_else(|| source.origin.as_deref().and_then(host_of));
    // The operator's default takes what names no site; a key that is sent has to be right.
    let claim = match (&source.key, &host, &ingest.state.config.sites.default) {
        (None, Some(host), _) if ingest.state.sites.loaded()?.of_domain(host).is_some() => Claim {
            domain: Some(host),
            ..Claim::default()
        },
        (None, _, Some(default)) => Claim {
            domain: Some(default),
            ..Claim::default()
        },
        _ => Claim::default(),
    };
    let site = source.site(&ingest.state, claim)?;
    let mut draft = event.into_draft()?;
    // An event without a visitor is taken as one of a browser.
    draft.is_web = draft.user.is_none();
    let taken = ingest.take(&site, &source, vec![draft], Refusal::Whole);
    taken.await?;
    Ok(Json(Told {
        success: true,
        message: "Event tracked",
    }))
}
