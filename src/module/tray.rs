//! Events that wait to be counted. An event by itself looks for each of its rows in five buckets; of a
//! hundred that go to the same buckets, each row is looked for once. So the events of a site are put on
//! its tray, gathered as those of one call are (`domain::occurrences`), and counted together.
//!
//! ```text
//! TRACK ── goes where the last one went ──> tray ── many, or somebody looks ──> buckets
//!   └───── anything else ────────────────────────────────────────────────────> buckets
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

use std::ffi::c_int;
use std::rc::Rc;

use redis_module::raw::RedisModuleString;

use super::expiries;
use super::gathered;
use super::keys::Place;
use super::record::{Counted, Judge};
use super::redis::Ctx;
use super::site_value::SiteValue;
use super::under_lock::UnderLock;
use crate::domain::bucket::{Share, Terms};
use crate::domain::desk::Desk;
use crate::domain::event::{Batch, Event};
use crate::domain::hash::keyed_hash;
use crate::domain::occurrences::Occurrences;
use crate::domain::time::{Granularities, Granularity, Range};

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
pub struct Seat {
    pub place: Rc<Place>,
    /// The coarser granularities whose bucket has counted everything that this one has.
    pub around: Granularities,
}

struct Tray {
    /// By what `BucketKeys` knows itself; 0 when it is closed.
    owner: u64,
    /// The site in its database. While the tray is open it stands under its key.
    site: *mut SiteValue,
    db: c_int,
    /// From the finest bucket to the coarsest.
    seats: Vec<Seat>,
    /// The times of events that go to all of them.
    span: Range,
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
        let share = &mut trays.share;
        let tray = trays.trays.get_mut(keys.tray.place())?;
        if tray.owner != keys.tray.owner {
            return None;
        }
        for event in &batch.events {
            if let (Some(id), Some(finest)) = (event.id, tray.seats.first()) {
                finest.place.hold.change(|bucket| bucket.remember(id));
            }
            desk.see(site, event, batch, |occurrence| {
                tray.all.add(0, event.time, occurrence);
            });
            if tray.all.bytes() >= tray.most_bytes {
                tray.count(share);
            }
        }
        Some(tray.names())
    });
    for name in names.iter().flatten().filter(|name| !name.is_null()) {
        ctx.signal_modified(*name);
    }
    Counted {
        counted: batch.events.len() as u64,
        ..Counted::default()
    }
}

/// Opens a tray for the events of a site that go to these buckets, if there is one to be had. The site
/// stands under its key, which does not expire.
pub fn open(
    ctx: Ctx,
    name: &[u8],
    value: &mut SiteValue,
    seats: impl Iterator<Item = Seat>,
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
        tray.open(value, seats);
        Some(())
    });
}

/// Counts what waits on the tray of this number; most values have none.
#[inline]
pub fn settle(number: u32) {
    if number == 0 {
        return;
    }
    with(|trays| {
        let share = &mut trays.share;
        if let Some(tray) = trays.trays.get_mut(place_of(number)) {
            tray.count(share);
        }
    });
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
    fn open(&mut self, value: &mut SiteValue, seats: impl Iterator<Item = Seat>) {
        self.owner = value.keys.tray.owner;
        self.site = value;
        self.seats.extend(seats);
        self.mark(value.keys.tray.number);
        (self.span, self.open) = (Range::ALL, Range::ALL);
        self.expiry = i64::MAX;
        for Seat { place, .. } in &self.seats {
            self.span = self.span.common(place.period.range());
            self.open = self.open.common(place.hold.sure());
            self.expiry = self.expiry.min(place.expiry);
        }
        self.heard = expiries::heard();
        self.capacity = value.site.settings.capacity;
    }

    /// Nothing waits.
    fn close(&mut self) {
        self.mark(0);
        self.seats.clear();
        self.owner = 0;
        self.open = Range::default();
    }

    #[inline]
    fn admits(&self, events: &[Event], judge: Judge) -> bool {
        self.is_open(judge.now)
            && judge.reaches(self.expiry)
            && events
                .iter()
                .all(|event| self.span.contains(event.time) && self.is_new(event, events.len()))
    }

    #[inline]
    fn is_open(&self, now: i64) -> bool {
        self.open.contains(now) && self.heard == expiries::heard()
    }

    /// Whether an event's id, if it has one, was not seen before.
    #[inline]
    fn is_new(&self, event: &Event, events: usize) -> bool {
        let Some(id) = event.id else { return true };
        let mut is_new = false;
        if let Some(finest) = self.seats.first().filter(|_| events == 1) {
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

    fn names(&self) -> [*mut RedisModuleString; Granularity::COUNT] {
        let mut names = [std::ptr::null_mut(); Granularity::COUNT];
        for (seat, name) in self.seats.iter().zip(&mut names) {
            *name = seat.place.name();
        }
        names
    }

    /// Whoever looks at one of the buckets is to know.
    fn mark(&self, number: u32) {
        for seat in &self.seats {
            seat.place.hold.wait_on(number);
        }
    }

    #[inline(never)]
    fn count(&mut self, share: &mut Share) {
        let all = &mut self.all;
        if all.events().is_empty() {
            return;
        }
        all.sort();
        let granularities = self.seats.iter().map(|seat| seat.place.granularity());
        share.begin(all, granularities.collect());
        for Seat { place, around } in &self.seats {
            gathered::fill(share, all, place);
            let terms = Terms {
                capacity: self.capacity,
                around: *around,
            };
            place
                .hold
                .change(|bucket| bucket.record_all(all, share, &terms));
        }
        all.clear();
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
            span: Range::default(),
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

/// 0 is no tray.
#[inline]
fn place_of(number: u32) -> usize {
    (number as usize).wrapping_sub(1)
}
