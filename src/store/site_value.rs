//! A site as Redis holds it: the site, and state of this process alone.

use std::cell::Cell;
use std::ffi::{c_int, CStr};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering::Relaxed};

use redis_module::raw;

use super::changes;
use super::hooks::{self, PendingId};
use super::value::Value;
use crate::stats::{self, Gauge};
use analytics_core::codec::Page;
use analytics_core::error::Corrupt;
use analytics_core::query::observed::Span;
use analytics_core::site::Site;

pub struct SiteValue {
    pub site: Site,
    /// The directory of its buckets; 0 for none. The directory has the address of its site, which decides
    /// whether it is still this one's.
    directory: AtomicU32,
    is_unlinked: AtomicBool,
    /// The span of the buckets that were found, and the arrivals up to then.
    found: Cell<Option<(u64, FoundSpan)>>,
    /// Since the value was made or loaded: a replica does not receive dropped events.
    pub dropped: Dropped,
}

/// From when to when there are events in buckets; None where that is unknown.
pub type FoundSpan = Option<Span>;

/// Events that did not count, and what was left out of others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dropped {
    pub duplicates: u64,
    pub late: u64,
    /// Dimensions and values of events that counted without them.
    pub names: u64,
    /// They count, but belong to no visit.
    pub late_for_visits: u64,
    /// They count, but are of a day before the last one of their users.
    pub late_for_people: u64,
    /// They count, but are earlier than the last step of their users in a funnel.
    pub late_for_funnels: u64,
}

impl SiteValue {
    pub fn new(site: Site) -> SiteValue {
        SiteValue {
            site,
            directory: AtomicU32::new(0),
            is_unlinked: AtomicBool::new(false),
            found: Cell::new(None),
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

    /// The span that `look` finds in the buckets. It looks again when values have arrived since.
    pub fn found_span(&self, look: impl FnOnce() -> FoundSpan) -> FoundSpan {
        let arrivals = changes::arrivals();
        match self.found.get() {
            Some((until, found)) if until == arrivals => found,
            _ => {
                let found = look();
                self.found.set(Some((arrivals, found)));
                found
            }
        }
    }

    /// To be called when settings change by which buckets are found.
    pub fn forget_found_span(&self) {
        self.found.set(None);
    }

    fn drop_directory(&self) {
        hooks::run(|hooks| {
            (hooks.drop_directory)(self.directory(), std::ptr::from_ref(self).cast())
        });
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
        self.drop_directory();
    }

    /// A directory is found by the address of its site.
    fn leaves_address(&self) {
        self.drop_directory();
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
