//! Answers out. `get.rs` is the shape that the others follow: parameters by the names of the
//! command's arguments, one command, its reply as JSON.

mod get;

use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get::get))
}
