//! `GET /api/v1/sites/{site}/live`: the messages of a web socket, as server-sent events, for `EventSource`
//! and `curl`. A listener that is too slow is dropped; browsers connect again by themselves.

use super::admission::{check_origin, Seat};
use super::hub::Frame;
use super::hubs::Live;
use crate::auth::{ClientAddress, Reader};
use crate::error::{ApiError, ApiResult, ErrorBody};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::IntoResponse;
use futures_util::stream::unfold;
use futures_util::StreamExt;
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::Receiver;
use utoipa::ToSchema;

struct Listener {
    frames: Receiver<Frame>,
    live: Live,
    figures_only: bool,
    _seat: Seat,
}

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    events: Option<bool>,
}

/// An event as a browser gets it.
#[derive(ToSchema)]
#[allow(dead_code)] // only described
struct SentEvent {
    /// What a web socket gets, as a text in JSON.
    data: String,
}

/// The same as the web socket, as server-sent events.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/live", tag = "live",
    params(
        ("site" = String, Path, description = "The name of the site"),
        ("token" = Option<String>, Query, description = "A read token, where no header can be set"),
        ("events" = Option<bool>, Query, description = "false: the figures only"),
    ),
    responses(
        (status = 200, description = "Figures and events", body = SentEvent, content_type = "text/event-stream"),
        (status = 400, description = "The module refuses a question for the figures", body = ErrorBody),
        (status = 401, description = "No read token, or a wrong one", body = ErrorBody),
        (status = 403, description = "The page's origin is not one of the site", body = ErrorBody),
        (status = 404, description = "There is no such site", body = ErrorBody),
        (status = 429, description = "Too many requests or listeners", body = ErrorBody),
        (status = 503, description = "Redis is not reached, or too many listeners", body = ErrorBody),
    )
)]
pub async fn stream(
    State(live): State<Live>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Reader(site): Reader,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> ApiResult<impl IntoResponse> {
    let Query(wanted) =
        wanted.map_err(|_| ApiError::invalid("events", "true or false is accepted"))?;
    live.state.limits.take_query(address)?;
    check_origin(&site, &headers)?;
    if live.is_closed() {
        return Err(ApiError::unavailable("the gateway is stopping", 5));
    }
    let seat = live
        .counts
        .seat(&live.state, address, &live.state.metrics.event_streams)?;
    let (hub, frames) = live.join(&site.name);
    let first = hub
        .stats
        .message(&live.state, &site.name, "initial_stats")
        .await?;
    let first =
        futures_util::stream::iter([Ok::<_, Infallible>(Event::default().data(first.as_str()))]);
    let listener = Listener {
        frames,
        live,
        figures_only: wanted.events == Some(false),
        _seat: seat,
    };
    let events = first.chain(unfold(listener, next));
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    // A proxy that collects answers would hold the events back.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(events).keep_alive(keep_alive)))
}

async fn next(mut listener: Listener) -> Option<(Result<Event, Infallible>, Listener)> {
    loop {
        match listener.frames.recv().await {
            Ok(Frame::Event(_)) if listener.figures_only => {}
            Ok(Frame::Event(text) | Frame::Figures(text)) => {
                return Some((Ok(Event::default().data(text.as_str())), listener))
            }
            Ok(Frame::Tick) => {}
            Ok(Frame::Close) | Err(RecvError::Closed) => return None,
            Err(RecvError::Lagged(_)) => {
                listener.live.state.metrics.listener_closed("slow");
                return None;
            }
        }
    }
}
