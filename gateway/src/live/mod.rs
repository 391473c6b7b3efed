//! Live: figures every few seconds and events as they come, as a web socket (`socket.rs`) and as
//! server-sent events (`stream.rs`).
//!
//! ```text
//! site with a log:   {site}:events ── log.rs ──────────────────┐
//! any other site:    store ── tap.rs ══ PUBLISH ══ channel.rs ─┴─ hub.rs ── listeners
//! ```
//!
//! A gateway has one subscription, and one hub for each site that has listeners. The hub makes each
//! message once; listeners share the bytes. `sampler.rs` bounds what passes, `admission.rs` who may
//! listen.

mod admission;
mod channel;
mod event;
mod hub;
mod log;
mod sampler;
mod socket;
mod stats;
mod stream;
mod tap;

pub use log::{entries, entry_list, stream_of};
pub use tap::Tap;

use crate::state::AppState;
use admission::Counts;
use event::LiveEvent;
use hub::{Frame, Hub};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tap::Word;
use tokio::sync::{broadcast, mpsc};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(socket::socket))
        .routes(routes!(stream::stream))
}

pub struct Live {
    hubs: Mutex<HashMap<String, Arc<Hub>>>,
    counts: Arc<Counts>,
    tap: Arc<Tap>,
    words: Mutex<Option<mpsc::Receiver<Word>>>,
    closed: AtomicBool,
}

impl Default for Live {
    fn default() -> Live {
        let (tap, words) = Tap::new();
        Live {
            hubs: Mutex::default(),
            counts: Arc::default(),
            tap,
            words: Mutex::new(Some(words)),
            closed: AtomicBool::new(false),
        }
    }
}

impl Live {
    fn hubs(&self) -> MutexGuard<'_, HashMap<String, Arc<Hub>>> {
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tap(&self) -> &Arc<Tap> {
        &self.tap
    }

    /// The site's hub, and a place among its listeners.
    fn join(&self, state: &AppState, site: &str) -> (Arc<Hub>, broadcast::Receiver<Frame>) {
        let mut hubs = self.hubs();
        let hub = match hubs.get(site) {
            Some(hub) => Arc::clone(hub),
            None => {
                let hub = Hub::start(state, site);
                hubs.insert(String::from(site), Arc::clone(&hub));
                hub
            }
        };
        let frames = hub.subscribe();
        (hub, frames)
    }

    /// Removes a hub without listeners; whether it did. No listener can join under the lock.
    fn remove_if_idle(&self, hub: &Hub) -> bool {
        let mut hubs = self.hubs();
        let idle = hub.listeners() == 0;
        if idle {
            hubs.remove(&hub.site);
        }
        idle
    }

    /// Events of a site that some gateway had counted.
    fn pass(&self, site: &str, events: Vec<LiveEvent>) {
        if let Some(hub) = self.hubs().get(site) {
            hub.pass(events);
        }
    }

    /// Announces the sites of this gateway's listeners again: other gateways may have missed it.
    fn announce_all(&self) {
        for site in self.hubs().keys() {
            self.tap.announce(site);
        }
    }

    /// The gateway stops: connections of listeners are closed, and new ones are refused.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        for hub in self.hubs().values() {
            hub.send(Frame::Close);
        }
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// Starts the tasks that live as long as the process: one subscribes, one publishes.
pub fn start(state: &AppState) {
    let words = state
        .live
        .words
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(words) = words {
        let tap = Arc::clone(state.live.tap());
        tokio::spawn(tap::speak(tap, words, state.redis.clone()));
        tokio::spawn(channel::listen(state.clone()));
    }
}
