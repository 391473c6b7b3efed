//! Applies the events of one command to the buckets of their site: finds paths, opens buckets, applies and
//! publishes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::apply::BucketSink;
use super::bucket_ref::BucketRef;
use super::directory::SiteDirectory;
use super::funnels::DirectFunnels;
use super::ids::OpenIds;
use super::late::LateCounts;
use super::lateness::LatenessClock;
use super::outcome::TrackOutcome;
use super::path_cache::{finest, share_all_but_minute, BucketIndex, Buckets, Split, NO_PATH};
use super::pending::MOST_WAITING;
use super::people::DirectPeople;
use super::record_containment::record_containment;
use super::visits::{DirectVisits, RunningCommand};
use crate::api::context::Ctx;
use crate::api::failure::Outcome;
use crate::api::guard::WriteGuard;
use crate::api::string::StringRef;
use crate::stats;
use crate::store::site_value::SiteValue;
use analytics_core::apply::{ApplyScratch, ApplyTerms, KnownIn, RowBatch, RowResolver};
use analytics_core::event::{Batch, Event};
use analytics_core::schema::{limits, Settings};
use analytics_core::time::{DayNumber, Range};

/// One command that applies its events at once. Called in this order: `find_paths`, `open_buckets`,
/// `check_buckets`, `apply`, `publish`.
#[derive(Default)]
pub struct DirectWrite<'c> {
    paths: Vec<UsedPath>,
    /// The path of every event; `NO_PATH` where the site keeps nothing of its time.
    path_of: Vec<u32>,
    used: Vec<BucketIndex>,
    split: Split,
    /// Some event is too late for some granularity.
    pub partly_late: bool,
    /// Every event counted.
    all_counted: bool,
    /// Earlier events went to the same buckets.
    had_events: bool,
    pub resolver: RowResolver<'c>,
    /// Those of the events, when there are several.
    rows: RowBatch,
    scratch: ApplyScratch,
    pub visits: DirectVisits<'c>,
    pub people: DirectPeople,
    pub funnels: DirectFunnels<'c>,
    pub command: RunningCommand,
}

struct UsedPath {
    /// Its number in the directory.
    number: u32,
    /// Those that its events reach.
    buckets: Buckets,
    /// The day of its events, where the site remembers people.
    day: DayNumber,
    times: Range,
    /// One of its events counts.
    counts: bool,
}

impl<'c> DirectWrite<'c> {
    /// Keeps the memory for another command.
    pub fn clear(&mut self) {
        self.paths.clear();
        self.path_of.clear();
        self.used.clear();
        self.split.clear();
        self.partly_late = false;
        (self.all_counted, self.had_events) = (false, false);
        self.resolver.clear();
        self.rows.clear();
        self.visits.clear();
        self.people.clear();
        self.funnels.clear();
    }

