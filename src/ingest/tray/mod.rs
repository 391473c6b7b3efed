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

mod one;

use std::ffi::c_int;

use redis_module::raw::RedisModuleString;

use crate::api::redis::Ctx;
use crate::api::under_lock::UnderLock;
use crate::ingest::record::{Counted, Judge};
use crate::ingest::target::Target;
use crate::ingest::ways::Way;
use crate::store::site_value::SiteValue;
use analytics_core::apply::ApplyScratch;
use analytics_core::apply::RowResolver;
use analytics_core::event::Batch;
use analytics_core::hash::keyed_hash;
use one::Tray;

/// They are counted when they take so much, some two hundred events; or less where so many trays are
/// open that together they would take more than that.
const MOST_BYTES: usize = 20_480;
const MOST_BYTES_OF_ALL: usize = 16 << 20;

/// A call of more events is as well counted by itself.
pub const MOST_AT_ONCE: usize = 128;

/// So many sites have a tray at a time.
const MOST_TRAYS: usize = 10_000;

/// So many are looked after at each tick of the server's `hz`.
const TIDIED: usize = 1_024;

/// The number of a tray, from 1, and whose it was then.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ticket {
    number: u32,
    owner: u64,
}

#[derive(Default)]
struct Trays {
    trays: Vec<Tray>,
    /// How many of them are open.
    open_trays: usize,
    /// Their numbers, each where its site's name says; of several there, the last that was opened. So
    /// a tray may not be found, until it is opened again.
    by_name: Vec<u32>,
    /// The one that is looked after next.
    next: usize,
    share: ApplyScratch,
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
        let (tray, site) = trays.named(ctx, name)?;
        tray.is_open(now).then_some(site)
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

/// Puts events on the tray of their site, which admits them: nothing has happened since it said so.
pub fn put<'c>(
    ctx: Ctx<'c>,
    value: &mut SiteValue,
    batch: &Batch<'c>,
    desk: &mut RowResolver<'c>,
) -> Counted {
    let SiteValue { site, keys, .. } = value;
    for event in &batch.events {
        site.count(event.time);
    }
    let names = with(|trays| {
        let Trays { share, names, .. } = trays;
        let tray = keys.tray.open_of(&mut trays.trays)?;
        tray.put(site, batch, desk, share, names);
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
        let tray = ticket.open_of(&mut trays.trays);
        let Some(tray) = tray.filter(|tray| tray.is_open(now)) else {
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
        trays.open_trays += 1;
        let most = MOST_BYTES_OF_ALL / trays.open_trays;
        let tray = trays.trays.get_mut(place)?;
        tray.most_bytes = most.min(MOST_BYTES);
        tray.db = ctx.db();
        tray.open(value);
        if !tray.widen(value.keys.tray.number, targets, ways) || tray.has_no_way() {
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

/// The expiry of the key of this name has changed. Its tray is closed though it may take no events just
/// now: where the clock was put back, it takes some again when that comes forward.
pub fn close_named(ctx: Ctx, name: &[u8]) {
    let ticket = with(|trays| Some(trays.named(ctx, name)?.1.keys.tray));
    close_of(ticket.unwrap_or_default());
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
        ticket.is_of(tray).then_some(tray)
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
        let is_over = !self.trays.get(next)?.is_open(now);
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
            self.open_trays -= 1;
            tray.count(&mut self.share);
            tray.close();
        }
    }

    /// The site of this name with its tray, unless that was closed.
    #[inline]
    fn named<'c>(&self, ctx: Ctx<'c>, name: &[u8]) -> Option<(&Tray, &'c mut SiteValue)> {
        let number = *self.by_name.get(self.place_of_name(name))?;
        let tray = self.trays.get(place_of(number))?;
        if tray.owner == 0 || tray.db != ctx.db() {
            return None;
        }
        // SAFETY: the tray is closed before the site leaves its key. A command that has a reference
        // to the site, and was called back from, goes on with it when this one is gone.
        let site = unsafe { &mut *tray.site };
        site.keys.are_of(name).then_some((tray, site))
    }

    fn place_of_name(&self, name: &[u8]) -> usize {
        (keyed_hash(name) as usize)
            .checked_rem(self.by_name.len())
            .unwrap_or(0)
    }
}

impl Ticket {
    #[inline]
    fn is_of(self, tray: &Tray) -> bool {
        tray.owner == self.owner && self.owner != 0
    }

    /// Its tray among them, unless that was closed.
    #[inline]
    fn open_of(self, trays: &mut [Tray]) -> Option<&mut Tray> {
        let tray = trays.get_mut(self.place())?;
        self.is_of(tray).then_some(tray)
    }

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
