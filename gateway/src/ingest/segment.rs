//! Segment's protocol: `/v1/track`, `page`, `screen`, `identify`, `group`, `alias` and `batch`, with
//! the write key as the user of basic authentication, or as `writeKey` in the body. `messageId` is
//! the id. An event that is wrong is dropped by itself, for the protocol's answer cannot name it.
//!
//! Traits of people are not taken: they are names and addresses.

use super::body::Body;
use super::event::Draft;
use super::failures::Failures;
use super::intake::Ingest;
use super::properties::{Identity, Properties, Stamp};
use super::sink::Refusal;
use super::skew::correction;
use super::source::Source;
use crate::auth::Claim;
use crate::error::{ApiError, ApiResult, ErrorBody};
use crate::object::Object;
use axum::extract::{Path, State};
use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::net::IpAddr;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// As the protocol has it, with a little for what clients count in another way.
const BATCH_BYTES: usize = 512 * 1_024;
const EVENT_BYTES: usize = 33 * 1_024;

pub fn routes() -> OpenApiRouter<Ingest> {
    OpenApiRouter::new().routes(routes!(call))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Call {
    /// In a batch: `track`, `page` and so on.
    r#type: Option<String>,
    event: Option<String>,
    /// Of a page or screen.
    name: Option<String>,
    message_id: Option<Identity>,
    user_id: Option<Identity>,
    anonymous_id: Option<Identity>,
    timestamp: Option<Stamp>,
    original_timestamp: Option<Stamp>,
    properties: Properties,
    context: Option<CallContext>,
    sent_at: Option<Stamp>,
    write_key: Option<String>,
}

/// The calls of a batch are read one by one, so that one that is wrong does not fail the others.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Batch<'a> {
    #[serde(borrow)]
    batch: Option<Vec<&'a RawValue>>,
    sent_at: Option<Stamp>,
    write_key: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CallContext {
    page: Option<PageContext>,
    campaign: Option<Campaign>,
    user_agent: Option<String>,
    ip: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PageContext {
    url: Option<String>,
    path: Option<String>,
    referrer: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Campaign {
    name: Option<String>,
    source: Option<String>,
    medium: Option<String>,
    term: Option<String>,
    content: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Told {
    success: bool,
}

impl Call {
    fn into_draft(self, kind: &str, source: &Source, correction: i64) -> Option<Draft> {
        let (name, passive) = match kind {
            "track" => (self.event.unwrap_or_default(), false),
            "page" => (String::from("pageview"), false),
            "screen" => (String::from("screen"), false),
            "identify" | "group" | "alias" => (String::from(kind), true),
            _ => return None,
        };
        let user = self.user_id.or(self.anonymous_id).map(|id| id.0);
        let time = self.timestamp.or(self.original_timestamp);
        let mut draft = Draft {
            name,
            passive,
            user,
            id: self.message_id.map(|id| id.0),
            time: time
                .and_then(|stamp| stamp.instant())
                .map(|t| t + correction),
            ..Draft::default()
        };
        let is_view = matches!(kind, "page" | "screen");
        if !passive {
            add_properties(&mut draft, self.properties, is_view);
        }
        if let (true, Some(name)) = (is_view, self.name) {
            draft.dimension(if kind == "page" { "title" } else { "screen" }, name);
        }
        if let Some(context) = self.context {
            add_context(&mut draft, context, source);
        }
        Some(draft)
    }
}

/// Of a page's properties the URL and the referrer are for enrichment.
fn add_properties(draft: &mut Draft, properties: Properties, is_view: bool) {
    for (name, text) in properties.dimensions {
        match name.as_str() {
            "url" if is_view => draft.url = Some(text),
            "referrer" if is_view => draft.referrer = Some(text),
            "path" if is_view => draft.dimension("page", text),
            "title" | "search" if is_view => {}
            _ => draft.dimension(&name, text),
        }
    }
    for (name, number) in properties.values {
        draft.value(&name, number);
    }
}

fn add_context(draft: &mut Draft, context: CallContext, source: &Source) {
    if let Some(page) = context.page {
        draft.url = draft.url.take().or(page.url);
        draft.referrer = draft.referrer.take().or(page.referrer);
        if draft.url.is_none() {
            draft.dimension("page", page.path.unwrap_or_default());
        }
    }
    if let Some(campaign) = context.campaign {
        for (name, value) in [
            ("utm_source", campaign.source),
            ("utm_medium", campaign.medium),
            ("utm_campaign", campaign.name),
            ("utm_term", campaign.term),
            ("utm_content", campaign.content),
        ] {
            draft.dimension(name, value.unwrap_or_default());
        }
    }
    draft.is_web = context.user_agent.is_some();
    draft.is_relayed = source.agent != context.user_agent;
    draft.agent = context.user_agent;
    draft.address = context.ip.and_then(|ip| ip.parse::<IpAddr>().ok());
}

/// Count the events of a call, or of a batch of them.
#[utoipa::path(
    post, path = "/v1/{call}", tag = "events", request_body = Object,
    params(("call" = String, Path,
        description = "track, page, screen, identify, group, alias or batch")),
    responses(
        (status = 200, description = "Redis has counted those that were valid", body = Told),
        (status = 400, description = "The body is no call", body = ErrorBody),
        (status = 404, description = "There is no such call", body = ErrorBody),
        Failures,
    )
)]
async fn call(
    State(ingest): State<Ingest>,
    Path(kind): Path<String>,
    source: Source,
    Body(body): Body,
) -> ApiResult<Json<Told>> {
    const CALLS: &[&str] = &["track", "page", "screen", "identify", "group", "alias"];
    let is_batch = matches!(kind.as_str(), "batch" | "import");
    if !is_batch && !CALLS.contains(&kind.as_str()) {
        return Err(ApiError::not_found("there is no such call"));
    }
    let most = if is_batch { BATCH_BYTES } else { EVENT_BYTES };
    if body.len() > most {
        ingest.state.metrics.drop_event("too_large");
        return Err(ApiError::too_large(
            "a batch has at most 500 KB, an event 32 KB",
        ));
    }
    let (calls, sent, key) = read(&ingest, is_batch, &body)?;
    let claim = Claim {
        key: source.basic_user.as_deref().or(key.as_deref()),
        ..Claim::default()
    };
    let site = source.site(&ingest.state, claim)?;
    let sent = sent.as_ref().and_then(Stamp::instant);
    let correction = correction(sent, source.now);
    let mut drafts = Vec::with_capacity(calls.len());
    for mut call in calls {
        let given = call.r#type.take();
        let kind = match (is_batch, &given) {
            (true, Some(given)) => given.as_str(),
            (true, None) => "track",
            (false, _) => kind.as_str(),
        };
        match call.into_draft(kind, &source, correction) {
            Some(draft) => drafts.push(draft),
            None => ingest.state.metrics.drop_event("unknown_call"),
        }
    }
    let taken = ingest.take(&site, &source, drafts, Refusal::Each);
    taken.await?;
    Ok(Json(Told { success: true }))
}

type Calls = (Vec<Call>, Option<Stamp>, Option<String>);

/// The calls of a body, when it was sent, and the key in it.
fn read(ingest: &Ingest, is_batch: bool, body: &[u8]) -> ApiResult<Calls> {
    let wrong = |error: serde_json::Error| {
        ingest.state.metrics.drop_event("invalid");
        ApiError::invalid("body", format!("no call: {error}"))
    };
    if !is_batch {
        let Object(mut call): Object<Call> = serde_json::from_slice(body).map_err(wrong)?;
        let (sent, key) = (call.sent_at.take(), call.write_key.take());
        return Ok((vec![call], sent, key));
    }
    let Object(batch): Object<Batch> = serde_json::from_slice(body).map_err(wrong)?;
    let Some(raws) = batch.batch else {
        ingest.state.metrics.drop_event("invalid");
        return Err(ApiError::invalid("batch", "a batch has its calls in it"));
    };
    let mut calls = Vec::with_capacity(raws.len());
    for raw in raws {
        match serde_json::from_str(raw.get()) {
            _ if raw.get().len() > EVENT_BYTES => ingest.state.metrics.drop_event("too_large"),
            Ok(Object(call)) => calls.push(call),
            Err(_) => ingest.state.metrics.drop_event("invalid"),
        }
    }
    Ok((calls, batch.sent_at, batch.write_key))
}
