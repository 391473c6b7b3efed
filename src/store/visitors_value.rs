//! A partition of the visits under way, as Redis holds it.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;

use redis_module::raw;

use super::owners::Owners;
use super::value::Value;
use crate::stats::{self, Gauge};
use analytics_core::codec::Page;
use analytics_core::error::Corrupt;
use analytics_core::memory::allocated;
use analytics_core::visitors::Partition;

pub struct VisitorsValue {
    partition: Partition,
    pub(super) owners: Owners,
}

impl VisitorsValue {
    pub fn new(partition: Partition) -> VisitorsValue {
        VisitorsValue {
            partition,
            owners: Owners::new(),
        }
    }

    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// The contents alone: a reference to the whole value would cover the owners, which another thread may
    /// change.
    ///
    /// # Safety
    /// The contents are there, and no other reference to them is alive while this one lives.
    #[inline]
    pub unsafe fn contents_mut<'v>(value: *mut VisitorsValue) -> &'v mut Partition {
        // SAFETY: by the contract.
        unsafe { &mut (*value).partition }
    }

    /// # Safety
    /// `value` was a box, its contents are dropped, and it has no owner.
    pub(super) unsafe fn free_memory(value: *mut VisitorsValue) {
        // SAFETY: by the contract; what may be anything is not dropped again.
        drop(unsafe { Box::from_raw(value.cast::<MaybeUninit<VisitorsValue>>()) });
    }
}

impl Value for VisitorsValue {
    const NAME: &'static CStr = c"anavisits";
    const KEYWORD: &'static CStr = c"VISITORS";

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType> {
        static SLOT: AtomicPtr<raw::RedisModuleType> = AtomicPtr::new(null_mut());
        &SLOT
    }

    fn gauge() -> &'static Gauge {
        &stats::LIVE_PARTITIONS
    }

    fn encode(&self) -> Vec<Page> {
        self.partition.encode()
    }

    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<VisitorsValue, Corrupt> {
        Partition::decode(pages).map(VisitorsValue::new)
    }

    fn copy(&self) -> VisitorsValue {
        VisitorsValue::new(self.partition.clone())
    }

    fn bytes(&self) -> usize {
        allocated(size_of::<VisitorsValue>()) + self.partition.heap_bytes()
    }

    /// A table, and the texts of paths.
    fn free_effort(&self) -> usize {
        self.partition.parts()
    }

    fn mark_unlinked(&self) {
        self.owners.mark_unlinked();
    }

    fn may_move(&self) -> bool {
        !self.owners.is_held()
    }

    /// Drops the contents at once, and frees the memory around them when the holder releases it, too.
    unsafe fn free(value: *mut VisitorsValue) {
        // SAFETY: by the contract, Redis does not use the value any more. A holder checks the owners before
        // anything else, and the value was marked as unlinked before.
        unsafe {
            std::ptr::drop_in_place(&mut (*value).partition);
            if (*value).owners.disown() {
                VisitorsValue::free_memory(value);
            }
        }
    }
}
