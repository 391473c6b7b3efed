//! The contents of values: buckets, the recent ids of a site, and what it keeps of its users, spread over
//! partitions: visits under way, and people.

use std::ffi::CStr;
use std::ptr::null_mut;
use std::sync::atomic::AtomicPtr;

use redis_module::raw;

use super::owned_value::OwnedValue;
use crate::stats::{self, Gauge};
use analytics_core::bucket::Bucket;
use analytics_core::codec::Page;
use analytics_core::error::{shown, Corrupt, Error};
use analytics_core::ids::RecentIds;
use analytics_core::people::People;
use analytics_core::schema::keys::{people_key, visitors_key};
use analytics_core::time::Period;
use analytics_core::visitors::Partition;

pub type BucketValue = OwnedValue<Bucket>;
pub type IdsValue = OwnedValue<RecentIds>;
/// Visits under way.
pub type VisitorsValue = OwnedValue<Partition>;
/// Who was there before.
pub type PeopleValue = OwnedValue<People>;

/// Contents of a value that has a type of its own.
pub trait Contents: Clone + 'static {
    const NAME: &'static CStr;
    const KEYWORD: &'static CStr;

    fn slot() -> &'static AtomicPtr<raw::RedisModuleType>;
    fn gauge() -> &'static Gauge;
    fn encode(&self) -> Vec<Page>;
    fn decode<P: AsRef<[u8]>>(pages: &[P]) -> Result<Self, Corrupt>;
    fn heap_bytes(&self) -> usize;
    /// About the number of its allocations.
    fn parts(&self) -> usize;
}

/// The contents of a partition.
pub trait PartitionContents: Contents {
    /// The name of the key of a partition.
    fn key(site: &[u8], number: u32) -> Vec<u8>;
    /// When its key expires.
    fn expiry(&self) -> i64;
    fn set_expiry(&mut self, expiry: i64);
}

/// Each type has a slot of its own.
macro_rules! contents {
    ($type:ty, $name:literal, $keyword:literal, $gauge:path) => {
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
        }
    };
}

macro_rules! partition_contents {
    ($type:ty, $key:path) => {
        impl PartitionContents for $type {
            fn key(site: &[u8], number: u32) -> Vec<u8> {
                $key(site, number)
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

contents!(Bucket, c"anabucket", c"BUCKET", stats::LIVE_BUCKETS);
contents!(RecentIds, c"analytids", c"IDS", stats::LIVE_IDS);
contents!(Partition, c"anavisits", c"VISITORS", stats::LIVE_PARTITIONS);
contents!(People, c"anapeople", c"PEOPLE", stats::LIVE_PEOPLE);
partition_contents!(Partition, visitors_key);
partition_contents!(People, people_key);

/// Fails where the bucket under a key does not hold the period of its name.
pub fn check_period(bucket: &Bucket, period: &Period, name: &[u8]) -> Result<(), Error> {
    if bucket.is_of(period) {
        return Ok(());
    }
    Err(Error::new(format!(
        "bucket '{}' holds another period: it was renamed, or made under another time zone; delete \
         it to go on",
        shown(name)
    )))
}
