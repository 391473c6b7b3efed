//! A bucket as Redis holds it, and how a site holds on to it from one command to the next.
//!
//! Opening a key is the dearest thing that an event does, and nearly all events go to the buckets of
//! the events before. So a site keeps the pointers of those. What could make one wrong is told:
//!
//! - the key is deleted, expired, evicted, overwritten, renamed, moved: Redis calls `unlink` first
//! - the whole database is flushed, swapped, replaced: the site goes or moves with its buckets
//! - the key's expiry is changed: `expiries` hears of it
//! - a HyperLogLog is imported into it: that makes the pointer no worse, but ends what `nest` knows
//!
//! Who owns the memory is in `ties`. The contents go when Redis says so, whoever holds on; the few
//! bytes around them stay until both have let go, so that a pointer that is held never dangles,
//! whatever thread frees the value.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU8, Ordering};

use redis_module::raw;

use super::disposal;
use super::expiries;
use super::nest::Nest;
use super::types::Type;
use crate::ingest::tray;
use crate::stats;
use crate::stats::Gauge;
use analytics_core::bucket::Bucket;
use analytics_core::codec::Page;
use analytics_core::error::Corrupt;
use analytics_core::memory::allocated;
use analytics_core::time::Range;

pub struct BucketValue {
    bucket: Bucket,
    ties: AtomicU8,
    /// The number of the tray that is open for its events; 0 for none.
    tray: AtomicU32,
}

/// Redis has not freed it.
const OWNED: u8 = 1;
/// A site holds on to it.
const HELD: u8 = 2;
/// It does not stand under its key any more.
const UNLINKED: u8 = 4;
/// Something else went into it than the events of who holds it.
const ADDED_TO: u8 = 8;

impl BucketValue {
    pub fn new(bucket: Bucket) -> BucketValue {
        BucketValue {
            bucket,
            ties: AtomicU8::new(OWNED),
            tray: AtomicU32::new(0),
        }
    }

    /// Whoever holds on to it looks at it anew.
    pub fn was_added_to(&self) {
        self.ties.fetch_or(ADDED_TO, Ordering::Relaxed);
    }

    /// The number of the tray that is open for its events; 0 for none.
    ///
    /// # Safety
    /// The value of a key.
    #[inline]
    unsafe fn tray(value: *const BucketValue) -> u32 {
        // SAFETY: by the contract. Nothing else of the value is looked at: it may be about to change.
        unsafe { (*value).tray.load(Ordering::Relaxed) }
    }

    /// # Safety
    /// That of `Type::free`.
    pub unsafe fn free_now(value: *mut BucketValue) {
        // SAFETY: by the contract, Redis is done with the value. A site that holds on to it looks at
        // `ties` before anything else, and those were marked before the value came here.
        unsafe {
            std::ptr::drop_in_place(&mut (*value).bucket);
            let ties = (*value).ties.fetch_and(!OWNED, Ordering::AcqRel);
            if ties & HELD == 0 {
                free_emptied(value);
            }
        }
    }
}

impl Deref for BucketValue {
    type Target = Bucket;

    #[inline]
    fn deref(&self) -> &Bucket {
        &self.bucket
    }
}

impl DerefMut for BucketValue {
    #[inline]
    fn deref_mut(&mut self) -> &mut Bucket {
        &mut self.bucket
    }
}

impl Type for BucketValue {
    const NAME: &'static std::ffi::CStr = c"anabucket";
    const WORD: &'static std::ffi::CStr = c"BUCKET";

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType> {
        static SLOT: AtomicPtr<raw::RedisModuleType> = AtomicPtr::new(null_mut());
        &SLOT
    }

    fn live() -> &'static Gauge {
        &stats::LIVE_BUCKETS
    }

    fn encode(&self) -> Vec<Page> {
        self.bucket.encode()
    }

    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<BucketValue, Corrupt> {
        Bucket::decode(pages).map(BucketValue::new)
    }

    fn copy(&self) -> BucketValue {
        BucketValue::new(Bucket::clone(self))
    }

    fn bytes(&self) -> usize {
        allocated(size_of::<BucketValue>()) + self.bucket.heap_bytes()
    }

    /// What is only gathered is no effort, and is not looked at.
    fn free_effort(&self) -> usize {
        if disposal::is_gathering() {
            return 1;
        }
        self.parts()
    }

    fn unlinked(&self) {
        self.ties.fetch_or(UNLINKED, Ordering::Relaxed);
    }

    unsafe fn before_reading(value: *const BucketValue) {
        // SAFETY: by the contract.
        tray::settle(unsafe { BucketValue::tray(value) });
    }

    unsafe fn before_writing(value: *const BucketValue) {
        // SAFETY: by the contract.
        tray::close(unsafe { BucketValue::tray(value) });
    }

    fn may_move(&self) -> bool {
        self.ties.load(Ordering::Relaxed) & HELD == 0
    }

    unsafe fn free(value: *mut BucketValue) {
        // SAFETY: by the contract.
        unsafe {
            if !disposal::gathers(value) {
                BucketValue::free_now(value);
            }
        }
    }
}

