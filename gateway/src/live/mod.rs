//! Live: figures every few seconds and events as they come, as a web socket (`socket.rs`) and as
//! server-sent events (`stream.rs`).
//!
//! ```text
//! site with a log:   {site}:events ── log.rs ──────────────────┐
//! any other site:    store ── tap.rs ══ PUBLISH ══ channel.rs ─┴─ hub.rs ── listeners
//! ```
//!
//! A gateway has one subscription, and one hub for each site that has listeners. The hub makes each
//! message once; listeners share the bytes. `hubs.rs` has all hubs, `sampler.rs` bounds what passes,
//! `admission.rs` who may listen.

mod admission;
mod channel;
mod event;
mod hub;
mod hubs;
mod log;
mod sampler;
mod socket;
mod stats;
mod stream;
mod tap;

pub use hubs::Live;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<Live> {
    OpenApiRouter::new()
        .routes(routes!(socket::socket))
        .routes(routes!(stream::stream))
}

/// Starts the tasks that live as long as the process: one subscribes, one publishes.
pub fn start(live: &Live) {
    if let Some(messages) = live.take_messages() {
        let tap = live.tap().clone();
        tokio::spawn(tap::publish(tap, messages, live.state.redis.clone()));
        tokio::spawn(channel::listen(live.clone()));
    }
}
