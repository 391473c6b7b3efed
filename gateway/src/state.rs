//! What every handler has: the configuration, Redis, the sites, the figures, the way for events.

use crate::config::Config;
use crate::ingest::Ingest;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::query::FactsCache;
use crate::sites::Registry;
use crate::store::{Redis, StoreError};
use std::ops::Deref;
use std::sync::Arc;

/// Cheap to clone; `state.redis`, `state.sites` and so on reach the parts.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    /// For questions. Events have a connection of their own, so that neither waits for the other.
    pub redis: Redis,
    pub sites: Registry,
    pub metrics: Arc<Metrics>,
    pub ingest: Ingest,
    pub live: Live,
    pub facts: FactsCache,
}

impl AppState {
    pub async fn new(config: Config) -> Result<AppState, StoreError> {
        let redis = Redis::connect(&config.redis).await?;
        let live = Live::default();
        let for_events = Redis::connect(&config.redis).await?;
        let for_events = for_events.observed_by(live.tap().clone());
        let metrics = Arc::new(Metrics::default());
        let sites = Registry::new(redis.clone());
        let ingest = Ingest::new(&config, for_events, Arc::clone(&metrics));
        Ok(AppState(Arc::new(Parts {
            config,
            redis,
            sites,
            metrics,
            ingest,
            live,
            facts: FactsCache::default(),
        })))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
