//! Counting events, once their arguments are parsed: everything is looked at before anything is
//! changed, each key is opened once per command, and a bucket is made only for an event that counts.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::bucket_value::BucketValue;
use super::cluster;
use super::key::Key;
use super::keys::{renamed, BucketKeys, Place};
use super::origin::Origin;
use super::redis::{Ctx, Outcome};
use super::site_value::SiteValue;
use super::stats;
use crate::domain::bucket::Bucket;
use crate::domain::error::{shown, Error};
use crate::domain::event::{recycle, Batch, Event, Facet, Occurrence};
use crate::domain::hll::Member;
use crate::domain::number::Number;
use crate::domain::site::{Settings, Site, EVENT};
use crate::domain::text::Text;
use crate::domain::time::{Granularity, Range};

/// By which clock it is decided which buckets an event is too late for.
///
/// An AOF is judged as a master is: a bucket that is over by now is built again, for what follows in
/// the file may prolong it. If nothing does, Redis lets it expire.
#[derive(Debug, Clone, Copy)]
pub struct Judge {
    /// None: a master has found that the events reach every granularity.
    pub clock: Option<i64>,
    pub now: i64,
}

impl Judge {
    /// `clock`: the one that came with the events.
    pub fn new(origin: Origin, now: i64, clock: Option<i64>) -> Judge {
        match origin {
            // A clock that a client gives can make events late, but not bring back what is over.
            Origin::Client => Judge {
                clock: Some(clock.unwrap_or(now).max(now)),
                now,
            },
            Origin::Master => Judge { clock, now },
        }
    }

    /// Whether an event was in time for a bucket with this expiry.
    fn reaches(&self, expiry: i64) -> bool {
        self.clock.is_none_or(|clock| expiry > clock)
    }
}

/// A bucket that events of this command go to.
struct Target<'c> {
    place: Rc<Place>,
    /// Unless the site holds on to the bucket.
    key: Option<Key<'c>>,
    /// Null until the bucket is made.
    bucket: *mut BucketValue,
    now: i64,
    /// The last event's time and slot: many of a batch have one time.
    last: (i64, u8),
    changed: bool,
}

/// The targets of one event: by granularity the step to it, which is its number plus one, or 0 where
/// the event does not count.
type Route = [u32; Granularity::COUNT];

/// The buckets of one command, all open and checked.
#[derive(Default)]
pub struct Routes<'c> {
    targets: Vec<Target<'c>>,
    /// One for every event.
    routes: Vec<Route>,
    /// Some event came too late for some granularity.
    pub partly_late: bool,
    /// The rows of the event at hand, the texts of its cube cells, and its numbers.
    facets: Vec<Facet<'c>>,
    cells: Vec<u8>,
    values: Vec<(Text<'c>, Number)>,
}

/// What became of the events.
#[derive(Debug, Default)]
pub struct Counted {
    pub counted: u64,
    /// Which events did not count, by their place in the batch.
    pub dropped: Vec<usize>,
}

impl<'c> Routes<'c> {
    /// Closes the buckets and keeps the memory for another command.
    pub fn clear(&mut self) {
        self.targets.clear();
        self.routes.clear();
        self.facets.clear();
        self.values.clear();
        self.partly_late = false;
    }

    /// Opens every bucket that the events may go to, and changes nothing.
    pub fn open(
        &mut self,
        ctx: Ctx<'c>,
        site: *mut redis_module::raw::RedisModuleString,
        settings: &Settings,
        keys: &mut BucketKeys,
        batch: &Batch,
        judge: Judge,
    ) -> Outcome {
        let command = keys.number_command(judge.now);
        let mut route = Route::default();
        const NEVER: Range = Range::new(0, 0);
        // The times that have this route.
        let mut span = NEVER;
        for event in &batch.events {
            if !span.contains(event.time) {
                span = Range::new(i64::MIN, i64::MAX);
                for (granularity, step) in Granularity::ALL.into_iter().zip(&mut route) {
                    *step = 0;
                    let Some(place) = keys.place(settings, granularity, event.time) else {
                        if settings.retention.get(granularity).is_some() {
                            span = NEVER;
                        }
                        continue;
                    };
                    span = span.common(place.period.range());
                    if judge.reaches(place.expiry) {
                        *step = self.step_to(ctx, settings, place, command, judge.now)?;
                    } else {
                        self.partly_late = true;
                    }
                }
            }
            self.routes.push(route);
        }
        let missing = self.targets.iter().find(|target| target.bucket.is_null());
        missing.map_or(Ok(()), |target| {
            cluster::refuse_if_bucket_is_elsewhere(ctx, site, target.place.name())
        })
    }

