//! Changes of visits and of attempts of funnels go to the buckets in which those began.

use crate::bucket::Bucket;

/// Changes that are gathered for such buckets.
pub trait Beginnings {
    /// Of each change: the caller's number for the buckets of its beginning, and the time of it.
    fn beginnings(&self) -> impl Iterator<Item = (u32, i64)>;

    /// Adds the changes that have a slot here, in their order.
    fn apply(&self, bucket: &mut Bucket, capacity: usize, slot_of: impl Fn(u32, i64) -> Option<u8>);

    /// Empties it, but keeps the memory.
    fn clear(&mut self);
}
