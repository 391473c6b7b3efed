//! Events that wait to be counted. An event by itself looks for each of its rows in five buckets; of a
//! hundred that go to the same buckets, each row is looked for once. So the events of a site are put on
//! its tray, gathered as those of one call are (`domain::occurrences`), and counted together.
//!
//! ```text
//! TRACK ── goes where some have gone ──> tray ── many, or somebody looks ──> buckets
//!   └───── anything else ─────────────────────────────────────────────────> buckets
//! ```
//!
//! Nobody can tell. What others are told of an event, they are told when it comes. A bucket for which
//! events wait knows the tray, and whoever comes to see what is in it counts those first:
//!
//! - a command of ours that opens it, and the callbacks of its type, which save, copy and digest it
//! - when it leaves its key, or anything else is written to it or its site, the tray is closed as well
//! - when a database is flushed, what waits for it goes as well; before the old data of a replica is
//!   freed, all trays are closed
//!
//! A tray takes events as long as the site's holds on the buckets are sure, for a second at most; then
//! the keys are opened again, as `bucket_value` tells. As long, the site itself needs not be looked up.
//! Events that go another way are counted after those that wait, and open their way to later ones.

use std::ffi::c_int;
use std::rc::Rc;

use redis_module::raw::RedisModuleString;

use super::expiries;
use super::gathered::{self, Stop};
use super::keys::Place;
use super::record::{Counted, Judge};
use super::redis::Ctx;
use super::site_value::SiteValue;
use super::target::Target;
use super::under_lock::UnderLock;
use super::ways::{Lanes, Step, Way, NOWHERE};
use crate::domain::bucket::{Bucket, Share, Terms};
use crate::domain::desk::Desk;
use crate::domain::event::{Batch, Event};
use crate::domain::hash::keyed_hash;
use crate::domain::occurrences::Occurrences;
use crate::domain::time::Range;

/// They are counted when they take so much, some two hundred events; or less where so many trays are
/// open that together they would take more than that.
const MOST_BYTES: usize = 20_480;
const MOST_BYTES_OF_ALL: usize = 16 << 20;

/// A call of more events is as well counted by itself.
pub const MOST_AT_ONCE: usize = 128;

/// So many sites have a tray at a time.
const MOST_TRAYS: usize = 10_000;

/// So many are looked after at each tick of the server's `hz`, and so long are they left alone, in
/// milliseconds, when they take no more events: by then most have been opened again.
const TIDIED: usize = 1_024;
const LEFT_ALONE: i64 = 1_000;

/// A bucket that the events of a tray go to.
struct Seat {
    place: Rc<Place>,
    /// The number of the last call of which it was told.
    told: u64,
}

impl Stop for Seat {
    #[inline]
    fn place(&self) -> &Place {
        &self.place
    }

    #[inline]
    fn count(&mut self, capacity: usize, count: impl FnOnce(&mut Bucket, &Terms)) {
        let hold = &self.place.hold;
        let terms = Terms {
            capacity,
            around: hold.nest.around(),
        };
        hold.change(|bucket| count(bucket, &terms));
    }
}

struct Tray {
    /// By what `BucketKeys` knows itself; 0 when it is closed.
    owner: u64,
    /// The site in its database. While the tray is open it stands under its key.
    site: *mut SiteValue,
    db: c_int,
    seats: Vec<Seat>,
    /// Of their places, close together: each event needs five.
    names: Vec<*mut RedisModuleString>,
    /// The ways of its events, from seat to seat.
    lanes: Lanes,
    /// How many calls came here.
    calls: u64,
    /// By the clock: as long as the holds are sure.
    open: Range,
    /// What had been heard of changed expiries then.
    heard: u64,
    /// When the first of the buckets expires.
    expiry: i64,
    capacity: usize,
    /// What waits takes less.
    most_bytes: usize,
    all: Occurrences,
}

/// The number of a tray, from 1, and whose it was then.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ticket {
    number: u32,
    owner: u64,
}

#[derive(Default)]
struct Trays {
    trays: Vec<Tray>,
    /// How many of them are.
    open: usize,
    /// Their numbers, each where its site's name says; of several there, the last that was opened. So
    /// a tray may not be found, until it is opened again.
    by_name: Vec<u32>,
    /// The one that is looked after next.
    next: usize,
    share: Share,
    /// The memory of `put`.
    names: Vec<*mut RedisModuleString>,
}

