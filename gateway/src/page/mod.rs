//! The page at `/`: a dashboard of one site. Its files are part of the binary (`assets.rs`); what it
//! shows comes from the same paths as everybody's answers. `start.rs` has the one question that only
//! the page asks: which sites its token may read.

mod assets;
mod start;

use crate::state::AppState;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(start::start))
        .route("/", get(assets::index))
        .route("/page/{version}/{*path}", get(assets::file))
}