    #[inline]
    fn step_to(
        &mut self,
        ctx: Ctx<'c>,
        settings: &Settings,
        place: &Rc<Place>,
        command: u64,
        now: i64,
    ) -> Outcome<u32> {
        let (last, step) = place.target.get();
        if last == command {
            return Ok(step);
        }
        let target = Target::open(ctx, settings, Rc::clone(place), now)?;
        self.targets.push(target);
        let step = self.targets.len() as u32;
        place.target.set((command, step));
        place.used.set(now);
        Ok(step)
    }

    fn target(&self, step: u32) -> Option<&Target<'c>> {
        self.targets.get((step as usize).checked_sub(1)?)
    }

    /// The numbers of the events that `record` is going to count. Changes nothing.
    pub fn counting(&self, batch: &Batch) -> Vec<usize> {
        let mut numbers = Vec::with_capacity(batch.events.len());
        let mut ids = BTreeSet::new();
        for (number, (event, route)) in batch.events.iter().zip(&self.routes).enumerate() {
            let finest = route.iter().find(|step| **step != 0);
            let counts = finest.is_some_and(|finest| match event.id {
                None => true,
                Some(id) => {
                    let bucket = self.target(*finest).and_then(Target::bucket);
                    !bucket.is_some_and(|it| it.has_seen(id)) && ids.insert((*finest, id))
                }
            });
            if counts {
                numbers.push(number);
            }
        }
        numbers
    }

    /// Counts the events. Nothing can fail any more.
    /// `learns`: the events name dimensions or values that are new to the site.
    pub fn record(
        &mut self,
        ctx: Ctx<'c>,
        value: &mut SiteValue,
        learns: bool,
        batch: &Batch<'c>,
    ) -> Counted {
        let mut outcome = Counted::default();
        let routes = std::mem::take(&mut self.routes);
        for (number, (event, route)) in batch.events.iter().zip(&routes).enumerate() {
            if !self.admits(event, route, value) {
                outcome.dropped.push(number);
                continue;
            }
            if learns {
                // Only now: what is dropped leaves no trace, here or on a replica.
                let (dimensions, values) = (batch.dimensions_of(event), batch.values_of(event));
                value.site.learn(dimensions, values);
            }
            self.record_event(event, route, &value.site, batch);
            value.site.count(event.time);
            outcome.counted += 1;
        }
        self.routes = routes;
        for target in self.targets.iter().filter(|target| target.changed) {
            ctx.signal_modified(target.place.name());
        }
        outcome
    }

    #[inline]
    fn record_event(&mut self, event: &Event<'c>, route: &Route, site: &Site, batch: &Batch<'c>) {
        let mut cells = std::mem::take(&mut self.cells);
        let mut facets: Vec<Facet> = recycle(std::mem::take(&mut self.facets));
        site.facets(event, batch.dimensions_of(event), &mut cells, &mut facets);
        self.values.clear();
        let given = batch.values_of(event).iter();
        self.values
            .extend(given.map(|(name, x)| (*name, Number::of(*x))));
        let occurrence = Occurrence {
            user: Member::of(event.user),
            session: event.session.map(Member::of),
            facets: &facets,
            values: &self.values,
        };
        for step in route {
            if let Some(target) = target_mut(&mut self.targets, *step) {
                let slot = target.slot(event.time);
                let capacity = site.settings.capacity;
                target.bucket_or_new().record(&occurrence, slot, capacity);
            }
        }
        self.facets = recycle(facets);
        self.cells = cells;
    }

    /// Whether an event counts: it reaches a bucket, and its id is new to the finest of them, which
    /// remembers it.
    fn admits(&mut self, event: &Event, route: &Route, value: &mut SiteValue) -> bool {
        let Some(finest) = route.iter().find(|step| **step != 0) else {
            value.dropped.late += 1;
            stats::LATE.add(1);
            return false;
        };
        let Some(id) = event.id else {
            return true;
        };
        let Some(target) = target_mut(&mut self.targets, *finest) else {
            return false;
        };
        if target.bucket().is_some_and(|bucket| bucket.has_seen(id)) {
            value.dropped.duplicates += 1;
            stats::DUPLICATES.add(1);
            return false;
        }
        target.bucket_or_new().remember(id);
        true
    }
}

