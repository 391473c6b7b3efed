//! A site as Redis holds it: the site, and state of this process alone.

use std::ffi::{c_int, CStr};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Relaxed};

use redis_module::raw;

use super::hooks::{self, PendingId};
use super::value::Value;
use crate::stats::{self, Gauge};
use analytics_core::codec::Page;
use analytics_core::error::Corrupt;
use analytics_core::site::Site;

pub struct SiteValue {
    pub site: Site,
    /// The directory of its buckets; 0 for none. The directory has the address of its site, which decides
    /// whether it is still this one's.
    directory: AtomicU32,
    is_unlinked: AtomicBool,
    /// Since the value was made or loaded: a replica does not receive dropped events.
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
            directory: AtomicU32::new(0),
            is_unlinked: AtomicBool::new(false),
            dropped: Dropped::default(),
        }
    }

    #[inline]
    pub fn directory(&self) -> PendingId {
        self.directory.load(Relaxed)
    }

    /// To be called when it was found under its key.
    #[inline]
    pub fn set_linked(&self) {
        self.is_unlinked.store(false, Relaxed);
    }

    /// Whether it has left its key since it was found there.
    pub fn is_unlinked(&self) -> bool {
        self.is_unlinked.load(Relaxed)
    }

    pub fn set_directory(&self, directory: PendingId) {
        self.directory.store(directory, Relaxed);
    }
}

impl Value for SiteValue {
    const NAME: &'static CStr = c"analytics";
    const KEYWORD: &'static CStr = c"SITE";

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType> {
        static SLOT: AtomicPtr<raw::RedisModuleType> = AtomicPtr::new(null_mut());
        &SLOT
    }

    fn gauge() -> &'static Gauge {
        &stats::LIVE_SITES
    }

    fn encode(&self) -> Vec<Page> {
        self.site.encode()
    }

    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<SiteValue, Corrupt> {
        Site::decode(pages).map(SiteValue::new)
    }

    fn copy(&self) -> SiteValue {
        SiteValue::new(self.site.clone())
    }

    fn bytes(&self) -> usize {
        self.site.bytes()
    }

    fn free_effort(&self) -> usize {
        1
    }

    unsafe fn pending(value: *const SiteValue) -> PendingId {
        // SAFETY: by the contract.
        unsafe { (*value).directory() }
    }

    fn mark_unlinked(&self) {
        self.is_unlinked.store(true, Relaxed);
        hooks::run(|hooks| {
            (hooks.drop_directory)(self.directory(), std::ptr::from_ref(self).cast())
        });
    }

    fn entered_key(&self, db: c_int, name: &[u8]) {
        if self.site.watch().is_some() {
            hooks::run(|hooks| (hooks.site_entered)(db, name, &self.site));
        }
    }

    fn left_key(&self, db: c_int, name: &[u8]) {
        if self.site.watch().is_some() {
            hooks::run(|hooks| (hooks.site_left)(db, name));
        }
    }
}
