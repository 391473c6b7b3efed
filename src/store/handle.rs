//! A handle on the value of a key, from one command to the next.
//!
//! Opening keys is the most expensive part of an event, and most events go to the buckets of the events
//! before. So a site's directory keeps a pointer to each of those, and to the partitions of their users,
//! and uses it until an event may have made it invalid:
//!
//! - The key is deleted, expired, evicted, overwritten, renamed, moved: Redis calls `unlink` first,
//!   which marks the value.
//! - A database is flushed, swapped or replaced: all directories are dropped or move with it.
//! - The expiry of a key is changed: `expiry_epoch` changes.
//! - A HyperLogLog is imported: the value is marked, and the record of its containment begins anew.
//!
//! Redis frees the contents at any time. The few bytes around them stay until the handle is released
//! (`Owners`), so that the marks can always be read.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::changes;
use super::hooks::PendingId;
use super::owned_value::OwnedValue;
pub use super::owners::Since;
use analytics_core::time::Range;

static EXPIRY_EPOCH: AtomicU64 = AtomicU64::new(0);

/// Changes when a command changes the expiry of any key.
#[inline]
pub fn expiry_epoch() -> u64 {
    EXPIRY_EPOCH.load(Relaxed)
}

/// To be called when the expiry of a key has changed.
pub fn advance_expiry_epoch() {
    changes::note();
    EXPIRY_EPOCH.store(expiry_epoch().wrapping_add(1), Relaxed);
}

/// In milliseconds. Redis records once a second when a key was last used, for eviction; so the key is
/// opened as often. Under an LFU policy, which counts every use, there are no handles.
const LIFETIME: i64 = 1_000;

pub struct Handle<C> {
    value: *mut OwnedValue<C>,
    /// When the key was last opened.
    since: i64,
    epoch: u64,
}

impl<C> Default for Handle<C> {
    fn default() -> Handle<C> {
        Handle {
            value: null_mut(),
            since: 0,
            epoch: 0,
        }
    }
}

impl<C> Handle<C> {
    /// The value, if it is certain to be under its key still, with the same expiry.
    #[inline]
    pub fn valid(&self, now: i64) -> Option<*mut OwnedValue<C>> {
        if self.value.is_null() || self.epoch != expiry_epoch() {
            return None;
        }
        let age = now.wrapping_sub(self.since);
        // SAFETY: while there is a handle, the owners can be read.
        let is_undisturbed = unsafe { (*self.value).owners.is_undisturbed() };
        (is_undisturbed && (0..LIFETIME).contains(&age)).then_some(self.value)
    }

    /// Takes a handle on the value of a key that has just been opened or made. Returns what has happened to
    /// the value since the handle was last taken on it: `Changed` for another one. None where another
    /// directory has a handle on it.
    ///
    /// # Safety
    /// The value of a key, which is not freed before this returns.
    pub unsafe fn take(&mut self, value: *mut OwnedValue<C>, now: i64) -> Option<Since> {
        let is_other = self.value != value;
        // SAFETY: by the contract.
        let owners = unsafe { &(*value).owners };
        if is_other {
            self.release();
            if !owners.hold() {
                return None;
            }
            self.value = value;
        }
        self.since = now;
        self.epoch = expiry_epoch();
        // It may have been renamed away and back. The marks are taken only now, because another holder
        // would still need them.
        match owners.take_changes() {
            Since::Nothing if !is_other => Some(Since::Nothing),
            _ => Some(Since::Changed),
        }
    }

    /// The times at which it is valid.
    pub fn validity(&self) -> Range {
        Range::new(self.since, self.since.saturating_add(LIFETIME))
    }

    /// Marks the value as one for which events may wait; 0 removes the mark.
    pub fn set_pending(&self, pending: PendingId) {
        if !self.value.is_null() {
            // SAFETY: while there is a handle, the memory of the value is there.
            unsafe { OwnedValue::set_pending(self.value, pending) };
        }
    }

    /// The contents, if Redis still has them.
    ///
    /// # Safety
    /// No other reference to the contents is alive, and none is made while this one lives: foreign code
    /// does not run meanwhile.
    #[inline]
    pub unsafe fn contents(&mut self) -> Option<&mut C> {
        if self.value.is_null() {
            return None;
        }
        // SAFETY: while there is a handle, the owners can be read. The contents are dropped, on whichever
        // thread, only after the value was marked as unlinked, or its directory was dropped.
        unsafe {
            let has_contents = (*self.value).owners.has_contents();
            has_contents.then(|| OwnedValue::contents_mut(self.value))
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
                OwnedValue::free_memory(value);
            }
        }
    }
}

impl<C> Drop for Handle<C> {
    fn drop(&mut self) {
        self.release();
    }
}