#[inline]
fn target_mut<'t, 'c>(targets: &'t mut [Target<'c>], step: u32) -> Option<&'t mut Target<'c>> {
    targets.get_mut((step as usize).checked_sub(1)?)
}

impl<'c> Target<'c> {
    fn open(ctx: Ctx<'c>, settings: &Settings, place: Rc<Place>, now: i64) -> Outcome<Target<'c>> {
        let held = place.hold.value(now);
        let mut target = Target {
            place,
            key: None,
            bucket: held.unwrap_or(std::ptr::null_mut()),
            now,
            last: (i64::MIN, 0),
            changed: false,
        };
        if held.is_none() {
            let key = Key::for_writing(ctx, target.place.name());
            target.bucket = key.value_ptr()?.unwrap_or(std::ptr::null_mut());
            target.key = Some(key);
        }
        if let Some(bucket) = target.bucket() {
            if held.is_none() {
                check_period(bucket, &target.place)?;
                target.hold();
            }
            check_room(bucket, &target.place, settings)?;
        }
        Ok(target)
    }

    /// With another expiry than its own, the key is opened every time: Redis knows whether it is over.
    fn hold(&self) {
        let Some(key) = &self.key else { return };
        if key.expiry() == Some(self.place.expiry) && !key.counts_uses() {
            self.place.hold.take(self.bucket, self.now);
        }
    }

    fn bucket(&self) -> Option<&Bucket> {
        // SAFETY: the value of a key, open or held, which nothing else touches during the command.
        unsafe { self.bucket.as_ref() }.map(|value| &**value)
    }

    #[inline]
    fn slot(&mut self, time: i64) -> u8 {
        if self.last.0 != time {
            self.last = (time, self.place.slots.of(time));
        }
        self.last.1
    }

    #[inline]
    fn bucket_or_new(&mut self) -> &mut Bucket {
        if self.bucket.is_null() {
            self.make_bucket();
        }
        self.changed = true;
        // SAFETY: what was not found is open for writing, so that it is not null now; and it is the
        // value of a key which nothing else touches during the command.
        unsafe { &mut *self.bucket }
    }

    #[cold]
    fn make_bucket(&mut self) {
        if let Some(key) = &self.key {
            self.bucket = key.set(BucketValue::new(Bucket::new(&self.place.period)));
            key.expire_at(self.place.expiry);
            self.hold();
            stats::BUCKETS.add(1);
        }
    }
}

/// A bucket may have been renamed or copied here, or be left over from an earlier site of this name.
pub fn check(bucket: &Bucket, place: &Place, settings: &Settings) -> Outcome {
    check_period(bucket, place)?;
    check_room(bucket, place, settings)
}

fn check_period(bucket: &Bucket, place: &Place) -> Outcome {
    if bucket.is_of(&place.period) {
        Ok(())
    } else {
        Err(renamed(super::redis::bytes_of(place.name())).into())
    }
}

#[inline]
fn check_room(bucket: &Bucket, place: &Place, settings: &Settings) -> Outcome {
    if bucket.has_room() {
        Ok(())
    } else {
        check_room_for_names(bucket, place, settings)
    }
}

#[cold]
fn check_room_for_names(bucket: &Bucket, place: &Place, settings: &Settings) -> Outcome {
    let breakdowns = settings.cubes_and_dimensions();
    let breakdowns = breakdowns.chain([(crate::domain::bucket::Kind::Event, EVENT)]);
    let values = settings.values().iter().map(|value| value.name.text());
    if bucket.has_room_for(breakdowns, values) {
        return Ok(());
    }
    Err(Error::new(format!(
        "bucket '{}' holds the dimensions or values of several earlier sites, and has no room for \
         more; delete it to go on",
        shown(super::redis::bytes_of(place.name()))
    ))
    .into())
}
