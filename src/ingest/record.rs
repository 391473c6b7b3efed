//! Counting events, once their arguments are parsed: everything is looked at before anything is
//! changed, each key is opened once per command, and a bucket is made only for an event that counts.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::gathered::{self, Stop};
use super::origin::Origin;
use super::target::Target;
use super::tray;
use super::ways::{stop, stop_mut, Minutes, Route, Step, Way, Ways, NOWHERE};
use crate::api::key::Key;
use crate::api::redis::{Ctx, Outcome};
use crate::stats;
use crate::store::cluster;
use crate::store::keys::{BucketKeys, Place};
use crate::store::nest::{Holds, Settled};
use crate::store::site_value::SiteValue;
use analytics_core::apply::ApplyScratch;
use analytics_core::apply::KnownIn;
use analytics_core::apply::RowBatch;
use analytics_core::apply::RowResolver;
use analytics_core::event::{Batch, Event};
use analytics_core::schema::limits;
use analytics_core::schema::Settings;
use analytics_core::site::Site;
use analytics_core::time::{Granularity, Range};

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
    pub fn reaches(&self, expiry: i64) -> bool {
        self.clock.is_none_or(|clock| expiry > clock)
    }
}

/// The buckets of one command, all open and checked.
#[derive(Default)]
pub struct Routes<'c> {
    targets: Vec<Target<'c>>,
    ways: Ways,
    minutes: Minutes,
    /// Of every event.
    way_of: Vec<u32>,
    /// Some event came too late for some granularity.
    pub partly_late: bool,
    /// Every event counted.
    is_settled: bool,
    /// Events have gone before where these went.
    is_usual: bool,
    pub desk: RowResolver<'c>,
    /// The events, when there are several.
    gathered: RowBatch,
    share: ApplyScratch,
}

/// What became of the events.
#[derive(Debug, Default)]
pub struct Counted {
    pub counted: u64,
    /// Which events did not count, by their place in the batch.
    pub dropped: Vec<usize>,
}

impl Counted {
    /// Of what goes with the events, one after the other: what goes with those that counted, each with
    /// its place.
    pub fn left<'e, T>(
        &'e self,
        each: impl Iterator<Item = T> + 'e,
    ) -> impl Iterator<Item = (usize, T)> + 'e {
        let mut dropped = &self.dropped[..];
        each.enumerate()
            .filter(move |(number, _)| match dropped.strip_prefix(&[*number]) {
                Some(rest) => {
                    dropped = rest;
                    false
                }
                None => true,
            })
    }
}

impl<'c> Routes<'c> {
    /// Closes the buckets and keeps the memory for another command.
    pub fn clear(&mut self) {
        self.targets.clear();
        self.ways.clear();
        self.way_of.clear();
        self.partly_late = false;
        (self.is_settled, self.is_usual) = (false, false);
        self.desk.clear();
        self.gathered.clear();
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
        self.minutes.begin(keys.begin());
        for Event { time, .. } in &batch.events {
            let way = match self.minutes.find(*time) {
                Some(way) => way,
                None => self.find_way(ctx, settings, keys, judge, *time)?,
            };
            self.way_of.push(way);
        }
        let missing = self.targets.iter().find(|target| target.bucket().is_none());
        missing.map_or(Ok(()), |target| {
            cluster::refuse_if_bucket_is_elsewhere(ctx, site, target.place.name())
        })
    }

    fn find_way(
        &mut self,
        ctx: Ctx<'c>,
        settings: &Settings,
        keys: &mut BucketKeys,
        judge: Judge,
        time: i64,
    ) -> Outcome<u32> {
        let opened = self.targets.len();
        let (mut route, mut times) = (Route::default(), Range::ALL);
        for (granularity, step) in Granularity::ALL.into_iter().zip(&mut route) {
            let Some(place) = keys.place(settings, granularity, time) else {
                // Where the calendar ends, the next event is looked at by itself.
                if settings.retention.get(granularity).is_some() {
                    times = Range::default();
                }
                continue;
            };
            times = times.common(place.period.range());
            *step = match judge.reaches(place.expiry) {
                true => self.step_to(ctx, settings, place, judge.now)?,
                false => NOWHERE,
            };
            self.partly_late |= *step == NOWHERE;
        }
        // A bucket that was not opened yet is on no way.
        let found = match self.targets.len() > opened {
            true => None,
            false => self.ways.number_of(&route),
        };
        let way = found.unwrap_or_else(|| self.ways.add(route, times));
        self.minutes.put(time, way, times);
        Ok(way)
    }

