//! All sites in memory, by name, domain, key and token, so that no request asks Redis who it is
//! from. The version in Redis is looked at every second, and everything read again when it moved.

use super::key::{parts, Key, Secret};
use super::{stored, Site};
use crate::error::{ApiError, ApiResult};
use crate::store::{Redis, StoreError};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// The sites at one moment. A request takes one and keeps it.
#[derive(Default)]
pub struct Snapshot {
    version: i64,
    by_name: HashMap<String, Arc<Site>>,
    by_domain: HashMap<String, Arc<Site>>,
    write_keys: HashMap<String, (Arc<Site>, Key)>,
    read_tokens: HashMap<String, (Arc<Site>, Key)>,
}

impl Snapshot {
    fn new(version: i64, sites: Vec<Site>) -> Snapshot {
        let mut snapshot = Snapshot {
            version,
            ..Snapshot::default()
        };
        for site in sites {
            let site = Arc::new(site);
            for domain in &site.domains {
                let domain = domain.to_ascii_lowercase();
                snapshot.by_domain.insert(domain, Arc::clone(&site));
            }
            for key in &site.write_keys {
                let entry = (Arc::clone(&site), key.clone());
                snapshot.write_keys.insert(key.id.clone(), entry);
            }
            for token in &site.read_tokens {
                let entry = (Arc::clone(&site), token.clone());
                snapshot.read_tokens.insert(token.id.clone(), entry);
            }
            snapshot.by_name.insert(site.name.clone(), site);
        }
        snapshot
    }

    pub fn site(&self, name: &str) -> Option<&Arc<Site>> {
        self.by_name.get(name)
    }

    /// The site of a host name, with or without `www.` before it.
    pub fn of_domain(&self, domain: &str) -> Option<&Arc<Site>> {
        let domain = domain.to_ascii_lowercase();
        let bare = domain.strip_prefix("www.").unwrap_or(&domain);
        self.by_domain
            .get(&domain)
            .or_else(|| self.by_domain.get(bare))
            .or_else(|| self.by_name.get(&domain))
    }

    /// The site that the text is a write key of.
    pub fn of_write_key(&self, text: &str) -> Option<&Arc<Site>> {
        opened(&self.write_keys, Secret::Write, text)
    }

    /// The site that the text is a read token of.
    pub fn of_read_token(&self, text: &str) -> Option<&Arc<Site>> {
        opened(&self.read_tokens, Secret::Read, text)
    }

    pub fn sites(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.by_name.values()
    }
}

fn opened<'a>(
    keys: &'a HashMap<String, (Arc<Site>, Key)>,
    kind: Secret,
    text: &str,
) -> Option<&'a Arc<Site>> {
    let (given, id, secret) = parts(text)?;
    let (site, key) = keys.get(id)?;
    (given == kind && key.opens_with(secret)).then_some(site)
}

#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    redis: Redis,
    snapshot: RwLock<Arc<Snapshot>>,
    loaded: AtomicBool,
}

impl Registry {
    /// Empty until it has been read for the first time.
    pub fn new(redis: Redis) -> Registry {
        Registry {
            shared: Arc::new(Shared {
                redis,
                snapshot: RwLock::default(),
                loaded: AtomicBool::new(false),
            }),
        }
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        let snapshot = self.shared.snapshot.read();
        Arc::clone(&snapshot.unwrap_or_else(PoisonError::into_inner))
    }

    /// The sites, once they have been read: before that no key is known to be wrong.
    pub fn loaded(&self) -> ApiResult<Arc<Snapshot>> {
        if self.is_loaded() {
            Ok(self.snapshot())
        } else {
            Err(ApiError::unavailable("the sites have not been read yet", 1))
        }
    }

    /// Whether the sites have been read at least once.
    pub fn is_loaded(&self) -> bool {
        self.shared.loaded.load(Ordering::Relaxed)
    }

    /// Reads the sites again if any was changed.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let shared = &self.shared;
        let version = stored::version(&shared.redis).await?;
        if self.is_loaded() && self.snapshot().version == version {
            return Ok(());
        }
        // What changes between the two reads moves the version, and is read the next time.
        let sites = stored::all(&shared.redis).await?;
        tracing::info!(sites = sites.len(), version, "sites read");
        let snapshot = Arc::new(Snapshot::new(version, sites));
        let mut held = shared
            .snapshot
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *held = snapshot;
        shared.loaded.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Refreshes, or logs why that fails. After a change of settings this gateway has them at once, others soon.
    pub async fn try_refresh(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!(%error, "sites cannot be read");
        }
    }

    /// Refreshes for as long as the process lives. What was read last holds while Redis is away.
    pub async fn keep_fresh(self, every: Duration) {
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(10)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.try_refresh().await;
        }
    }
}
