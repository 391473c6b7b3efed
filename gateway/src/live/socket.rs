//! `GET /ws/analytics`: the web socket of a listener.
//!
//! From the server `initial_stats`, `heartbeat`, events; from the client `refresh_stats` and `ping`.
//! A listener that does not read, does not answer pings or sends too much is closed.

use super::admission::{check_origin, Seat};
use super::hub::{Frame, Hub};
use super::hubs::Live;
use crate::auth::{ClientAddress, Reader};
use crate::error::{ApiError, ApiResult, ErrorBody};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{close_code, CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde::Deserialize;
use serde_json::json;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

/// The largest message of a client; the two that there are have some 30 bytes.
const MESSAGE_BYTES: usize = 4_096;
const READ_BUFFER: usize = 1_024;
/// What a listener that does not read may leave in the gateway.
const WRITE_BUFFER: usize = 256 * 1_024;
const SEND: Duration = Duration::from_secs(10);
/// A connection is pinged when it was silent for so long, and closed after three times that.
const SILENCE: Duration = Duration::from_secs(25);
/// Messages of a client a second, and at once.
const RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);

/// Figures at once and every five seconds, and events as they come, as a web socket.
#[utoipa::path(
    get, path = "/ws/analytics", tag = "live",
    params(
        ("site" = Option<String>, Query, description = "The site; else that of the token"),
        ("token" = Option<String>, Query, description = "A read token, where no header can be set"),
    ),
    responses(
        (status = 101, description = "The web socket"),
        (status = 400, description = "No web socket is asked for", body = ErrorBody),
        (status = 401, description = "No read token, or a wrong one", body = ErrorBody),
        (status = 403, description = "The page's origin is not one of the site", body = ErrorBody),
        (status = 429, description = "Too many requests or listeners", body = ErrorBody),
        (status = 503, description = "Redis is not reached, or too many listeners", body = ErrorBody),
    )
)]
pub async fn socket(
    State(live): State<Live>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Reader(site): Reader,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> ApiResult<Response> {
    live.state.limits.take_query(address)?;
    check_origin(&site, &headers)?;
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(error) => return Ok(not_a_socket(error)),
    };
    if live.is_closed() {
        return Err(ApiError::unavailable("the gateway is stopping", 5));
    }
    let seat = live
        .counts
        .seat(&live.state, address, &live.state.metrics.web_sockets)?;
    let (hub, frames) = live.join(&site.name);
    let first = hub
        .stats
        .message(&live.state, &site.name, "initial_stats")
        .await?;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let connection = Connection {
            socket,
            hub,
            live,
            rate: RateLimiter::direct(Quota::per_second(RATE).allow_burst(BURST)),
            heard: Instant::now(),
            _seat: seat,
        };
        connection.run(frames, first).await;
    }))
}

fn not_a_socket(error: WebSocketUpgradeRejection) -> Response {
    let text = error.body_text();
    let mut response = error.into_response();
    if response.status().is_client_error() {
        let status = response.status();
        response = ApiError::new(status, "invalid", text).into_response();
    }
    response
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Asked {
    RefreshStats,
    Ping,
}

struct Connection {
    socket: WebSocket,
    hub: Arc<Hub>,
    live: Live,
    rate: DefaultDirectRateLimiter,
    /// When the client last sent anything.
    heard: Instant,
    _seat: Seat,
}

/// Why a connection ends.
enum End {
    /// The client is gone, or broke the protocol.
    Gone,
    Slow,
    Flood,
    Silent,
    Stopping,
}

impl Connection {
    async fn run(mut self, mut frames: Receiver<Frame>, first: Utf8Bytes) {
        let end = match self.send(Message::Text(first)).await {
            Ok(()) => self.serve(&mut frames).await,
            Err(end) => end,
        };
        drop(frames);
        let (reason, code, text) = match end {
            End::Gone => return,
            End::Slow => ("slow", close_code::AGAIN, "too slow"),
            End::Flood => ("flood", close_code::POLICY, "too many messages"),
            End::Silent => ("silent", close_code::POLICY, "no answer to pings"),
            End::Stopping => ("stopping", close_code::RESTART, "the gateway is stopping"),
        };
        self.live.state.metrics.listener_closed(reason);
        let frame = CloseFrame {
            code,
            reason: Utf8Bytes::from_static(text),
        };
        // A listener that does not read may not read this either.
        let close = self.socket.send(Message::Close(Some(frame)));
        let _ = timeout(Duration::from_secs(1), close).await;
    }

    async fn serve(&mut self, frames: &mut Receiver<Frame>) -> End {
        loop {
            let step = tokio::select! {
                frame = frames.recv() => match frame {
                    Ok(Frame::Event(text) | Frame::Figures(text)) => self.send(Message::Text(text)).await,
                    Ok(Frame::Tick) => self.look_after().await,
                    Ok(Frame::Close) | Err(RecvError::Closed) => Err(End::Stopping),
                    Err(RecvError::Lagged(_)) => Err(End::Slow),
                },
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(_)) | None => Err(End::Gone),
                },
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Slow),
        }
    }

    async fn look_after(&mut self) -> Result<(), End> {
        let silent = self.heard.elapsed();
        if silent > SILENCE * 3 {
            return Err(End::Silent);
        }
        if silent > SILENCE {
            return self.send(Message::Ping(Bytes::new())).await;
        }
        Ok(())
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        self.heard = Instant::now();
        if self.rate.check().is_err() {
            return Err(End::Flood);
        }
        let asked = match &message {
            Message::Text(text) => serde_json::from_str(text).ok(),
            Message::Close(_) => return Err(End::Gone),
            // Pings are answered by the library.
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
            Message::Binary(_) => None,
        };
        let answer = match asked {
            Some(Asked::Ping) => {
                let time = crate::time::now_ms() / 1_000;
                json!({"type": "pong", "time": time}).to_string().into()
            }
            Some(Asked::RefreshStats) => {
                let site = &self.hub.site;
                let stats = self
                    .hub
                    .stats
                    .message(&self.live.state, site, "refresh_stats");
                stats.await.unwrap_or_else(|error| told(&error))
            }
            None => told(&ApiError::invalid(
                "type",
                "this is no message: {\"type\": \"refresh_stats\"} or {\"type\": \"ping\"}",
            )),
        };
        self.send(Message::Text(answer)).await
    }
}

/// What went wrong with a message, as a message.
fn told(error: &ApiError) -> Utf8Bytes {
    let detail = json!({"code": error.code, "message": error.message});
    json!({"type": "error", "error": detail}).to_string().into()
}
