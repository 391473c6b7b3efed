//! Pending writes: events of a site that are acknowledged, and not applied to their buckets yet.
//!
//! An event by itself looks each of its rows up in five buckets; of a hundred that go to the same
//! buckets, each row is looked up once. So the events of a site are gathered as those of one call are
//! (`RowBatch`), and applied together.
//!
//! ```text
//! TRACK -- its path was taken before --> pending writes -- many, or a value is read --> buckets
//!   `----- anything else --------------------------------------------------------> buckets
//! ```
//!
//! Buffering is invisible: replies, replication and keyspace events happen at once. A bucket for which
//! events wait is marked with the directory, and before its contents are read the events are applied:
//!
//! - when a command of this module opens it, and in the callbacks of its type, which save, copy and digest
//!   it;
//! - when it leaves its key, or is written to in another way: the directory then stops taking events.
//!
//! When a database is flushed, the events that wait for it are dropped; before the old data of a replica is
//! freed, all are applied.
//!
//! Events are taken as long as the handles on the buckets are valid, for a second at most; then the keys
//! are opened again. Meanwhile the site key is not reopened.

use redis_module::raw::RedisModuleString;

use super::apply::{BucketSink, Handles};
use super::bucket_ref::BucketRef;
use super::late::LateCounts;
use super::lateness::LatenessClock;
use super::path_cache::{BucketIndex, BucketPath, Buckets, PathCache, Split};
use super::pending_funnels::PendingFunnels;
use super::pending_people::PeoplePlace;
use super::pending_visits::{Noted, PendingVisits, VisitPlace};
use super::taken_paths::TakenPaths;
use crate::store::handle::expiry_epoch;
use crate::store::hooks::PendingId;
use analytics_core::apply::{ApplyScratch, RowBatch, RowResolver};
use analytics_core::event::{Batch, Event};
use analytics_core::people::Seen;
use analytics_core::prefetch::{prefetch_slice, prefetch_value};
use analytics_core::schema::Settings;
use analytics_core::time::Range;
use analytics_core::visitors::Visitor;

/// A call of more events does not wait: by itself it is applied as fast.
pub const MOST_WAITING: usize = 128;

/// For so many milliseconds after its handles became invalid a site is not idle yet: most take events again
/// within that time.
const IDLE_AFTER: i64 = 1_000;

/// What every event reads is in the first half kilobyte, which `prefetch` asks for.
#[derive(Default)]
#[repr(C)]
pub struct PendingWrites {
    /// The times at which all handles are valid. Empty: no events are taken.
    validity: Range,
    /// The expiry epoch of that time.
    epoch: u64,
    /// When the first of the buckets expires.
    expiry: i64,
    /// Pending writes are applied at so many bytes.
    max_bytes: usize,
    /// The number of calls with several events.
    calls: u64,
    /// By the place of a bucket in the directory.
    buckets: Vec<PendingBucket>,
    paths: TakenPaths,
    batch: RowBatch,
    first: Option<Buckets>,
    split: Split,
    capacity: usize,
    visits: PendingVisits,
    funnels: PendingFunnels,
}

#[derive(Clone, Copy)]
struct PendingBucket {
    /// Null where no events are taken for the bucket.
    name: *mut RedisModuleString,
    /// The last call for which its key was signalled.
    call: u64,
}

/// What is counted of the user of an event.
#[derive(Default)]
struct ObservedUser {
    /// The page path before is a dimension of the event: `PendingVisits::from`.
    has_from: bool,
    seen: Option<Seen>,
}

/// Where the visits and the people of a site are, each where they are counted.
pub struct UserPlaces<'p> {
    pub visits: Option<VisitPlace<'p>>,
    pub people: Option<PeoplePlace<'p>>,
    pub clock: LatenessClock,
}

impl PendingWrites {
    /// Prefetches what every event reads, before it is known whether events are taken.
    #[inline]
    pub fn prefetch(&self) {
        prefetch_value(self);
    }

