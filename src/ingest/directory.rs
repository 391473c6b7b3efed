//! The directory of a site: the buckets of its present events, and the events that wait for them. It is
//! kept from one command to the next, apart from the site, because a site may be freed on another thread.

use std::ffi::c_int;
use std::ptr::NonNull;

use super::bucket_ref::BucketRef;
use super::lateness::LatenessClock;
use super::partitions::{PartitionRef, Partitions};
use super::path_cache::{bucket_at, BucketIndex, PathCache};
use super::pending::{PendingWrites, UserPlaces};
use super::pending_people::PeoplePlace;
use super::pending_visits::VisitPlace;
use crate::store::containment::LastPath;
use crate::store::contents::PartitionContents;
use crate::store::hooks::PendingId;
use crate::store::site_value::SiteValue;
use analytics_core::apply::ApplyScratch;
use analytics_core::event::Event;
use analytics_core::people::People;
use analytics_core::prefetch::prefetch_value;
use analytics_core::schema::Settings;
use analytics_core::text::{same, Kept};
use analytics_core::time::{Granularity, Range};
use analytics_core::visitors::Partition;

/// What every event reads comes first, followed by what it reads of `pending`.
#[repr(C)]
pub struct SiteDirectory {
    /// Its place among all directories, from 1.
    pub id: PendingId,
    pub db: c_int,
    /// The key of the site, from which those of the buckets are made.
    name: Kept,
    /// Valid as long as the directory is not dropped. Only its address is used here.
    site: NonNull<SiteValue>,
    pub paths: PathCache,
    pub pending: PendingWrites,
    pub buckets: Vec<BucketRef>,
    /// In order of their starts.
    by_start: [Vec<(i64, BucketIndex)>; Granularity::COUNT],
    /// Those of the beginnings of visits, which are not counted in minutes.
    pub visit_paths: PathCache,
    pub visitors: Partitions<Partition>,
    pub people: Partitions<People>,
    pub last_path: LastPath,
    /// When a command last used it.
    pub used_at: i64,
}

/// The contents of the partitions of a directory.
pub trait UserContents: PartitionContents {
    /// The partitions with such contents, and the name of the site.
    fn of(directory: &mut SiteDirectory) -> (&mut Partitions<Self>, &[u8]);

    /// The number of the partition of an event's user, where the site keeps such contents.
    fn number(settings: &Settings, event: &Event) -> Option<u32>;
}

impl UserContents for Partition {
    fn of(directory: &mut SiteDirectory) -> (&mut Partitions<Partition>, &[u8]) {
        (&mut directory.visitors, directory.name.bytes())
    }

    fn number(settings: &Settings, event: &Event) -> Option<u32> {
        let visits = settings.visits.as_deref()?;
        Some(visits.partition_of(visits.visitor_of(event.user, event.session)))
    }
}

impl UserContents for People {
    fn of(directory: &mut SiteDirectory) -> (&mut Partitions<People>, &[u8]) {
        (&mut directory.people, directory.name.bytes())
    }

    fn number(settings: &Settings, event: &Event) -> Option<u32> {
        let people = settings.people.as_deref()?;
        Some(people.partition_of(people.visitor(event.user)))
    }
}

/// A directory with more buckets keeps those of its last path only.
const KEPT_BUCKETS: usize = 512;

/// After how many milliseconds without events the memory for pending writes is given back.
const IDLE: i64 = 2_000;

/// After how many milliseconds without events a directory is dropped. Its handles hold which buckets are
/// contained in which (`store::containment`), which is of use until the next hour begins.
const KEPT: i64 = 3_600_000;

impl SiteDirectory {
    pub fn new(id: PendingId, db: c_int, name: &[u8], site: NonNull<SiteValue>) -> SiteDirectory {
        SiteDirectory {
            id,
            db,
            name: Kept::new(name),
            site,
            buckets: Vec::new(),
            by_start: Default::default(),
            paths: PathCache::default(),
            visit_paths: PathCache::default(),
            visitors: Partitions::default(),
            people: Partitions::default(),
            last_path: LastPath::default(),
            pending: PendingWrites::default(),
            used_at: 0,
        }
    }

