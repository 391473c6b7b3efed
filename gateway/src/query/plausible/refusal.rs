//! Errors as Plausible's API answers them: `{"error": "a sentence"}`.

use crate::error::ApiError;
use axum::http::{header, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::Json;
use serde::Serialize;
use std::borrow::Cow;
use utoipa::{IntoResponses, ToSchema};

#[derive(Debug, Serialize, ToSchema)]
pub struct Sentence<'a> {
    error: &'a str,
}

#[derive(Debug)]
pub struct Refused(ApiError);

/// 400
pub fn refuse(message: impl Into<Cow<'static, str>>) -> Refused {
    Refused(ApiError::invalid("query", message))
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Refused {
        Refused(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let error = &self.0.message;
        let mut response = (self.0.status, Json(Sentence { error })).into_response();
        if let Some(seconds) = self.0.retry_after {
            let value = HeaderValue::from(seconds);
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            let value = HeaderValue::from_static("Bearer realm=\"analytics\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, value);
        }
        response
    }
}

/// For the OpenAPI document.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub enum Refusals {
    /// The query is wrong, or nothing recorded answers it; the sentence names what would
    #[response(status = 400)]
    Invalid(#[to_schema] Sentence<'static>),
    /// No read token, or a wrong one
    #[response(status = 401)]
    Unauthorized(#[to_schema] Sentence<'static>),
    /// There is no such site
    #[response(status = 404)]
    NoSite(#[to_schema] Sentence<'static>),
    /// The request took too long
    #[response(status = 408)]
    Timeout(#[to_schema] crate::error::ErrorBody<'static>),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] Sentence<'static>),
    /// Too many requests
    #[response(status = 429)]
    RateLimited(#[to_schema] Sentence<'static>),
    /// Redis does not answer now
    #[response(status = 503)]
    Unavailable(#[to_schema] Sentence<'static>),
}