    /// The same of the memory behind that.
    #[inline]
    pub fn prefetch_parts(&self) {
        self.paths.prefetch();
        prefetch_slice(&self.buckets);
        self.batch.prefetch();
    }

    /// Begins to take events, as long as the handles are valid.
    pub fn attach(&mut self, capacity: usize, max_bytes: usize) {
        self.validity = Range::ALL;
        self.epoch = expiry_epoch();
        self.expiry = i64::MAX;
        (self.capacity, self.max_bytes) = (capacity, max_bytes);
    }

    /// Takes events on this path as well, to whose buckets there are handles. False where that would be
    /// too many paths.
    pub fn take_path(
        &mut self,
        id: PendingId,
        number: u32,
        path: &BucketPath,
        buckets: &mut [BucketRef],
        now: i64,
    ) -> bool {
        // Foreign code may have run since the buckets were opened.
        if self.paths.takes(number) || !is_valid(path, buckets, now) {
            return true;
        }
        if !self.paths.take(number, &path.buckets, self.calls) {
            return false;
        }
        for index in path.buckets.into_iter().flatten() {
            self.take_bucket(id, index, buckets);
        }
        let first = *self.first.get_or_insert(path.buckets);
        self.split.compare(&first, &path.buckets);
        true
    }

    fn take_bucket(&mut self, id: PendingId, index: BucketIndex, buckets: &mut [BucketRef]) {
        const NONE: PendingBucket = PendingBucket {
            name: std::ptr::null_mut(),
            call: 0,
        };
        if self.buckets.len() < buckets.len() {
            self.buckets.resize(buckets.len(), NONE);
        }
        let (Some(bucket), Some(pending)) =
            (index.of_mut(buckets), index.of_mut(&mut self.buckets))
        else {
            return;
        };
        if !pending.name.is_null() {
            return;
        }
        pending.name = bucket.name().raw();
        pending.call = self.calls;
        bucket.handle.set_pending(id);
        self.validity = self.validity.common(bucket.handle.validity());
        self.expiry = self.expiry.min(bucket.expiry);
    }

    /// Takes the visits that begin on this path as well. False where that would be too many paths.
    pub fn take_visit_path(
        &mut self,
        id: PendingId,
        number: u32,
        path: &BucketPath,
        buckets: &mut [BucketRef],
        now: i64,
    ) -> bool {
        if !is_valid(path, buckets, now) {
            return true;
        }
        for index in path.buckets.into_iter().flatten() {
            self.take_bucket(id, index, buckets);
        }
        self.visits.paths.take(number, &path.buckets, 0)
    }

    pub fn has_paths(&self) -> bool {
        !self.paths.is_empty()
    }

    /// Takes no more events. None waits.
    pub fn detach(&mut self, buckets: &mut [BucketRef]) {
        let taken = self.buckets.iter().zip(buckets);
        for (_, bucket) in taken.filter(|(pending, _)| !pending.name.is_null()) {
            bucket.handle.set_pending(0);
        }
        self.visits.paths.clear();
        self.buckets.clear();
        self.paths.clear();
        self.first = None;
        self.split.clear();
        self.validity = Range::default();
    }

    /// Drops the waiting events, whose buckets are removed.
    pub fn discard(&mut self) {
        self.batch.clear();
        self.visits.discard();
        self.funnels.discard();
    }

    /// Whether events are taken without opening the site key.
    #[inline]
    pub fn is_open(&self, now: i64) -> bool {
        self.validity.contains(now) && self.epoch == expiry_epoch()
    }

    #[inline]
    pub fn takes_events(&self, clock: LatenessClock) -> bool {
        self.is_open(clock.now) && clock.is_in_time_for(self.expiry)
    }

