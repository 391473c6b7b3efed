//! Events that go to the same buckets are applied together: bucket by bucket, and in a bucket row by row.

use super::bucket_ref::BucketRef;
use super::path_cache::BucketIndex;
use analytics_core::apply::{ApplyScratch, ApplyTerms, RowBatch};
use analytics_core::bucket::Bucket;
use analytics_core::time::{Granularities, Granularity};

/// Where a batch goes.
pub trait BucketSink {
    /// The buckets of the batch, of any granularity.
    fn used(&self) -> &[BucketIndex];

    /// Whether the paths of the batch lead to several buckets of this granularity.
    fn is_split(&self, granularity: Granularity) -> bool;

    /// The bucket of a path.
    fn bucket(&self, path: u32, granularity: Granularity) -> Option<BucketIndex>;

    /// Changes the contents of a bucket, if there are any, with the granularities that contain it.
    fn change(&self, bucket: &mut BucketRef, change: impl FnOnce(&mut Bucket, Granularities));
}

/// From so many buckets of one granularity on, to go through all events once for each of them costs more
/// than their rows one by one.
const MANY_BUCKETS: usize = 6;

/// The batch is empty on return.
pub fn apply_batch(
    batch: &mut RowBatch,
    scratch: &mut ApplyScratch,
    sink: &impl BucketSink,
    buckets: &mut [BucketRef],
    capacity: usize,
) {
    if batch.events().is_empty() {
        return;
    }
    batch.sort();
    let granularities = sink.used().iter().filter_map(|it| it.of(buckets));
    scratch.begin(batch, granularities.map(BucketRef::granularity).collect());
    for granularity in Granularity::ALL {
        let is_it = |index: &&BucketIndex| {
            let bucket = index.of(buckets);
            bucket.is_some_and(|bucket| bucket.granularity() == granularity)
        };
        if sink.used().iter().filter(is_it).count() >= MANY_BUCKETS {
            apply_by_event(batch, scratch, sink, buckets, granularity, capacity);
            continue;
        }
        for index in sink.used() {
            let bucket = index.of_mut(buckets);
            let Some(bucket) = bucket.filter(|it| it.granularity() == granularity) else {
                continue;
            };
            if !sink.is_split(granularity) {
                fill_slots(batch, scratch, bucket);
            } else if !scratch.fill_each(batch, |event| {
                (sink.bucket(event.path, granularity) == Some(*index))
                    .then(|| bucket.slot(event.time))
            }) {
                continue;
            }
            sink.change(bucket, |contents, contained_in| {
                let terms = ApplyTerms {
                    capacity,
                    contained_in,
                };
                contents.apply_all(batch, scratch, &terms);
            });
        }
    }
    batch.clear();
}

fn apply_by_event(
    batch: &RowBatch,
    scratch: &mut ApplyScratch,
    sink: &impl BucketSink,
    buckets: &mut [BucketRef],
    granularity: Granularity,
    capacity: usize,
) {
    for (number, event) in batch.events().iter().enumerate() {
        let index = sink.bucket(event.path, granularity);
        if let Some(bucket) = index.and_then(|index| index.of_mut(buckets)) {
            let slot = bucket.slot(event.time);
            sink.change(bucket, |contents, contained_in| {
                let terms = ApplyTerms {
                    capacity,
                    contained_in,
                };
                contents.apply_one(batch, number, slot, &terms, scratch);
            });
        }
    }
}

/// All events go to this bucket.
fn fill_slots(batch: &RowBatch, scratch: &mut ApplyScratch, bucket: &BucketRef) {
    match bucket.common_slot(batch.span()) {
        Some(slot) => scratch.fill(batch, slot),
        None => {
            scratch.fill_each(batch, |event| Some(bucket.slot(event.time)));
        }
    }
}
