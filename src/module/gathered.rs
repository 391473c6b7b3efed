//! Several events of a command, gathered and counted together.

use super::keys::Place;
use super::target::{target_mut, Target};
use super::ways::{Step, Ways, NOWHERE};
use crate::domain::bucket::Share;
use crate::domain::occurrences::{Occurred, Occurrences};
use crate::domain::time::Granularity;

#[derive(Default)]
pub struct Gathered {
    pub all: Occurrences,
    /// What each bucket has to do with them.
    share: Share,
}

impl Gathered {
    /// Bucket by bucket, and in a bucket row by row; event by event where each bucket has few of them.
    pub fn count(&mut self, targets: &mut [Target], ways: &Ways, capacity: usize) {
        /// To look through all events for each bucket costs more than their rows, with more buckets.
        const MANY_BUCKETS: usize = 6;
        if self.all.events().is_empty() {
            return;
        }
        self.all.sort();
        let granularities = targets.iter().map(Target::granularity);
        self.share.begin(&self.all, granularities.collect());
        for granularity in Granularity::ALL {
            let step_of = |event: &Occurred| step_of(ways, event, granularity);
            let is_of = |target: &Target| target.granularity() == granularity;
            if targets.iter().filter(|it| is_of(it)).count() >= MANY_BUCKETS {
                self.count_by_event(targets, step_of, capacity);
                continue;
            }
            for (target, step) in targets.iter_mut().zip(1..).filter(|(it, _)| is_of(it)) {
                let place = &target.place;
                if !ways.are_split(granularity) {
                    fill(&mut self.share, &self.all, place);
                } else if !self.share.fill_each(&self.all, |event| {
                    (step_of(event) == step).then(|| place.slot(event.time))
                }) {
                    continue;
                }
                let terms = target.terms(capacity);
                let bucket = target.bucket_or_new();
                bucket.record_all(&self.all, &mut self.share, &terms);
            }
        }
        self.all.clear();
    }

    fn count_by_event(
        &mut self,
        targets: &mut [Target],
        step_of: impl Fn(&Occurred) -> Step,
        capacity: usize,
    ) {
        for (number, event) in self.all.events().iter().enumerate() {
            if let Some(target) = target_mut(targets, step_of(event)) {
                let slot = target.place.slot(event.time);
                let terms = target.terms(capacity);
                let bucket = target.bucket_or_new();
                bucket.record_one(&self.all, number, slot, &terms, &mut self.share);
            }
        }
    }
}

/// All events go to the bucket of this place.
pub fn fill(share: &mut Share, all: &Occurrences, place: &Place) {
    match place.common_slot(all.span()) {
        Some(slot) => share.fill(all, slot),
        None => {
            share.fill_each(all, |event| Some(place.slot(event.time)));
        }
    }
}

/// Where an event goes.
#[inline]
fn step_of(ways: &Ways, event: &Occurred, granularity: Granularity) -> Step {
    let way = ways.all().get(event.way as usize);
    let step = way.and_then(|way| way.route.get(granularity.index()));
    step.copied().unwrap_or(NOWHERE)
}
