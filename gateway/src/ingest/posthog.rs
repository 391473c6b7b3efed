//! PostHog's protocol: `/capture`, `/batch`, `/i/v0/e`, `/i/v1/analytics/events`, with gzip or as a form, too.
//! `api_key` is the write key, `uuid` the id. What belongs to features that are not here (flags,
//! recordings, surveys) is answered with an empty, well-formed nothing.

use super::body::Body;
use super::event::Draft;
use super::form::json_of;
use super::intake::Ingest;
use super::properties::{Identity, Stamp};
use super::sink::Refusal;
use super::skew::correction;
use super::source::Source;
use super::unpack::unpacked;
use crate::auth::Claim;
use crate::error::{ApiError, ApiResult};
use crate::object::Object;
use axum::extract::State;
use axum::routing::{any, get, post};
use axum::Json;
use serde::Deserialize;
use serde_json::{json, Map, Value};
use std::net::IpAddr;
use utoipa_axum::router::OpenApiRouter;

pub fn routes() -> OpenApiRouter<Ingest> {
    let mut routes = OpenApiRouter::new();
    for path in ["/capture", "/batch", "/e", "/track_event", "/i/v0/e"] {
        routes = routes
            .route(path, post(capture))
            .route(&format!("{path}/"), post(capture));
    }
    routes = routes.route("/i/v1/analytics/events", post(capture_v1));
    for path in ["/flags", "/decide"] {
        routes = routes
            .route(path, any(flags))
            .route(&format!("{path}/"), any(flags));
    }
    for path in ["/s", "/s/", "/api/surveys", "/api/surveys/"] {
        routes = routes.route(path, any(nothing));
    }
    routes.route("/array/{key}/config", get(remote_config))
}

/// An event, or a batch of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Capture {
    #[serde(alias = "token")]
    api_key: Option<String>,
    sent_at: Option<Stamp>,
    batch: Option<Vec<Object<Captured>>>,
    #[serde(flatten)]
    event: Captured,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Captured {
    event: Option<String>,
    distinct_id: Option<Identity>,
    uuid: Option<Identity>,
    timestamp: Option<Stamp>,
    session_id: Option<Identity>,
    properties: Map<String, Value>,
}

fn identity(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Captured {
    fn key(&self) -> Option<&str> {
        self.properties.get("token").and_then(Value::as_str)
    }

    /// None for what is no event to count.
    fn into_draft(self, source: &Source, correction: i64) -> Option<Draft> {
        let (name, passive) = match self.event.as_deref().unwrap_or_default() {
            "$snapshot" | "$performance_event" => return None,
            "$pageview" => ("pageview", false),
            "$pageleave" => ("pageleave", true),
            "$screen" => ("screen", false),
            own @ ("$identify"
            | "$set"
            | "$groupidentify"
            | "$create_alias"
            | "$web_vitals"
            | "$feature_flag_called") => (own, true),
            own => (own, false),
        };
        let property = |name: &str| self.properties.get(name);
        let text = |name: &str| property(name).and_then(Value::as_str).map(String::from);
        let time = self.timestamp.as_ref().and_then(Stamp::instant);
        let agent = text("$raw_user_agent").or_else(|| text("$user_agent"));
        let session = self.session_id.as_ref().map(|id| id.0.clone());
        let user = self.distinct_id.as_ref().map(|id| id.0.clone());
        let mut draft = Draft {
            name: String::from(name),
            passive,
            user: user.or_else(|| identity(property("distinct_id"))),
            session: session.or_else(|| identity(property("$session_id"))),
            id: self.uuid.as_ref().map(|id| id.0.clone()),
            time: time.map(|time| time + correction),
            url: text("$current_url"),
            referrer: text("$referrer").filter(|referrer| referrer != "$direct"),
            is_web: agent.is_some(),
            is_relayed: source.agent != agent,
            agent,
            address: text("$ip").and_then(|ip| ip.parse::<IpAddr>().ok()),
            ..Draft::default()
        };
        for (name, value) in &self.properties {
            // Those with a dollar are the library's own; the other two are known by now.
            if name.starts_with('$') || matches!(name.as_str(), "token" | "distinct_id") {
                continue;
            }
            match value {
                Value::String(text) => draft.dimension(name, text.as_str()),
                Value::Bool(is) => draft.dimension(name, is.to_string()),
                Value::Number(number) => {
                    draft.value(name, number.as_f64().unwrap_or(f64::NAN));
                }
                _ => {}
            }
        }
        Some(draft)
    }
}

async fn take(ingest: &Ingest, source: &Source, body: &[u8]) -> ApiResult<()> {
    let most = ingest.state.config.ingest.body_bytes.as_u64();
    // In a form may be base64 of what is packed.
    let json = json_of(unpacked(body, most)?)?;
    let body = unpacked(&json, most)?;
    let wrong = |error: &dyn std::fmt::Display| {
        ingest.state.metrics.drop_event("invalid");
        ApiError::invalid("body", format!("no event: {error}"))
    };
    let (key, sent, events) = match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => {
            let events: Vec<Object<Captured>> =
                serde_json::from_slice(&body).map_err(|e| wrong(&e))?;
            let events = events.into_iter().map(|Object(event)| event).collect();
            (None, None, events)
        }
        _ => {
            let capture: Capture = serde_json::from_slice(&body).map_err(|e| wrong(&e))?;
            let events = match capture.batch {
                Some(batch) => batch.into_iter().map(|Object(event)| event).collect(),
                None => vec![capture.event],
            };
            (capture.api_key, capture.sent_at, events)
        }
    };
    let in_event = events.first().and_then(Captured::key).map(String::from);
    let claim = Claim {
        key: key.as_deref().or(in_event.as_deref()),
        ..Claim::default()
    };
    let site = source.site(&ingest.state, claim)?;
    let sent = sent.as_ref().and_then(Stamp::instant);
    let correction = correction(sent, source.now);
    let drafts = events
        .into_iter()
        .filter_map(|event| event.into_draft(source, correction));
    let drafts = drafts.collect();
    let taken = ingest.take(&site, source, drafts, Refusal::Each);
    taken.await.map(|_| ())
}

async fn capture(
    State(ingest): State<Ingest>,
    source: Source,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    take(&ingest, &source, &body).await?;
    Ok(Json(json!({ "status": 1 })))
}

/// No event of the batch is to be sent again.
async fn capture_v1(
    State(ingest): State<Ingest>,
    source: Source,
    Body(body): Body,
) -> ApiResult<Json<Value>> {
    take(&ingest, &source, &body).await?;
    Ok(Json(json!({ "results": {} })))
}

async fn flags() -> Json<Value> {
    Json(json!({
        "flags": {}, "featureFlags": {}, "featureFlagPayloads": {},
        "errorsWhileComputingFlags": false, "supportedCompression": ["gzip", "gzip-js"],
        "sessionRecording": false, "surveys": false, "siteApps": [], "toolbarParams": {},
    }))
}

async fn nothing() -> Json<Value> {
    Json(json!({ "status": 1, "surveys": [] }))
}

async fn remote_config() -> Json<Value> {
    Json(json!({
        "supportedCompression": ["gzip", "gzip-js"], "hasFeatureFlags": false,
        "sessionRecording": false, "surveys": false, "heatmaps": false,
        "capturePerformance": false, "autocapture_opt_out": true, "siteApps": [],
    }))
}