/// Nothing that is done with trays calls back, so that they are always there.
fn with<T: Default>(act: impl FnOnce(&mut Trays) -> T) -> T {
    static TRAYS: UnderLock<Trays> = UnderLock::new();
    TRAYS.with(act).unwrap_or_default()
}

/// The site of this name, if its tray is open.
#[inline]
pub fn site<'c>(ctx: Ctx<'c>, name: &[u8], now: i64) -> Option<&'c mut SiteValue> {
    with(|trays| {
        let number = *trays.by_name.get(trays.place_of_name(name))?;
        let tray = trays.trays.get(place_of(number))?;
        if !tray.is_open(now) || tray.db != ctx.db() {
            return None;
        }
        // SAFETY: the tray is closed before the site leaves its key. A command that has a reference
        // to the site, and was called back from, goes on with it when this one is gone.
        let site = unsafe { &mut *tray.site };
        site.keys.are_of(name).then_some(site)
    })
}

/// Whether all events of a call may wait.
#[inline]
pub fn admits(ticket: Ticket, batch: &Batch, judge: Judge) -> bool {
    (1..=MOST_AT_ONCE).contains(&batch.events.len())
        && with(|trays| {
            let tray = trays.of(ticket);
            tray.is_some_and(|tray| tray.admits(&batch.events, judge))
        })
}

/// Puts events on the tray of their site, which admits them.
pub fn put<'c>(
    ctx: Ctx<'c>,
    value: &mut SiteValue,
    batch: &Batch<'c>,
    desk: &mut Desk<'c>,
) -> Counted {
    let SiteValue { site, keys, .. } = value;
    for event in &batch.events {
        site.count(event.time);
    }
    let names = with(|trays| {
        let Trays { share, names, .. } = trays;
        let tray = trays.trays.get_mut(keys.tray.place())?;
        if tray.owner != keys.tray.owner {
            return None;
        }
        // One event tells each bucket once.
        let is_one = batch.events.len() == 1;
        tray.calls += u64::from(!is_one);
        let mut last = None;
        for event in &batch.events {
            let Some(way) = tray.lanes.find(event.time) else {
                continue;
            };
            if last.replace(way) != Some(way) {
                tray.tell(way, is_one, names);
            }
            if let (Some(id), Some(finest)) = (event.id, tray.finest(way)) {
                finest.place.hold.change(|bucket| bucket.remember(id));
            }
            desk.see(site, event, batch, |occurrence| {
                tray.all.add(way, event.time, occurrence);
            });
            if tray.all.bytes() >= tray.most_bytes {
                tray.count(share);
            }
        }
        Some(std::mem::take(names))
    });
    let mut names = names.unwrap_or_default();
    names.drain(..).for_each(|name| ctx.signal_modified(name));
    with(|trays| trays.names = names);
    Counted {
        counted: batch.events.len() as u64,
        ..Counted::default()
    }
}

/// Before events of the site are counted that may not wait: those that do come first. The tray takes
/// others later, if it is still sure.
pub fn give_way(ticket: Ticket, judge: Judge) {
    with(|trays| {
        let Some(tray) = trays.of(ticket) else {
            return;
        };
        if tray.takes_events(judge) {
            trays.settle(ticket.place());
        } else {
            trays.close(ticket.place());
        }
    });
}

/// Lets later events go these ways as well, if the tray is open. All targets are held.
pub fn widen(ticket: Ticket, targets: &[Target], ways: &[Way], now: i64) -> bool {
    with(|trays| {
        let is_open = trays.of(ticket).is_some_and(|tray| tray.is_open(now));
        let tray = trays.trays.get_mut(ticket.place()).filter(|_| is_open);
        let Some(tray) = tray else {
            return false;
        };
        let is_wide = tray.widen(ticket.number, targets, ways);
        if !is_wide {
            trays.close(ticket.place());
        }
        is_wide
    })
}

/// Opens a tray for the events of a site that go these ways, if there is one to be had. The site stands
/// under its key, which does not expire. All targets are held.
pub fn open(
    ctx: Ctx,
    name: &[u8],
    value: &mut SiteValue,
    targets: &[Target],
    ways: &[Way],
    now: i64,
) {
    close_of(value.keys.tray);
    with(|trays| {
        let place = trays.closed(value.keys.tray, now)?;
        value.keys.tray = Ticket {
            number: place as u32 + 1,
            owner: value.keys.id(),
        };
        if trays.by_name.len() < 2 * trays.trays.len() {
            trays.by_name = vec![0; 4 * trays.trays.len()];
        }
        let place_of_name = trays.place_of_name(name);
        *trays.by_name.get_mut(place_of_name)? = value.keys.tray.number;
        trays.open += 1;
        let most = MOST_BYTES_OF_ALL / trays.open;
        let tray = trays.trays.get_mut(place)?;
        tray.most_bytes = most.min(MOST_BYTES);
        tray.db = ctx.db();
        tray.open(value);
        if !tray.widen(value.keys.tray.number, targets, ways) {
            trays.close(place);
        }
        Some(())
    });
}

