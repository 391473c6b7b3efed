//! The funnels of waiting events. Partitions take note of an event when it comes; what that adds to the buckets
//! in which attempts began waits with the event.

use super::apply::{apply_to_beginnings, Handles};
use super::bucket_ref::BucketRef;
use super::lateness::LatenessClock;
use super::path_cache::{Buckets, PathCache, NO_PATH};
use super::pending_people::PeoplePlace;
use super::pending_visits::PendingVisits;
use analytics_core::apply::{Beginnings, FunnelBatch, FunnelEvent};
use analytics_core::event::{Batch, Event};
use analytics_core::visitors::Visitor;

#[derive(Default)]
pub struct PendingFunnels {
    batch: FunnelBatch,
}

impl PendingFunnels {
    pub fn discard(&mut self) {
        self.batch.clear();
    }

    pub fn bytes(&self) -> usize {
        self.batch.bytes()
    }

    /// Whether all attempts that an event of this user may raise or begin may wait: there is a handle on the
    /// partition, whose expiry stays, and their buckets take what is added to visits and attempts.
    /// `is_lasting`: whether that handle is there, where it was looked at.
    #[inline]
    pub fn accepts<'c>(
        visitor: Visitor,
        (event, batch): (&Event<'c>, &Batch<'c>),
        place: &mut PeoplePlace,
        visits: &PendingVisits,
        clock: LatenessClock,
        mut is_lasting: Option<bool>,
    ) -> bool {
        let Some((funnels, seed)) = place.funnels() else {
            return true;
        };
        funnels.list().iter().all(|funnel| {
            let Some(attempting) = FunnelEvent::of(funnel, seed, event, batch) else {
                return true;
            };
            // The same for all funnels, and looked at where the event is a step of one.
            if !*is_lasting.get_or_insert_with(|| place.accepts(visitor, event.time, clock)) {
                return false;
            }
            let (paths, terms) = (place.paths, place.people.funnel_terms(funnel));
            let under_way = place
                .find(visitor, clock.now)
                .and_then(|(contents, _)| contents.funnel(funnel.tag()))
                .map(|progress| progress.beginnings(visitor, &terms));
            let mut times =
                { under_way.into_iter().flatten().flatten() }.chain(attempting.begins());
            times.all(|time| visits.takes(paths, time))
        })
    }

    /// Takes note of an accepted event of this user. Passes the buckets of the attempts that it raises to
    /// `changed`. Returns whether it was too late for a funnel, and whether its partition has changed.
    #[inline]
    pub fn add<'c>(
        &mut self,
        visitor: Visitor,
        (event, batch): (&Event<'c>, &Batch<'c>),
        place: &mut PeoplePlace,
        clock: LatenessClock,
        mut changed: impl FnMut(&Buckets),
    ) -> (bool, bool) {
        let Some((funnels, seed)) = place.funnels() else {
            return (false, false);
        };
        let (mut is_late, mut is_changed) = (false, false);
        for (number, funnel) in funnels.list().iter().enumerate() {
            let Some(attempting) = FunnelEvent::of(funnel, seed, event, batch) else {
                continue;
            };
            let (paths, terms) = (place.paths, place.people.funnel_terms(funnel));
            let Some((contents, _)) = place.find(visitor, clock.now) else {
                continue;
            };
            let Some(progress) = contents.funnel_mut(&terms, |tag| funnels.has(tag)) else {
                continue;
            };
            let by = clock.of_event(event.time);
            let observed = progress.observe(visitor, &attempting.moment, by, &terms);
            is_late |= observed.is_late;
            is_changed |= observed.is_changed;
            self.batch
                .add((funnels, seed), number, &attempting, &observed, |time| {
                    let path = paths.find(time);
                    let found = path.and_then(|number| paths.get(number));
                    found.into_iter().for_each(|path| changed(&path.buckets));
                    path.unwrap_or(NO_PATH)
                });
        }
        (is_late, is_changed)
    }

    /// Adds what waits to the buckets.
    pub fn flush(
        &mut self,
        access: &Handles,
        visits: &PendingVisits,
        buckets: &mut [BucketRef],
        paths: &PathCache,
        capacity: usize,
    ) {
        let buckets_of = |path| Some(&paths.get(path)?.buckets);
        let buckets = (visits.paths.used(), buckets);
        apply_to_beginnings(&mut self.batch, access, buckets, buckets_of, capacity);
    }
}
