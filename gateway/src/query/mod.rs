//! Answers out. A handler reads its parameters (`params.rs`), has the module asked (`ask.rs`) and
//! writes the reply as JSON (`value.rs`) or CSV.
//!
//! `question.rs` has the read commands of the module, which `native.rs` and `batch.rs` serve;
//! `classic` has the paths of a smaller API that dashboards use;
//! `plausible` answers Plausible's Stats API.

mod ask;
mod batch;
mod classic;
mod facts;
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

pub use classic::{realtime, Realtime};
pub use facts::FactsCache;
pub use info::site_info;

use crate::state::AppState;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::Json;
use utoipa_axum::router::OpenApiRouter;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(native::routes())
        .merge(batch::routes())
        .merge(classic::routes())
        .merge(plausible::routes())
}

/// The body of an answer.
#[derive(Debug)]
pub enum Answer {
    Json(serde_json::Value),
    Csv(Vec<u8>),
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Answer::Json(value) => Json(value).into_response(),
            Answer::Csv(bytes) => {
                let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
                (kind, bytes).into_response()
            }
        }
    }
}
