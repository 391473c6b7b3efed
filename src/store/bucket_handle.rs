//! A handle on the bucket of a key, from one command to the next.
//!
//! Opening keys is the most expensive part of an event, and most events go to the buckets of the events
//! before. So a site's directory keeps a pointer to each of those, and uses it until an event may have
//! made it invalid:
//!
//! - The key is deleted, expired, evicted, overwritten, renamed, moved: Redis calls `unlink` first,
//!   which marks the value.
//! - A database is flushed, swapped or replaced: all directories are dropped or move with it.
//! - The expiry of a bucket is changed: `expiry_epoch` changes.
//! - A HyperLogLog is imported: the value is marked, and the record of its containment begins anew.
//!
//! Redis frees the contents at any time. The few bytes around them stay until the handle is released
//! (`Owners`), so that the marks can always be read.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::bucket_value::BucketValue;
use super::changes;
use super::containment::ContainmentRecord;
use super::hooks::PendingId;
use super::owners::Since;
use analytics_core::bucket::Bucket;
use analytics_core::time::Range;

static EXPIRY_EPOCH: AtomicU64 = AtomicU64::new(0);

/// Changes when a command changes the expiry of any bucket.
#[inline]
pub fn expiry_epoch() -> u64 {
    EXPIRY_EPOCH.load(Relaxed)
}

/// To be called when the expiry of a bucket has changed.
pub fn advance_expiry_epoch() {
    changes::note();
    EXPIRY_EPOCH.store(expiry_epoch().wrapping_add(1), Relaxed);
}

/// In milliseconds. Redis records once a second when a key was last used, for eviction; so the key is
/// opened as often. Under an LFU policy, which counts every use, there are no handles.
pub(super) const LIFETIME: i64 = 1_000;

pub struct BucketHandle {
    value: *mut BucketValue,
    /// When the key was last opened.
    since: i64,
    epoch: u64,
    pub containment: ContainmentRecord,
}

impl BucketHandle {
    pub fn none() -> BucketHandle {
        BucketHandle {
            value: null_mut(),
            since: 0,
            epoch: 0,
            containment: ContainmentRecord::default(),
        }
    }

    /// The value, if it is certain to be under its key still, with the same expiry.
    #[inline]
    pub fn valid(&self, now: i64) -> Option<*mut BucketValue> {
        if self.value.is_null() || self.epoch != expiry_epoch() {
            return None;
        }
        let age = now.wrapping_sub(self.since);
        // SAFETY: while there is a handle, the owners can be read.
        let is_undisturbed = unsafe { (*self.value).owners.is_undisturbed() };
        (is_undisturbed && (0..LIFETIME).contains(&age)).then_some(self.value)
    }

    /// Takes a handle on the value of a key that has just been opened or made. False where another
    /// directory has one.
    ///
    /// # Safety
    /// The value of a key, which is not freed before this returns.
    pub unsafe fn take(&mut self, value: *mut BucketValue, now: i64) -> bool {
        let is_other = self.value != value;
        // SAFETY: by the contract.
        let owners = unsafe { &(*value).owners };
        if is_other {
            self.release();
            if !owners.hold() {
                return false;
            }
            self.value = value;
        }
        // It may have been renamed away and back. The marks are taken only now, because another holder
        // would still need them.
        if owners.take_changes() == Since::Changed || is_other {
            self.containment.begin();
        }
        self.since = now;
        self.epoch = expiry_epoch();
        true
    }

    /// The times at which it is valid.
    pub fn validity(&self) -> Range {
        Range::new(self.since, self.since.saturating_add(LIFETIME))
    }

    /// Marks the bucket as one for which events may wait; 0 removes the mark.
    pub fn set_pending(&self, pending: PendingId) {
        if !self.value.is_null() {
            // SAFETY: while there is a handle, the marks can be written.
            unsafe { (*self.value).set_pending(pending) };
        }
    }

    /// The contents, if Redis still has them.
    ///
    /// # Safety
    /// No other reference to the bucket is alive, and none is made while this one lives: foreign code
    /// does not run meanwhile.
    #[inline]
    pub unsafe fn contents(&mut self) -> Option<&mut Bucket> {
        if self.value.is_null() {
            return None;
        }
        // SAFETY: while there is a handle, the owners can be read. The contents are dropped, on whichever
        // thread, only after the value was marked as unlinked, or its directory was dropped.
        unsafe {
            let has_contents = (*self.value).owners.has_contents();
            has_contents.then(|| BucketValue::contents_mut(self.value))
        }
    }

    pub fn release(&mut self) {
        let value = std::mem::replace(&mut self.value, null_mut());
        if value.is_null() {
            return;
        }
        // SAFETY: the handle's; if Redis has released the value, its contents are freed and this is the last owner.
        unsafe {
            if (*value).owners.release() {
                BucketValue::free_memory(value);
            }
        }
    }
}

impl Drop for BucketHandle {
    fn drop(&mut self) {
        self.release();
    }
}
