//! One tray: whose it is, where its events go, and what waits on it.

use std::ffi::c_int;
use std::rc::Rc;

use redis_module::raw::RedisModuleString;

use crate::ingest::gathered;
use crate::ingest::gathered::Stop;
use crate::ingest::record::Judge;
use crate::ingest::target::Target;
use crate::ingest::ways::{stop, stop_mut, Lanes, Step, Way, NOWHERE};
use crate::store::expiries;
use crate::store::keys::Place;
use crate::store::site_value::SiteValue;
use analytics_core::apply::ApplyScratch;
use analytics_core::apply::ApplyTerms;
use analytics_core::apply::RowBatch;
use analytics_core::apply::RowResolver;
use analytics_core::bucket::Bucket;
use analytics_core::event::{Batch, Event};
use analytics_core::site::Site;
use analytics_core::time::Range;

/// So long is a tray left alone, in milliseconds, when it takes no more events: by then most have been
/// opened again.
const LEFT_ALONE: i64 = 1_000;

/// A bucket that the events of a tray go to.
struct Seat {
    place: Rc<Place>,
    /// The number of the last call of several events of which it was told.
    told: u64,
}

impl Stop for Seat {
    #[inline]
    fn place(&self) -> &Place {
        &self.place
    }

    #[inline]
    fn count(&mut self, capacity: usize, count: impl FnOnce(&mut Bucket, &ApplyTerms)) {
        let hold = &self.place.hold;
        let terms = ApplyTerms {
            capacity,
            contained_in: hold.nest.around(),
        };
        hold.change(|bucket| count(bucket, &terms));
    }
}

pub struct Tray {
    /// By what `BucketKeys` knows itself; 0 when it is closed.
    pub owner: u64,
    /// The site in its database. While the tray is open it stands under its key.
    pub site: *mut SiteValue,
    pub db: c_int,
    seats: Vec<Seat>,
    /// Of their places, close together: each event needs five.
    names: Vec<*mut RedisModuleString>,
    /// The ways of its events, from seat to seat.
    lanes: Lanes,
    /// How many calls of several events came here; of each lane, the last of which its buckets were told.
    calls: u64,
    told: Vec<u64>,
    /// By the clock: as long as the holds are sure.
    sure: Range,
    /// What had been heard of changed expiries then.
    heard: u64,
    /// When the first of the buckets expires.
    expiry: i64,
    capacity: usize,
    /// What waits takes less.
    pub most_bytes: usize,
    pub all: RowBatch,
}

impl Tray {
    pub fn open(&mut self, value: &mut SiteValue) {
        self.owner = value.keys.tray.owner;
        self.site = value;
        self.sure = Range::ALL;
        self.expiry = i64::MAX;
        self.heard = expiries::heard();
        self.capacity = value.site.settings.capacity;
    }

    /// False when that would be more ways than there may be.
    pub fn widen(&mut self, number: u32, targets: &[Target], ways: &[Way]) -> bool {
        for way in ways {
            if way.times.is_empty() || self.lanes.find(way.times.from).is_some() {
                continue;
            }
            if self.lanes.ways().all().len() >= Lanes::MOST {
                return false;
            }
            let route = way.route.map(|step| match stop(targets, step) {
                Some(target) => self.seat(number, &target.place),
                None => NOWHERE,
            });
            self.lanes.open(route, way.times);
            self.told.push(0);
        }
        true
    }

    /// Where the calendar ends, none is opened.
    pub fn has_no_way(&self) -> bool {
        self.lanes.ways().all().is_empty()
    }

    /// The step to the seat of this place.
    fn seat(&mut self, number: u32, place: &Rc<Place>) -> Step {
        let is_it = |seat: &Seat| Rc::ptr_eq(&seat.place, place);
        let found = self.seats.iter().rposition(is_it).unwrap_or_else(|| {
            // Whoever looks at the bucket is to know.
            place.hold.wait_on(number);
            self.sure = self.sure.common(place.hold.sure());
            self.expiry = self.expiry.min(place.expiry);
            self.seats.push(Seat {
                place: Rc::clone(place),
                told: 0,
            });
            self.names.push(place.name());
            self.seats.len() - 1
        });
        found as Step + 1
    }

    /// Nothing waits.
    pub fn close(&mut self) {
        for seat in self.seats.drain(..) {
            seat.place.hold.wait_on(0);
        }
        self.names.clear();
        self.lanes.clear();
        self.told.clear();
        self.owner = 0;
        self.sure = Range::default();
    }

