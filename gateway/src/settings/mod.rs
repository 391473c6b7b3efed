//! The settings API, with the operator's token: sites with their keys and tokens, what the module
//! counts of a site, its funnels and alert rules, and where its alerts go.

mod body;
mod failures;
mod funnels;
mod named;
mod rules;
mod schema;
mod sites;
mod targets;

use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(sites::routes())
        .merge(schema::routes())
        .merge(funnels::routes())
        .merge(targets::routes())
        .merge(rules::routes())
}
