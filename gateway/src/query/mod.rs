//! Answers out. A handler reads its parameters (`params.rs`), has the module asked (`ask.rs`) and
//! writes the reply as JSON (`value.rs`) or CSV.
//!
//! `question.rs` has the read commands of the module, which `native.rs` and `batch.rs` serve;
//! `classic` has the paths of a smaller API that dashboards use;
//! `plausible` answers Plausible's Stats API.

mod answer;
mod ask;
mod batch;
mod classic;
mod failures;
mod info;
pub mod log;
mod native;
mod params;
mod people;
mod plausible;
mod question;
mod range;
mod value;

pub use answer::Answer;
pub use classic::{realtime, Realtime};
pub use info::site_info;

use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(native::routes())
        .merge(batch::routes())
        .merge(classic::routes())
        .merge(plausible::routes())
}
