//! The visits of the events of one command: finds their visitors' partitions and the buckets in which their
//! visits began, takes note of each event, and adds what it changes to those buckets.

use super::apply::apply_to_beginnings;
use super::bucket_ref::BucketRef;
use super::directory::SiteDirectory;
use super::lateness::LatenessClock;
use super::partitions::UsedPartitions;
use super::path_cache::{BucketIndex, Buckets, NO_PATH};
use crate::api::guard::WriteGuard;
use analytics_core::apply::{write_previous, Beginnings, VisitBatch, VisitEvent};
use analytics_core::event::Batch;
use analytics_core::schema::Settings;
use analytics_core::visitors::{Partition, Step};

#[derive(Default)]
pub struct DirectVisits<'c> {
    /// Of every event; empty where the site counts no visits.
    visiting: Vec<VisitEvent<'c>>,
    pub partitions: UsedPartitions,
    /// The buckets of the hours in which visits, and attempts of funnels, began or may begin.
    paths: Vec<VisitPath>,
    used: Vec<BucketIndex>,
    /// Those of them that no event goes to.
    extra: Vec<BucketIndex>,
    batch: VisitBatch,
    /// The page path before that of the last event.
    from: Vec<u8>,
    /// The clock is behind the end of a bucket in which a visit began.
    partly_late: bool,
}

struct VisitPath {
    number: u32,
    buckets: Buckets,
}

/// A command, and the time by which it decides.
#[derive(Clone, Copy, Default)]
pub struct RunningCommand {
    pub number: u64,
    pub clock: LatenessClock,
}

impl<'c> DirectVisits<'c> {
    /// Keeps the memory for another command.
    pub fn clear(&mut self) {
        self.visiting.clear();
        self.partitions.clear();
        self.paths.clear();
        self.used.clear();
        self.extra.clear();
        self.batch.clear();
        self.partly_late = false;
    }

    /// Finds the partitions of all visitors. Looks at no key.
    pub fn find_partitions(
        &mut self,
        directory: &mut SiteDirectory,
        settings: &Settings,
        batch: &Batch<'c>,
        command: RunningCommand,
    ) {
        let Some(visits) = settings.visits.as_deref() else {
            return;
        };
        for event in &batch.events {
            let visitor = visits.visitor_of(event.user, event.session);
            let visiting = VisitEvent::of(visits, visitor, event, batch);
            let number = visits.partition_of(visitor);
            if directory.begin::<Partition>(number, command.number, command.clock.now) {
                self.partitions.push(number);
            }
            self.visiting.push(visiting);
        }
    }

    /// Finds the buckets of all visits that events may belong to: those under way, and those that they
    /// may begin.
    pub fn find_beginnings(
        &mut self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        settings: &Settings,
        command: RunningCommand,
    ) {
        let Some(visits) = settings.visits.as_deref() else {
            return;
        };
        let terms = visits.terms();
        for place in 0..self.visiting.len() {
            let Some(visiting) = self.visiting.get(place) else {
                continue;
            };
            let (visitor, time) = (visiting.visitor, visiting.moment.time);
            let partition = directory.visitors.get(visits.partition_of(visitor));
            let partition = partition.and_then(|it| it.partition(guard));
            let beginning = partition.and_then(|it| it.beginning(visitor, time, &terms));
            for time in beginning.into_iter().chain([time]) {
                self.use_path(directory, settings, time, command);
            }
        }
    }

    /// Uses the buckets in which a visit or an attempt of this time begins.
    pub fn use_path(
        &mut self,
        directory: &mut SiteDirectory,
        settings: &Settings,
        time: i64,
        command: RunningCommand,
    ) {
        let number = directory.visit_path_or_new(settings, time);
        let path = number.and_then(|number| directory.visit_paths.get_mut(number));
        let (Some(number), Some(path)) = (number, path) else {
            return;
        };
        if path.used.0 == command.number {
            return;
        }
        path.used = (command.number, self.paths.len() as u32);
        let mut buckets = path.buckets;
        for index in &mut buckets {
            let bucket = index.and_then(|index| index.of_mut(&mut directory.buckets));
            let Some(bucket) = bucket else { continue };
            if !command.clock.is_in_time_for(bucket.expiry) {
                self.partly_late = true;
                *index = None;
                continue;
            }
            if bucket.open.command != command.number {
                bucket.begin(command.number, command.clock.now);
                self.extra.extend(*index);
            }
            if let Some(index) = index.filter(|index| !self.used.contains(index)) {
                self.used.push(index);
            }
        }
        self.paths.push(VisitPath { number, buckets });
    }

