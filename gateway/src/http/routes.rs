//! Every route, and the OpenAPI document of them.

use super::{health, middleware};
use crate::ingest::Ingest;
use crate::live::Live;
use crate::state::AppState;
use crate::{ingest, live, page, query, settings};
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
pub fn router(state: &AppState, ingest: &Ingest, live: &Live) -> Router {
    let (documented, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(query::routes())
        .merge(settings::routes())
        .merge(page::routes())
        .with_state(state.clone())
        .merge(ingest::routes().with_state(ingest.clone()))
        .merge(live::routes().with_state(live.clone()))
        .split_for_parts();
    let health = Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .with_state(state.clone());
    let routes = documented
        .merge(health)
        .route(
            "/api/openapi.json",
            get(move || std::future::ready(axum::Json(document.clone()))),
        )
        .fallback(middleware::not_found)
        .method_not_allowed_fallback(middleware::method_not_allowed);
    middleware::around(routes, state)
}