    #[inline]
    pub fn admits(&self, events: &[Event], judge: Judge) -> bool {
        let may_wait = |event: &Event| {
            let way = self.lanes.find(event.time);
            way.is_some_and(|way| self.is_new(event, way, events.len()))
        };
        self.takes_events(judge) && events.iter().all(may_wait)
    }

    #[inline]
    pub fn takes_events(&self, judge: Judge) -> bool {
        self.is_open(judge.now) && judge.reaches(self.expiry)
    }

    #[inline]
    pub fn is_open(&self, now: i64) -> bool {
        self.sure.contains(now) && self.heard == expiries::heard()
    }

    /// Puts events on it, which it admits, and gives the names of the buckets that they go to.
    pub fn put<'c>(
        &mut self,
        site: &Site,
        batch: &Batch<'c>,
        desk: &mut RowResolver<'c>,
        share: &mut ApplyScratch,
        names: &mut Vec<*mut RedisModuleString>,
    ) {
        // One event tells each bucket once.
        let is_one = batch.events.len() == 1;
        self.calls += u64::from(!is_one);
        for event in &batch.events {
            let Some(way) = self.lanes.find(event.time) else {
                continue;
            };
            if is_one || self.goes_first(way) {
                self.tell(way, is_one, names);
            }
            if let Some(id) = event.id {
                self.in_finest(way, |bucket| bucket.insert_id(id));
            }
            desk.resolve_rows(&site.settings, event, batch, |resolved| {
                self.all.add(way, event.time, resolved);
            });
            if self.all.bytes() >= self.most_bytes {
                self.count(share);
            }
        }
    }

    /// Whether an event's id, if it has one, was not seen before.
    #[inline]
    fn is_new(&self, event: &Event, way: u32, events: usize) -> bool {
        let Some(id) = event.id else { return true };
        let mut is_new = false;
        if events == 1 {
            self.in_finest(way, |bucket| is_new = !bucket.contains_id(id));
        }
        is_new
    }

    /// It has been closed or taken no more for a while, or the clock was put back.
    pub fn is_idle(&self, now: i64) -> bool {
        let Range { from, to } = self.sure;
        !Range::new(from, to.saturating_add(LEFT_ALONE)).contains(now)
    }

    /// In the finest bucket on this way, which remembers the ids of events.
    #[inline]
    fn in_finest(&self, way: u32, act: impl FnOnce(&mut Bucket)) {
        let finest = self.lanes.get(way).and_then(Way::finest);
        if let Some(seat) = finest.and_then(|step| stop(&self.seats, step)) {
            seat.place.hold.change(act);
        }
    }

    /// An event of the call at hand goes this way: is it the first that does?
    #[inline]
    fn goes_first(&mut self, way: u32) -> bool {
        let told = self.told.get_mut(way as usize);
        told.is_some_and(|told| std::mem::replace(told, self.calls) != self.calls)
    }

    /// An event goes this way: adds the names of its buckets, those that the call at hand has not told.
    #[inline]
    fn tell(&mut self, way: u32, is_one: bool, names: &mut Vec<*mut RedisModuleString>) {
        for step in self.lanes.get(way).iter().flat_map(|way| &way.route) {
            let Some(name) = stop(&self.names, *step) else {
                continue;
            };
            let seat = stop_mut(&mut self.seats, *step).filter(|_| !is_one);
            let told = seat.map(|seat| std::mem::replace(&mut seat.told, self.calls));
            if told != Some(self.calls) {
                names.push(*name);
            }
        }
    }

    #[inline(never)]
    pub fn count(&mut self, share: &mut ApplyScratch) {
        let Tray {
            all, seats, lanes, ..
        } = self;
        gathered::count(all, share, seats, lanes.ways(), self.capacity);
    }

    pub fn waiting(&self) -> u64 {
        self.all.events().len() as u64
    }
}

impl Default for Tray {
    fn default() -> Tray {
        Tray {
            owner: 0,
            site: std::ptr::null_mut(),
            db: 0,
            seats: Vec::new(),
            names: Vec::new(),
            lanes: Lanes::default(),
            calls: 0,
            told: Vec::new(),
            sure: Range::default(),
            heard: 0,
            expiry: 0,
            capacity: 0,
            most_bytes: 0,
            all: RowBatch::default(),
        }
    }
}