    /// Finds the path of every event. Looks at no key.
    pub fn find_paths(
        &mut self,
        directory: &mut SiteDirectory,
        settings: &Settings,
        events: &[Event],
        clock: LatenessClock,
    ) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        // Under the server's lock one command begins at a time: no need for an atomic addition.
        let command = LAST.load(Relaxed) + 1;
        LAST.store(command, Relaxed);
        self.command = RunningCommand {
            number: command,
            clock,
        };
        for event in events {
            let number = directory.path_or_new(settings, event.time);
            let path = number.and_then(|number| self.use_path(directory, number, command, clock));
            self.partly_late |= path.is_none();
            self.path_of.push(path.unwrap_or(NO_PATH));
        }
    }

    /// The place of a path of the directory among those of this command.
    #[inline]
    fn use_path(
        &mut self,
        directory: &mut SiteDirectory,
        number: u32,
        command: u64,
        clock: LatenessClock,
    ) -> Option<u32> {
        let path = directory.paths.get_mut(number)?;
        if path.used.0 == command {
            return Some(path.used.1);
        }
        let place = self.paths.len() as u32;
        path.used = (command, place);
        let mut used = UsedPath {
            number,
            buckets: path.buckets,
            day: path.day,
            times: path.times,
            counts: false,
        };
        for index in &mut used.buckets {
            let bucket = index.and_then(|index| index.of_mut(&mut directory.buckets));
            let Some(bucket) = bucket else { continue };
            if !clock.is_in_time_for(bucket.expiry) {
                *index = None;
                self.partly_late = true;
            } else if bucket.open.command != command {
                bucket.begin(command, clock.now);
                self.used.extend(*index);
            }
        }
        let first = self
            .paths
            .first()
            .map_or(&used.buckets, |path| &path.buckets);
        self.split.compare(first, &used.buckets);
        self.paths.push(used);
        Some(place)
    }

    /// Opens every bucket to which there is no handle. Changes nothing.
    pub fn open_buckets(
        &mut self,
        ctx: Ctx,
        guard: &mut WriteGuard,
        directory: &mut SiteDirectory,
        now: i64,
    ) -> Outcome {
        for index in self.used.iter().chain(self.visits.extra()) {
            match index.of_mut(&mut directory.buckets) {
                Some(bucket) if !bucket.has_handle() => bucket.look_up(ctx, guard, now)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Refuses buckets without room, and gives the name of one that is not there.
    pub fn check_buckets<'d>(
        &self,
        guard: &WriteGuard,
        directory: &'d SiteDirectory,
        settings: &Settings,
    ) -> Outcome<Option<StringRef<'d>>> {
        let mut missing = None;
        for index in self.used.iter().chain(self.visits.extra()) {
            let Some(bucket) = index.of(&directory.buckets) else {
                continue;
            };
            bucket.check_room(guard, settings)?;
            if bucket.bucket(guard).is_none() {
                missing = missing.or(Some(bucket.name()));
            }
        }
        let visits = || self.visits.partitions.missing(guard, &directory.visitors);
        let people = || self.people.partitions.missing(guard, &directory.people);
        Ok(missing.or_else(visits).or_else(people))
    }

    /// The numbers of the events that `apply` is going to count. Changes nothing.
    pub fn counting(&self, guard: &WriteGuard, ids: Option<&OpenIds>, batch: &Batch) -> Vec<usize> {
        let mut numbers = Vec::with_capacity(batch.events.len());
        let mut given = BTreeSet::new();
        for (number, (event, path)) in batch.events.iter().zip(&self.path_of).enumerate() {
            let path = self.paths.get(*path as usize);
            let reaches_any = path.is_some_and(|path| finest(&path.buckets).is_some());
            let is_new = |id| !ids.is_some_and(|ids| ids.contains(guard, id));
            let mut is_new = |id| is_new(id) && given.insert(id);
            if reaches_any && event.id.is_none_or(&mut is_new) {
                numbers.push(number);
            }
        }
        numbers
    }

    /// Applies the events. Nothing can fail any more, and no foreign code runs.
    /// `learns`: the events name dimensions or values that are new to the site.
    pub fn apply(
        &mut self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        mut ids: Option<&mut OpenIds>,
        value: &mut SiteValue,
        learns: bool,
        batch: &Batch<'c>,
    ) -> TrackOutcome {
        let mut outcome = TrackOutcome::default();
        if learns || !self.accept_all(batch) {
            for (number, (event, path)) in batch.events.iter().zip(&self.path_of).enumerate() {
                let path = self.paths.get_mut(*path as usize);
                if !accept_or_drop(guard, ids.as_deref_mut(), event, path, value) {
                    outcome.dropped.push(number);
                } else if learns {
                    // Only now: what is dropped leaves no trace, here or on a replica.
                    let (dimensions, values) = (batch.dimensions_of(event), batch.values_of(event));
                    value.site.learn(dimensions, values);
                }
            }
        }
        self.all_counted = outcome.dropped.is_empty() && !batch.events.is_empty();
        self.had_events = self.each_bucket(directory, BucketRef::is_recorded);
        match &batch.events[..] {
            [event] if self.all_counted => {
                self.apply_one(guard, directory, event, batch, value);
            }
            events if outcome.dropped.len() == events.len() => {}
            _ => {
                self.record_containment_of_paths(guard, directory);
                self.apply_several(guard, directory, batch, &outcome, value);
            }
        }
        let capacity = value.site.settings.capacity;
        self.visits.apply(guard, directory, capacity);
        self.funnels.apply(guard, directory, &self.visits, capacity);
        outcome
    }

    fn each_bucket(&self, directory: &SiteDirectory, is_it: impl Fn(&BucketRef) -> bool) -> bool {
        let mut buckets = self.used.iter().map(|index| index.of(&directory.buckets));
        buckets.all(|bucket| bucket.is_some_and(&is_it))
    }

    /// Whether `accept_or_drop` is certain to accept every event.
    #[inline]
    fn accept_all(&mut self, batch: &Batch) -> bool {
        let mut paths = self.paths.iter();
        let accepts = paths.all(|path| finest(&path.buckets).is_some())
            && self.path_of.iter().all(|path| *path != NO_PATH)
            && batch.events.iter().all(|event| event.id.is_none());
        if accepts {
            self.paths.iter_mut().for_each(|path| path.counts = true);
        }
        accepts
    }

    #[inline]
    fn apply_one(
        &mut self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        event: &Event<'c>,
        batch: &Batch<'c>,
        value: &mut SiteValue,
    ) {
        let DirectWrite {
            paths,
            resolver,
            visits,
            people,
            funnels,
            command,
            ..
        } = self;
        let Some(path) = paths.first() else { return };
        record_containment(guard, directory, &path.buckets);
        let settings = &value.site.settings;
        let is_late_for_funnels = funnels.observe(guard, directory, settings, visits, 0, *command);
        let (from, is_late) = visits.observe(guard, directory, settings, 0, *command);
        let when = (event.time, path.day);
        let observed = people.observe(guard, directory, settings, 0, when, *command);
        let of_user = (from, observed.seen);
        resolver.resolve_rows(settings, event, batch, of_user, |resolved| {
            let mut known_in = [KnownIn::default(); limits::ROWS_PER_EVENT];
            for index in path.buckets.iter().flatten() {
                let Some(bucket) = index.of_mut(&mut directory.buckets) else {
                    continue;
                };
                let slot = bucket.slot(event.time);
                let terms = ApplyTerms {
                    capacity: settings.capacity,
                    contained_in: bucket.open.contained_in,
                };
                let contents = bucket.bucket_mut(guard);
                contents.count_event(resolved, slot, &terms, &mut known_in);
            }
        });
        value.site.count(event.time);
        let late = LateCounts {
            visits: is_late.into(),
            people: observed.is_late.into(),
            funnels: is_late_for_funnels.into(),
        };
        late.count(value);
    }

    /// Records the containment of each path once.
    fn record_containment_of_paths(&mut self, guard: &WriteGuard, directory: &mut SiteDirectory) {
        // The first is compared with none: another command may have recorded that of other paths.
        let mut last: Option<&UsedPath> = None;
        for path in self.paths.iter().filter(|path| path.counts) {
            let is_next =
                last.is_some_and(|last| share_all_but_minute(&path.buckets, &last.buckets));
            let SiteDirectory {
                buckets, last_path, ..
            } = directory;
            let finest = finest(&path.buckets).and_then(|index| index.of_mut(buckets));
            match finest.filter(|_| is_next) {
                Some(finest) => finest.record_containment_of_next(guard, last_path),
                None => record_containment(guard, directory, &path.buckets),
            }
            last = Some(path);
        }
    }

    /// In batches.
    fn apply_several(
        &mut self,
        guard: &WriteGuard,
        directory: &mut SiteDirectory,
        batch: &Batch<'c>,
        outcome: &TrackOutcome,
        value: &mut SiteValue,
    ) {
        let DirectWrite {
            paths,
            path_of,
            used,
            split,
            resolver,
            rows,
            scratch,
            visits,
            people,
            funnels,
            command,
            ..
        } = self;
        let site = &mut value.site;
        let mut late = LateCounts::default();
        let capacity = site.settings.capacity;
        let sink = BucketSink {
            used,
            split,
            buckets_of: |path| Some(&paths.get(path as usize)?.buckets),
            access: guard,
        };
        for (number, (event, path)) in outcome.retain(batch.events.iter().zip(path_of)) {
            late.funnels += u64::from({ &mut *funnels }.observe(
                guard,
                directory,
                &site.settings,
                visits,
                number,
                *command,
            ));
            let (from, is_late) =
                visits.observe(guard, directory, &site.settings, number, *command);
            let day = paths.get(*path as usize).map_or(0, |path| path.day);
            let when = (event.time, day);
            let observed = people.observe(guard, directory, &site.settings, number, when, *command);
            late.visits += u64::from(is_late);
            late.people += u64::from(observed.is_late);
            let of_user = (from, observed.seen);
            resolver.resolve_rows(&site.settings, event, batch, of_user, |resolved| {
                rows.add(*path, event.time, resolved);
            });
            site.count(event.time);
            if rows.is_full() {
                sink.apply(rows, scratch, &mut directory.buckets, capacity);
            }
        }
        sink.apply(rows, scratch, &mut directory.buckets, capacity);
        late.count(value);
    }

    /// Gives new buckets their keys, and signals all that have changed.
    pub fn publish(
        &mut self,
        ctx: Ctx,
        guard: &mut WriteGuard,
        directory: &mut SiteDirectory,
        now: i64,
    ) {
        for index in self.used.iter().chain(self.visits.extra()) {
            if let Some(bucket) = index.of_mut(&mut directory.buckets) {
                bucket.publish(ctx, guard, now);
                if bucket.open.is_changed {
                    ctx.signal_modified(bucket.name());
                }
            }
        }
        let visitors = &mut directory.visitors;
        self.visits.partitions.publish(ctx, guard, visitors, now);
        let people = &mut directory.people;
        self.people.partitions.publish(ctx, guard, people, now);
    }

    /// Whether what was counted depends on the clock.
    pub fn is_by_clock(&self, directory: &SiteDirectory) -> bool {
        self.partly_late
            || self.visits.is_by_clock(directory)
            || self.people.partitions.are_put_off(&directory.people)
    }

    /// Whether the next events may be pending writes; and whether that may begin now: only in buckets that
    /// had events before, for more are likely to come.
    pub fn may_wait(&self, directory: &SiteDirectory) -> (bool, bool) {
        let may_wait = self.all_counted
            && !self.partly_late
            && self.path_of.len() <= MOST_WAITING
            && self.each_bucket(directory, BucketRef::has_handle)
            && self.visits.has_handles(directory);
        (may_wait, may_wait && self.had_events)
    }

    /// The paths of its events, by their numbers in the directory.
    pub fn path_numbers(&self) -> impl Iterator<Item = u32> + use<'_, 'c> {
        let paths = self.paths.iter().filter(|path| !path.times.is_empty());
        paths.map(|path| path.number)
    }
}

/// Whether an event counts: it reaches a bucket, and its id is new, which is remembered.
#[inline]
fn accept_or_drop(
    guard: &WriteGuard,
    ids: Option<&mut OpenIds>,
    event: &Event,
    path: Option<&mut UsedPath>,
    value: &mut SiteValue,
) -> bool {
    let Some(path) = path.filter(|path| finest(&path.buckets).is_some()) else {
        value.dropped.late += 1;
        stats::LATE.add(1);
        return false;
    };
    if let (Some(id), Some(ids)) = (event.id, ids) {
        if ids.contains(guard, id) {
            value.dropped.duplicates += 1;
            stats::DUPLICATES.add(1);
            return false;
        }
        ids.insert(guard, id);
    }
    path.counts = true;
    true
}