/// Counts what waits on the tray of this number; most values have none.
#[inline]
pub fn settle(number: u32) {
    if number == 0 {
        return;
    }
    with(|trays| trays.settle(place_of(number)));
}

/// Counts what waits there, and takes no more.
#[inline]
pub fn close(number: u32) {
    if number != 0 {
        with(|trays| trays.close(place_of(number)));
    }
}

/// The same of the tray of a site.
pub fn close_of(ticket: Ticket) {
    with(|trays| {
        if trays.of(ticket).is_some() {
            trays.close(ticket.place());
        }
    });
}

/// The expiry of the key of this name has changed.
pub fn close_named(ctx: Ctx, name: &[u8]) {
    if let Some(site) = site(ctx, name, ctx.now()) {
        close_of(site.keys.tray);
    }
}

/// The data of this database is about to go, or that of all: what waits goes with it.
pub fn forget(db: Option<c_int>) {
    with(|trays| {
        for place in 0..trays.trays.len() {
            let tray = trays.trays.get_mut(place);
            if let Some(tray) = tray.filter(|tray| db.is_none_or(|db| tray.db == db)) {
                tray.all.clear();
                trays.close(place);
            }
        }
    });
}

/// Two databases have changed places.
pub fn swap(one: c_int, other: c_int) {
    with(|trays| {
        for tray in &mut trays.trays {
            tray.db = match tray.db {
                db if db == one => other,
                db if db == other => one,
                db => db,
            };
        }
    });
}

pub fn close_all() {
    with(|trays| {
        for place in 0..trays.trays.len() {
            trays.close(place);
        }
    });
}

/// How many events wait.
pub fn waiting() -> u64 {
    with(|trays| trays.trays.iter().map(Tray::waiting).sum())
}

/// From time to time: nothing waits for long, and a site without events has no tray.
pub fn tidy(now: i64) {
    with(|trays| {
        for _ in 0..TIDIED.min(trays.trays.len()) {
            let place = trays.turn();
            if trays.trays.get(place).is_some_and(|tray| tray.is_idle(now)) {
                trays.close(place);
                if let Some(tray) = trays.trays.get_mut(place) {
                    *tray = Tray::default();
                }
            }
        }
    });
}

impl Trays {
    fn of(&self, ticket: Ticket) -> Option<&Tray> {
        let tray = self.trays.get(ticket.place())?;
        (tray.owner == ticket.owner && ticket.owner != 0).then_some(tray)
    }

    /// A tray that is closed: the one that it was before, another, or a new one; where there are as many
    /// as there may be, one that takes no more.
    fn closed(&mut self, before: Ticket, now: i64) -> Option<usize> {
        let next = self.turn();
        let is_closed = |place: &usize| self.trays.get(*place).is_some_and(|it| it.owner == 0);
        if let Some(place) = [before.place(), next].into_iter().find(is_closed) {
            return Some(place);
        }
        if self.trays.len() < MOST_TRAYS {
            self.trays.push(Tray::default());
            return Some(self.trays.len() - 1);
        }
        let is_over = !self.trays.get(next)?.open.contains(now);
        is_over.then(|| {
            self.close(next);
            next
        })
    }

    fn turn(&mut self) -> usize {
        let place = self.next;
        self.next = if place + 1 < self.trays.len() {
            place + 1
        } else {
            0
        };
        place
    }

    fn settle(&mut self, place: usize) {
        if let Some(tray) = self.trays.get_mut(place) {
            tray.count(&mut self.share);
        }
    }

    fn close(&mut self, place: usize) {
        let tray = self.trays.get_mut(place);
        if let Some(tray) = tray.filter(|tray| tray.owner != 0) {
            self.open -= 1;
            tray.count(&mut self.share);
            tray.close();
        }
    }

    fn place_of_name(&self, name: &[u8]) -> usize {
        (keyed_hash(name) as usize)
            .checked_rem(self.by_name.len())
            .unwrap_or(0)
    }
}

