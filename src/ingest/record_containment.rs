//! Prepares the buckets of a path: makes them, and records which of them contain which.

use super::bucket_ref::BucketRef;
use super::directory::SiteDirectory;
use super::path_cache::Buckets;
use crate::api::guard::WriteGuard;
use crate::store::containment::{HandleNumbers, LastPath};

/// To be called before events go into these buckets.
#[inline(never)]
pub fn record_containment(guard: &WriteGuard, directory: &mut SiteDirectory, path: &Buckets) {
    let SiteDirectory {
        buckets, last_path, ..
    } = directory;
    let mut handles = HandleNumbers::default();
    let mut is_recorded = true;
    for index in path.iter().flatten() {
        if let Some(bucket) = index.of_mut(buckets) {
            bucket.bucket_mut(guard);
            if let Some(handle) = handles.get_mut(bucket.granularity().index()) {
                *handle = bucket.handle_number();
            }
            is_recorded &= bucket.is_recorded();
        }
    }
    // The containment of the last path is still valid where the handles are the same.
    if !is_recorded || handles != last_path.handles {
        update_containment(buckets, path, handles, last_path);
    }
    for index in path.iter().flatten() {
        if let Some(bucket) = index.of_mut(buckets) {
            bucket.open.contained_in = last_path.contained_in(bucket.granularity());
        }
    }
}

#[inline(never)]
fn update_containment(
    buckets: &mut [BucketRef],
    path: &Buckets,
    handles: HandleNumbers,
    last_path: &mut LastPath,
) {
    let same = last_path.coarsest_like(&handles);
    for index in path.iter().flatten() {
        if let Some(bucket) = index.of_mut(buckets) {
            let granularity = bucket.granularity();
            // Granularities from `same` on have the containment of the last path.
            if granularity.index() < same || !bucket.is_recorded() {
                let contained_in = bucket.update_containment(&handles);
                last_path.set_contained_in(granularity, contained_in);
            }
        }
    }
    last_path.handles = handles;
}