    #[inline]
    pub fn is_of(&self, db: c_int, name: &[u8], site: NonNull<SiteValue>) -> bool {
        self.site == site && self.is_named(db, name)
    }

    #[inline]
    pub fn is_named(&self, db: c_int, name: &[u8]) -> bool {
        self.db == db && same(self.name.bytes(), name)
    }

    /// Prefetches what an event reads of pending writes, of its path and of the site.
    #[inline]
    pub fn prefetch(&self, now: i64) {
        self.pending.prefetch_parts();
        self.paths.prefetch(now);
        prefetch_value(self.site.as_ptr());
    }

    pub fn name(&self) -> &[u8] {
        self.name.bytes()
    }

    pub fn site(&self) -> NonNull<SiteValue> {
        self.site
    }

    /// A new site gets its address when it is stored.
    pub fn set_site(&mut self, site: NonNull<SiteValue>) {
        self.site = site;
    }

    /// The path of an event, which is added where it is not there: None where the site keeps nothing of
    /// this time.
    #[inline]
    pub fn path_or_new(&mut self, settings: &Settings, time: i64) -> Option<u32> {
        match self.paths.find(time) {
            Some(path) => Some(path),
            None => self.add_path(settings, time, Granularity::Minute),
        }
    }

    /// The path of a visit that begins at this time.
    #[inline]
    pub fn visit_path_or_new(&mut self, settings: &Settings, time: i64) -> Option<u32> {
        match self.visit_paths.find(time) {
            Some(path) => Some(path),
            None => self.add_path(settings, time, Granularity::Hour),
        }
    }

    /// Begins a command with a partition. True for the first call of the command.
    pub fn begin<C: UserContents>(&mut self, number: u32, command: u64, now: i64) -> bool {
        let (partitions, name) = C::of(self);
        partitions.begin(name, number, command, now)
    }

    /// A partition, which is put back later.
    pub fn take<C: UserContents>(&mut self, number: u32) -> Box<PartitionRef<C>> {
        let (partitions, name) = C::of(self);
        partitions.take(name, number)
    }

