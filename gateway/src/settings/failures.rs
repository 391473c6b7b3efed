//! What every request to the settings may be answered with when nothing is shown or changed. For the
//! OpenAPI document.

use crate::error::ErrorBody;
use utoipa::IntoResponses;

/// Each has the body of `crate::error::ErrorBody`.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub enum Failures {
    /// Not the operator's token
    #[response(status = 401)]
    Unauthorized(#[to_schema] ErrorBody<'static>),
    /// The request took too long
    #[response(status = 408)]
    Timeout(#[to_schema] ErrorBody<'static>),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] ErrorBody<'static>),
    /// Too many wrong tokens
    #[response(status = 429)]
    RateLimited(#[to_schema] ErrorBody<'static>),
    /// Redis is not reached
    #[response(status = 503)]
    Unavailable(#[to_schema] ErrorBody<'static>),
}
