//! Where events of a site go: the key of the bucket of each period, its slots, when it expires.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use redis_module::raw;

use super::bucket_value::Hold;
use super::nest::Settled;
use super::warm::{self, Places};
use crate::api::redis::OwnedString;
use crate::ingest::tray::Ticket;
use analytics_core::apply::Span;
use analytics_core::error::{shown, Error, Result};
use analytics_core::memory::allocated;
use analytics_core::schema::keys::{check_site_name, BucketName};
use analytics_core::schema::Settings;
use analytics_core::text::same;
use analytics_core::time::{Granularity, Period, Slots};

/// All that is to be known of a bucket before its key is opened.
pub struct Place {
    pub period: Period,
    pub expiry: i64,
    pub hold: Hold,
    /// The last command that counted here, by its number, and the step to its target.
    pub target: Cell<(u64, u32)>,
    slots: Slots,
    name: OwnedString,
}

impl Place {
    /// None when the site does not keep this granularity, or the calendar ends there.
    pub fn new(
        site: &[u8],
        settings: &Settings,
        granularity: Granularity,
        time: i64,
    ) -> Option<Place> {
        settings.retention.get(granularity)?;
        let period = settings.zone.period(granularity, time)?;
        Place::of(site, settings, period)
    }

    pub fn of(site: &[u8], settings: &Settings, period: Period) -> Option<Place> {
        let expiry = settings.retention.expiry(&period, &settings.zone)?;
        let name = BucketName::new(site, period.granularity(), &period.label());
        Some(Place {
            slots: period.slots(&settings.zone),
            expiry,
            hold: Hold::none(),
            target: Cell::default(),
            name: OwnedString::new(name.bytes()),
            period,
        })
    }

    #[inline]
    pub fn granularity(&self) -> Granularity {
        self.period.granularity()
    }

    pub fn name(&self) -> *mut raw::RedisModuleString {
        self.name.raw()
    }

    /// Where in the bucket an event of this time counts.
    #[inline]
    pub fn slot(&self, time: i64) -> u8 {
        self.slots.of(time)
    }

    /// Where all events of these times count, if that is in one slot.
    pub fn common_slot(&self, span: Span) -> Option<u8> {
        let slot = self.slot(span.first);
        (slot == self.slot(span.last)).then_some(slot)
    }

    /// With the counters of its owners.
    fn bytes(&self) -> usize {
        allocated(size_of::<Place>() + 2 * size_of::<usize>())
            + self.slots.heap_bytes()
            + self.name.bytes()
    }
}

/// The places that were asked for last, two of each granularity, kept beside a site from one command
/// to the next: around a full minute, events of both minutes come in.
#[derive(Default)]
pub struct BucketKeys {
    /// The name under which they were made: a site may be renamed.
    site: Box<[u8]>,
    recent: [[Option<Rc<Place>>; 2]; Granularity::COUNT],
    pub settled: Settled,
    /// Where events wait for the buckets.
    pub tray: Ticket,
    /// By what `warm` and the tray know them.
    id: u64,
    /// All other places of the command at hand, if it has reached any.
    more: Option<Box<Places>>,
    is_in_use: bool,
}

impl BucketKeys {
    /// Before anything else in a command: forgets the places of another name, and refuses a name
    /// that cannot be a site's.
    #[inline]
    pub fn serve(&mut self, site: &[u8]) -> Result<()> {
        if self.are_of(site) && !self.is_in_use {
            return Ok(());
        }
        if self.is_in_use {
            return Err(Error::new(
                "the site is in the middle of a command that this one was called from",
            ));
        }
        check_site_name(site)?;
        self.forget();
        self.site = site.into();
        Ok(())
    }

    /// By which the places are known that were made under one name, with one calendar.
    pub fn id(&self) -> u64 {
        self.id
    }

    #[inline]
    pub fn are_of(&self, site: &[u8]) -> bool {
        same(&self.site, site) && !site.is_empty()
    }

    /// Before the first place of a command: gives it a number that none had before, on any site.
    #[inline]
    pub fn begin(&mut self) -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        // To open a key that is over calls whoever listens for that.
        self.is_in_use = true;
        // Under the server's lock one command begins at a time: no need for an atomic addition.
        let number = LAST.load(Relaxed) + 1;
        LAST.store(number, Relaxed);
        number
    }

    /// After the last place of a command.
    #[inline]
    pub fn end(&mut self) {
        self.is_in_use = false;
        if let Some(more) = self.more.take() {
            warm::keep(self.id, more);
        }
    }

    /// The buckets are looked up again before they are used, by whatever site.
    pub fn let_go(&self) {
        let places = self.recent.iter().flatten().flatten();
        places.for_each(|place| place.hold.release());
        warm::forget(self.id);
    }

    /// The name, the time zone or the retention have changed.
    pub fn forget(&mut self) {
        warm::forget(self.id);
        self.recent = Default::default();
        self.id = warm::new_id();
    }

    /// None when the site does not keep this granularity, or the calendar ends there.
    #[inline]
    pub fn place(
        &mut self,
        settings: &Settings,
        granularity: Granularity,
        time: i64,
    ) -> Option<&Rc<Place>> {
        let [last, _] = self.recent.get(granularity.index())?;
        if !last.as_ref().is_some_and(|it| it.period.contains(time)) {
            self.turn_to(settings, granularity, time)?;
        }
        let [last, _] = self.recent.get(granularity.index())?;
        last.as_ref()
    }

    /// Puts the place of this time first.
    #[inline(never)]
    fn turn_to(&mut self, settings: &Settings, granularity: Granularity, time: i64) -> Option<()> {
        let holds = |place: &Rc<Place>| place.period.contains(time);
        let [last, other] = self.recent.get_mut(granularity.index())?;
        std::mem::swap(last, other);
        if last.as_ref().is_some_and(holds) {
            return Some(());
        }
        if last.is_some() && self.more.is_none() {
            let mut more = warm::take(self.id);
            // What is not at hand any more must still be found.
            let recent = self.recent.iter().flatten().flatten();
            recent.for_each(|place| more.put(Rc::clone(place)));
            self.more = Some(more);
        }
        let new = || Place::new(&self.site, settings, granularity, time).map(Rc::new);
        let place = match &mut self.more {
            None => new()?,
            Some(more) => match more.find(granularity, time) {
                Some(place) => Rc::clone(place),
                None => {
                    let place = new()?;
                    more.put(Rc::clone(&place));
                    place
                }
            },
        };
        let [last, _] = self.recent.get_mut(granularity.index())?;
        *last = Some(place);
        Some(())
    }

    pub fn bytes(&self) -> usize {
        let places = self.recent.iter().flatten().flatten();
        allocated(self.site.len()) + places.map(|place| place.bytes()).sum::<usize>()
    }
}

/// The refusal of a bucket that does not hold the period of its name.
pub fn renamed(name: &[u8]) -> Error {
    Error::new(format!(
        "bucket '{}' holds another period: it was renamed, or made under another time zone; delete \
         it to go on",
        shown(name)
    ))
}
