//! What every request goes through: a panic becomes a 500, a time limit, headers of security, and
//! the figures.

use super::unread::Unread;
use crate::error::ApiError;
use crate::metrics::{Endpoint, RequestLabels};
use crate::state::AppState;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{header, HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{from_fn_with_state, Next};
use axum::response::{IntoResponse, Response};
use axum::Router;
use std::any::Any;
use std::time::{Duration, Instant};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

/// Answers are data: nothing of them is to be run, framed or guessed at.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

pub fn around(routes: Router, state: &AppState) -> Router {
    let on_panic = {
        let state = state.clone();
        move |cause: Box<dyn Any + Send>| panicked(&state, cause.as_ref())
    };
    // One stack, outermost first: each call of `Router::layer` would box every request once more.
    routes.layer(
        ServiceBuilder::new()
            .layer(any_page())
            .layer(from_fn_with_state(state.clone(), watch))
            .layer(CatchPanicLayer::custom(on_panic)),
    )
}

/// Pages of any origin may send and ask as far as the preflight goes: there are no cookies, so that
/// a browser adds no right of its own. A site's origins are looked at when it is known which site
/// the events are for.
fn any_page() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([header::RETRY_AFTER])
        .max_age(Duration::from_secs(86_400))
}

/// Sets the headers of every answer, unless it has its own.
fn set_headers(headers: &mut HeaderMap) {
    // All at once, with those of `any_page`: a map that grows copies what it has.
    headers.reserve(8);
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        let value = HeaderValue::from_static(value);
        headers.entry(name).or_insert(value);
    }
}

fn panicked(state: &AppState, cause: &(dyn Any + Send)) -> Response<Body> {
    state.metrics.panics.inc();
    let text = cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    tracing::error!(cause = text.unwrap_or("unknown"), "a request panicked");
    ApiError::internal().into_response()
}

/// Measures the request, sets the headers of its answer, and ends it with the time limit: a body that does not come, or an answer that
/// is not ready. What streams has begun its answer by then. What a refused request still sends is
/// read before the answer goes.
async fn watch(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = method_name(request.method());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let limit = state.config.http.request_timeout;
    let (request, unread) = Unread::of(request);
    let (mut response, unread) = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => (response, Some(unread)),
        Err(_) => (too_slow().into_response(), None),
    };
    set_headers(response.headers_mut());
    let labels = RequestLabels {
        endpoint: Endpoint(path),
        method,
        status: response.status().as_u16(),
    };
    tracing::debug!(
        endpoint = labels.endpoint.as_str(),
        method,
        status = labels.status,
        "request"
    );
    state
        .metrics
        .requests
        .get_or_create(&labels)
        .observe(begun.elapsed().as_secs_f64());
    if let Some(unread) = unread {
        unread.discard().await;
    }
    response
}

fn too_slow() -> ApiError {
    let status = StatusCode::REQUEST_TIMEOUT;
    ApiError::new(status, "timeout", "the request took too long")
}

/// Methods are the client's to invent; labels are not.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::HEAD => "HEAD",
        _ => "other",
    }
}

pub async fn not_found() -> ApiError {
    ApiError::not_found("there is nothing at this path")
}

pub async fn method_not_allowed() -> ApiError {
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take this method",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::store::Redis;
    use axum::routing::get;
    use tower::ServiceExt;

    async fn fails() -> &'static str {
        panic!("a fault of the gateway")
    }

    #[tokio::test]
    async fn a_panic_ends_its_request_with_an_error_and_is_counted() {
        let config = Config::default();
        let redis = Redis::connect(&config.redis).await.expect("connects later");
        let state = AppState::new(config, redis);
        let routes = Router::new()
            .route("/fails", get(fails))
            .route("/works", get(|| async { "yes" }));
        let app = around(routes, &state);
        for (path, status) in [("/fails", 500), ("/works", 200), ("/fails", 500)] {
            let request = Request::get(path).body(Body::empty()).expect("is one");
            let response = app.clone().oneshot(request).await.expect("answers");
            assert_eq!(response.status().as_u16(), status);
        }
        assert_eq!(state.metrics.panics.get(), 2);
    }
}
