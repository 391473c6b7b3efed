//! What every handler has: the configuration, Redis, the sites, the figures, the limits.

use crate::config::Config;
use crate::enrich::Enrich;
use crate::error::ApiResult;
use crate::facts::{Facts, FactsCache};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::sites::Registry;
use crate::store::Redis;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Cheap to clone; `state.redis`, `state.sites` and so on reach the parts.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

pub struct Parts {
    pub config: Config,
    /// For questions. Events have connections of their own, so that neither waits for the other.
    pub redis: Redis,
    pub sites: Registry,
    pub metrics: Arc<Metrics>,
    pub limits: Limits,
    pub enrich: Enrich,
    pub facts: FactsCache,
    draining: AtomicBool,
}

impl AppState {
    pub fn new(config: Config, redis: Redis) -> AppState {
        AppState(Arc::new(Parts {
            sites: Registry::new(redis.clone()),
            redis,
            metrics: Arc::new(Metrics::default()),
            limits: Limits::new(&config.limits),
            enrich: Enrich::new(&config.enrich),
            facts: FactsCache::default(),
            draining: AtomicBool::new(false),
            config,
        }))
    }

    /// Facts of sites, read from the module.
    pub async fn facts_of(&self, site: &str) -> ApiResult<Arc<Facts>> {
        self.facts.of(&self.redis, &self.metrics, site).await
    }

    /// The gateway stops: requests under way are finished, nothing new is begun.
    pub fn start_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
