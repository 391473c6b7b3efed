//! What a request with events may be answered with when it is not taken. For the OpenAPI document.

use crate::error::ErrorBody;
use utoipa::IntoResponses;

/// Each has the body of `crate::error::ErrorBody`.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub enum Failures {
    /// No write key, or an unknown one
    #[response(status = 401)]
    Unauthorized(#[to_schema] ErrorBody<'static>),
    /// The origin is not allowed, or the key is of another site
    #[response(status = 403)]
    Forbidden(#[to_schema] ErrorBody<'static>),
    /// The body came too slowly
    #[response(status = 408)]
    Timeout(#[to_schema] ErrorBody<'static>),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] ErrorBody<'static>),
    /// Too many requests
    #[response(status = 429)]
    RateLimited(#[to_schema] ErrorBody<'static>),
    /// The store does not take events now
    #[response(status = 503)]
    Unavailable(#[to_schema] ErrorBody<'static>),
}
