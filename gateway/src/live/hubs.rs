//! The hubs of all sites that have listeners here, and what the tasks of live share.

use super::admission::Counts;
use super::event::LiveEvent;
use super::hub::{Frame, Hub};
use super::tap::{Message, Tap};
use crate::state::AppState;
use axum::extract::FromRef;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, mpsc};

/// Cheap to clone.
#[derive(Clone)]
pub struct Live(Arc<Parts>);

pub struct Parts {
    pub state: AppState,
    pub counts: Arc<Counts>,
    hubs: Mutex<HashMap<String, Arc<Hub>>>,
    tap: Arc<Tap>,
    messages: Mutex<Option<mpsc::Receiver<Message>>>,
    closed: AtomicBool,
}

impl Deref for Live {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Live> for AppState {
    fn from_ref(live: &Live) -> AppState {
        live.state.clone()
    }
}

impl Live {
    pub fn new(state: &AppState) -> Live {
        let (tap, messages) = Tap::new();
        Live(Arc::new(Parts {
            state: state.clone(),
            counts: Arc::default(),
            hubs: Mutex::default(),
            tap,
            messages: Mutex::new(Some(messages)),
            closed: AtomicBool::new(false),
        }))
    }

    /// What is to be published; the first call has it.
    pub fn take_messages(&self) -> Option<mpsc::Receiver<Message>> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.take()
    }

    fn hubs(&self) -> MutexGuard<'_, HashMap<String, Arc<Hub>>> {
        self.hubs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tap(&self) -> &Arc<Tap> {
        &self.tap
    }

    /// The site's hub, and a place among its listeners.
    pub fn join(&self, site: &str) -> (Arc<Hub>, broadcast::Receiver<Frame>) {
        let mut hubs = self.hubs();
        let hub = match hubs.get(site) {
            Some(hub) => Arc::clone(hub),
            None => {
                let hub = Hub::start(self, site);
                hubs.insert(String::from(site), Arc::clone(&hub));
                hub
            }
        };
        let frames = hub.subscribe();
        (hub, frames)
    }

    /// Removes a hub without listeners; whether it did. No listener can join under the lock.
    pub fn remove_if_idle(&self, hub: &Hub) -> bool {
        let mut hubs = self.hubs();
        let idle = hub.listeners() == 0;
        if idle {
            hubs.remove(&hub.site);
        }
        idle
    }

    /// Events of a site that some gateway had counted.
    pub fn pass(&self, site: &str, events: Vec<LiveEvent>) {
        if let Some(hub) = self.hubs().get(site) {
            hub.pass(events);
        }
    }

    /// Announces the sites of this gateway's listeners again: other gateways may have missed it.
    pub fn announce_all(&self) {
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

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}
