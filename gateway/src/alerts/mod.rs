//! Alerts out: what the module appends to `{site}:alerts` goes to the targets of the site, which are
//! webhooks, Slack and e-mail.
//!
//! Each target has a consumer group of its own on the stream, so that a target that does not answer
//! keeps nothing from the others. Gateways share the groups: Redis gives an entry to one of them, and
//! what was not acknowledged is claimed by one of them later (`worker.rs`). `message.rs` makes the text
//! of an alert, `sender.rs` sends it.

pub mod message;
mod sender;
mod worker;

use crate::state::AppState;
use sender::Sender;
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use worker::Worker;

/// Starts the workers, and keeps one for each target that there is.
pub fn start(state: &AppState) -> Result<(), Box<dyn Error>> {
    let sender = Arc::new(Sender::new(&state.config.alerts)?);
    tokio::spawn(supervise(state.clone(), sender));
    Ok(())
}

/// A worker ends by itself when its target is no more, or when it panicked.
async fn supervise(state: AppState, sender: Arc<Sender>) {
    let mut workers: HashMap<(String, String), JoinHandle<()>> = HashMap::new();
    let pause = state.config.sites.refresh.max(Duration::from_millis(10));
    loop {
        workers.retain(|_, worker| !worker.is_finished());
        for site in state.sites.snapshot().sites() {
            for target in &site.alert_targets {
                let name = (site.name.clone(), target.id.clone());
                workers.entry(name).or_insert_with(|| {
                    let worker = Worker::new(&state, &sender, &site.name, target);
                    tokio::spawn(worker.run())
                });
            }
        }
        tokio::time::sleep(pause).await;
    }
}
