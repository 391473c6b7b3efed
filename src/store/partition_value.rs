//! A partition of a site's users, as Redis holds it.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicPtr;

use redis_module::raw;

use super::owners::Owners;
use super::partition_contents::Contents;
use super::value::Value;
use crate::stats::Gauge;
use analytics_core::codec::Page;
use analytics_core::error::Corrupt;
use analytics_core::memory::allocated;
use analytics_core::people::People;
use analytics_core::visitors::Partition;

pub struct PartitionValue<C> {
    contents: C,
    pub(super) owners: Owners,
}

/// Visits under way.
pub type VisitorsValue = PartitionValue<Partition>;
/// Who was there before.
pub type PeopleValue = PartitionValue<People>;

impl<C> PartitionValue<C> {
    pub fn new(contents: C) -> PartitionValue<C> {
        PartitionValue {
            contents,
            owners: Owners::new(),
        }
    }

    pub fn contents(&self) -> &C {
        &self.contents
    }

    /// The contents alone: a reference to the whole value would cover the owners, which another thread may
    /// change.
    ///
    /// # Safety
    /// The contents are there, and no other reference to them is alive while this one lives.
    #[inline]
    pub unsafe fn contents_mut<'v>(value: *mut PartitionValue<C>) -> &'v mut C {
        // SAFETY: by the contract.
        unsafe { &mut (*value).contents }
    }

    /// # Safety
    /// `value` was a box, its contents are dropped, and it has no owner.
    pub(super) unsafe fn free_memory(value: *mut PartitionValue<C>) {
        // SAFETY: by the contract; what may be anything is not dropped again.
        drop(unsafe { Box::from_raw(value.cast::<MaybeUninit<PartitionValue<C>>>()) });
    }
}

impl<C: Contents> Value for PartitionValue<C> {
    const NAME: &'static CStr = C::NAME;
    const KEYWORD: &'static CStr = C::KEYWORD;

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType> {
        C::slot()
    }

    fn gauge() -> &'static Gauge {
        C::gauge()
    }

    fn encode(&self) -> Vec<Page> {
        self.contents.encode()
    }

    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<PartitionValue<C>, Corrupt> {
        C::decode(pages).map(PartitionValue::new)
    }

    fn copy(&self) -> PartitionValue<C> {
        PartitionValue::new(self.contents.clone())
    }

    fn bytes(&self) -> usize {
        allocated(size_of::<PartitionValue<C>>()) + self.contents.heap_bytes()
    }

    fn free_effort(&self) -> usize {
        self.contents.parts()
    }

    fn mark_unlinked(&self) {
        self.owners.mark_unlinked();
    }

    fn may_move(&self) -> bool {
        !self.owners.is_held()
    }

    /// Drops the contents at once, and frees the memory around them when the holder releases it, too.
    unsafe fn free(value: *mut PartitionValue<C>) {
        // SAFETY: by the contract, Redis does not use the value any more. A holder checks the owners before
        // anything else, and the value was marked as unlinked before.
        unsafe {
            std::ptr::drop_in_place(&mut (*value).contents);
            if (*value).owners.disown() {
                PartitionValue::free_memory(value);
            }
        }
    }
}
