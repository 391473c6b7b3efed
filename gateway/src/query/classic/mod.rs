//! The classic paths, for dashboards that were made for them: `/metrics/...`, `/dashboard/realtime`,
//! `/stats/memory` and `/api/v1/analytics/...`.

mod analytics;
mod figures;
mod heatmap;
mod memory;
mod series;

use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;

pub use figures::{realtime, Realtime};

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(series::routes())
        .merge(memory::routes())
        .merge(figures::routes())
        .merge(analytics::routes())
        .merge(heatmap::routes())
}
