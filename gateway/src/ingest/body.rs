//! The body of a request, whole and unpacked, or why not in our JSON.

use super::unpack::unpacked;
use crate::error::{ApiError, ApiResult};
use crate::state::AppState;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRef, FromRequest, Request};
use axum::http::{header, HeaderMap, StatusCode};
use axum::response::IntoResponse;
use std::borrow::Cow;

pub struct Body(pub Bytes);

impl<S> FromRequest<S> for Body
where
    AppState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Body> {
        let state = AppState::from_ref(state);
        read(request, &state).await.map(Body).inspect_err(|error| {
            state.metrics.drop_event(match error.status {
                StatusCode::PAYLOAD_TOO_LARGE => "too_large",
                _ => "invalid",
            });
        })
    }
}

async fn read(mut request: Request, state: &AppState) -> ApiResult<Bytes> {
    let is_packed = is_gzip(request.headers())?;
    let most = state.config.ingest.body_bytes.as_u64();
    if announced(request.headers()).is_some_and(|bytes| bytes > most) {
        return Err(too_large());
    }
    let limit = usize::try_from(most).unwrap_or(usize::MAX);
    DefaultBodyLimit::max(limit).apply(&mut request);
    let bytes = Bytes::from_request(request, state)
        .await
        .map_err(|rejection| match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ => ApiError::invalid("body", "it cannot be read"),
        })?;
    if !is_packed {
        return Ok(bytes);
    }
    match unpacked(&bytes, most)? {
        Cow::Owned(text) => Ok(Bytes::from(text)),
        Cow::Borrowed(_) => Err(ApiError::invalid("body", "it is no gzip")),
    }
}

/// How long the body is, before any of it is read.
fn announced(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn too_large() -> ApiError {
    ApiError::too_large("the body is too large")
}

/// Whether `Content-Encoding` is gzip.
fn is_gzip(headers: &HeaderMap) -> ApiResult<bool> {
    let Some(coding) = headers.get(header::CONTENT_ENCODING) else {
        return Ok(false);
    };
    match coding.as_bytes().to_ascii_lowercase().as_slice() {
        b"" | b"identity" => Ok(false),
        b"gzip" | b"x-gzip" => Ok(true),
        _ => Err(ApiError::invalid(
            "content-encoding",
            "a body is plain or packed with gzip",
        )),
    }
}
