//! Several events, gathered and counted together: those of a command, and those that waited on a tray.

use super::ways::{stop_mut, Ways};
use crate::store::keys::Place;
use analytics_core::apply::ApplyScratch;
use analytics_core::apply::ApplyTerms;
use analytics_core::apply::RowBatch;
use analytics_core::bucket::Bucket;
use analytics_core::time::Granularity;

/// A bucket on the way of events.
pub trait Stop {
    fn place(&self) -> &Place;

    /// Changes it, on these terms.
    fn count(&mut self, capacity: usize, count: impl FnOnce(&mut Bucket, &ApplyTerms));
}

/// From so many buckets of one granularity on, to go through all events once for each of them costs more
/// than their rows one by one.
const MANY_BUCKETS: usize = 6;

/// Bucket by bucket, and in a bucket row by row; event by event where each bucket has few of them.
/// `share`: the memory of what each bucket has to do with them. Nothing is gathered on return.
pub fn count(
    all: &mut RowBatch,
    share: &mut ApplyScratch,
    stops: &mut [impl Stop],
    ways: &Ways,
    capacity: usize,
) {
    if all.events().is_empty() {
        return;
    }
    all.sort();
    let granularities = stops.iter().map(|stop| stop.place().granularity());
    share.begin(all, granularities.collect());
    for granularity in Granularity::ALL {
        let of_it = stops
            .iter()
            .filter(|stop| stop.place().granularity() == granularity);
        if of_it.count() >= MANY_BUCKETS {
            count_by_event(all, share, stops, ways, granularity, capacity);
            continue;
        }
        for (stop, step) in stops.iter_mut().zip(1..) {
            let place = stop.place();
            if place.granularity() != granularity {
                continue;
            }
            if !ways.are_split(granularity) {
                fill(all, share, place);
            } else if !share.fill_each(all, |event| {
                (ways.step(event.path, granularity) == step).then(|| place.slot(event.time))
            }) {
                continue;
            }
            stop.count(capacity, |bucket, terms| {
                bucket.apply_all(all, share, terms);
            });
        }
    }
    all.clear();
}

fn count_by_event(
    all: &RowBatch,
    share: &mut ApplyScratch,
    stops: &mut [impl Stop],
    ways: &Ways,
    granularity: Granularity,
    capacity: usize,
) {
    for (number, event) in all.events().iter().enumerate() {
        if let Some(stop) = stop_mut(stops, ways.step(event.path, granularity)) {
            let slot = stop.place().slot(event.time);
            stop.count(capacity, |bucket, terms| {
                bucket.apply_one(all, number, slot, terms, share);
            });
        }
    }
}

/// All events go to the bucket of this place.
fn fill(all: &RowBatch, share: &mut ApplyScratch, place: &Place) {
    match place.common_slot(all.span()) {
        Some(slot) => share.fill(all, slot),
        None => {
            share.fill_each(all, |event| Some(place.slot(event.time)));
        }
    }
}