    #[inline]
    fn step_to(
        &mut self,
        ctx: Ctx<'c>,
        settings: &Settings,
        place: &Rc<Place>,
        now: i64,
    ) -> Outcome<Step> {
        let command = self.minutes.command();
        let (last, step) = place.target.get();
        if last == command {
            return Ok(step);
        }
        let target = Target::open(ctx, settings, Rc::clone(place), now)?;
        self.targets.push(target);
        let step = self.targets.len() as Step;
        place.target.set((command, step));
        Ok(step)
    }

    /// The numbers of the events that `record` is going to count. Changes nothing.
    pub fn counting(&self, batch: &Batch) -> Vec<usize> {
        let mut numbers = Vec::with_capacity(batch.events.len());
        let mut ids = BTreeSet::new();
        for (number, (event, way)) in batch.events.iter().zip(&self.way_of).enumerate() {
            let finest = self.ways.get(*way).and_then(Way::finest);
            let counts = finest.is_some_and(|finest| match event.id {
                None => true,
                Some(id) => {
                    let bucket = stop(&self.targets, finest).and_then(Target::bucket);
                    !bucket.is_some_and(|it| it.contains_id(id)) && ids.insert((finest, id))
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
        if learns || !self.admit_all(batch) {
            for (number, (event, way)) in batch.events.iter().zip(&self.way_of).enumerate() {
                let way = self.ways.get_mut(*way);
                if !admits(&mut self.targets, event, way, value) {
                    outcome.dropped.push(number);
                } else if learns {
                    // Only now: what is dropped leaves no trace, here or on a replica.
                    let (dimensions, values) = (batch.dimensions_of(event), batch.values_of(event));
                    value.site.learn(dimensions, values);
                }
            }
        }
        self.is_settled = outcome.dropped.is_empty() && !batch.events.is_empty();
        self.is_usual = self.targets.iter().all(Target::is_settled);
        match &batch.events[..] {
            [event] if outcome.dropped.is_empty() => self.record_one(event, batch, value),
            events if outcome.dropped.len() == events.len() => {}
            _ => {
                self.settle_several(&mut value.keys.settled);
                self.record_several(batch, &outcome, &mut value.site);
            }
        }
        for target in self.targets.iter().filter(|target| target.changed) {
            ctx.signal_modified(target.place.name());
        }
        outcome.counted = (batch.events.len() - outcome.dropped.len()) as u64;
        outcome
    }

    /// Whether `admits` is sure to admit every event.
    #[inline]
    fn admit_all(&mut self, batch: &Batch) -> bool {
        let mut ways = self.ways.all().iter();
        let mut events = batch.events.iter();
        let are_sure = ways.all(|way| way.finest().is_some()) && events.all(|it| it.id.is_none());
        if are_sure {
            self.ways.let_all_count();
        }
        are_sure
    }

    /// All targets are those of the only event, from the finest to the coarsest.
    #[inline]
    fn record_one(&mut self, event: &Event<'c>, batch: &Batch<'c>, value: &mut SiteValue) {
        const STEPS: [Step; Granularity::COUNT] = [1, 2, 3, 4, 5];
        let Routes { targets, desk, .. } = self;
        let steps = STEPS.get(..targets.len()).unwrap_or(&STEPS);
        settle(targets, steps, &mut value.keys.settled);
        let capacity = value.site.settings.capacity;
        desk.resolve_rows(&value.site.settings, event, batch, |resolved| {
            let mut sure = [KnownIn::default(); limits::ROWS_PER_EVENT];
            for target in targets.iter_mut() {
                let slot = target.place.slot(event.time);
                target.count(capacity, |bucket, terms| {
                    bucket.apply(resolved, slot, terms, &mut sure);
                });
            }
        });
        value.site.count(event.time);
    }

    /// Where all buckets are held, the next events of the site may wait. A tray is only opened where some
    /// have gone before: more are likely to.
    /// `key`: that of the site, unless its tray is open. Where it expires, none is opened.
    pub fn open_tray(
        &self,
        ctx: Ctx,
        name: &[u8],
        key: Option<&Key>,
        value: &mut SiteValue,
        now: i64,
    ) {
        let Routes { targets, ways, .. } = self;
        let may_wait = self.is_settled
            && !self.partly_late
            && self.way_of.len() <= tray::MOST_AT_ONCE
            && targets.iter().all(Target::is_held);
        if !may_wait || tray::widen(value.keys.tray, targets, ways.all(), now) {
            return;
        }
        if self.is_usual && key.is_some_and(|key| key.expiry().is_none()) {
            tray::open(ctx, name, value, targets, ways.all(), now);
        }
    }

    /// Once for all events of one way.
    fn settle_several(&mut self, settled: &mut Settled) {
        let Routes { targets, ways, .. } = self;
        // Before the first, others may have been settled.
        let mut last: Option<&Way> = None;
        for way in ways.all().iter().filter(|way| way.counts) {
            let finest = way.finest().and_then(|step| stop_mut(targets, step));
            match finest.filter(|_| last.is_some_and(|last| way.is_next_to(last))) {
                Some(finest) => finest.settle_next(settled),
                None => settle(targets, &way.route, settled),
            }
            last = Some(way);
        }
    }

    /// As many at a time as are gathered.
    fn record_several(&mut self, batch: &Batch<'c>, counted: &Counted, site: &mut Site) {
        let Routes {
            targets,
            ways,
            way_of,
            desk,
            gathered,
            share,
            ..
        } = self;
        let capacity = site.settings.capacity;
        let mut count = |all: &mut RowBatch| gathered::count(all, share, targets, ways, capacity);
        for (_, (event, way)) in counted.left(batch.events.iter().zip(way_of)) {
            desk.resolve_rows(&site.settings, event, batch, |resolved| {
                gathered.add(*way, event.time, resolved);
            });
            site.count(event.time);
            if gathered.is_full() {
                count(gathered);
            }
        }
        count(gathered);
    }
}

/// Whether an event counts: it reaches a bucket, and its id is new to the finest of them, which
/// remembers it.
#[inline]
fn admits(
    targets: &mut [Target],
    event: &Event,
    way: Option<&mut Way>,
    value: &mut SiteValue,
) -> bool {
    let found = way.and_then(|way| Some((way.finest()?, way)));
    let Some((finest, way)) = found else {
        value.dropped.late += 1;
        stats::LATE.add(1);
        return false;
    };
    let Some(id) = event.id else {
        way.counts = true;
        return true;
    };
    let Some(target) = stop_mut(targets, finest) else {
        return false;
    };
    if target.bucket().is_some_and(|bucket| bucket.contains_id(id)) {
        value.dropped.duplicates += 1;
        stats::DUPLICATES.add(1);
        return false;
    }
    target.bucket_or_new().insert_id(id);
    way.counts = true;
    true
}

/// Before events are counted that have these steps: makes their buckets, and finds which of them lie
/// around which.
#[inline(never)]
fn settle(targets: &mut [Target], steps: &[Step], settled: &mut Settled) {
    let mut holds = Holds::default();
    let mut is_settled = true;
    for step in steps {
        if let Some(target) = stop_mut(targets, *step) {
            target.bucket_or_new();
            if let Some(hold) = holds.get_mut(target.granularity().index()) {
                *hold = target.hold_number();
            }
            is_settled &= target.is_settled();
        }
    }
    // Unless the last events had the same.
    if !is_settled || holds != settled.holds {
        settle_anew(targets, steps, holds, settled);
    }
    for step in steps {
        if let Some(target) = stop_mut(targets, *step) {
            target.around = settled.around(target.granularity());
        }
    }
}

#[inline(never)]
fn settle_anew(targets: &mut [Target], steps: &[Step], holds: Holds, settled: &mut Settled) {
    let same = settled.coarsest_like(&holds);
    for step in steps {
        if let Some(target) = stop_mut(targets, *step) {
            let granularity = target.granularity();
            // Next to nothing but a bucket of another minute, what lies around the others is known.
            if granularity.index() < same || !target.is_settled() {
                settled.set_around(granularity, target.settle(&holds));
            }
        }
    }
    settled.holds = holds;
}