impl Tray {
    fn open(&mut self, value: &mut SiteValue) {
        self.owner = value.keys.tray.owner;
        self.site = value;
        self.open = Range::ALL;
        self.expiry = i64::MAX;
        self.heard = expiries::heard();
        self.capacity = value.site.settings.capacity;
    }

    /// False when that would be more ways than there may be.
    fn widen(&mut self, number: u32, targets: &[Target], ways: &[Way]) -> bool {
        for way in ways {
            if way.times.is_empty() || self.lanes.find(way.times.from).is_some() {
                continue;
            }
            if self.lanes.ways().all().len() >= Lanes::MOST {
                return false;
            }
            let route = way.route.map(|step| match place_at(targets, step) {
                Some(place) => self.seat(number, place),
                None => NOWHERE,
            });
            self.lanes.open(route, way.times);
        }
        true
    }

    /// The step to the seat of this place.
    fn seat(&mut self, number: u32, place: &Rc<Place>) -> Step {
        let is_it = |seat: &Seat| Rc::ptr_eq(&seat.place, place);
        let found = self.seats.iter().rposition(is_it).unwrap_or_else(|| {
            // Whoever looks at the bucket is to know.
            place.hold.wait_on(number);
            self.open = self.open.common(place.hold.sure());
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
    fn close(&mut self) {
        for seat in self.seats.drain(..) {
            seat.place.hold.wait_on(0);
        }
        self.names.clear();
        self.lanes.clear();
        self.owner = 0;
        self.open = Range::default();
    }

    #[inline]
    fn admits(&self, events: &[Event], judge: Judge) -> bool {
        let may_wait = |event: &Event| {
            let way = self.lanes.find(event.time);
            way.is_some_and(|way| self.is_new(event, way, events.len()))
        };
        self.takes_events(judge) && events.iter().all(may_wait)
    }

    #[inline]
    fn takes_events(&self, judge: Judge) -> bool {
        self.is_open(judge.now) && judge.reaches(self.expiry)
    }

    #[inline]
    fn is_open(&self, now: i64) -> bool {
        self.open.contains(now) && self.heard == expiries::heard()
    }

    /// Whether an event's id, if it has one, was not seen before.
    #[inline]
    fn is_new(&self, event: &Event, way: u32, events: usize) -> bool {
        let Some(id) = event.id else { return true };
        let mut is_new = false;
        if let Some(finest) = self.finest(way).filter(|_| events == 1) {
            finest
                .place
                .hold
                .change(|bucket| is_new = !bucket.has_seen(id));
        }
        is_new
    }

    /// It has been closed or taken no more for a while, or the clock was put back.
    fn is_idle(&self, now: i64) -> bool {
        let Range { from, to } = self.open;
        !Range::new(from, to.saturating_add(LEFT_ALONE)).contains(now)
    }

    #[inline]
    fn finest(&self, way: u32) -> Option<&Seat> {
        let step = self.lanes.get(way)?.finest()?;
        self.seats.get((step as usize).checked_sub(1)?)
    }

    /// An event goes this way: adds the names of its buckets, those that the call at hand has not told.
    #[inline]
    fn tell(&mut self, way: u32, is_one: bool, names: &mut Vec<*mut RedisModuleString>) {
        let way = self.lanes.get(way).copied();
        for step in way.iter().flat_map(|way| &way.route) {
            let place = (*step as usize).wrapping_sub(1);
            let Some(name) = self.names.get(place) else {
                continue;
            };
            let seat = self.seats.get_mut(place).filter(|_| !is_one);
            let told = seat.map(|seat| std::mem::replace(&mut seat.told, self.calls));
            if told != Some(self.calls) {
                names.push(*name);
            }
        }
    }

    #[inline(never)]
    fn count(&mut self, share: &mut Share) {
        let Tray {
            all, seats, lanes, ..
        } = self;
        gathered::count(all, share, seats, lanes.ways(), self.capacity);
    }

    fn waiting(&self) -> u64 {
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
            open: Range::default(),
            heard: 0,
            expiry: 0,
            capacity: 0,
            most_bytes: 0,
            all: Occurrences::default(),
        }
    }
}

impl Ticket {
    #[inline]
    fn place(self) -> usize {
        place_of(self.number)
    }
}

/// Of the target that a step leads to.
fn place_at<'t>(targets: &'t [Target], step: Step) -> Option<&'t Rc<Place>> {
    let target = targets.get((step as usize).checked_sub(1)?)?;
    Some(&target.place)
}

/// 0 is no tray.
#[inline]
fn place_of(number: u32) -> usize {
    (number as usize).wrapping_sub(1)
}