    /// Prepares the visitors of a call, for `add`. Returns whether all of its events may wait, if their ids
    /// are new.
    #[inline]
    pub fn prepare(&mut self, batch: &Batch, paths: &PathCache, users: UserPlaces) -> bool {
        let events = &batch.events;
        let UserPlaces {
            mut visits,
            mut people,
            clock,
        } = users;
        if !(1..=MOST_WAITING).contains(&events.len()) || !self.takes_events(clock) {
            return false;
        }
        if let Some(place) = &mut visits {
            self.visits.find_visitors(events, place, clock.now);
        }
        events.iter().enumerate().all(|event| {
            let path = paths.find(event.1.time);
            path.is_some_and(|path| self.paths.takes(path))
                && visits
                    .as_mut()
                    .is_none_or(|place| self.visits.accepts(event, place, clock))
                && people.as_mut().is_none_or(|place| {
                    let (event, visitor) = (event.1, place.visitor(event.1));
                    let returning = place.people.returning();
                    let is_lasting = returning.map(|_| place.accepts(visitor, event.time, clock));
                    let (event, visits) = ((event, batch), &self.visits);
                    is_lasting != Some(false)
                        && PendingFunnels::accepts(visitor, event, place, visits, clock, is_lasting)
                })
        })
    }

    /// Adds accepted events, and the names of the keys that they change.
    pub fn add<'c>(
        &mut self,
        settings: &Settings,
        batch: &Batch<'c>,
        resolver: &mut RowResolver<'c>,
        place: (&PathCache, &mut [BucketRef]),
        mut users: UserPlaces,
        (scratch, names): (&mut ApplyScratch, &mut Vec<*mut RedisModuleString>),
    ) -> LateCounts {
        let mut late = LateCounts::default();
        let (paths, buckets) = place;
        let keeps_users = users.visits.is_some() || users.people.is_some();
        // One event changes each bucket once.
        let is_one = batch.events.len() == 1;
        self.calls += u64::from(!is_one);
        for (place, event) in batch.events.iter().enumerate() {
            let Some((number, path)) = paths
                .find(event.time)
                .and_then(|number| Some((number, paths.get(number)?)))
            else {
                continue;
            };
            if is_one || self.paths.enter_call(self.calls, number) {
                self.push_names(&path.buckets, is_one, names);
            }
            let observed = match keeps_users {
                true => self.observe((place, event), batch, path, &mut users, names, &mut late),
                false => ObservedUser::default(),
            };
            let from = observed.has_from.then(|| self.visits.from());
            let of_user = (from, observed.seen);
            resolver.resolve_rows(settings, event, batch, of_user, |resolved| {
                self.batch.add(number, event.time, resolved);
            });
            let of_users = match keeps_users {
                true => self.visits.bytes().max(self.funnels.bytes()),
                false => 0,
            };
            if self.batch.bytes().max(of_users) >= self.max_bytes {
                let of_visits = users.visits.as_ref().map(|place| place.paths);
                let of_people = users.people.as_ref().map(|place| place.paths);
                let of_visits = of_visits.or(of_people).unwrap_or(paths);
                self.flush(buckets, (paths, of_visits), scratch);
            }
        }
        late
    }

    /// Takes note of the user of an accepted event, whose number this is, in the partitions of a site that
    /// keeps users. Not inline: most sites keep none.
    #[inline(never)]
    fn observe<'c>(
        &mut self,
        (number, event): (usize, &Event<'c>),
        batch: &Batch<'c>,
        path: &BucketPath,
        users: &mut UserPlaces,
        names: &mut Vec<*mut RedisModuleString>,
        late: &mut LateCounts,
    ) -> ObservedUser {
        let clock = users.clock;
        let user = users.people.as_ref().map(|place| place.visitor(event));
        let mut people = users.people.as_mut().zip(user);
        if let Some((place, user)) = &mut people {
            let is_late = self.add_to_funnels(*user, (event, batch), place, clock, names);
            late.funnels += u64::from(is_late);
        }
        let noted = match &mut users.visits {
            None => Noted::default(),
            Some(visits) => self.visits.add((number, event), batch, visits, clock),
        };
        let (has_from, changed) = (noted.has_from, noted.changed);
        late.visits += u64::from(noted.is_late);
        let (observed, of_people) = match people {
            None => Default::default(),
            Some((place, user)) => place.add(user, path.day, clock.now),
        };
        late.people += u64::from(observed.is_late);
        names.extend(of_people);
        if let Some((beginning, partition)) = changed {
            names.push(partition);
            if beginning != path.buckets {
                let is_one = batch.events.len() == 1;
                self.push_names(&without(&beginning, &path.buckets), is_one, names);
            }
        }
        ObservedUser {
            has_from,
            seen: observed.seen,
        }
    }

    /// Takes note of an accepted event of this user for all funnels. Returns whether it was too late for one of
    /// them.
    fn add_to_funnels<'c>(
        &mut self,
        user: Visitor,
        event: (&Event<'c>, &Batch<'c>),
        place: &mut PeoplePlace,
        clock: LatenessClock,
        names: &mut Vec<*mut RedisModuleString>,
    ) -> bool {
        if place.funnels().is_none() {
            return false;
        }
        let mut funnels = std::mem::take(&mut self.funnels);
        let (is_late, is_changed) = funnels.add(user, event, place, clock, |buckets| {
            self.push_names(buckets, true, names);
        });
        self.funnels = funnels;
        if is_changed {
            names.extend(place.find(user, clock.now).map(|(_, name)| name));
        }
        is_late
    }

    /// Adds the names of buckets that the call at hand has not changed before.
    #[inline]
    fn push_names(
        &mut self,
        buckets: &Buckets,
        is_one: bool,
        names: &mut Vec<*mut RedisModuleString>,
    ) {
        for index in buckets.iter().copied().flatten() {
            let Some(bucket) = index.of_mut(&mut self.buckets) else {
                continue;
            };
            if is_one || std::mem::replace(&mut bucket.call, self.calls) != self.calls {
                // The server reads them after the event is resolved.
                prefetch_value(bucket.name);
                names.push(bucket.name);
            }
        }
    }

    #[inline(never)]
    pub fn flush(
        &mut self,
        buckets: &mut [BucketRef],
        (paths, visit_paths): (&PathCache, &PathCache),
        scratch: &mut ApplyScratch,
    ) {
        // SAFETY: references to buckets are made when what waits for them is applied.
        let access = &unsafe { Handles::new() };
        let sink = BucketSink {
            used: self.paths.used(),
            split: &self.split,
            buckets_of: |path| Some(&paths.get(path)?.buckets),
            access,
        };
        let capacity = self.capacity;
        sink.apply(&mut self.batch, scratch, buckets, capacity);
        self.visits.flush(access, buckets, visit_paths, capacity);
        self.funnels
            .flush(access, &self.visits, buckets, visit_paths, capacity);
    }

    /// Whether no events have been taken for a while, or the clock was set back.
    pub fn is_idle(&self, now: i64) -> bool {
        let Range { from, to } = self.validity;
        !Range::new(from, to.saturating_add(IDLE_AFTER)).contains(now)
    }

    pub fn waiting(&self) -> u64 {
        self.batch.events().len() as u64
    }
}

/// Whether there are handles on all buckets of a path.
fn is_valid(path: &BucketPath, buckets: &[BucketRef], now: i64) -> bool {
    let mut all = path.buckets.iter().flatten().map(|index| index.of(buckets));
    !path.times.is_empty()
        && all.all(|bucket| bucket.is_some_and(|bucket| bucket.handle.valid(now).is_some()))
}

/// The buckets of one path that another one does not have.
fn without(buckets: &Buckets, others: &Buckets) -> Buckets {
    let mut left = *buckets;
    for (own, other) in left.iter_mut().zip(others) {
        if own == other {
            *own = None;
        }
    }
    left
}