    /// The pending writes, with what they use.
    #[inline]
    pub fn pending_of<'p>(
        &'p mut self,
        settings: &'p Settings,
        clock: LatenessClock,
    ) -> (
        &'p mut PendingWrites,
        (&'p PathCache, &'p mut [BucketRef]),
        UserPlaces<'p>,
    ) {
        let users = UserPlaces {
            visits: settings.visits.as_deref().map(|visits| VisitPlace {
                visits,
                partitions: &mut self.visitors,
                paths: &self.visit_paths,
            }),
            people: settings.people.as_deref().map(|people| PeoplePlace {
                people,
                partitions: &mut self.people,
                paths: &self.visit_paths,
            }),
            clock,
        };
        let place = (&self.paths, &mut self.buckets[..]);
        (&mut self.pending, place, users)
    }

    #[inline(never)]
    fn add_path(&mut self, settings: &Settings, time: i64, finest: Granularity) -> Option<u32> {
        let known = self.buckets.len();
        let (mut buckets, mut times) = ([None; Granularity::COUNT], Range::ALL);
        for (granularity, bucket) in Granularity::ALL.into_iter().zip(&mut buckets) {
            if granularity < finest || settings.retention.get(granularity).is_none() {
                continue;
            }
            *bucket = self.bucket_or_new(settings, granularity, time);
            match bucket.and_then(|bucket| bucket.of(&self.buckets)) {
                Some(bucket) => times = times.common(bucket.period.range()),
                // At the end of the calendar a path is valid for one event only.
                None => times = Range::default(),
            }
        }
        let is_any = buckets.iter().any(Option::is_some);
        let mut day = 0;
        if settings.people.is_some() && is_any {
            // Users are remembered by days, whether or not there are buckets of days.
            match settings.zone.period(Granularity::Day, time) {
                Some(period) => {
                    day = period.first_day();
                    times = times.common(period.range());
                }
                None => times = Range::default(),
            }
        }
        is_any.then(|| {
            let is_new = self.buckets.len() > known;
            let paths = match finest {
                Granularity::Minute => &mut self.paths,
                _ => &mut self.visit_paths,
            };
            paths.put(time, (buckets, day), times, is_new)
        })
    }

    /// The bucket that holds this time.
    fn bucket_or_new(
        &mut self,
        settings: &Settings,
        granularity: Granularity,
        time: i64,
    ) -> Option<BucketIndex> {
        let by_start = self.by_start.get(granularity.index())?;
        let behind = by_start.partition_point(|(start, _)| *start <= time);
        if let Some((_, index)) = behind.checked_sub(1).and_then(|at| by_start.get(at)) {
            if index
                .of(&self.buckets)
                .is_some_and(|it| it.period.contains(time))
            {
                return Some(*index);
            }
        }
        let period = settings.zone.period(granularity, time)?;
        let start = period.start();
        let bucket = BucketRef::new(self.name.bytes(), settings, period)?;
        let index = BucketIndex::new(self.buckets.len())?;
        self.buckets.push(bucket);
        self.by_start
            .get_mut(granularity.index())?
            .insert(behind, (start, index));
        Some(index)
    }

    /// Forgets all buckets. No event waits.
    pub fn clear(&mut self) {
        self.detach();
        self.buckets = Vec::new();
        self.by_start = Default::default();
        self.paths.clear();
        self.visit_paths.clear();
        self.visitors.clear();
        self.people.clear();
        self.last_path = LastPath::default();
    }

    /// Forgets all buckets but those of the path that was used last: so their handles last. No event waits.
    pub fn keep_last_path(&mut self) {
        self.detach();
        let path = self.paths.last_used().unwrap_or_default();
        self.paths.clear();
        self.visit_paths.clear();
        self.by_start = Default::default();
        for (place, bucket) in std::mem::take(&mut self.buckets).into_iter().enumerate() {
            let index = BucketIndex::new(place);
            if index.is_none() || bucket_at(&path, bucket.granularity()) != index {
                continue;
            }
            let by_start = self.by_start.get_mut(bucket.granularity().index());
            if let Some((by_start, index)) = by_start.zip(BucketIndex::new(self.buckets.len())) {
                by_start.push((bucket.period.start(), index));
                self.buckets.push(bucket);
            }
        }
    }

    /// Whether its handles are invalid and it has taken no events for a while, or the clock was set back.
    pub fn is_idle(&self, now: i64) -> bool {
        self.is_unused(now, IDLE) && self.pending.is_idle(now)
    }

    /// The same, for so long that nothing is lost if it is dropped.
    pub fn is_over(&self, now: i64) -> bool {
        self.is_unused(now, KEPT) && self.pending.is_idle(now)
    }

    fn is_unused(&self, now: i64, age: i64) -> bool {
        !(0..=age).contains(&now.wrapping_sub(self.used_at))
    }

    /// Gives back the memory for pending writes and the handles on partitions, when it is idle.
    pub fn release_memory(&mut self, scratch: &mut ApplyScratch) {
        self.flush_and_detach(scratch);
        self.pending = PendingWrites::default();
        self.visitors.clear();
        self.people.clear();
    }

    /// More than those of the events of now and of another minute, hour, day, week and month.
    pub fn has_many_buckets(&self) -> bool {
        self.buckets.len() > 4 * Granularity::COUNT
    }

    pub fn is_large(&self) -> bool {
        self.buckets.len() > KEPT_BUCKETS
    }

    /// Applies the events that wait.
    pub fn flush(&mut self, scratch: &mut ApplyScratch) {
        let paths = (&self.paths, &self.visit_paths);
        self.pending.flush(&mut self.buckets, paths, scratch);
    }

    /// Takes no more events. None waits.
    pub fn detach(&mut self) {
        self.pending.detach(&mut self.buckets);
    }

    /// The same, and no more events wait here.
    pub fn flush_and_detach(&mut self, scratch: &mut ApplyScratch) {
        self.flush(scratch);
        self.detach();
    }
}
