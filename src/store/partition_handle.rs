//! A handle on a partition of users, from one command to the next: as that on a bucket, with the same
//! conditions (`bucket_handle.rs`).

use std::ptr::null_mut;

use super::bucket_handle::{expiry_epoch, LIFETIME};
use super::partition_contents::Contents;
use super::partition_value::PartitionValue;

pub struct PartitionHandle<C: Contents> {
    value: *mut PartitionValue<C>,
    /// When the key was last opened.
    since: i64,
    epoch: u64,
}

impl<C: Contents> Default for PartitionHandle<C> {
    fn default() -> PartitionHandle<C> {
        PartitionHandle {
            value: null_mut(),
            since: 0,
            epoch: 0,
        }
    }
}

impl<C: Contents> PartitionHandle<C> {
    /// The value, if it is certain to be under its key still, which has not expired.
    #[inline]
    pub fn valid(&self, now: i64) -> Option<*mut PartitionValue<C>> {
        if self.value.is_null() || self.epoch != expiry_epoch() {
            return None;
        }
        let age = now.wrapping_sub(self.since);
        // SAFETY: while there is a handle, the owners can be read; and the contents, where they are
        // undisturbed.
        let is_valid = unsafe {
            (0..LIFETIME).contains(&age)
                && (*self.value).owners.is_undisturbed()
                && now < (*self.value).contents().expiry()
        };
        is_valid.then_some(self.value)
    }

    /// Takes a handle on the value of a key that has just been opened or made. False where another
    /// directory has one.
    ///
    /// # Safety
    /// The value of a key, which is not freed before this returns.
    pub unsafe fn take(&mut self, value: *mut PartitionValue<C>, now: i64) -> bool {
        // SAFETY: by the contract.
        let owners = unsafe { &(*value).owners };
        if self.value != value {
            self.release();
            if !owners.hold() {
                return false;
            }
            self.value = value;
        }
        owners.take_changes();
        self.since = now;
        self.epoch = expiry_epoch();
        true
    }

    /// The contents, if they are certain to be under their key.
    ///
    /// # Safety
    /// No other reference to the partition is alive, and none is made while this one lives: foreign code
    /// does not run meanwhile.
    #[inline]
    pub unsafe fn contents(&mut self, now: i64) -> Option<&mut C> {
        // SAFETY: by the contract; the value is under its key.
        self.valid(now)
            .map(|value| unsafe { PartitionValue::contents_mut(value) })
    }

    pub fn release(&mut self) {
        let value = std::mem::replace(&mut self.value, null_mut());
        if value.is_null() {
            return;
        }
        // SAFETY: the handle's; if Redis has released the value, its contents are freed and this is the last
        // owner.
        unsafe {
            if (*value).owners.release() {
                PartitionValue::free_memory(value);
            }
        }
    }
}

impl<C: Contents> Drop for PartitionHandle<C> {
    fn drop(&mut self) {
        self.release();
    }
}
