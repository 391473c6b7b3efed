//! HTTP itself: the routes of all parts put together, what every request goes through, listening
//! and stopping. Handlers are in `ingest` and `query`.

mod client;
mod health;
mod limits;
mod middleware;
mod server;
mod stalled;
mod unread;

pub use client::{ClientAddress, Proxies};
pub use limits::Limits;
pub use server::serve;

use crate::state::AppState;
use crate::{alerts, ingest, live, page, query, sites};
use axum::routing::get;
use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// The head of the OpenAPI document; paths and schemas come from the handlers.
#[derive(OpenApi)]
#[openapi(info(
    title = "analytics-gateway",
    description = "Events in, answers out, over the analytics module of Redis"
))]
struct Document;

/// Every route, with the layers around it, outermost last.
pub fn router(state: &AppState) -> Router {
    let (documented, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(ingest::routes())
        .merge(query::routes())
        .merge(live::routes())
        .merge(sites::api::routes())
        .merge(sites::schema::routes())
        .merge(sites::funnels::routes())
        .merge(alerts::api::routes())
        .merge(alerts::rules::routes())
        .merge(page::routes())
        .split_for_parts();
    let routes = documented
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route(
            "/api/openapi.json",
            get(move || std::future::ready(axum::Json(document.clone()))),
        )
        .fallback(middleware::not_found)
        .method_not_allowed_fallback(middleware::method_not_allowed)
        .with_state(state.clone());
    middleware::around(routes, state)
}
