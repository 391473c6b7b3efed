//! What is under the keys of a site: contents, the owners of their memory, and which events wait for them.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering::Relaxed};

use redis_module::raw;

use super::contents::Contents;
use super::hooks::PendingId;
use super::owners::Owners;
use super::value::Value;
use crate::stats::Gauge;
use analytics_core::codec::Page;
use analytics_core::error::Corrupt;
use analytics_core::memory::allocated;

pub struct OwnedValue<C> {
    contents: C,
    pub(super) owners: Owners,
    /// The pending writes that may hold events for it.
    pending: AtomicU32,
}

impl<C> OwnedValue<C> {
    pub fn new(contents: C) -> OwnedValue<C> {
        OwnedValue {
            contents,
            owners: Owners::new(),
            pending: AtomicU32::new(0),
        }
    }

    /// The contents alone: a reference to the whole value would cover the owners, which another thread may
    /// change.
    ///
    /// # Safety
    /// The contents are there, and no reference that may change them is alive while this one lives.
    #[inline]
    pub unsafe fn contents<'v>(value: *const OwnedValue<C>) -> &'v C {
        // SAFETY: by the contract.
        unsafe { &(*value).contents }
    }

    /// The same for writing.
    ///
    /// # Safety
    /// The contents are there, and no other reference to them is alive while this one lives.
    #[inline]
    pub unsafe fn contents_mut<'v>(value: *mut OwnedValue<C>) -> &'v mut C {
        // SAFETY: by the contract.
        unsafe { &mut (*value).contents }
    }

    /// The same for writing something else than events of the holder.
    ///
    /// # Safety
    /// That of `contents_mut`.
    pub unsafe fn begin_import<'v>(value: *mut OwnedValue<C>) -> &'v mut C {
        // SAFETY: by the contract.
        unsafe {
            (*value).owners.mark_imported();
            OwnedValue::contents_mut(value)
        }
    }

    /// # Safety
    /// The memory of the value is there. The contents may be dropped, on any thread.
    pub(super) unsafe fn set_pending(value: *const OwnedValue<C>, pending: PendingId) {
        // SAFETY: by the contract; there is no reference to the rest of the value.
        unsafe { (*value).pending.store(pending, Relaxed) };
    }

    /// # Safety
    /// `value` was a box, its contents are dropped, and it has no owner.
    pub(super) unsafe fn free_memory(value: *mut OwnedValue<C>) {
        // SAFETY: by the contract; what may be anything is not dropped again.
        drop(unsafe { Box::from_raw(value.cast::<MaybeUninit<OwnedValue<C>>>()) });
    }
}

impl<C> Deref for OwnedValue<C> {
    type Target = C;

    #[inline]
    fn deref(&self) -> &C {
        &self.contents
    }
}

impl<C: Contents> Value for OwnedValue<C> {
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

    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<OwnedValue<C>, Corrupt> {
        C::decode(pages).map(OwnedValue::new)
    }

    fn copy(&self) -> OwnedValue<C> {
        OwnedValue::new(self.contents.clone())
    }

    fn bytes(&self) -> usize {
        allocated(size_of::<OwnedValue<C>>()) + self.contents.heap_bytes()
    }

    fn free_effort(&self) -> usize {
        self.contents.parts()
    }

    fn mark_unlinked(&self) {
        self.owners.mark_unlinked();
    }

    unsafe fn pending(value: *const OwnedValue<C>) -> PendingId {
        // SAFETY: by the contract.
        unsafe { (*value).pending.load(Relaxed) }
    }

    fn may_move(&self) -> bool {
        !self.owners.is_held()
    }

    /// Drops the contents at once, and frees the memory around them when the holder releases it, too.
    unsafe fn free(value: *mut OwnedValue<C>) {
        // SAFETY: by the contract, Redis does not use the value any more. A holder checks the owners before
        // anything else, and the value was marked as unlinked before.
        unsafe {
            std::ptr::drop_in_place(&mut (*value).contents);
            if (*value).owners.disown() {
                OwnedValue::free_memory(value);
            }
        }
    }
}