    /// The place of the buckets in which a visit or an attempt of this time begins.
    pub fn path_of(
        &self,
        directory: &mut SiteDirectory,
        settings: &Settings,
        time: i64,
        command: RunningCommand,
    ) -> u32 {
        // Another path may have taken its entry in the cache meanwhile: it is there again then.
        let path = directory.visit_path_or_new(settings, time);
        let path = path.and_then(|number| directory.visit_paths.get(number));
        let path = path.filter(|path| path.used.0 == command.number);
        path.map_or(NO_PATH, |path| path.used.1)
    }

    /// The buckets at this place.
    pub fn buckets_of(&self, path: u32) -> Option<&Buckets> {
        Some(&self.paths.get(path as usize)?.buckets)
    }

    /// The buckets in which visits and attempts begin.
    pub fn used(&self) -> &[BucketIndex] {
        &self.used
    }

    /// Buckets that no event goes to.
    pub fn extra(&self) -> &[BucketIndex] {
        &self.extra
    }

    /// Takes note of the event of this number, which counts. Returns the path before, where that is a
    /// dimension of the event, and whether it was too late for the visit of its user.
    #[inline]
    pub fn observe(
        &mut self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        settings: &Settings,
        number: usize,
        command: RunningCommand,
    ) -> (Option<&[u8]>, bool) {
        let (visits, visiting) = (settings.visits.as_deref(), self.visiting.get(number));
        let (Some(visits), Some(visiting)) = (visits, visiting) else {
            return (None, false);
        };
        let terms = visits.terms();
        let (time, visitor) = (visiting.moment.time, visiting.visitor);
        let clock = command.clock.of_event(time);
        let partition = directory.visitors.get_mut(visits.partition_of(visitor));
        let Some(partition) = partition else {
            return (None, false);
        };
        let contents = partition.partition_mut(guard, || Partition::new(&terms));
        let observed = contents.observe(visitor, &visiting.moment, visiting.path, clock, &terms);
        let from = write_previous(
            observed.previous.filter(|_| visits.counts_from()),
            &mut self.from,
        );
        let is_late = observed.step == Step::Late;
        if let Some(visit) = observed.step.visit() {
            let start = visit.start;
            self.batch.add(visits, visiting, &observed, NO_PATH);
            let contents = partition.partition_mut(guard, || Partition::new(&terms));
            let expiry = contents.new_expiry(time, clock, &terms);
            partition.changed(guard, expiry);
            let path = self.path_of(directory, settings, start, command);
            self.batch.set_last_path(path);
        }
        (from.then_some(&self.from), is_late)
    }

    /// Adds what has changed to the buckets in which visits began.
    pub fn apply(&mut self, guard: &WriteGuard, directory: &mut SiteDirectory, capacity: usize) {
        let buckets = (&self.used[..], &mut directory.buckets[..]);
        let buckets_of = |path: u32| Some(&self.paths.get(path as usize)?.buckets);
        apply_to_beginnings(&mut self.batch, guard, buckets, buckets_of, capacity);
    }

    /// Whether it depends on the clock what was counted, or when a partition expires.
    pub fn is_by_clock(&self, directory: &SiteDirectory) -> bool {
        self.partly_late || self.partitions.are_put_off(&directory.visitors)
    }

    /// Whether there are handles on all buckets of the visits.
    pub fn has_handles(&self, directory: &SiteDirectory) -> bool {
        let mut buckets = self.used.iter().map(|index| index.of(&directory.buckets));
        buckets.all(|bucket| bucket.is_some_and(BucketRef::has_handle))
    }

    /// The paths of its visits, by their numbers in the directory.
    pub fn path_numbers(&self) -> impl Iterator<Item = u32> + use<'_, 'c> {
        self.paths.iter().map(|path| path.number)
    }
}
