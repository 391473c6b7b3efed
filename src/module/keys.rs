//! Where events of a site go: the key of the bucket of each period, its slots, when it expires.

use std::cell::Cell;
use std::rc::Rc;

use redis_module::raw;

use super::bucket_value::Hold;
use super::redis::OwnedString;
use crate::domain::error::{self, shown, Error};
use crate::domain::memory::allocated;
use crate::domain::site::keys::{check_site_name, BucketName};
use crate::domain::site::Settings;
use crate::domain::text::same;
use crate::domain::time::{Granularity, Period, Range, Slots};

/// All that is to be known of a bucket before its key is opened.
pub struct Place {
    pub period: Period,
    pub expiry: i64,
    pub hold: Hold,
    /// The last command that counted here, by its number, and the step to its target.
    pub target: Cell<(u64, u32)>,
    /// When that was.
    pub used: Cell<i64>,
    /// The slot of the last event.
    last: Cell<(Range, u8)>,
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
        let name = BucketName::new(site, period.granularity(), period.label().as_str());
        Some(Place {
            slots: period.slots(&settings.zone),
            expiry,
            hold: Hold::none(),
            target: Cell::default(),
            used: Cell::default(),
            last: Cell::new((Range::new(0, 0), 0)),
            name: OwnedString::new(name.bytes()),
            period,
        })
    }

    pub fn name(&self) -> *mut raw::RedisModuleString {
        self.name.raw()
    }

    /// Where in the bucket an event of this time counts: nearly always where the last one did.
    #[inline]
    pub fn slot(&self, time: i64) -> u8 {
        let (range, slot) = self.last.get();
        if range.contains(time) {
            slot
        } else {
            self.turn_to_slot(time)
        }
    }

    #[inline(never)]
    fn turn_to_slot(&self, time: i64) -> u8 {
        let slot = self.slots.of(time);
        self.last.set((self.slots.bounds(slot), slot));
        slot
    }

    /// With the counters of its owners.
    fn bytes(&self) -> usize {
        allocated(size_of::<Place>() + 2 * size_of::<usize>())
            + self.slots.heap_bytes()
            + self.name.bytes()
    }
}

/// The places that events went to of late, kept beside a site from one command to the next: around a
/// full minute events of two minutes come in, and batches that catch up bring those of hours.
#[derive(Default)]
pub struct BucketKeys {
    /// The name under which they were made: a site may be renamed.
    site: Box<[u8]>,
    recent: [Recent; Granularity::COUNT],
    commands: u64,
    tidied: i64,
    /// Some call has reached more places than are kept.
    is_crowded: bool,
}

/// The places of one granularity.
#[derive(Default)]
struct Recent {
    /// Where the last event went.
    last: Option<Rc<Place>>,
    /// All of them, by time.
    places: Vec<Rc<Place>>,
}

/// For so long a place is kept after its last use, in milliseconds.
const UNUSED: i64 = 60_000;

/// And so many of a granularity: all the minutes of an hour, and nearly all the hours of a week.
const MOST_PLACES: usize = 128;

impl BucketKeys {
    /// Before anything else in a command: forgets the places of another name, and refuses a name
    /// that cannot be a site's.
    #[inline]
    pub fn serve(&mut self, site: &[u8]) -> error::Result<()> {
        if same(&self.site, site) && !site.is_empty() {
            return Ok(());
        }
        check_site_name(site)?;
        *self = BucketKeys {
            site: site.into(),
            ..BucketKeys::default()
        };
        Ok(())
    }

    /// Before the first place of a command: gives it a number that none had before.
    #[inline]
    pub fn number_command(&mut self, now: i64) -> u64 {
        if self.is_crowded || now.wrapping_sub(self.tidied).unsigned_abs() >= UNUSED as u64 {
            self.tidy(now);
        }
        self.commands += 1;
        self.commands
    }

    #[cold]
    fn tidy(&mut self, now: i64) {
        let is_in_use = |place: &Place| now.abs_diff(place.used.get()) < UNUSED as u64;
        for recent in &mut self.recent {
            let crowded = recent.places.len() > MOST_PLACES;
            recent.places.retain(|place| !crowded && is_in_use(place));
            recent
                .places
                .shrink_to(recent.places.len().next_power_of_two());
            recent.last = recent.places.last().cloned();
        }
        (self.tidied, self.is_crowded) = (now, false);
    }

    /// The buckets are looked up again before they are used, by whatever site.
    pub fn let_go(&self) {
        let places = self.recent.iter().flat_map(|recent| &recent.places);
        places.for_each(|place| place.hold.release());
    }

    /// Time zone or retention have changed.
    pub fn forget(&mut self) {
        self.recent = Default::default();
    }

    /// None when the site does not keep this granularity, or the calendar ends there.
    #[inline]
    pub fn place(
        &mut self,
        settings: &Settings,
        granularity: Granularity,
        time: i64,
    ) -> Option<&Rc<Place>> {
        let recent = self.recent.get_mut(granularity.index())?;
        let holds = |place: &Rc<Place>| place.period.contains(time);
        if !recent.last.as_ref().is_some_and(holds) {
            recent.last = Some(match recent.find(time) {
                Ok(place) => Rc::clone(place),
                Err(behind) => {
                    let place = Rc::new(Place::new(&self.site, settings, granularity, time)?);
                    recent.places.insert(behind, Rc::clone(&place));
                    self.is_crowded |= recent.places.len() > MOST_PLACES;
                    place
                }
            });
        }
        recent.last.as_ref()
    }

    pub fn bytes(&self) -> usize {
        let recent = self.recent.iter().map(|recent| {
            let places = recent.places.iter().map(|place| place.bytes());
            allocated(recent.places.capacity() * size_of::<Rc<Place>>()) + places.sum::<usize>()
        });
        allocated(self.site.len()) + recent.sum::<usize>()
    }
}

impl Recent {
    /// The place that holds this time, or before which of them it would stand.
    fn find(&self, time: i64) -> Result<&Rc<Place>, usize> {
        let behind = self.places.partition_point(|it| it.period.start() <= time);
        let before = behind.checked_sub(1).and_then(|at| self.places.get(at));
        before.filter(|it| it.period.contains(time)).ok_or(behind)
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
