//! Plausible's events: `POST /api/event`, as its scripts, its tracker and its servers' clients send
//! them, with long and short keys, and as `text/plain`, too. Our own `/js/script.js` sends the same.

use super::body::Body;
use super::event::Draft;
use super::failures::Failures;
use super::intake::{Ingest, Taken};
use super::properties::Property;
use super::sink::Refusal;
use super::source::Source;
use crate::auth::Claim;
use crate::error::{ApiResult, ErrorBody};
use crate::object::Object;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Sites that one event may be sent to, as `d: "a.com,b.com"`.
const DOMAINS: usize = 8;

pub fn routes() -> OpenApiRouter<Ingest> {
    OpenApiRouter::new().routes(routes!(event))
}

/// One event of a page.
#[derive(Debug, Deserialize, ToSchema)]
struct PlausibleEvent {
    /// `pageview`, `engagement`, or a custom event.
    #[serde(alias = "n")]
    #[schema(min_length = 1)]
    name: Option<String>,
    #[serde(alias = "u")]
    #[schema(min_length = 1)]
    url: Option<String>,
    /// The site's domain; several with commas between.
    #[serde(alias = "d")]
    #[schema(min_length = 1)]
    domain: Option<String>,
    #[serde(alias = "r")]
    referrer: Option<String>,
    #[serde(alias = "p", alias = "m", alias = "meta")]
    #[schema(value_type = Option<Object>)]
    props: Option<PropsOrText>,
    #[serde(alias = "$")]
    revenue: Option<Revenue>,
    /// False for what does not end a bounce.
    #[serde(alias = "i")]
    interactive: Option<bool>,
    /// 1 where the path is in the fragment.
    #[serde(alias = "h")]
    #[schema(value_type = Option<i64>)]
    hash: Option<Flag>,
    /// Milliseconds of engagement.
    e: Option<f64>,
    /// Scroll depth, in percent.
    sd: Option<f64>,
}

type Props = BTreeMap<String, Property>;

/// Properties come as an object, or as a text that has one.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum PropsOrText {
    Props(Props),
    Text(String),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(u8),
}

#[derive(Debug, Deserialize, ToSchema)]
struct Revenue {
    /// A number, or a text with one.
    #[schema(value_type = Option<f64>)]
    amount: Option<Property>,
    currency: Option<String>,
}

impl PlausibleEvent {
    fn into_draft(self) -> Draft {
        let name = self.name.unwrap_or_default();
        let is_engagement = name == "engagement";
        let mut draft = Draft {
            passive: is_engagement || self.interactive == Some(false),
            name,
            url: self.url,
            referrer: self.referrer,
            hash_routing: matches!(self.hash, Some(Flag::Bool(true) | Flag::Number(1..))),
            is_web: true,
            ..Draft::default()
        };
        let props = match self.props {
            Some(PropsOrText::Props(props)) => props,
            Some(PropsOrText::Text(text)) => serde_json::from_str(&text).unwrap_or_default(),
            None => Props::new(),
        };
        for (name, property) in props {
            match property {
                Property::Text(text) => draft.dimension(&name, text),
                Property::Number(number) => draft.dimension(&name, number.to_string()),
                Property::Skipped => {}
            }
        }
        if let Some(revenue) = self.revenue {
            match revenue.amount {
                Some(Property::Number(number)) => draft.value("revenue", number),
                Some(Property::Text(text)) => {
                    if let Ok(number) = text.trim().parse() {
                        draft.value("revenue", number);
                    }
                }
                _ => {}
            }
            draft.dimension("currency", revenue.currency.unwrap_or_default());
        }
        if is_engagement {
            if let Some(milliseconds) = self.e.filter(|e| *e >= 0.0) {
                draft.value("engagement", milliseconds / 1_000.0);
            }
            if let Some(depth) = self.sd.filter(|sd| (0.0..=100.0).contains(sd)) {
                draft.value("scroll_depth", depth);
            }
        }
        draft
    }
}

/// The errors, in Plausible's shape: `{"errors": {"domain": ["can't be blank"]}}`.
fn wrong(field: &str, message: &str) -> Response {
    let body = json!({ "errors": { field: [message] } });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn accepted(taken: Taken) -> Response {
    if taken.dropped > 0 {
        return (StatusCode::ACCEPTED, [("x-plausible-dropped", "1")], "ok").into_response();
    }
    (StatusCode::ACCEPTED, "ok").into_response()
}

/// Count an event of a page, as Plausible's scripts send it.
#[utoipa::path(
    post, path = "/api/event", tag = "events",
    request_body(content(
        (PlausibleEvent = "application/json"), (PlausibleEvent = "text/plain")
    )),
    responses(
        (status = 202, description = "It is counted; with x-plausible-dropped: 1, it is not, on \
            purpose", body = String),
        (status = 400, description = "The event is wrong", body = Object),
        (status = 404, description = "No site has the domain", body = ErrorBody),
        Failures,
    )
)]
async fn event(
    State(ingest): State<Ingest>,
    source: Source,
    Body(body): Body,
) -> ApiResult<Response> {
    let event: PlausibleEvent = match serde_json::from_slice(&body) {
        Ok(Object(event)) => event,
        Err(error) => {
            ingest.state.metrics.drop_event("invalid");
            return Ok(wrong("request", &format!("is no event: {error}")));
        }
    };
    for (field, given) in [
        ("event_name", &event.name),
        ("url", &event.url),
        ("domain", &event.domain),
    ] {
        if given.as_deref().is_none_or(|text| text.trim().is_empty()) {
            ingest.state.metrics.drop_event("invalid");
            return Ok(wrong(field, "can't be blank"));
        }
    }
    let domains = event.domain.clone().unwrap_or_default();
    let draft = event.into_draft();
    let mut sites = Vec::new();
    let mut unknown = None;
    for domain in domains.split(',').take(DOMAINS) {
        let claim = Claim {
            domain: Some(domain.trim()),
            ..Claim::default()
        };
        match source.site(&ingest.state, claim) {
            Ok(site) => sites.push(site),
            Err(error) if error.status == StatusCode::NOT_FOUND => unknown = Some(error),
            Err(error) => return Err(error),
        }
    }
    // One domain that is no site's does not keep the event from the others.
    if let (Some(error), true) = (unknown, sites.is_empty()) {
        return Err(error);
    }
    let mut taken = Taken::default();
    for site in sites {
        let drafts = vec![draft.clone()];
        let one = ingest.take(&site, &source, drafts, Refusal::Each);
        let one = one.await?;
        taken.counted += one.counted;
        taken.dropped += one.dropped;
    }
    Ok(accepted(taken))
}
