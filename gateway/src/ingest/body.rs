//! The body of a request, whole and unpacked, or why not in our JSON.

use crate::error::ApiError;
use crate::state::AppState;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;

pub struct Body(pub Bytes);

impl FromRequest<AppState> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Body, ApiError> {
        let refused = match Bytes::from_request(request, state).await {
            Ok(bytes) => return Ok(Body(bytes)),
            Err(rejection) => rejection.into_response().status(),
        };
        Err(if refused == StatusCode::PAYLOAD_TOO_LARGE {
            state.metrics.drop_event("too_large");
            ApiError::too_large("the body is too large")
        } else {
            state.metrics.drop_event("invalid");
            ApiError::invalid("body", "it cannot be read")
        })
    }
}
