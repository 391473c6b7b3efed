//! A bucket as Redis holds it.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering::Relaxed};

use redis_module::raw;

use super::hooks::PendingId;
use super::owners::Owners;
use super::value::{self, Value};
use crate::api::context::Ctx;
use crate::api::guard::WriteGuard;
use crate::api::key::Key;
use crate::api::string::StringRef;
use crate::stats::{self, Gauge};
use analytics_core::bucket::Bucket;
use analytics_core::codec::Page;
use analytics_core::error::{shown, Corrupt, Error};
use analytics_core::memory::allocated;

pub struct BucketValue {
    bucket: Bucket,
    pub(super) owners: Owners,
    /// The pending writes that may hold events for it.
    pending: AtomicU32,
}

impl BucketValue {
    pub fn new(bucket: Bucket) -> BucketValue {
        BucketValue {
            bucket,
            owners: Owners::new(),
            pending: AtomicU32::new(0),
        }
    }

    /// The bucket, for writing something else than events of its holder.
    pub fn begin_import(&mut self) -> &mut Bucket {
        self.owners.mark_imported();
        &mut self.bucket
    }

    /// The contents alone: a reference to the whole value would cover the owners, which another thread may
    /// change.
    ///
    /// # Safety
    /// The contents are there, and no other reference to them is alive while this one lives.
    #[inline]
    pub unsafe fn contents_mut<'v>(value: *mut BucketValue) -> &'v mut Bucket {
        // SAFETY: by the contract.
        unsafe { &mut (*value).bucket }
    }

    pub(super) fn set_pending(&self, pending: PendingId) {
        self.pending.store(pending, Relaxed);
    }

    /// # Safety
    /// `value` was a box, its contents are dropped, and it has no owner.
    pub(super) unsafe fn free_memory(value: *mut BucketValue) {
        // SAFETY: by the contract; what may be anything is not dropped again.
        drop(unsafe { Box::from_raw(value.cast::<MaybeUninit<BucketValue>>()) });
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

impl Value for BucketValue {
    const NAME: &'static CStr = c"anabucket";
    const KEYWORD: &'static CStr = c"BUCKET";

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType> {
        static SLOT: AtomicPtr<raw::RedisModuleType> = AtomicPtr::new(null_mut());
        &SLOT
    }

    fn gauge() -> &'static Gauge {
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

    fn free_effort(&self) -> usize {
        self.parts()
    }

    fn mark_unlinked(&self) {
        self.owners.mark_unlinked();
    }

    unsafe fn pending(value: *const BucketValue) -> PendingId {
        // SAFETY: by the contract.
        unsafe { (*value).pending.load(Relaxed) }
    }

    fn may_move(&self) -> bool {
        !self.owners.is_held()
    }

    /// Drops the contents at once, and frees the memory around them when the holder releases it, too.
    unsafe fn free(value: *mut BucketValue) {
        // SAFETY: by the contract, Redis does not use the value any more. A holder checks the owners before
        // anything else, and the value was marked as unlinked before.
        unsafe {
            std::ptr::drop_in_place(&mut (*value).bucket);
            if (*value).owners.disown() {
                BucketValue::free_memory(value);
            }
        }
    }
}

/// Stores a new bucket under its key, and sets its expiry. A value that foreign code stores there meanwhile
/// is later than the command, and stays. Returns whether a handle on the bucket can be taken: it is there,
/// and the server does not count the uses of keys.
///
/// # Safety
/// It was made by `value::allocate`, and is the server's from here on.
pub unsafe fn publish(
    ctx: Ctx,
    guard: &mut WriteGuard,
    name: StringRef,
    bucket: *mut BucketValue,
    expiry: i64,
) -> bool {
    let key = Key::for_writing(ctx, guard, name);
    if key.exists() {
        drop(key);
        // SAFETY: by the contract; the server did not get it.
        unsafe { value::free_unowned(bucket) };
        return false;
    }
    // SAFETY: by the contract.
    unsafe { value::put_allocated(key, bucket) };
    stats::BUCKETS.add(1);
    // When the key was made, foreign code may have put something else there.
    let key = Key::for_writing(ctx, guard, name);
    let found = value::find::<BucketValue>(&key);
    let is_there = matches!(found, Ok(Some(found)) if found.as_ptr() == bucket);
    if is_there {
        key.expire_at(expiry);
    }
    is_there && !key.counts_uses()
}

/// The error for a bucket that does not hold the period of its name.
pub fn wrong_period(name: &[u8]) -> Error {
    Error::new(format!(
        "bucket '{}' holds another period: it was renamed, or made under another time zone; delete \
         it to go on",
        shown(name)
    ))
}
