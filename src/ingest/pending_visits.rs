//! The visits of waiting events. Partitions take note of an event when it comes; what that adds to the
//! buckets in which visits began waits with the event.

use redis_module::raw::RedisModuleString;

use super::apply::{apply_to_beginnings, Handles};
use super::bucket_ref::BucketRef;
use super::lateness::LatenessClock;
use super::partitions::Partitions;
use super::path_cache::{Buckets, PathCache};
use super::taken_paths::TakenPaths;
use analytics_core::apply::{write_previous, Beginnings, VisitBatch, VisitEvent};
use analytics_core::event::{Batch, Event};
use analytics_core::schema::Visits;
use analytics_core::visitors::{Partition, Step, Visitor};

#[derive(Default)]
pub struct PendingVisits {
    pub paths: TakenPaths,
    /// The visitors of the call that is checked, or was accepted: of each event.
    visitors: Vec<Visitor>,
    batch: VisitBatch,
    from: Vec<u8>,
}

/// Where the visits of a site are.
pub struct VisitPlace<'p> {
    pub visits: &'p Visits,
    pub partitions: &'p mut Partitions<Partition>,
    pub paths: &'p PathCache,
}

impl VisitPlace<'_> {
    /// The partition of a visitor, and its key.
    #[inline]
    fn find(
        &mut self,
        visitor: Visitor,
        now: i64,
    ) -> Option<(&mut Partition, *mut RedisModuleString)> {
        let number = self.visits.partition_of(visitor);
        // SAFETY: no other reference to a partition is alive while a call is checked or added.
        unsafe { self.partitions.find(number, now) }
    }
}

/// What became of an event.
#[derive(Default)]
pub struct Noted {
    /// The page path before, which is in `PendingVisits::from`, is a dimension of the event.
    pub has_from: bool,
    pub is_late: bool,
    /// The buckets of the visit's beginning, and the key of its partition, where something changed.
    pub changed: Option<(Buckets, *mut RedisModuleString)>,
}

impl PendingVisits {
    pub fn discard(&mut self) {
        self.batch.clear();
    }

    pub fn bytes(&self) -> usize {
        self.batch.bytes()
    }

    /// The page path before, of the event that was added last.
    pub fn from(&self) -> &[u8] {
        &self.from
    }

    /// Whether a visit or an attempt that begins at this time may wait.
    #[inline]
    pub fn takes(&self, paths: &PathCache, time: i64) -> bool {
        paths.find(time).is_some_and(|path| self.paths.takes(path))
    }

    /// Finds the visitors of a call that is checked, and prefetches their visits.
    #[inline]
    pub fn find_visitors(&mut self, events: &[Event], place: &mut VisitPlace, now: i64) {
        let visits = place.visits;
        self.visitors.clear();
        for event in events {
            let visitor = visits.visitor_of(event.user, event.session);
            if let Some((partition, _)) = place.find(visitor, now) {
                partition.prefetch(visitor);
            }
            self.visitors.push(visitor);
        }
    }

    /// Whether a visit that the event of this number belongs to or begins may wait: there is a handle on its
    /// partition, whose expiry stays.
    #[inline]
    pub fn accepts(
        &self,
        (number, event): (usize, &Event),
        place: &mut VisitPlace,
        clock: LatenessClock,
    ) -> bool {
        let (visits, paths) = (place.visits, place.paths);
        let visitor = self.visitors.get(number).copied();
        let found = visitor.and_then(|it| Some((it, place.find(it, clock.now)?)));
        let Some((visitor, (partition, _))) = found else {
            return false;
        };
        let terms = visits.terms();
        let by = clock.of_event(event.time);
        if partition.new_expiry(event.time, by, &terms).is_some() {
            return false;
        }
        let beginning = partition.beginning(visitor, event.time, &terms);
        self.takes(paths, event.time)
            && beginning.is_none_or(|beginning| self.takes(paths, beginning))
    }

    /// Takes note of the event of this number, which was accepted.
    #[inline]
    pub fn add<'c>(
        &mut self,
        (number, event): (usize, &Event<'c>),
        batch: &Batch<'c>,
        place: &mut VisitPlace,
        clock: LatenessClock,
    ) -> Noted {
        let (visits, paths) = (place.visits, place.paths);
        let visitor = self.visitors.get(number).copied();
        let found = visitor.and_then(|it| Some((it, place.find(it, clock.now)?)));
        let Some((visitor, (contents, name))) = found else {
            return Noted::default();
        };
        let visiting = VisitEvent::of(visits, visitor, event, batch);
        let by = clock.of_event(event.time);
        let (moment, path) = (&visiting.moment, visiting.path);
        let observed = contents.observe(visitor, moment, path, by, &visits.terms());
        let has_from = write_previous(
            observed.previous.filter(|_| visits.counts_from()),
            &mut self.from,
        );
        let visit = observed.step.visit();
        let path = visit.and_then(|visit| {
            let number = paths.find(visit.start)?;
            Some((number, paths.get(number)?.buckets))
        });
        if let Some((number, _)) = path {
            self.batch.add(visits, &visiting, &observed, number);
        }
        Noted {
            is_late: observed.step == Step::Late,
            changed: path.map(|(_, buckets)| (buckets, name)),
            has_from,
        }
    }

    /// Adds what waits to the buckets.
    pub fn flush(
        &mut self,
        access: &Handles,
        buckets: &mut [BucketRef],
        paths: &PathCache,
        capacity: usize,
    ) {
        let buckets_of = |path| Some(&paths.get(path)?.buckets);
        let buckets = (self.paths.used(), buckets);
        apply_to_beginnings(&mut self.batch, access, buckets, buckets_of, capacity);
    }
}
