//! Events that go to the same buckets are applied together: bucket by bucket, and in a bucket row by row.

use super::bucket_ref::BucketRef;
use super::open_bucket::OpenContents;
use super::path_cache::{bucket_at, BucketIndex, Buckets, Split};
use crate::api::guard::WriteGuard;
use analytics_core::apply::{ApplyScratch, ApplyTerms, Beginnings, RowBatch};
use analytics_core::time::Granularity;

/// How the contents of buckets are reached.
pub trait Access {
    /// The contents of a bucket, if there are any.
    fn contents<'b>(&self, bucket: &'b mut BucketRef) -> Option<OpenContents<'b>>;
}

/// Those that a command has opened or made.
impl Access for WriteGuard {
    #[inline]
    fn contents<'b>(&self, bucket: &'b mut BucketRef) -> Option<OpenContents<'b>> {
        bucket.existing_mut(self)
    }
}

/// Those for which events wait, by the handles on them.
pub struct Handles(());

impl Handles {
    /// # Safety
    /// As long as it is used, no reference to the contents of a bucket is alive but those that it gives.
    pub unsafe fn new() -> Handles {
        Handles(())
    }
}

impl Access for Handles {
    #[inline]
    fn contents<'b>(&self, bucket: &'b mut BucketRef) -> Option<OpenContents<'b>> {
        Some(OpenContents {
            // SAFETY: by the contract of `new`; this borrows the only `BucketRef` that leads there.
            contents: unsafe { bucket.handle.contents() }?,
            contained_in: bucket.containment.contained_in(),
            slots: &bucket.slots,
        })
    }
}

/// Where a batch goes. `P`: gives the buckets of a path by its number.
pub struct BucketSink<'s, A, P> {
    /// The buckets of the batch, of any granularity.
    pub used: &'s [BucketIndex],
    /// The granularities in which its paths lead to several buckets.
    pub split: &'s Split,
    pub buckets_of: P,
    pub access: &'s A,
}

/// From so many buckets of one granularity on, to go through all events once for each of them costs more
/// than their rows one by one.
const MANY_BUCKETS: usize = 6;

impl<'s, A: Access, P: Fn(u32) -> Option<&'s Buckets>> BucketSink<'s, A, P> {
    /// The batch is empty on return.
    pub fn apply(
        &self,
        batch: &mut RowBatch,
        scratch: &mut ApplyScratch,
        buckets: &mut [BucketRef],
        capacity: usize,
    ) {
        if batch.events().is_empty() {
            return;
        }
        batch.sort();
        let granularities = self.used.iter().filter_map(|it| it.of(buckets));
        scratch.begin(batch, granularities.map(BucketRef::granularity).collect());
        for granularity in Granularity::ALL {
            let is_it = |index: &&BucketIndex| {
                let bucket = index.of(buckets);
                bucket.is_some_and(|bucket| bucket.granularity() == granularity)
            };
            if self.used.iter().filter(is_it).count() >= MANY_BUCKETS {
                self.apply_by_event(batch, scratch, buckets, granularity, capacity);
                continue;
            }
            for index in self.used {
                let bucket = index.of_mut(buckets);
                let Some(bucket) = bucket.filter(|it| it.granularity() == granularity) else {
                    continue;
                };
                if !self.split.at(granularity) {
                    fill_slots(batch, scratch, bucket);
                } else if !scratch.fill_each(batch, |event| {
                    (self.bucket(event.path, granularity) == Some(*index))
                        .then(|| bucket.slot(event.time))
                }) {
                    continue;
                }
                if let Some(open) = self.access.contents(bucket) {
                    let terms = ApplyTerms {
                        capacity,
                        contained_in: open.contained_in,
                    };
                    open.contents.count_batch(batch, scratch, &terms);
                }
            }
        }
        batch.clear();
    }

    fn apply_by_event(
        &self,
        batch: &RowBatch,
        scratch: &mut ApplyScratch,
        buckets: &mut [BucketRef],
        granularity: Granularity,
        capacity: usize,
    ) {
        for (number, event) in batch.events().iter().enumerate() {
            let index = self.bucket(event.path, granularity);
            if let Some(bucket) = index.and_then(|index| index.of_mut(buckets)) {
                let slot = bucket.slot(event.time);
                if let Some(open) = self.access.contents(bucket) {
                    let terms = ApplyTerms {
                        capacity,
                        contained_in: open.contained_in,
                    };
                    open.contents
                        .count_of_batch(batch, number, slot, &terms, scratch);
                }
            }
        }
    }

    #[inline]
    fn bucket(&self, path: u32, granularity: Granularity) -> Option<BucketIndex> {
        bucket_at((self.buckets_of)(path)?, granularity)
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

/// Adds changes to the buckets in which their visits or attempts began: to those of `used` that are on the
/// path of a change. None is left.
pub fn apply_to_beginnings<'s>(
    changes: &mut impl Beginnings,
    access: &impl Access,
    (used, buckets): (&[BucketIndex], &mut [BucketRef]),
    buckets_of: impl Fn(u32) -> Option<&'s Buckets>,
    capacity: usize,
) {
    if changes.beginnings().next().is_none() {
        return;
    }
    for index in used {
        let Some(bucket) = index.of_mut(buckets) else {
            continue;
        };
        let goes_here = |path| buckets_of(path).is_some_and(|it| it.contains(&Some(*index)));
        if !changes.beginnings().any(|(path, _)| goes_here(path)) {
            continue;
        }
        // Events have made those in which visits and attempts begin.
        if let Some(OpenContents {
            contents, slots, ..
        }) = access.contents(bucket)
        {
            changes.apply(contents, capacity, |path, time| {
                goes_here(path).then(|| slots.of(time))
            });
        }
    }
    changes.clear();
}