/// # Safety
/// `value` was a box, its contents are dropped, and nobody else knows of it.
unsafe fn free_emptied(value: *mut BucketValue) {
    // SAFETY: by the contract; what may be anything is not dropped again.
    drop(unsafe { Box::from_raw(value.cast::<MaybeUninit<BucketValue>>()) });
}

/// A site's hold on the value of one bucket.
pub struct Hold {
    value: Cell<*mut BucketValue>,
    /// When the key was last opened.
    since: Cell<i64>,
    /// What had been heard of changed expiries then.
    heard: Cell<u64>,
    pub nest: Nest,
}

/// Redis notes once a second when a key was last used, and evicts by that: as often the key is opened.
/// Where it counts every use, under an LFU policy, nothing is held.
const LONGEST: i64 = 1_000;

impl Hold {
    pub fn none() -> Hold {
        Hold {
            value: Cell::new(null_mut()),
            since: Cell::new(0),
            heard: Cell::new(0),
            nest: Nest::default(),
        }
    }

    /// The value, if it is sure to stand under its key still, with the expiry that it had.
    #[inline]
    pub fn value(&self, now: i64) -> Option<*mut BucketValue> {
        let value = self.value.get();
        if value.is_null() || self.heard.get() != expiries::heard() {
            return None;
        }
        let age = now.wrapping_sub(self.since.get());
        // SAFETY: while it is held, `ties` can be read.
        let ties = unsafe { (*value).ties.load(Ordering::Relaxed) };
        (ties == OWNED | HELD && (0..LONGEST).contains(&age)).then_some(value)
    }

    /// Holds on to the value of a key that has just been opened, unless another site does. Is it held now?
    pub fn take(&self, value: *mut BucketValue, now: i64) -> bool {
        let is_other = self.value.get() != value;
        if is_other {
            self.release();
            // SAFETY: the value of an open key.
            let ties = unsafe { (*value).ties.fetch_or(HELD, Ordering::Relaxed) };
            if ties & HELD != 0 {
                return false;
            }
            self.value.set(value);
        }
        // It may have been renamed away and back. Only now that no other site can hold it: one that
        // does must go on to see that it left.
        const MARKS: u8 = UNLINKED | ADDED_TO;
        // SAFETY: as above.
        let ties = unsafe { (*value).ties.fetch_and(!MARKS, Ordering::Relaxed) };
        if is_other || ties & MARKS != 0 {
            self.nest.begin();
        }
        self.since.set(now);
        self.heard.set(expiries::heard());
        true
    }

    /// While it is sure, by the clock.
    pub fn sure(&self) -> Range {
        let since = self.since.get();
        Range::new(since, since.saturating_add(LONGEST))
    }

    /// The tray of this number is open for events of the bucket, or, with 0, none is.
    pub fn wait_on(&self, tray: u32) {
        let value = self.value.get();
        if !value.is_null() {
            // SAFETY: what is held is there.
            unsafe { (*value).tray.store(tray, Ordering::Relaxed) };
        }
    }

    /// Changes the bucket, if Redis still has it. Nobody has a reference to it.
    pub fn change(&self, change: impl FnOnce(&mut Bucket)) {
        let value = self.value.get();
        if value.is_null() {
            return;
        }
        // SAFETY: what is held is there, its contents as long as Redis owns it; commands and callbacks
        // run one at a time, and who comes to look at a value has this done before.
        unsafe {
            if (*value).ties.load(Ordering::Acquire) & OWNED != 0 {
                change(&mut (*value).bucket);
            }
        }
    }

    pub fn release(&self) {
        let value = self.value.replace(null_mut());
        if value.is_null() {
            return;
        }
        // SAFETY: what is held is there; if Redis has let go, its contents are gone and this is the
        // last that knows of it.
        unsafe {
            let ties = (*value).ties.fetch_and(!HELD, Ordering::AcqRel);
            if ties & OWNED == 0 {
                free_emptied(value);
            }
        }
    }
}

/// On the thread that frees the site.
impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}
