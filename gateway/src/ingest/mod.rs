//! Events in, by one way: who sends (`source.rs`), and the body (`body.rs`) → the adapter of the
//! protocol reads drafts (`native.rs`, and so on) → the pipeline completes or drops each
//! (`pipeline.rs`) → the sink has Redis count them (`sink.rs`). `intake.rs` is what all adapters call.

mod body;
mod classic;
mod event;
mod failures;
mod form;
mod intake;
mod native;
mod pipeline;
mod plausible;
mod posthog;
mod properties;
mod reason;
mod script;
mod segment;
mod sink;
mod skew;
mod source;
mod unpack;

pub use event::Event;
pub use intake::Ingest;

use utoipa_axum::router::OpenApiRouter;

/// The paths that take events.
pub fn routes() -> OpenApiRouter<Ingest> {
    OpenApiRouter::new()
        .merge(native::routes())
        .merge(classic::routes())
        .merge(plausible::routes())
        .merge(segment::routes())
        .merge(posthog::routes())
        .merge(script::routes())
}
