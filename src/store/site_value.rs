//! A site as Redis holds it: the site, and beside it what only speeds up or counts this process.

use std::ffi::{c_int, CStr};
use std::sync::atomic::AtomicPtr;

use redis_module::raw;

use super::keys::BucketKeys;
use super::types::Type;
use crate::alerts;
use crate::api::redis::now;
use crate::ingest::tray;
use crate::stats;
use crate::stats::Gauge;
use analytics_core::codec::Page;
use analytics_core::error::Corrupt;
use analytics_core::site::Site;

pub struct SiteValue {
    pub site: Site,
    /// Where its events go now, and what is known of those buckets.
    pub keys: BucketKeys,
    /// Since the value was made or loaded: a replica does not see what was dropped.
    pub dropped: Dropped,
}

/// Events that did not count.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dropped {
    pub duplicates: u64,
    pub late: u64,
}

impl SiteValue {
    pub fn new(site: Site) -> SiteValue {
        SiteValue {
            site,
            keys: BucketKeys::default(),
            dropped: Dropped::default(),
        }
    }
}

impl Type for SiteValue {
    const NAME: &'static CStr = c"analytics";
    const WORD: &'static CStr = c"SITE";

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType> {
        static SLOT: AtomicPtr<raw::RedisModuleType> = AtomicPtr::new(std::ptr::null_mut());
        &SLOT
    }

    fn live() -> &'static Gauge {
        &stats::LIVE_SITES
    }

    fn encode(&self) -> Vec<Page> {
        self.site.encode()
    }

    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<SiteValue, Corrupt> {
        Site::decode(pages).map(SiteValue::new)
    }

    /// The copy lies under another name: it makes its own names of buckets.
    fn copy(&self) -> SiteValue {
        SiteValue::new(self.site.clone())
    }

    fn bytes(&self) -> usize {
        self.site.bytes() + self.keys.bytes()
    }

    fn free_effort(&self) -> usize {
        1
    }

    unsafe fn before_writing(value: *const SiteValue) {
        // SAFETY: by the contract.
        tray::close_of(unsafe { (*value).keys.tray });
    }

    /// It may come to lie apart from the buckets that it holds on to.
    fn unlinked(&self) {
        self.keys.let_go();
    }

    fn came(&self, db: c_int, name: &[u8]) {
        if self.site.watch().is_some() {
            alerts::note(db, name, &self.site, now());
        }
    }

    fn went(&self, db: c_int, name: &[u8]) {
        if self.site.watch().is_some() {
            alerts::forget(db, name);
        }
    }
}
