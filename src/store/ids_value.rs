//! The recent ids of a site as Redis holds them, under a key of their own.

use std::ffi::CStr;
use std::ops::{Deref, DerefMut};
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;

use redis_module::raw;

use super::value::Value;
use crate::stats::{self, Gauge};
use analytics_core::codec::Page;
use analytics_core::error::Corrupt;
use analytics_core::ids::RecentIds;
use analytics_core::memory::allocated;

#[derive(Default)]
pub struct IdsValue(RecentIds);

impl Deref for IdsValue {
    type Target = RecentIds;

    fn deref(&self) -> &RecentIds {
        &self.0
    }
}

impl DerefMut for IdsValue {
    fn deref_mut(&mut self) -> &mut RecentIds {
        &mut self.0
    }
}

impl Value for IdsValue {
    const NAME: &'static CStr = c"analytids";
    const KEYWORD: &'static CStr = c"IDS";

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType> {
        static SLOT: AtomicPtr<raw::RedisModuleType> = AtomicPtr::new(null_mut());
        &SLOT
    }

    fn gauge() -> &'static Gauge {
        &stats::LIVE_IDS
    }

    fn encode(&self) -> Vec<Page> {
        self.0.encode()
    }

    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<IdsValue, Corrupt> {
        RecentIds::decode(pages).map(IdsValue)
    }

    fn copy(&self) -> IdsValue {
        IdsValue(self.0.clone())
    }

    fn bytes(&self) -> usize {
        allocated(size_of::<IdsValue>()) + self.0.heap_bytes()
    }

    fn free_effort(&self) -> usize {
        self.parts()
    }
}
