//! What a site keeps of its users, spread over partitions: visits under way, and people.

use std::ffi::CStr;
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;

use redis_module::raw;

use crate::stats::{self, Gauge};
use analytics_core::codec::Page;
use analytics_core::error::Corrupt;
use analytics_core::people::People;
use analytics_core::schema::keys::{people_key, visitors_key};
use analytics_core::visitors::Partition;

/// The contents of a partition, which are a value of a type of their own.
pub trait Contents: Clone + 'static {
    const NAME: &'static CStr;
    const KEYWORD: &'static CStr;

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType>;
    fn gauge() -> &'static Gauge;
    /// The name of the key of a partition.
    fn key(site: &[u8], number: u32) -> Vec<u8>;

    fn encode(&self) -> Vec<Page>;
    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<Self, Corrupt>;
    fn heap_bytes(&self) -> usize;
    /// About the number of its allocations.
    fn parts(&self) -> usize;
    /// When its key expires.
    fn expiry(&self) -> i64;
    fn set_expiry(&mut self, expiry: i64);
}

/// Each type has a slot of its own.
macro_rules! contents {
    ($type:ty, $name:literal, $keyword:literal, $gauge:path, $key:path) => {
        impl Contents for $type {
            const NAME: &'static CStr = $name;
            const KEYWORD: &'static CStr = $keyword;

            fn slot() -> &'static AtomicPtr<raw::RedisModuleType> {
                static SLOT: AtomicPtr<raw::RedisModuleType> = AtomicPtr::new(null_mut());
                &SLOT
            }

            fn gauge() -> &'static Gauge {
                &$gauge
            }

            fn key(site: &[u8], number: u32) -> Vec<u8> {
                $key(site, number)
            }

            fn encode(&self) -> Vec<Page> {
                self.encode()
            }

            fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<$type, Corrupt> {
                <$type>::decode(pages)
            }

            fn heap_bytes(&self) -> usize {
                self.heap_bytes()
            }

            fn parts(&self) -> usize {
                self.parts()
            }

            #[inline]
            fn expiry(&self) -> i64 {
                self.expiry()
            }

            fn set_expiry(&mut self, expiry: i64) {
                self.set_expiry(expiry);
            }
        }
    };
}

contents!(
    Partition,
    c"anavisits",
    c"VISITORS",
    stats::LIVE_PARTITIONS,
    visitors_key
);
contents!(
    People,
    c"anapeople",
    c"PEOPLE",
    stats::LIVE_PEOPLE,
    people_key
);
