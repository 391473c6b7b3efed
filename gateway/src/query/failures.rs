//! What every question may be answered with when it has no answer. For the OpenAPI document.

use crate::error::ErrorBody;
use utoipa::IntoResponses;

/// Each has the body of `crate::error::ErrorBody`.
#[derive(IntoResponses)]
#[allow(dead_code)]
pub enum Failures {
    /// A parameter is wrong, or the module refuses the question
    #[response(status = 400)]
    Invalid(#[to_schema] ErrorBody<'static>),
    /// No read token, or a wrong one
    #[response(status = 401)]
    Unauthorized(#[to_schema] ErrorBody<'static>),
    /// There is no such site
    #[response(status = 404)]
    NoSite(#[to_schema] ErrorBody<'static>),
    /// The request took too long
    #[response(status = 408)]
    Timeout(#[to_schema] ErrorBody<'static>),
    /// The body is too large
    #[response(status = 413)]
    TooLarge(#[to_schema] ErrorBody<'static>),
    /// Too many requests
    #[response(status = 429)]
    RateLimited(#[to_schema] ErrorBody<'static>),
    /// Redis does not answer now
    #[response(status = 503)]
    Unavailable(#[to_schema] ErrorBody<'static>),
}
